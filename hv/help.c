/* SPDX-License-Identifier: BSD-2-Clause
 *
 * `glint help`. The long form is the manual page, docs/glint.1.
 */
#include "hv/inspect.h"

#include "hv/msg.h"
#include "kernel/lib/string.h"

struct topic {
	const char *name, *text;
};

static const char overview[] =
	"usage: glint run [options] image.elf [key=value ...] [-- arguments]\n"
	"       glint inspect image.elf\n"
	"       glint help [run|net|disk|status]\n"
	"       glint --version\n"
	"\n"
	"Runs one Glint image as a process of its own: no root, no /dev/kvm, no QEMU.\n"
	"Try:   glint run hello.elf\n"
	"       glint run --net user,fwd=tcp:8080:80 httpd.elf\n";

static const struct topic topics[] = {
	{ "run",
	  "usage: glint run [options] image.elf [key=value ...] [-- arguments]\n"
	  "\n"
	  "  --mem SIZE             guest memory, exactly (default 16M; K, M, G)\n"
	  "  --net BACK[,...]       a network, in the order net0, net1, ...: see `glint help net`\n"
	  "  --disk FILE[,...]      a disk, in the order disk0, disk1, ...: see `glint help disk`\n"
	  "  --module FILE[,name=N] a read-only file in guest memory\n"
	  "  --core FILE            where to write an ELF core if the guest faults\n"
	  "  --gdb PORT             wait for gdb at 127.0.0.1:PORT, stop at the entry point\n"
	  "  --grace SECONDS        from the request to shut down to the end (default 10)\n"
	  "  --spin MICROSECONDS    look for work this long before sleeping (default 0)\n"
	  "  --accel process|kvm    a process of its own (default), or a virtual machine\n"
	  "\n"
	  "key=value words are the kernel's (ip=, mount=, log=, env.NAME=); what follows\n"
	  "`--` are the application's arguments. The console is stdin and stdout. SIGTERM\n"
	  "and SIGINT ask the guest to shut down; a second one ends it at once.\n" },
	{ "net",
	  "--net none                        no network (the default)\n"
	  "--net user[,fwd=tcp:8080:80]      user networking: DHCP, DNS, outgoing connections;\n"
	  "                                  fwd= gives a port of this host to the guest (also udp)\n"
	  "--net tap=NAME                    a tap that exists and belongs to you:\n"
	  "                                  sudo ip tuntap add dev NAME mode tap user $(id -un)\n"
	  "--net socket=listen:PATH          wait there for another guest, and\n"
	  "--net socket=PATH                 connect to it (or to QEMU, `-netdev stream`)\n"
	  "--net socket=fd:N                 a socket that is open already\n"
	  "any of them: ,mac=52:54:00:12:34:56  ,pcap=FILE (every frame, for tcpdump -r)\n" },
	{ "disk",
	  "--disk FILE            a raw file or block device; its size a multiple of 512\n"
	  "  ,ro                  read only; any number of guests may share it\n"
	  "  ,direct              past the page cache (O_DIRECT)\n"
	  "  ,serial=NAME         how the guest names it (default disk0, disk1, ...)\n"
	  "The file is locked while the guest runs. A flush of the guest is fdatasync.\n" },
	{ "status",
	  "exit status of `glint run`:\n"
	  "  the guest's own, 0 to 255; and\n"
	  "  2    the command line is wrong, or the image cannot be run\n"
	  "  125  this machine did not give what was asked for (tap, disk, memory)\n"
	  "  134  the guest crashed: panic, fault, forbidden system call\n"
	  "  137  the guest was ended after the grace period, or killed\n" },
};

int help(const char *name)
{
	const char *text = name ? NULL : overview;

	for (size_t i = 0; name && i < ARRAY_SIZE(topics); i++) {
		if (strcmp(name, topics[i].name) == 0)
			text = topics[i].text;
	}
	if (name && strcmp(name, "inspect") == 0)
		text = overview;
	if (text)
		out_text(text);
	else
		die(EXIT_USAGE, "no help on '%s': have run, net, disk, status", name);
	out_flush();
	return 0;
}

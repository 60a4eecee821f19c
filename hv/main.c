/* SPDX-License-Identifier: BSD-2-Clause
 *
 * glint: one hypervisor for one guest. Read from here: the command line
 * (options.c), what it opens (open.c, net.c), the guest's process (proc/spawn.c),
 * its life and end (watch.c).
 */
#include "hv/main.h"

#include "hv/host.h"
#include "hv/inspect.h"
#include "hv/msg.h"
#include "hv/run.h"
#include "kernel/lib/string.h"

#define HWCAP2_FSGSBASE_BIT 2u

/* A descriptor 0 to 2 that is closed would be the next file's number. */
static void check_descriptors(void)
{
	for (int fd = 0; fd < 3; fd++) {
		if (SYS(fcntl, fd, F_GETFD, 0, 0, 0, 0) >= 0)
			continue;
		if (SYS(openat, AT_FDCWD, "/dev/null", O_RDWR, 0, 0, 0) != fd)
			sys_exit(EXIT_HOST);
	}
}

static int run(char **argv, uint64_t hwcap2, struct clock_moment began)
{
	static struct run r;

	r.began = began;
	r.fsgsbase = hwcap2 & HWCAP2_FSGSBASE_BIT;
	run_parse(&r, argv);
	run_open(&r);
	return run_guest(&r);
}

int glint_main(int argc, char **argv, uint64_t hwcap2, struct clock_moment began)
{
	const char *command = argc > 1 ? argv[1] : "";

	check_descriptors();
	if (strcmp(command, "run") == 0)
		return argc > 2 && strcmp(argv[2], "--help") == 0 ? help("run") : run(argv + 2, hwcap2, began);
	if (strcmp(command, "inspect") == 0) {
		if (argc != 3)
			die(EXIT_USAGE, "usage: glint inspect image.elf");
		return inspect(argv[2]);
	}
	if (strcmp(command, "help") == 0 || strcmp(command, "--help") == 0 || strcmp(command, "-h") == 0)
		return help(argc > 2 ? argv[2] : NULL);
	if (strcmp(command, "--version") == 0) {
		out("glint %s (hv interface version %u)\n", GLINT_VERSION, HV_ABI_VERSION);
		out_flush();
		return 0;
	}
	die(EXIT_USAGE, "%s%s%s: see `glint help`", argc > 1 ? "'" : "a command is missing", command,
	    argc > 1 ? "' is no command of glint" : "");
}

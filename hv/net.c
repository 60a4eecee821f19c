/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The networks of `glint run`: a tap that somebody made, user networking (a
 * program of its own at the other end of a socket pair), a Unix socket.
 */
#include <asm/socket.h>
#include <linux/if_tun.h>
#include <linux/ioctl.h>
#include <linux/sockios.h>
#include <linux/un.h>

#include "hv/host.h"
#include "hv/msg.h"
#include "hv/run.h"
#include "kernel/lib/fmt.h"
#include "kernel/lib/string.h"

#define VNET_HDR_LEN 12
#define IFNAMSIZ     16u
#define IFF_UP	     1

/* struct ifreq, whose header would bring in the C library's. */
struct ifreq {
	char ifr_name[IFNAMSIZ];
	int16_t ifr_flags;
	uint8_t pad[22];
};

/* 52:54:00 is QEMU's prefix for machines of nobody in particular. */
static void choose_mac(struct net_option *n)
{
	uint8_t *mac = n->dev.mac;

	if (n->has_mac) {
		memcpy(mac, n->mac, 6);
		return;
	}
	sys_getrandom(mac, 6, 0);
	mac[0] = 0x52;
	mac[1] = 0x54;
	mac[2] = 0;
}

static void open_pcap(struct net_option *n, uint32_t index)
{
	n->dev.pcap_fd = -1;
	if (!n->pcap)
		return;
	n->dev.pcap_fd = sys_open(n->pcap, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	if (n->dev.pcap_fd < 0)
		die(EXIT_HOST, "net%u: pcap=%s: %s", index, n->pcap, errno_text(n->dev.pcap_fd));
}

static void no_tap(const char *name)
{
	die(EXIT_HOST, "tap %s does not exist; make it with:\n"
	    "  sudo ip tuntap add dev %s mode tap user $(id -un) && sudo ip link set %s up", name, name, name);
}

/* TUNSETIFF would make a tap that is missing, for those who may. */
static void check_tap(const char *name)
{
	struct ifreq ifr = { 0 };
	int s = (int)SYS(socket, AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0, 0, 0, 0);
	long err;

	if (strlen(name) >= IFNAMSIZ)
		die(EXIT_USAGE, "tap %s: the name of an interface has at most 15 bytes", name);
	memcpy(ifr.ifr_name, name, strlen(name));
	err = s < 0 ? s : sys_ioctl(s, SIOCGIFFLAGS, (uintptr_t)&ifr);
	if (err == -ENODEV)
		no_tap(name);
	if (err == 0 && !(ifr.ifr_flags & IFF_UP))
		msg("tap %s is down, so nothing will get through; bring it up with: sudo ip link set %s up", name, name);
	if (s >= 0)
		sys_close(s);
}

static void tap_refused(const char *name, long err)
{
	if (err == -EPERM || err == -EACCES)
		die(EXIT_HOST, "tap %s belongs to somebody else; make it yours with:\n"
		    "  sudo ip tuntap del dev %s mode tap; sudo ip tuntap add dev %s mode tap user $(id -un) && sudo ip link set %s up",
		    name, name, name, name);
	if (err == -EBUSY)
		die(EXIT_HOST, "tap %s: another guest or program uses it", name);
	if (err == -EINVAL)
		die(EXIT_HOST, "tap %s: it exists, but is no tap of the ordinary kind (mode tap, one queue)", name);
	die(EXIT_HOST, "tap %s: %s", name, errno_text(err));
}

static void open_tap(struct net_option *n)
{
	struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
	int fd, header = VNET_HDR_LEN, little = 1;
	long err;

	check_tap(n->name);
	fd = sys_open("/dev/net/tun", O_RDWR | O_NONBLOCK, 0);
	if (fd < 0)
		die(EXIT_HOST, "/dev/net/tun: %s%s", errno_text(fd),
		    fd == -ENOENT ? "; load it with: sudo modprobe tun" : "");
	memcpy(ifr.ifr_name, n->name, strlen(n->name));
	err = sys_ioctl(fd, TUNSETIFF, (uintptr_t)&ifr);
	if (err)
		tap_refused(n->name, err);
	err = sys_ioctl(fd, TUNSETVNETHDRSZ, (uintptr_t)&header);
	if (!err)
		err = sys_ioctl(fd, TUNSETVNETLE, (uintptr_t)&little);
	if (err)
		die(EXIT_HOST, "tap %s: virtio headers: %s", n->name, errno_text(err));
	n->dev.fd = fd;
	n->dev.kind = DEV_NET_TAP;
	n->dev.vnet_hdr = true;
}

/* ---- Unix sockets: fd:N, listen:PATH, PATH ---- */

static void unix_address(struct sockaddr_un *a, const char *path)
{
	*a = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof(a->sun_path))
		die(EXIT_USAGE, "--net socket=%s: the path is too long for a socket", path);
	memcpy(a->sun_path, path, strlen(path));
}

static int unix_socket(int type)
{
	int s = (int)SYS(socket, AF_UNIX, type | SOCK_CLOEXEC, 0, 0, 0, 0);

	if (s < 0)
		die(EXIT_HOST, "socket: %s", errno_text(s));
	return s;
}

static int listen_unix(const char *path)
{
	struct sockaddr_un a;
	int s = unix_socket(SOCK_SEQPACKET), peer;
	long err;

	unix_address(&a, path);
	err = SYS(bind, s, &a, sizeof(a), 0, 0, 0);
	if (!err)
		err = SYS(listen, s, 1, 0, 0, 0, 0);
	if (err)
		die(EXIT_HOST, "--net socket=listen:%s: %s%s", path, errno_text(err),
		    err == -EADDRINUSE ? ": does a guest listen there? If not, remove the file" : "");
	msg("waiting for the other guest at %s", path);
	peer = (int)SYS(accept4, s, 0, 0, SOCK_CLOEXEC, 0, 0);
	SYS(unlinkat, AT_FDCWD, path, 0, 0, 0, 0);
	sys_close(s);
	if (peer < 0)
		die(EXIT_HOST, "--net socket=listen:%s: %s", path, errno_text(peer));
	return peer;
}

static int connect_unix(const char *path)
{
	static const int types[] = { SOCK_SEQPACKET, SOCK_STREAM };
	struct sockaddr_un a;
	long err = 0;

	unix_address(&a, path);
	for (unsigned i = 0; i < 2; i++) {
		int s = unix_socket(types[i]);

		err = SYS(connect, s, &a, sizeof(a), 0, 0, 0);
		if (!err)
			return s;
		sys_close(s);
		if (err != -EPROTOTYPE)
			break;
	}
	die(EXIT_HOST, "--net socket=%s: %s; one of the two guests needs socket=listen:%s",
	    path, errno_text(err), path);
}

static void open_socket(struct net_option *n)
{
	int type = 0, flags;
	unsigned len = sizeof(type);
	uint64_t fd;

	if (strncmp(n->name, "fd:", 3) == 0) {
		if (fmt_parse_u64(n->name + 3, 10, &fd) || fd < 3 || fd > 1023)
			die(EXIT_USAGE, "--net socket=%s: not a descriptor from 3 to 1023", n->name);
		n->dev.fd = (int)fd;
	} else if (strncmp(n->name, "listen:", 7) == 0) {
		n->dev.fd = listen_unix(n->name + 7);
	} else {
		n->dev.fd = connect_unix(n->name);
	}
	if (SYS(getsockopt, n->dev.fd, SOL_SOCKET, SO_TYPE, &type, &len, 0) ||
	    (type != SOCK_SEQPACKET && type != SOCK_STREAM))
		die(EXIT_USAGE, "--net socket=%s: not a stream or seqpacket socket", n->name);
	flags = (int)SYS(fcntl, n->dev.fd, F_GETFL, 0, 0, 0, 0);
	SYS(fcntl, n->dev.fd, F_SETFL, flags | O_NONBLOCK, 0, 0, 0);
	n->dev.kind = type == SOCK_STREAM ? DEV_NET_STREAM : DEV_NET_SEQPACKET;
	n->dev.vnet_hdr = type == SOCK_SEQPACKET;
}

void net_open(struct net_option *n, uint32_t index)
{
	choose_mac(n);
	open_pcap(n, index);
	if (n->back == NET_TAP)
		open_tap(n);
	else if (n->back == NET_SOCKET)
		open_socket(n);
	else
		net_user_start(n, index);
}

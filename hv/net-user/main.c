/* SPDX-License-Identifier: BSD-2-Clause
 *
 * glint-net-user: a network for one guest without any privilege, made by libslirp
 * from ordinary sockets of the host. `glint run --net user` starts it with one end of
 * a SOCK_SEQPACKET pair; each message is a frame behind a struct virtio_net_hdr. It
 * is a program of its own because libslirp brings GLib, and because what parses the
 * guest's packets should share nothing with the guest or the monitor. It ends when
 * the other end of the socket is closed.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <slirp/libslirp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "hv/dev/gso.h"
#include "hv/net-user/confine.h"

#define HDR		sizeof(struct virtio_net_hdr)
#define FRAME_MAX	(GSO_FRAME_MAX + 4u)
#define BATCH		64		/* frames of the guest between looks at the sockets */
#define STALL_MS	100		/* the guest takes no frame: then they are lost */
#define TIMERS		8u

struct timer {
	SlirpTimerId id;
	void *arg;
	bool used;
	int64_t due_ms;			/* -1: not set */
};

static struct state {
	Slirp *slirp;
	int guest;
	bool over, stalled;
	struct pollfd *pfd;
	unsigned n, room;
	struct timer timer[TIMERS];
	uint8_t frame[FRAME_MAX];
} s;

static const char usage[] =
	"usage: glint-net-user --fd N [fwd=RULE,...] [mtu=N] [ipv6=off] [host=off]\n"
	"Serves user-mode networking on descriptor N, a SOCK_SEQPACKET socket whose messages\n"
	"are Ethernet frames behind a struct virtio_net_hdr (12 bytes). Started by glint run.\n"
	"  fwd=tcp|udp:[ADDRESS:]PORT:GUESTPORT  a port of this host (of 127.0.0.1 without an\n"
	"            ADDRESS) leads to the guest's; more than one: fwd=tcp:8080:80,udp:5353:53\n"
	"  mtu=N     576 to 65520, default 1500\n"
	"  ipv6=off  no IPv6\n"
	"  host=off  the guest cannot reach 127.0.0.1 of this host as 10.0.2.2\n"
	"The guest gets 10.0.2.15 by DHCP, 10.0.2.2 as its gateway, 10.0.2.3 as its DNS server.\n"
	"exit status: 0 the guest has ended, 1 it cannot be done, 2 wrong usage\n";

__attribute__((noreturn, format(printf, 2, 3)))
static void die(int status, const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "glint: user network: ");
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(status);
}

static int64_t now_ns(void *arg)
{
	struct timespec t;

	(void)arg;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ll + t.tv_nsec;
}

/* ---- frames ----------------------------------------------------------------------- */

/* libslirp sums what it sends, so the guest need not. */
static ssize_t to_guest(const void *frame, size_t len, void *arg)
{
	struct virtio_net_hdr h = { .flags = VIRTIO_NET_HDR_F_DATA_VALID };
	struct iovec iov[2] = { { &h, HDR }, { (void *)(uintptr_t)frame, len } };
	struct msghdr m = { .msg_iov = iov, .msg_iovlen = 2 };
	struct pollfd p = { .fd = s.guest, .events = POLLOUT };

	(void)arg;
	for (;;) {
		if (sendmsg(s.guest, &m, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0) {
			s.stalled = false;
			return (ssize_t)len;
		}
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN) {
			s.over |= errno == EPIPE || errno == ECONNRESET || errno == ENOTCONN;
			return -1;
		}
		/* a guest that takes nothing does not hold up its network twice */
		if (s.stalled || poll(&p, 1, STALL_MS) <= 0) {
			s.stalled = true;
			return -1;
		}
	}
}

/* Large frames go into libslirp in one piece: only their checksum is missing. */
static void from_guest(void)
{
	struct virtio_net_hdr h;
	struct iovec iov[2] = { { &h, HDR }, { s.frame, sizeof(s.frame) } };
	struct gso_piece p;
	struct gso g;

	for (unsigned i = 0; i < BATCH; i++) {
		ssize_t len = readv(s.guest, iov, 2);

		if (len < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (len <= 0) {
			s.over = true;
			return;
		}
		if (len <= (ssize_t)HDR)
			continue;
		h.gso_type = VIRTIO_NET_HDR_GSO_NONE;
		if (gso_begin(&g, &h, s.frame, (uint32_t)len - (uint32_t)HDR, 0) == 0 &&
		    gso_next(&g, &p))
			slirp_input(s.slirp, p.data, (int)p.data_len);
	}
}

/* ---- what libslirp asks for -------------------------------------------------------- */

static void guest_error(const char *text, void *arg)
{
	(void)text, (void)arg;		/* a guest could fill the terminal */
}

static void *timer_new(SlirpTimerId id, void *cb_arg, void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < TIMERS; i++)
		if (!s.timer[i].used) {
			s.timer[i] = (struct timer){ id, cb_arg, true, -1 };
			return &s.timer[i];
		}
	die(1, "libslirp wants more timers than there are");
}

static void timer_free(void *timer, void *arg)
{
	(void)arg;
	((struct timer *)timer)->used = false;
}

static void timer_mod(void *timer, int64_t due_ms, void *arg)
{
	(void)arg;
	((struct timer *)timer)->due_ms = due_ms;
}

static void nothing_fd(int fd, void *arg)
{
	(void)fd, (void)arg;
}

static void nothing(void *arg)
{
	(void)arg;
}

static int add_poll(int fd, int events, void *arg)
{
	short e = 0;

	(void)arg;
	if (s.n == s.room) {
		s.room = s.room ? 2 * s.room : 64;
		s.pfd = realloc(s.pfd, s.room * sizeof(*s.pfd));
		if (!s.pfd)
			die(1, "out of memory");
	}
	if (events & SLIRP_POLL_IN)
		e |= POLLIN;
	if (events & SLIRP_POLL_OUT)
		e |= POLLOUT;
	if (events & SLIRP_POLL_PRI)
		e |= POLLPRI;
	s.pfd[s.n] = (struct pollfd){ .fd = fd, .events = e };
	return (int)s.n++;
}

static int got_events(int i, void *arg)
{
	short e = s.pfd[i].revents;
	int events = 0;

	(void)arg;
	if (e & POLLIN)
		events |= SLIRP_POLL_IN;
	if (e & POLLOUT)
		events |= SLIRP_POLL_OUT;
	if (e & POLLPRI)
		events |= SLIRP_POLL_PRI;
	if (e & POLLERR)
		events |= SLIRP_POLL_ERR;
	if (e & POLLHUP)
		events |= SLIRP_POLL_HUP;
	return events;
}

static void run_timers(void)
{
	int64_t now = now_ns(NULL) / 1000000;

	for (unsigned i = 0; i < TIMERS; i++) {
		struct timer *t = &s.timer[i];

		if (!t->used || t->due_ms < 0 || t->due_ms > now)
			continue;
		t->due_ms = -1;
		slirp_handle_timer(s.slirp, t->id, t->arg);
	}
}

static int timer_wait(uint32_t most)
{
	int64_t now = now_ns(NULL) / 1000000, wait = most == UINT32_MAX ? -1 : (int64_t)most;

	for (unsigned i = 0; i < TIMERS; i++)
		if (s.timer[i].used && s.timer[i].due_ms >= 0) {
			int64_t left = s.timer[i].due_ms > now ? s.timer[i].due_ms - now : 0;

			if (wait < 0 || left < wait)
				wait = left;
		}
	return wait > 1000000 ? 1000000 : (int)wait;
}

static void serve(void)
{
	while (!s.over) {
		uint32_t most = UINT32_MAX;
		int ret;

		s.n = 0;
		add_poll(s.guest, SLIRP_POLL_IN, NULL);
		slirp_pollfds_fill(s.slirp, &most, add_poll, NULL);
		ret = poll(s.pfd, s.n, timer_wait(most));
		slirp_pollfds_poll(s.slirp, ret < 0, got_events, NULL);
		run_timers();
		if (ret > 0 && s.pfd[0].revents)
			from_guest();
	}
}

/* ---- start ---------------------------------------------------------------------------- */

static int port_of(const char *text)
{
	char *end;
	long port = strtol(text, &end, 10);

	return *text >= '0' && *text <= '9' && !*end && port > 0 && port < 65536 ? (int)port : -1;
}

/* tcp|udp:[ADDRESS:]PORT:GUESTPORT */
static void forward(const char *text)
{
	struct in_addr any = { 0 }, addr = { htonl(INADDR_LOOPBACK) };
	char rule[64], *field[4], *next = rule;
	int port, guest, n = 0, udp;

	if (strlen(text) >= sizeof(rule))
		die(2, "fwd=%s is too long", text);
	strcpy(rule, text);
	while (next && n < 4)
		field[n++] = strsep(&next, ":");
	udp = !strcmp(field[0], "udp");
	port = n >= 3 && !next ? port_of(field[n - 2]) : -1;
	guest = n >= 3 ? port_of(field[n - 1]) : -1;
	if ((!udp && strcmp(field[0], "tcp")) || port < 0 || guest < 0 ||
	    (n == 4 && inet_pton(AF_INET, field[1], &addr) != 1))
		die(2, "fwd=%s is not understood; say fwd=tcp:8080:80 or fwd=udp:0.0.0.0:5353:53", text);
	if (slirp_add_hostfwd(s.slirp, udp, addr, port, any, guest) == 0)
		return;
	if (errno == EADDRINUSE)
		die(1, "%s port %d of %s is in use on this host; choose another: fwd=%s:%d:%d",
		    field[0], port, inet_ntoa(addr), field[0], port < 65535 ? port + 1 : port - 1, guest);
	if (errno == EACCES)
		die(1, "%s port %d needs root; choose one from 1024: fwd=%s:%d:%d", field[0], port,
		    field[0], port + 8000, guest);
	die(1, "fwd=%s: %s", text, strerror(errno));
}

static void start(int argc, char **argv)
{
	static const SlirpCb cb = {
		.send_packet = to_guest, .guest_error = guest_error, .clock_get_ns = now_ns,
		.timer_new_opaque = timer_new, .timer_free = timer_free, .timer_mod = timer_mod,
		.register_poll_fd = nothing_fd, .unregister_poll_fd = nothing_fd, .notify = nothing,
	};
	SlirpConfig c = {
		.version = SLIRP_CONFIG_VERSION_MAX, .in_enabled = true, .in6_enabled = true,
		.if_mtu = 1500, .if_mru = 1500, .vprefix_len = 64,
	};
	char *list, *rule;

	inet_aton("10.0.2.0", &c.vnetwork);
	inet_aton("255.255.255.0", &c.vnetmask);
	inet_aton("10.0.2.2", &c.vhost);
	inet_aton("10.0.2.15", &c.vdhcp_start);
	inet_aton("10.0.2.3", &c.vnameserver);
	inet_pton(AF_INET6, "fec0::", &c.vprefix_addr6);
	inet_pton(AF_INET6, "fec0::2", &c.vhost6);
	inet_pton(AF_INET6, "fec0::3", &c.vnameserver6);
	for (int i = 3; i < argc; i++) {
		if (!strcmp(argv[i], "ipv6=off"))
			c.in6_enabled = false;
		else if (!strcmp(argv[i], "host=off"))
			c.disable_host_loopback = true;
		else if (!strncmp(argv[i], "mtu=", 4) && port_of(argv[i] + 4) >= 576 &&
			 port_of(argv[i] + 4) <= 65520)
			c.if_mtu = c.if_mru = (size_t)port_of(argv[i] + 4);
		else if (strncmp(argv[i], "fwd=", 4))
			die(2, "\"%s\" is not understood; glint-net-user --help", argv[i]);
	}
	s.slirp = slirp_new(&c, &cb, NULL);
	if (!s.slirp)
		die(1, "libslirp does not start");
	for (int i = 3; i < argc; i++)
		if (!strncmp(argv[i], "fwd=", 4))
			for (list = argv[i] + 4; (rule = strsep(&list, ",")); )
				forward(rule);
}

int main(int argc, char **argv)
{
	int type = 0, err;
	socklen_t len = sizeof(type);

	if (argc == 2 && !strcmp(argv[1], "--help")) {
		fputs(usage, stdout);
		return 0;
	}
	s.guest = argc >= 3 && !strcmp(argv[1], "--fd") ? port_of(argv[2]) : -1;
	if (s.guest < 0) {
		fputs(usage, stderr);
		return 2;
	}
	if (getsockopt(s.guest, SOL_SOCKET, SO_TYPE, &type, &len) || type != SOCK_SEQPACKET)
		die(1, "descriptor %d is not a SOCK_SEQPACKET socket", s.guest);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGPIPE, SIG_IGN);
	/* Ctrl-C goes to all of the terminal's programs: the guest first ends in order */
	signal(SIGINT, SIG_IGN);
	fcntl(s.guest, F_SETFL, fcntl(s.guest, F_GETFL) | O_NONBLOCK);
	fcntl(s.guest, F_SETFD, FD_CLOEXEC);
	start(argc, argv);
	err = confine();
	if (err)
		die(1, "the confinement fails: %s", strerror(-err));
	serve();
	return 0;
}

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Sockets over loopback, with threads that block: echo in many sizes, half
 * close, readiness, many connections, options, datagrams.
 *
 * SOURCES: tests/host/socks.c net/sock.c net/sock_opt.c net/sock_tcp.c net/sock_tcp_io.c
 * SOURCES: net/sock_udp.c net/dns.c kernel/sock.c kernel/file.c kernel/poll.c kernel/epoll.c
 * SOURCES: net/net.c net/config.c net/dhcp.c net/sack.c net/netif.c net/txq.c net/pcbhash.c net/mem.c
 * SOURCES: net/isn.c net/guard.c net/timers.c net/stats.c net/checksum.c
 * SOURCES: tests/host/lwip_tcp.c tests/host/lwip_tcp_in.c tests/host/lwip_tcp_out.c
 * SOURCES: tests/host/lwip_rest.c tests/host/wire.c tests/host/peer.c
 * SOURCES: tests/host/fake_heap.c tests/host/fake_pv.c kernel/page.c kernel/thread.c
 * SOURCES: kernel/event.c kernel/timer.c kernel/clock.c kernel/log.c kernel/netdev.c
 * SOURCES: kernel/console.c kernel/trace.c kernel/panic.c kernel/backtrace.c
 * SOURCES: kernel/symbols.c kernel/watchdog.c kernel/cmdline.c kernel/metrics.c
 * SOURCES: kernel/device.c kernel/blkdev.c kernel/entropy.c kernel/lib/fmt.c
 * SOURCES: kernel/arch/x86_64/switch.S
 * FLAGS: -isystem third_party/lwip/src/include -isystem net -Wl,-T,tests/host/tables.ld
 */
#include <stdlib.h>

#include "tests/host/socks.h"
#include "tests/unit/tap.h"

static uint8_t pattern[1 << 20], inbuf[1 << 20];

static int con(struct file *f, const char *text, uint16_t port)
{
	struct sock_addr a = at(text, port);

	return sock_provider->connect(f, &a);
}

static int bnd(struct file *f, const char *text, uint16_t port)
{
	struct sock_addr a = at(text, port);

	return sock_provider->bind(f, &a);
}

static int acc(struct file *l, struct file **out)
{
	struct sock_addr peer;

	return sock_provider->accept(l, out, &peer);
}

/* ---- echo ---- */
static void echo_server(void *arg)
{
	static uint8_t buf[30000];
	struct file *l = arg, *c;
	long n, sum = 0;

	if (acc(l, &c))
		return;
	while ((n = get(c, buf, 1 + (size_t)sum % sizeof(buf))) > 0) {
		if (put(c, buf, (size_t)n) != n)
			break;
		sum += n;
	}
	file_put(c);
}

struct sender {
	struct file *f;
	size_t len;
	long result;
};

static void sender(void *arg)
{
	struct sender *s = arg;

	s->result = put(s->f, pattern, s->len);
	sock_provider->shutdown(s->f, false, true);
}

static void test_echo(void)
{
	static const size_t sizes[] = { 1, 2, 100, 1459, 1460, 1461, 4096, 65535,
					65536, 65537, 200000, 1 << 20 };
	static const char *const servers[] = { "127.0.0.1", "::1", "10.0.0.2" };

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		const char *host = servers[i % 3];
		struct file *l = listener(strchr(host, ':') ? "::" : "0.0.0.0", 7, 5);
		struct sender s = { strchr(host, ':') ? tcp6() : tcp4(), sizes[i], 0 };
		struct thread *srv = spawn(echo_server, l), *snd;
		size_t got = 0;
		long n;

		ok(con(s.f, host, 7) == 0, "connect to %s", host);
		snd = spawn(sender, &s);
		memset(inbuf, 0, sizeof(inbuf));
		while ((n = get(s.f, inbuf + got, sizeof(inbuf) - got)) > 0)
			got += (size_t)n;
		ok(n == 0 && got == sizes[i] && s.result == (long)sizes[i] &&
		   memcmp(inbuf, pattern, got) == 0, "%zu bytes there and back: %zu",
		   sizes[i], got);
		thread_join(snd);
		thread_join(srv);
		file_put(s.f);
		file_put(l);
	}
}

static void test_iovecs(void)
{
	struct file *a, *b;
	struct file_iov out[] = { { pattern, 3 }, { NULL, 0 }, { pattern + 3, 5000 },
				  { pattern + 5003, 1 } };
	struct file_iov in[] = { { inbuf, 1 }, { inbuf + 1, 0 }, { inbuf + 1, 9000 } };
	long n, got = 0;

	pair(&a, &b, 1000);
	ok(a->ops->writev(a, out, 4) == 5004, "writev");
	while (got < 5004) {
		in[0].base = inbuf + got;
		in[1].base = in[2].base = inbuf + got + 1;
		n = b->ops->readv(b, in, 3);
		if (n <= 0)
			break;
		got += n;
	}
	ok(got == 5004 && memcmp(inbuf, pattern, 5004) == 0, "readv");
	ok(put(a, "abcdef", 6) == 6, "send six");
	ok(get_flags(b, inbuf, 3, SOCK_MSG_PEEK) == 3 && memcmp(inbuf, "abc", 3) == 0,
	   "peek");
	ok(get_flags(b, inbuf, 100, SOCK_MSG_PEEK) == 6, "peek more than there is");
	ok(get_flags(b, inbuf, 6, SOCK_MSG_WAITALL) == 6 && !memcmp(inbuf, "abcdef", 6),
	   "peeked data is still there");
	ok(get_flags(b, inbuf, 1, SOCK_MSG_DONTWAIT) == -EAGAIN, "and then no more");
	ok(get(b, inbuf, 0) == 0, "reading nothing");
	ok(put(a, "", 0) == 0, "writing nothing");
	file_put(a);
	ok(get_flags(b, inbuf, 6, SOCK_MSG_WAITALL) == 0, "end of file");
	ok(get(b, inbuf, 6) == 0, "end of file again");
	file_put(b);
}

/* One byte segments: packed in few buffers. */
static void test_small_segments(void)
{
	struct file *a, *b;
	struct heap_stats before, after;
	size_t got = 0;

	pair(&a, &b, 1001);
	sock_provider->setopt(a, SOCK_OPT_NODELAY, 1);
	heap_stats(HEAP_NET, &before);
	for (int i = 0; i < 4000; i++) {
		put(a, pattern + i, 1);
		socks_run(1);
	}
	heap_stats(HEAP_NET, &after);
	ok(after.live_blocks - before.live_blocks < 20, "4000 one-byte segments are "
	   "in %llu buffers", (unsigned long long)(after.live_blocks - before.live_blocks));
	while (got < 4000) {
		long n = get(b, inbuf + got, got % 7 + 1);

		if (n <= 0)
			break;
		got += (size_t)n;
	}
	ok(got == 4000 && !memcmp(inbuf, pattern, got), "and come out whole");
	file_put(a);
	file_put(b);
}

/* ---- half close ---- */
static void test_half_close(void)
{
	struct file *a, *b;
	struct sock_addr n;

	pair(&a, &b, 1002);
	ok(file_poll(a) == FILE_OUT, "open: OUT");
	ok(sock_provider->shutdown(a, false, true) == 0, "shutdown(WR)");
	ok(put(a, "x", 1) == -EPIPE, "then EPIPE");
	socks_run(10);
	ok(get(b, inbuf, 10) == 0, "the other end sees the end");
	ok(file_poll(b) == (FILE_IN | FILE_OUT | FILE_RDHUP), "IN, OUT, RDHUP");
	ok(put(b, "still", 5) == 5 && get(a, inbuf, 10) == 5, "the other way goes on");
	ok(sock_provider->shutdown(b, false, true) == 0, "both");
	socks_run(10);
	ok(get(a, inbuf, 10) == 0, "end of file here, too");
	ok(file_poll(a) == (FILE_IN | FILE_OUT | FILE_RDHUP | FILE_HUP) &&
	   file_poll(b) == file_poll(a), "HUP on both: %x %x", file_poll(a), file_poll(b));
	ok(sock_provider->name(a, true, &n) == -ENOTCONN, "no peer any more");
	ok(sock_provider->shutdown(a, true, true) == -ENOTCONN, "ENOTCONN");
	ok(opt(a, SOCK_OPT_ERROR) == 0, "no error");
	file_put(a);
	file_put(b);

	pair(&a, &b, 1003);
	put(b, "before", 6);
	socks_run(5);
	ok(sock_provider->shutdown(a, true, false) == 0, "shutdown(RD)");
	ok(file_poll(a) == (FILE_IN | FILE_OUT | FILE_RDHUP), "IN, RDHUP");
	ok(get(a, inbuf, 3) == 3 && get(a, inbuf, 10) == 3 && get(a, inbuf, 10) == 0,
	   "what had come is read, then the end");
	ok(put(a, "x", 1) == 1 && get(b, inbuf, 10) == 1, "sending goes on");
	file_put(a);
	file_put(b);
}

static void late_close(void *arg)
{
	socks_run(20);
	file_put(arg);
}

static void test_close_wakes(void)
{
	struct file *a, *b;
	struct thread *t;

	pair(&a, &b, 1004);
	t = spawn(late_close, a);
	ok(get(b, inbuf, 10) == 0, "a blocked reader hears of the close");
	thread_join(t);
	file_put(b);

	pair(&a, &b, 1005);
	put(b, "unread", 6);
	socks_run(5);
	file_put(a);				/* with unread data */
	socks_run(5);
	ok(file_poll(b) == (FILE_IN | FILE_OUT | FILE_ERR | FILE_HUP | FILE_RDHUP),
	   "closed with unread data: a reset");
	ok(put(b, "x", 1) == -ECONNRESET, "ECONNRESET once");
	ok(put(b, "x", 1) == -EPIPE && get(b, inbuf, 1) == 0, "then EPIPE and the end");
	file_put(b);

	pair(&a, &b, 1006);
	sock_provider->setopt(a, SOCK_OPT_LINGER, 0);
	file_put(a);
	ok(get(b, inbuf, 1) == -ECONNRESET, "linger 0 resets");
	file_put(b);

	pair(&a, &b, 1007);
	sock_provider->setopt(b, SOCK_OPT_NODELAY, 1);
	put(b, pattern, 5000);
	sock_provider->setopt(b, SOCK_OPT_LINGER, 0);
	socks_run(5);
	file_put(b);
	socks_run(5);
	ok(get(a, inbuf, 9000) == 5000, "data before the reset is read first");
	ok(get(a, inbuf, 1) == -ECONNRESET && get(a, inbuf, 1) == 0, "then the error");
	file_put(a);
}

/* ---- backpressure ---- */
static void test_backpressure(void)
{
	struct file *a, *b, *ep;
	struct epoll_ready r;
	size_t sent = 0, got = 0;
	long n;
	int wakes = 0;

	pair(&a, &b, 1008);
	a->nonblock = b->nonblock = true;
	while ((n = put(a, pattern + sent % 1000, 10000)) > 0) {
		sent += (size_t)n;
		socks_run(1);
	}
	ok(n == -EAGAIN && sent > 100000, "EAGAIN after %zu bytes", sent);
	ok(file_poll(a) == 0, "not writable");
	epoll_file_create(&ep);
	epoll_file_add(ep, 1, a, FILE_OUT | EPOLL_ET, 5);
	ok(epoll_file_wait(ep, &r, 1, 0) == 0, "epoll agrees");
	ok(get(b, inbuf, 100) == 100, "reading a little");
	got = 100;
	socks_run(500);
	ok(file_poll(a) == 0, "does not make it writable");
	while (got < sent) {
		n = get(b, inbuf, 8000);
		if (n == -EAGAIN)
			socks_run(10);
		else if (n <= 0)
			break;
		else
			got += (size_t)n;
		wakes += epoll_file_wait(ep, &r, 1, 0);
	}
	socks_run(300);
	wakes += epoll_file_wait(ep, &r, 1, 0);
	ok(got == sent, "all %zu bytes arrive: %zu", sent, got);
	ok(wakes == 1 && (file_poll(a) & FILE_OUT), "one edge: %d", wakes);
	file_put(ep);
	file_put(a);
	file_put(b);
}

/* ---- readiness ---- */
static void test_poll_table(void)
{
	struct file *l = listener("127.0.0.1", 1009, 5), *f = tcp4(), *c;
	struct sock_addr p;

	ok(file_poll(f) == (FILE_OUT | FILE_HUP), "never connected: OUT, HUP");
	ok(file_poll(l) == 0, "listening: nothing");
	ok(get(f, inbuf, 1) == -ENOTCONN && put(f, "x", 1) == -EPIPE, "ENOTCONN, EPIPE");
	ok(get(l, inbuf, 1) == -ENOTCONN, "a listener: ENOTCONN");
	f->nonblock = true;
	ok(con(f, "127.0.0.1", 1009) == -EINPROGRESS, "EINPROGRESS");
	ok(file_poll(f) == 0, "connecting: nothing");
	ok(con(f, "127.0.0.1", 1009) == -EALREADY, "EALREADY");
	ok(put(f, "x", 1) == -EAGAIN && get(f, inbuf, 1) == -EAGAIN, "EAGAIN");
	ok(sock_provider->name(f, true, &p) == -ENOTCONN, "no peer yet");
	socks_run(10);
	ok(file_poll(f) == FILE_OUT, "connected: OUT");
	ok(con(f, "127.0.0.1", 1009) == 0, "connect tells once");
	ok(con(f, "127.0.0.1", 1009) == -EISCONN, "EISCONN");
	ok(file_poll(l) == FILE_IN, "the listener: IN");
	ok(acc(l, &c) == 0 && file_poll(l) == 0, "accepted");
	l->nonblock = true;
	ok(acc(l, &c + 0) == -EAGAIN || true, "(nobody else)");
	ok(sock_provider->name(c, true, &p) == 0 && p.family == SOCK_IPV4 &&
	   p.addr[0] == 127 && p.port >= 49152, "peer name");
	ok(sock_provider->name(f, false, &p) == 0 && p.addr[0] == 127, "own name");
	put(c, "y", 1);
	socks_run(5);
	ok(file_poll(f) == (FILE_IN | FILE_OUT), "data: IN, OUT");
	ok(opt(l, SOCK_OPT_ACCEPTCONN) == 1 && opt(f, SOCK_OPT_ACCEPTCONN) == 0,
	   "SO_ACCEPTCONN");
	ok(sock_provider->shutdown(l, true, false) == 0 && acc(l, &c + 0) == -EINVAL,
	   "shutdown of a listener");
	file_put(c);
	file_put(f);
	file_put(l);
	f = tcp4();
	f->nonblock = true;
	con(f, "127.0.0.1", 1010);
	socks_run(10);
	ok(file_poll(f) == (FILE_IN | FILE_OUT | FILE_ERR | FILE_HUP | FILE_RDHUP),
	   "refused: everything");
	ok(opt(f, SOCK_OPT_ERROR) == ECONNREFUSED && opt(f, SOCK_OPT_ERROR) == 0,
	   "SO_ERROR, once");
	ok(con(f, "127.0.0.1", 1010) == -ECONNABORTED, "connect says that it failed");
	l = listener("127.0.0.1", 1010, 5);
	f->nonblock = false;
	ok(con(f, "127.0.0.1", 1010) == 0, "and then can be tried again");
	file_put(f);
	file_put(l);
	f = tcp4();
	ok(con(f, "127.0.0.1", 1011) == -ECONNREFUSED, "blocking: ECONNREFUSED");
	ok(con(f, "127.0.0.1", 1011) == -ECONNREFUSED, "again");
	file_put(f);
	f = udp4();
	ok(file_poll(f) == FILE_OUT, "UDP: OUT");
	ok(sock_provider->listen(f, 1) == -EOPNOTSUPP, "UDP does not listen");
	file_put(f);
}

/* ---- timeouts ---- */
static void test_timeouts(void)
{
	struct file *a, *b, *l = listener("127.0.0.1", 1012, 5);
	nsec_t t = fake_pv_clock;

	pair(&a, &b, 1013);
	sock_provider->setopt(a, SOCK_OPT_RCVTIMEO, 300000);
	ok(get(a, inbuf, 1) == -EAGAIN && fake_pv_clock - t >= 300 * NSEC_PER_MSEC &&
	   fake_pv_clock - t < 400 * NSEC_PER_MSEC, "SO_RCVTIMEO");
	sock_provider->setopt(a, SOCK_OPT_SNDTIMEO, 200000);
	t = fake_pv_clock;
	ok(put(a, pattern, sizeof(pattern)) < (long)sizeof(pattern), "SO_SNDTIMEO cuts");
	for (int i = 0; i < 5 && put(a, pattern, 100000) > 0; i++)
		;			/* what little became free */
	t = fake_pv_clock;
	ok(put(a, pattern, 100000) == -EAGAIN && fake_pv_clock - t >= 200 * NSEC_PER_MSEC,
	   "SO_SNDTIMEO");
	sock_provider->setopt(l, SOCK_OPT_RCVTIMEO, 100000);
	ok(acc(l, &b + 0) == -EAGAIN, "accept with a limit");
	file_put(a);
	file_put(b);
	file_put(l);
}

/* ---- many ---- */
#define MANY 1000
static struct file *many_a[MANY], *many_b[MANY];

static void connect_many(void *arg)
{
	(void)arg;
	for (int i = 0; i < MANY; i++) {
		many_a[i] = tcp4();
		if (con(many_a[i], "127.0.0.1", 1014) != 0)
			ok(false, "connection %d", i);
	}
}

static void test_many(void)
{
	struct file *l = listener("127.0.0.1", 1014, 128), *ep;
	struct thread *t = spawn(connect_many, NULL);
	struct epoll_ready r[64];
	int good = 0, n, seen = 0;

	epoll_file_create(&ep);
	for (int i = 0; i < MANY; i++) {
		if (acc(l, &many_b[i]))
			break;
		many_b[i]->nonblock = true;
		epoll_file_add(ep, i, many_b[i], FILE_IN, (uint64_t)i);
	}
	thread_join(t);
	for (int i = 0; i < MANY; i++)
		put(many_a[i], &i, sizeof(i));
	while (seen < MANY && (n = epoll_file_wait(ep, r, 64, fake_pv_clock + NSEC_PER_SEC)) > 0)
		for (int i = 0; i < n; i++) {
			int v = -1;

			seen++;
			good += get(many_b[r[i].data], &v, sizeof(v)) == sizeof(v);
			put(many_b[r[i].data], &v, sizeof(v));
		}
	ok(good == MANY, "%d of %d connections deliver", good, MANY);
	good = 0;
	for (int i = 0; i < MANY; i++) {
		int v = -1;

		good += get(many_a[i], &v, sizeof(v)) == sizeof(v) && v == i;
		file_put(many_a[i]);
		file_put(many_b[i]);
	}
	ok(good == MANY, "%d of %d answers are right", good, MANY);
	ok(epoll_file_wait(ep, r, 64, 0) == 0, "closing removed them all");
	file_put(ep);
	file_put(l);
}

/* ---- addresses ---- */
static void test_bind(void)
{
	struct file *a = tcp4(), *b = tcp4(), *c = tcp6(), *d = tcp6();
	struct sock_addr n;

	ok(bnd(a, "127.0.0.1", 1020) == 0, "bind");
	ok(bnd(a, "127.0.0.1", 1021) == -EINVAL, "twice: EINVAL");
	ok(bnd(b, "127.0.0.1", 1020) == -EADDRINUSE, "taken");
	ok(bnd(b, "0.0.0.0", 1020) == -EADDRINUSE, "taken by the wildcard");
	ok(bnd(c, "::", 1020) == -EADDRINUSE, "taken for both families");
	ok(bnd(c, "::1", 1020) == 0, "::1 is another address");
	ok(bnd(b, "10.9.9.9", 1020) == -EADDRNOTAVAIL, "not ours");
	ok(bnd(b, "10.0.0.2", 1020) == 0, "another address of ours");
	ok(bnd(d, "127.0.0.1", 5) == -EAFNOSUPPORT, "wrong family");
	sock_provider->setopt(d, SOCK_OPT_V6ONLY, 1);
	file_put(c);
	ok(bnd(d, "::", 1020) == 0, "V6ONLY leaves IPv4 alone");
	ok(opt(d, SOCK_OPT_V6ONLY) == 1 &&
	   sock_provider->setopt(d, SOCK_OPT_V6ONLY, 0) == -EINVAL, "fixed once bound");
	file_put(a);
	file_put(b);
	file_put(d);
	a = tcp4();
	b = tcp4();
	sock_provider->setopt(a, SOCK_OPT_REUSEADDR, 1);
	sock_provider->setopt(b, SOCK_OPT_REUSEADDR, 1);
	ok(bnd(a, "0.0.0.0", 1022) == 0 && bnd(b, "0.0.0.0", 1022) == 0, "REUSEADDR");
	ok(sock_provider->listen(a, 1) == 0, "one listens");
	ok(sock_provider->listen(b, 1) == -EADDRINUSE, "not both");
	c = tcp4();
	sock_provider->setopt(c, SOCK_OPT_REUSEADDR, 1);
	ok(bnd(c, "0.0.0.0", 1022) == -EADDRINUSE, "nor bind to a listener's port");
	file_put(a);
	file_put(b);
	file_put(c);
	a = tcp4();
	ok(sock_provider->listen(a, 1) == 0 && sock_provider->name(a, false, &n) == 0 &&
	   n.port >= 49152, "listen without bind: port %u", n.port);
	file_put(a);
}

static void test_dual_stack(void)
{
	struct file *l = listener("::", 1023, 5), *f = tcp4(), *c;
	struct sock_addr p;
	static const uint8_t want[16] = { [10] = 0xff, 0xff, 127, 0, 0, 1 };

	f->nonblock = true;
	con(f, "127.0.0.1", 1023);
	ok(sock_provider->accept(l, &c, &p) == 0 && p.family == SOCK_IPV6 &&
	   memcmp(p.addr, want, 16) == 0, "an IPv4 peer is shown v4-mapped");
	ok(sock_provider->name(c, false, &p) == 0 && !memcmp(p.addr, want, 16), "and us");
	file_put(c);
	file_put(f);
	f = tcp6();
	f->nonblock = true;
	ok(con(f, "::ffff:127.0.0.1", 1023) == -EINPROGRESS, "connect to v4-mapped");
	ok(acc(l, &c) == 0, "accepted");
	file_put(c);
	file_put(f);
	f = tcp6();
	sock_provider->setopt(f, SOCK_OPT_V6ONLY, 1);
	ok(con(f, "::ffff:127.0.0.1", 1023) == -ENETUNREACH, "not with V6ONLY");
	ok(con(f, "::", 1023) == 0, "the wildcard is this machine");
	ok(acc(l, &c) == 0, "accepted");
	file_put(c);
	file_put(f);
	file_put(l);
}

static void test_options(void)
{
	static const struct { enum sock_opt o; int set, get; } t[] = {
		{ SOCK_OPT_REUSEADDR, 1, 1 }, { SOCK_OPT_KEEPALIVE, 1, 1 },
		{ SOCK_OPT_NODELAY, 1, 1 }, { SOCK_OPT_KEEPIDLE, 30, 30 },
		{ SOCK_OPT_KEEPINTVL, 5, 5 }, { SOCK_OPT_KEEPCNT, 3, 3 },
		{ SOCK_OPT_LINGER, 7, 7 }, { SOCK_OPT_LINGER, -1, -1 },
		{ SOCK_OPT_RCVBUF, 1, 4608 }, { SOCK_OPT_SNDBUF, 20000, 20000 },
		{ SOCK_OPT_TTL, 9, 9 }, { SOCK_OPT_TOS, 16, 16 },
		{ SOCK_OPT_RCVTIMEO, 5, 5 }, { SOCK_OPT_SNDTIMEO, 6, 6 },
	};
	struct file *a, *b, *s[2] = { tcp4(), NULL };

	pair(&a, &b, 1024);
	s[1] = a;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++)
		for (int k = 0; k < 2; k++)
			ok(sock_provider->setopt(s[k], t[i].o, t[i].set) == 0 &&
			   opt(s[k], t[i].o) == t[i].get, "option %d", (int)t[i].o);
	ok(sock_provider->setopt(a, SOCK_OPT_TTL, 0) == -EINVAL &&
	   sock_provider->setopt(a, SOCK_OPT_TTL, 256) == -EINVAL, "bad TTL");
	ok(opt(a, SOCK_OPT_TYPE) == SOCK_KIND_STREAM, "type");
	ok(sock_provider->is_sock(a), "is a socket");
	a->nonblock = true;
	ok(put(a, pattern, 100000) == 20000, "a small SO_SNDBUF holds back");
	file_put(s[0]);
	file_put(a);
	file_put(b);
}

static void test_rcvbuf(void)
{
	struct file *l = tcp4(), *f = tcp4(), *c;
	long n, sent = 0;

	sock_provider->setopt(l, SOCK_OPT_RCVBUF, 8192);
	bnd(l, "127.0.0.1", 1025);
	sock_provider->listen(l, 5);
	con(f, "127.0.0.1", 1025);
	acc(l, &c);
	f->nonblock = true;
	ok(opt(c, SOCK_OPT_RCVBUF) == 8192, "inherited");
	for (int i = 0; i < 200; i++) {		/* the window narrows as it is read */
		n = put(f, pattern, 20000);
		sent += n > 0 ? n : 0;
		socks_run(20);
		while ((n = get_flags(c, inbuf, 50000, SOCK_MSG_DONTWAIT)) > 0)
			sent -= n;
		socks_run(1);
	}
	put(f, pattern, 200000);
	socks_run(5);
	n = get_flags(c, inbuf, 500000, SOCK_MSG_DONTWAIT | SOCK_MSG_PEEK);
	ok(n > 0 && n <= 8192 + 1460, "SO_RCVBUF bounds what waits: %ld", n);
	sock_provider->setopt(f, SOCK_OPT_LINGER, 0);
	file_put(f);
	file_put(c);
	file_put(l);
}

/* ---- UDP ---- */
static long udp_send(struct file *f, const char *text, uint16_t port, size_t len)
{
	struct file_iov iov[2] = { { pattern, len / 2 },
				   { pattern + len / 2, len - len / 2 } };
	struct sock_msg m = { .iov = iov, .n_iov = 2, .addr = at(text, port) };

	return sock_provider->sendmsg(f, &m);
}

static void test_udp(void)
{
	static const size_t sizes[] = { 0, 1, 100, 1472, 1473, 9000, 60000, 65507 };
	struct file *s = udp4(), *c = udp4();
	struct file_iov iov = { inbuf, sizeof(inbuf) };
	struct sock_msg m = { .iov = &iov, .n_iov = 1 };
	struct sock_addr n;

	ok(bnd(s, "0.0.0.0", 53) == 0, "bind");
	ok(put(c, "x", 1) == -EDESTADDRREQ, "EDESTADDRREQ");
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		memset(inbuf, 0, sizes[i]);
		ok(udp_send(c, "127.0.0.1", 53, sizes[i]) == (long)sizes[i],
		   "send %zu", sizes[i]);
		m.flags = 0;
		ok(sock_provider->recvmsg(s, &m) == (long)sizes[i] &&
		   !memcmp(inbuf, pattern, sizes[i]) && m.addr.addr[0] == 127 &&
		   m.addr.port >= 49152, "receive %zu", sizes[i]);
	}
	ok(udp_send(c, "127.0.0.1", 53, 65508) == -EMSGSIZE, "EMSGSIZE");
	udp_send(c, "127.0.0.1", 53, 50);
	iov.len = 10;
	m.flags = SOCK_MSG_PEEK;
	ok(sock_provider->recvmsg(s, &m) == 10 && (m.flags & SOCK_MSG_TRUNC), "truncated");
	m.flags = SOCK_MSG_TRUNC;
	ok(sock_provider->recvmsg(s, &m) == 50 && (m.flags & SOCK_MSG_TRUNC),
	   "MSG_TRUNC asks for the true length");
	s->nonblock = true;
	ok(sock_provider->recvmsg(s, &m) == -EAGAIN, "the rest is gone");
	ok(con(c, "127.0.0.1", 53) == 0 && put(c, "hello", 5) == 5, "connected");
	ok(sock_provider->name(c, false, &n) == 0 && n.addr[0] == 127, "has an address");
	ok(sock_provider->name(c, true, &n) == 0 && n.port == 53, "and a peer");
	socks_run(1);
	ok(get(s, inbuf, 10) == 5, "arrives");
	ok(udp_send(c, "10.0.0.255", 53, 5) == -EACCES, "broadcast: EACCES");
	sock_provider->setopt(c, SOCK_OPT_BROADCAST, 1);
	ok(udp_send(c, "10.0.0.255", 53, 5) == 5, "broadcast allowed");
	file_put(c);
	c = udp4();
	ok(bnd(c, "127.0.0.1", 53) == -EADDRINUSE, "EADDRINUSE");
	ok(udp_send(c, "127.0.0.1", 0, 5) == -EINVAL, "port 0");
	ok(sock_provider->shutdown(c, true, true) == -ENOTCONN, "ENOTCONN");
	file_put(c);
	file_put(s);
}

static void test_udp_queue(void)
{
	struct file *s = udp6(), *c = udp4();
	int n = 0;

	bnd(s, "::", 54);
	sock_provider->setopt(s, SOCK_OPT_RCVBUF, 10000);
	for (int i = 0; i < 50; i++) {
		udp_send(c, "127.0.0.1", 54, 1000);
		socks_run(1);
	}
	s->nonblock = true;
	while (get(s, inbuf, 2000) == 1000)
		n++;
	ok(n == 9, "the queue is bounded: %d datagrams", n);
	for (int i = 0; i < 5; i++)
		udp_send(c, "127.0.0.1", 54, 1900);
	socks_run(5);
	for (n = 0; get(s, inbuf, 5000) == 1900; n++)
		;
	ok(n == 5, "reading makes room, and v4 reaches a dual-stack socket: %d", n);
	udp_send(c, "127.0.0.1", 54, 1000);
	socks_run(5);
	file_put(s);				/* with datagrams in its queue */
	file_put(c);
	s = udp6();
	c = udp6();
	bnd(s, "::1", 54);
	ok(udp_send(c, "::1", 54, 4000) == 4000, "IPv6 in fragments");
	ok(get(s, inbuf, 9000) == 4000 && !memcmp(inbuf, pattern, 4000), "arrives");
	file_put(s);
	file_put(c);
}

static void test_misc(void)
{
	struct file *f;

	ok(sock_provider->create(SOCK_IPV4, SOCK_KIND_RAW, 1, &f) == -EPROTONOSUPPORT,
	   "no raw sockets");
	ok(sock_provider->create(SOCK_IPV4, SOCK_KIND_STREAM, 17, &f) == -EPROTONOSUPPORT,
	   "no UDP stream");
	ok(sock_provider->create(SOCK_IPV4, SOCK_KIND_STREAM, 6, &f) == 0, "IPPROTO_TCP");
	ok(con(f, "192.0.2.1", 0) == -ECONNREFUSED, "port 0");
	ok(con(f, "224.0.0.1", 5) == -ENETUNREACH, "multicast");
	file_put(f);
}

int main(void)
{
	static const struct { const char *name; void (*fn)(void); } tests[] = {
		{ "echo", test_echo }, { "iovecs", test_iovecs },
		{ "small segments", test_small_segments },
		{ "half close", test_half_close }, { "close", test_close_wakes },
		{ "backpressure", test_backpressure }, { "readiness", test_poll_table },
		{ "timeouts", test_timeouts }, { "bind", test_bind },
		{ "dual stack", test_dual_stack }, { "options", test_options },
		{ "receive buffer", test_rcvbuf }, { "UDP", test_udp },
		{ "UDP queue", test_udp_queue }, { "misc", test_misc },
		{ "many", test_many },
	};

	for (size_t i = 0; i < sizeof(pattern); i++)
		pattern[i] = (uint8_t)(i * 7 + i / 251);
	socks_start();
	test_many();			/* tables grow once */
	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
		if (i == 0)
			socks_run(5000);
		socks_mark();
		printf("# %s\n", tests[i].name);
		tests[i].fn();
		ok(socks_clean(), "%s: nothing left (%s)", tests[i].name, socks_report);
	}
	return done_testing();
}

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Sockets against a scripted peer on the wire: resets, refusals and silence in
 * every state, closed windows, backlog, memory that runs out, IPv6, DNS.
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

#include "lwip/tcp.h"
#include "net/net_impl.h"
#include "tests/host/socks.h"
#include "tests/unit/tap.h"

static uint8_t pattern[1 << 20], inbuf[1 << 20];
static uint16_t next_port = 2000;

static void sendp(struct peer_tcp *t, unsigned flags, const void *data, size_t len)
{
	peer_tcp_send(&peer0, t, flags, data, len);
	socks_pump();
}

static void rst(struct peer_tcp *t)
{
	peer_tcp_raw(&peer0, t, TCPF_RST | TCPF_ACK, t->snd, t->rcv, NULL, 0, false);
	socks_pump();
}

/* A connection from the peer, accepted. */
static struct file *from_peer(struct file *l, struct peer_tcp *t, bool v6)
{
	struct sock_addr a;
	struct file *c;

	if (!peer_tcp_open(&peer0, t, v6, next_port++, 80))
		abort();
	return sock_provider->accept(l, &c, &a) == 0 ? c : NULL;
}

/* ---- the peer answers a connect by script ---- */
enum answer { REFUSE, IGNORE, ACCEPT };
static enum answer answer;
static struct peer_tcp *answering;
static unsigned syns;

static bool syn_hook(struct peer *p, const struct peer_view *v)
{
	struct peer_tcp tmp = { .port = (uint16_t)v->dport, .wnd = 65535,
				.guest_port = (uint16_t)v->sport, .v6 = v->v6 };

	if (v->proto != 6 || (v->flags & (TCPF_SYN | TCPF_ACK)) != TCPF_SYN)
		return false;
	syns++;
	if (answer == REFUSE) {
		peer_tcp_raw(p, &tmp, TCPF_RST | TCPF_ACK, 0, v->seq + 1, NULL, 0, false);
	} else if (answer == ACCEPT) {
		*answering = tmp;
		answering->snd = 1000;
		answering->rcv = v->seq + 1;
		answering->in = malloc(PEER_TCP_ROOM);
		answering->next = p->conns;
		p->conns = answering;
		peer_tcp_raw(p, answering, TCPF_SYN | TCPF_ACK, answering->snd++,
			     answering->rcv, NULL, 0, true);
	}
	return true;
}

static int con(struct file *f, const char *text, uint16_t port)
{
	struct sock_addr a = at(text, port);

	return sock_provider->connect(f, &a);
}

static void test_connect(void)
{
	struct file *f = tcp4();
	struct peer_tcp t;
	nsec_t start = fake_pv_clock;

	peer0.hook = syn_hook;
	answering = &t;
	answer = REFUSE;
	ok(con(f, "10.0.0.1", 5000) == -ECONNREFUSED, "refused");
	answer = IGNORE;
	sock_provider->setopt(f, SOCK_OPT_SNDTIMEO, 500000);
	ok(con(f, "10.0.0.1", 5000) == -EINPROGRESS, "connect with a limit");
	sock_provider->setopt(f, SOCK_OPT_SNDTIMEO, 0);
	file_put(f);
	f = tcp4();
	syns = 0;
	start = fake_pv_clock;
	ok(con(f, "10.0.0.1", 5000) == -ETIMEDOUT, "silence: ETIMEDOUT");
	ok(syns >= 4 && fake_pv_clock - start > 5 * NSEC_PER_SEC, "%u SYNs in %llu s",
	   syns, (unsigned long long)((fake_pv_clock - start) / NSEC_PER_SEC));
	file_put(f);
	f = tcp4();
	answer = ACCEPT;
	ok(con(f, "10.0.0.1", 5000) == 0, "accepted");
	ok(put(f, pattern, 10000) == 10000, "send");
	socks_run(100);
	ok(t.in_len == 10000 && !memcmp(t.in, pattern, 10000), "arrives: %u", t.in_len);
	sendp(&t, TCPF_PSH, "answer", 6);
	ok(get(f, inbuf, 100) == 6, "answer");
	file_put(f);
	socks_run(100);
	ok(t.got_fin && !t.got_rst, "closed in order");
	sendp(&t, TCPF_FIN, NULL, 0);
	peer_tcp_forget(&peer0, &t);
	f = tcp6();
	ok(con(f, "2001:db8::1", 5000) == 0, "IPv6");
	rst(&t);
	ok(get(f, inbuf, 1) == -ECONNRESET, "reset");
	file_put(f);
	peer_tcp_forget(&peer0, &t);
	f = tcp6();
	ok(con(f, "::ffff:10.0.0.1", 5000) == 0, "IPv4 from an IPv6 socket");
	rst(&t);
	file_put(f);
	peer_tcp_forget(&peer0, &t);
	f = tcp4();
	f->nonblock = true;
	answer = IGNORE;
	con(f, "10.0.0.1", 5000);
	socks_run(10);
	file_put(f);			/* while connecting */
	f = tcp4();
	f->nonblock = true;
	con(f, "10.0.0.1", 5000);
	socks_run(10);
	ok(sock_provider->shutdown(f, true, true) == 0, "shutdown while connecting");
	ok(file_poll(f) & FILE_HUP, "HUP");
	file_put(f);
	f = tcp4();
	ok(con(f, "8.8.8.8", 53) != 0 || true, "(through the gateway)");
	file_put(f);
	peer0.hook = NULL;
}

/* A reset in every state that a socket can show. */
static void test_reset(void)
{
	struct file *l = listener("0.0.0.0", 80, 5), *c;
	struct sock_addr a;
	struct peer_tcp t;

	c = from_peer(l, &t, false);
	sendp(&t, 0, "data", 4);
	rst(&t);
	ok(file_poll(c) == (FILE_IN | FILE_OUT | FILE_ERR | FILE_HUP | FILE_RDHUP),
	   "reset: all bits");
	ok(get(c, inbuf, 10) == 4 && opt(c, SOCK_OPT_ERROR) == ECONNRESET &&
	   get(c, inbuf, 10) == 0, "data, then SO_ERROR, then the end");
	file_put(c);
	peer_tcp_forget(&peer0, &t);

	c = from_peer(l, &t, false);
	sendp(&t, TCPF_FIN, NULL, 0);
	rst(&t);
	ok(get(c, inbuf, 1) == 0 && put(c, "x", 1) == -EPIPE, "in CLOSE-WAIT: EPIPE");
	file_put(c);
	peer_tcp_forget(&peer0, &t);

	c = from_peer(l, &t, false);
	sock_provider->shutdown(c, false, true);
	rst(&t);			/* FIN-WAIT-1 */
	ok(get(c, inbuf, 1) == -ECONNRESET, "in FIN-WAIT-1");
	file_put(c);
	peer_tcp_forget(&peer0, &t);

	c = from_peer(l, &t, false);
	sock_provider->shutdown(c, false, true);
	socks_run(50);
	rst(&t);			/* FIN-WAIT-2 */
	ok(get(c, inbuf, 1) == -ECONNRESET, "in FIN-WAIT-2");
	file_put(c);
	peer_tcp_forget(&peer0, &t);

	c = from_peer(l, &t, false);
	sendp(&t, TCPF_FIN, NULL, 0);
	t.mute = true;
	sock_provider->shutdown(c, false, true);
	socks_run(5);
	rst(&t);			/* LAST-ACK */
	ok(get(c, inbuf, 1) == 0 && (file_poll(c) & FILE_HUP), "in LAST-ACK");
	file_put(c);
	peer_tcp_forget(&peer0, &t);

	ok(peer_tcp_open(&peer0, &t, false, next_port++, 80), "in the accept queue");
	rst(&t);
	l->nonblock = true;
	ok(file_poll(l) == 0 && sock_provider->accept(l, &c, &a) == -EAGAIN,
	   "it is gone from there");
	l->nonblock = false;
	peer_tcp_forget(&peer0, &t);

	c = from_peer(l, &t, false);
	file_put(c);			/* closed by us; then reset */
	rst(&t);
	peer_tcp_forget(&peer0, &t);

	ok(peer_tcp_open(&peer0, &t, false, next_port++, 80), "queued");
	file_put(l);
	socks_run(1);
	ok(t.got_rst, "closing a listener resets who waits there");
	peer_tcp_forget(&peer0, &t);
}

/* Close in every state; what the peer sees. */
static void test_close(void)
{
	struct file *l = listener("0.0.0.0", 80, 5), *c;
	struct peer_tcp t;

	c = from_peer(l, &t, false);
	file_put(c);
	socks_run(10);
	ok(t.got_fin && !t.got_rst, "idle: FIN");
	sendp(&t, 0, "late", 4);
	socks_run(10);
	ok(t.got_rst, "data for a closed socket: RST");
	peer_tcp_forget(&peer0, &t);

	c = from_peer(l, &t, false);
	sendp(&t, 0, "unread", 6);
	file_put(c);
	socks_run(10);
	ok(t.got_rst && !t.got_fin, "unread data: RST");
	peer_tcp_forget(&peer0, &t);

	c = from_peer(l, &t, false);
	sendp(&t, TCPF_FIN, "unread", 6);
	ok(get(c, inbuf, 10) == 6 && get(c, inbuf, 10) == 0, "read up to the FIN");
	put(c, pattern, 3000);
	file_put(c);
	socks_run(100);
	ok(t.in_len == 3000 && t.got_fin && !t.got_rst, "CLOSE-WAIT: data, then FIN");
	peer_tcp_forget(&peer0, &t);

	c = from_peer(l, &t, false);
	sock_provider->shutdown(c, false, true);
	socks_run(50);
	file_put(c);			/* FIN-WAIT-2 */
	socks_run(30000);
	ok(!t.got_rst, "FIN-WAIT-2 times out silently");
	peer_tcp_forget(&peer0, &t);

	c = from_peer(l, &t, false);
	t.wnd = 0;
	sendp(&t, 0, "x", 1);
	get(c, inbuf, 1);
	c->nonblock = true;
	put(c, pattern, 20000);
	t.mute = true;
	file_put(c);			/* a closed window, and nobody there */
	ok(net_mem_used() > 20000, "the rest waits: %zu", net_mem_used());
	socks_run(400000);
	peer_tcp_forget(&peer0, &t);

	c = from_peer(l, &t, false);
	sock_provider->setopt(c, SOCK_OPT_LINGER, 2);
	t.mute = true;
	put(c, pattern, 5000);
	{
		nsec_t start = fake_pv_clock;

		file_put(c);
		ok(fake_pv_clock - start >= 2 * NSEC_PER_SEC &&
		   fake_pv_clock - start < 3 * NSEC_PER_SEC, "linger waits 2 s");
	}
	t.mute = false;
	socks_run(5000);
	ok(t.in_len == 5000 && t.got_fin, "and the data still goes: %u", t.in_len);
	peer_tcp_forget(&peer0, &t);

	c = from_peer(l, &t, false);
	sock_provider->setopt(c, SOCK_OPT_LINGER, 5);
	put(c, pattern, 5000);
	{
		nsec_t start = fake_pv_clock;

		file_put(c);
		ok(fake_pv_clock - start < NSEC_PER_SEC && t.in_len == 5000,
		   "linger ends with the last acknowledgement");
	}
	peer_tcp_forget(&peer0, &t);
	file_put(l);
}

static void *hog[4096];
static int n_hog;

static void fill(void)
{
	while (n_hog < 4096 && (hog[n_hog] = net_mem_alloc(65536)) != NULL)
		n_hog++;
	while (n_hog < 4096 && (hog[n_hog] = net_mem_alloc(1000)) != NULL)
		n_hog++;
}

static void unfill(void)
{
	while (n_hog > 0)
		net_mem_free(hog[--n_hog]);
}

/* A slow reader gets all of it, after we have closed: in LAST-ACK too. */
static void test_slow_reader(void)
{
	struct file *l = listener("0.0.0.0", 80, 5), *c;
	struct peer_tcp t;

	for (int fin_first = 0; fin_first < 2; fin_first++) {
		size_t sent = 0;
		long n;

		c = from_peer(l, &t, false);
		c->nonblock = true;
		t.wnd = 0;
		sendp(&t, fin_first ? TCPF_FIN : 0, "x", 1);
		get(c, inbuf, 1);
		while ((n = put(c, pattern + sent, 20000)) > 0)
			sent += (size_t)n;
		file_put(c);
		for (int i = 0; i < 500 && !t.got_rst && t.in_len < sent; i++) {
			t.wnd = i % 5 == 4 ? 1000 : 0;	/* every 25 s */
			peer_tcp_raw(&peer0, &t, TCPF_ACK, t.snd, t.rcv, NULL, 0, false);
			socks_run(50);
			t.wnd = 0;
			socks_run(4950);
		}
		t.wnd = 65535;
		peer_tcp_raw(&peer0, &t, TCPF_ACK, t.snd, t.rcv, NULL, 0, false);
		socks_run(5000);
		ok(t.in_len == sent && t.got_fin && !t.got_rst &&
		   !memcmp(t.in, pattern, sent), "a slow reader has all after %s: %u of %zu",
		   fin_first ? "its FIN and ours" : "our FIN", t.in_len, sent);
		rst(&t);
		peer_tcp_forget(&peer0, &t);
	}
	file_put(l);
}

/* Closed, and the peer keeps the window shut: given up when memory is short. */
static void test_orphans(void)
{
	struct file *l = listener("0.0.0.0", 80, 50), *c;
	struct peer_tcp t[20];
	int resets = 0;

	for (int i = 0; i < 20; i++) {
		c = from_peer(l, &t[i], false);
		c->nonblock = true;
		t[i].wnd = 0;
		sendp(&t[i], TCPF_FIN, "x", 1);
		get(c, inbuf, 1);
		put(c, pattern, 20000);
		file_put(c);
	}
	socks_run(600000);
	for (int i = 0; i < 20; i++)
		resets += t[i].got_rst;
	ok(resets == 0 && net_mem_used() > 300000, "they wait: %zu bytes", net_mem_used());
	fill();
	socks_run(20000);
	for (int i = 0; i < 20; i++)
		resets += t[i].got_rst;
	unfill();
	ok(resets > 0, "not while memory is short: %d reset", resets);
	for (int i = 0; i < 20; i++) {
		rst(&t[i]);
		peer_tcp_forget(&peer0, &t[i]);
	}
	file_put(l);
}

static void test_window(void)
{
	struct file *l = listener("0.0.0.0", 80, 5), *c, *ep;
	struct epoll_ready r;
	struct peer_tcp t;
	size_t sent = 0;
	long n;
	unsigned seen;

	c = from_peer(l, &t, false);
	c->nonblock = true;
	t.wnd = 0;
	sendp(&t, 0, "x", 1);
	get(c, inbuf, 1);
	while ((n = put(c, pattern + sent, 50000)) > 0)
		sent += (size_t)n;
	ok(n == -EAGAIN && sent >= 3 * 1460, "a closed window: EAGAIN at %zu", sent);
	epoll_file_create(&ep);
	epoll_file_add(ep, 3, c, FILE_OUT, 0);
	ok(epoll_file_wait(ep, &r, 1, fake_pv_clock + 3 * NSEC_PER_SEC) == 0, "not writable");
	ok(t.in_len < 3 * 1460 + 20, "only probes: %u bytes", t.in_len);
	t.wnd = 65535;
	peer_tcp_raw(&peer0, &t, TCPF_ACK, t.snd, t.rcv, NULL, 0, false);
	ok(epoll_file_wait(ep, &r, 1, fake_pv_clock + 10 * NSEC_PER_SEC) == 1, "writable");
	socks_run(10000);
	ok(t.in_len == sent && !memcmp(t.in, pattern, sent), "everything: %u", t.in_len);
	file_put(ep);

	/* We do not read: the window that the peer sees closes, and opens. */
	for (sent = 0; t.guest_wnd > 0 && sent < 900000; sent += 1400)
		sendp(&t, 0, pattern + sent, 1400);
	ok(sent < 900000, "our window closes after %zu bytes", sent);
	seen = t.segments;
	n = get(c, inbuf, 100);
	socks_run(10);
	ok(n == 100 && t.segments == seen, "100 bytes do not announce it");
	for (size_t got = 100; got < sent; got += (size_t)n) {
		n = get(c, inbuf + got, 5000);
		if (n <= 0)
			break;
	}
	socks_run(10);
	ok(t.guest_wnd > 5 * 1460 && t.segments > seen, "reading opens it: %u", t.guest_wnd);
	ok(t.segments - seen < sent / 1400, "with %u segments", t.segments - seen);
	file_put(c);
	rst(&t);
	peer_tcp_forget(&peer0, &t);
	file_put(l);
}

static void test_backlog(void)
{
	struct file *l = listener("0.0.0.0", 80, 3), *c[8];
	struct peer_tcp t[8];
	struct sock_addr a;
	int open = 0, taken = 0;

	for (int i = 0; i < 8; i++)
		open += peer_tcp_open(&peer0, &t[i], false, next_port++, 80);
	ok(open == 3, "a backlog of 3 takes %d", open);
	l->nonblock = true;
	while (sock_provider->accept(l, &c[taken], &a) == 0)
		taken++;
	ok(taken == 3, "accepted %d", taken);
	for (int i = 3; i < 8; i++) {		/* their SYNs come again */
		peer_tcp_raw(&peer0, &t[i], TCPF_SYN, t[i].snd - 1, 0, NULL, 0, true);
		socks_pump();
		if (t[i].got_syn)
			sendp(&t[i], 0, NULL, 0);
	}
	while (sock_provider->accept(l, &c[taken], &a) == 0)
		taken++;
	ok(taken == 6, "room again: %d", taken);
	for (int i = 0; i < taken; i++)
		file_put(c[i]);
	file_put(l);
	socks_run(100);
	for (int i = 0; i < 8; i++) {
		if (t[i].got_syn)
			rst(&t[i]);
		peer_tcp_forget(&peer0, &t[i]);
	}
}

static void test_long_backlog(void)
{
	static struct peer_tcp t[600];
	struct file *l = listener("0.0.0.0", 80, 500), *c;
	struct sock_addr a;
	int open = 0, taken = 0;

	for (int i = 0; i < 600; i++)
		open += peer_tcp_open(&peer0, &t[i], false, next_port++, 80);
	ok(open == 500, "a backlog of 500 takes %d", open);
	l->nonblock = true;
	while (sock_provider->accept(l, &c, &a) == 0) {
		taken++;
		file_put(c);
	}
	ok(taken == open, "accepted %d", taken);
	file_put(l);
	for (int i = 0; i < 600; i++) {
		if (t[i].got_syn)
			rst(&t[i]);
		peer_tcp_forget(&peer0, &t[i]);
	}
}

/* ---- memory ---- */
static void test_memory(void)
{
	struct file *l = listener("0.0.0.0", 80, 5), *c, *ep;
	struct epoll_ready r;
	struct peer_tcp t, late;
	long n = 0, sent = 0;

	c = from_peer(l, &t, false);
	c->nonblock = true;
	fill();
	ok(net_mem_pressure() == NET_MEM_HIGH, "memory is full");
	ok(!peer_tcp_open(&peer0, &late, false, next_port++, 80) && !late.got_rst,
	   "a new connection waits");
	while (sent < 100000 && (n = put(c, pattern, 20000)) > 0)
		sent += n;
	ok(n == -EAGAIN, "sending: %ld after %ld", n, sent);
	epoll_file_create(&ep);
	epoll_file_add(ep, 3, c, FILE_OUT | EPOLL_ET, 0);
	ok(epoll_file_wait(ep, &r, 1, fake_pv_clock + NSEC_PER_SEC) == 0, "not writable");
	sendp(&t, 0, "still", 5);
	ok(get(c, inbuf, 10) == 5, "the open connection still receives");
	unfill();
	ok(epoll_file_wait(ep, &r, 1, fake_pv_clock + NSEC_PER_SEC) == 1,
	   "writable when there is memory again");
	ok(put(c, pattern, 2000) == 2000, "and sends");
	peer_tcp_raw(&peer0, &late, TCPF_SYN, late.snd - 1, 0, NULL, 0, true);
	socks_pump();
	ok(late.got_syn, "the new connection is answered now");
	file_put(ep);

	/* Blocking: the writer sleeps until there is memory. */
	t.wnd = 0;
	sendp(&t, 0, "x", 1);
	get(c, inbuf, 1);
	put(c, pattern, 50000);
	fill();
	file_put(c);
	socks_run(50);
	ok(t.got_rst, "closing with unsent data while memory is short: reset");
	unfill();
	peer_tcp_forget(&peer0, &t);
	rst(&late);
	peer_tcp_forget(&peer0, &late);
	file_put(l);
}

/* Every allocation of a whole life fails in turn. */
static void test_fault(void)
{
	struct file *l = listener("::", 80, 5);
	int errors = 0, rounds = 0;

	for (unsigned k = 1; k <= 60; k++) {
		struct file *c = NULL, *u = NULL;
		struct peer_tcp t;
		struct sock_addr a = at("0.0.0.0", 99);

		fake_heap_fail_after = k;
		l->nonblock = true;
		if (peer_tcp_open(&peer0, &t, k & 1, next_port++, 80))
			sock_provider->accept(l, &c, &a);
		if (c) {
			c->nonblock = true;
			put(c, pattern, 6000);
			sendp(&t, 0, "hello", 5);
			get(c, inbuf, 100);
			file_put(c);
		}
		if (sock_provider->create(SOCK_IPV4, SOCK_KIND_STREAM, 0, &c) == 0) {
			sock_provider->bind(c, &a);
			sock_provider->listen(c, 2);
			file_put(c);
		}
		if (sock_provider->create(SOCK_IPV4, SOCK_KIND_DGRAM, 0, &u) == 0) {
			a = at("10.0.0.1", 9);
			if (sock_provider->connect(u, &a) == 0)
				put(u, pattern, 4000);
			file_put(u);
		}
		errors += fake_heap_fail_after == 0;
		fake_heap_fail_after = 0;
		rst(&t);
		peer_tcp_forget(&peer0, &t);
		rounds++;
		if (k % 10 == 0)
			socks_run(100000);
	}
	ok(errors > 10, "%d of %d rounds met a failed allocation", errors, rounds);
	file_put(l);
}

/* ---- keepalive ---- */
static void test_keepalive(void)
{
	struct file *l = listener("0.0.0.0", 80, 5), *c;
	struct peer_tcp t;
	nsec_t start = fake_pv_clock;

	c = from_peer(l, &t, false);
	sock_provider->setopt(c, SOCK_OPT_KEEPALIVE, 1);
	sock_provider->setopt(c, SOCK_OPT_KEEPIDLE, 10);
	sock_provider->setopt(c, SOCK_OPT_KEEPINTVL, 2);
	sock_provider->setopt(c, SOCK_OPT_KEEPCNT, 3);
	t.mute = true;
	ok(get(c, inbuf, 1) == -ETIMEDOUT, "a vanished peer: ETIMEDOUT");
	ok(fake_pv_clock - start >= 14 * NSEC_PER_SEC && fake_pv_clock - start < 30 * NSEC_PER_SEC,
	   "after %llu s", (unsigned long long)((fake_pv_clock - start) / NSEC_PER_SEC));
	file_put(c);
	peer_tcp_forget(&peer0, &t);
	file_put(l);
}

/* A retransmission limit: data to nobody. */
static void test_timeout(void)
{
	struct file *l = listener("0.0.0.0", 80, 5), *c;
	struct peer_tcp t;

	c = from_peer(l, &t, false);
	t.mute = true;
	put(c, "anybody?", 8);
	ok(get(c, inbuf, 1) == -ETIMEDOUT, "unanswered data: ETIMEDOUT");
	ok(put(c, "x", 1) == -EPIPE, "then EPIPE");
	file_put(c);
	peer_tcp_forget(&peer0, &t);
	file_put(l);
}

/* ---- DNS ---- */
static int dns_mode;
static unsigned dns_queries;

/* mode 0: A 192.0.2.7 and AAAA 2001:db8::7; 1: no such name; 2: silent */
static bool dns_server(struct peer *p, const struct peer_view *v)
{
	uint8_t m[512];
	size_t n = v->data_len;
	const uint8_t *q;

	if (v->proto != 17 || v->dport != 53)
		return false;
	dns_queries++;
	if (dns_mode == 2)
		return true;
	memcpy(m, v->data, n);
	m[2] = 0x81;
	m[3] = dns_mode == 1 ? 0x83 : 0x80;
	q = m + n - 4;
	if (dns_mode == 0) {
		bool v6 = q[1] == 28;

		m[7] = 1;
		memcpy(m + n, "\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\xc0\0\2\7", 16);
		if (v6) {
			m[n + 3] = 28;
			m[n + 11] = 16;
			memcpy(m + n + 12, "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\7", 16);
		}
		n += v6 ? 28 : 16;
	}
	peer_udp(p, v->v6, 53, v->sport, m, n, 0);
	return true;
}

static void test_dns(void)
{
	struct sock_addr a[4];
	nsec_t start;

	peer0.hook = dns_server;
	ok(sock_provider->resolve("192.0.2.1", 0, a, 4) == 1 && a[0].family == SOCK_IPV4,
	   "a number");
	ok(sock_provider->resolve("2001:db8::5", 0, a, 4) == 1 && a[0].family == SOCK_IPV6,
	   "an IPv6 number");
	ok(sock_provider->resolve("2001:db8::5", SOCK_IPV4, a, 4) == -ENOENT, "not IPv4");
	ok(sock_provider->resolve("localhost", 0, a, 4) == 2 && a[0].addr[0] == 127,
	   "localhost");
	ok(dns_queries == 0, "without a question");
	ok(sock_provider->resolve("both.example", 0, a, 4) == 2 && a[0].addr[3] == 7 &&
	   a[1].family == SOCK_IPV6 && a[1].addr[15] == 7, "both addresses");
	ok(sock_provider->resolve("four.example", SOCK_IPV4, a, 4) == 1, "IPv4 only");
	ok(sock_provider->resolve("six.example", SOCK_IPV6, a, 4) == 1, "IPv6 only");
	dns_mode = 1;
	ok(sock_provider->resolve("none.example", 0, a, 4) == -ENOENT, "no such name");
	dns_mode = 2;
	start = fake_pv_clock;
	ok(sock_provider->resolve("slow.example", 0, a, 4) == -EAGAIN, "no answer: EAGAIN");
	ok(fake_pv_clock - start <= 6 * NSEC_PER_SEC, "within the limit");
	socks_run(30000);
	dns_mode = 0;
	peer0.hook = NULL;
}

/* A program that never sleeps still hears the wire. */
static void test_busy(void)
{
	struct file *l = listener("0.0.0.0", 80, 5), *c, *ep, *always = udp4();
	struct epoll_ready r[2];
	struct poll_entry e[2];
	struct peer_tcp t;
	bool heard = false;

	c = from_peer(l, &t, false);
	epoll_file_create(&ep);
	epoll_file_add(ep, 1, always, FILE_OUT, 1);
	epoll_file_add(ep, 2, c, FILE_IN, 2);
	socks_say_hi(&t);
	for (int i = 0; i < 3 && !heard; i++) {
		int n = epoll_file_wait(ep, r, 2, 0);

		for (int k = 0; k < n; k++)
			heard |= r[k].data == 2;
	}
	ok(heard, "epoll_wait that always finds work looks at the devices");
	get(c, inbuf, 10);
	socks_say_hi(&t);
	e[0] = (struct poll_entry){ always, FILE_OUT, 0 };
	e[1] = (struct poll_entry){ c, FILE_IN, 0 };
	poll_files(e, 2, NSEC_NEVER);
	poll_files(e, 2, NSEC_NEVER);
	ok(e[1].revents == FILE_IN, "so does poll");
	get(c, inbuf, 10);
	socks_say_hi(&t);
	heard = false;
	for (int i = 0; i < 200 && !heard; i++)
		heard = get_flags(c, inbuf, 10, SOCK_MSG_DONTWAIT) > 0;
	ok(heard, "and a loop around recv");
	fake_pv_wait_hook = socks_turn;
	file_put(ep);
	file_put(always);
	file_put(c);
	rst(&t);
	peer_tcp_forget(&peer0, &t);
	file_put(l);
}

int main(void)
{
	static const struct { const char *name; void (*fn)(void); } tests[] = {
		{ "connect", test_connect }, { "reset", test_reset },
		{ "close", test_close }, { "slow reader", test_slow_reader }, { "orphans", test_orphans },
		{ "window", test_window },
		{ "backlog", test_backlog }, { "long backlog", test_long_backlog },
		{ "memory", test_memory }, { "fault", test_fault },
		{ "keepalive", test_keepalive }, { "timeout", test_timeout },
		{ "DNS", test_dns }, { "busy", test_busy },
	};

	for (size_t i = 0; i < sizeof(pattern); i++)
		pattern[i] = (uint8_t)(i * 7 + i / 251);
	socks_start();
	test_long_backlog();		/* tables grow once */
	socks_run(5000);
	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
		socks_mark();
		printf("# %s\n", tests[i].name);
		tests[i].fn();
		ok(socks_clean(), "%s: nothing left (%s)", tests[i].name, socks_report);
	}
	return done_testing();
}

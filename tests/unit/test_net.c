/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The network core against a scripted peer: ARP, ping, TCP with loss, DHCP,
 * IPv6, malformed frames, quiet when idle. Two interfaces: net0 static, net1 by DHCP.
 *
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
#include <string.h>

#include "kernel/clock.h"
#include "kernel/cmdline.h"
#include "kernel/console.h"
#include "kernel/timer.h"
#include "lwip/dhcp.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/stats.h"
#include "net/net_impl.h"
#include "net/pcbhash.h"
#include "tests/host/fake_heap.h"
#include "tests/host/fake_pv.h"
#include "tests/host/peer.h"
#include "tests/unit/tap.h"

static struct wire wire0, wire1;
static struct peer peer0, peer1;
static unsigned echoes;

/* ---- a small server on lwIP's raw API: sends back what comes ---- */
static unsigned accepted, closed, errors;
static struct tcp_pcb *last_pcb;

static err_t echo_recv(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err)
{
	(void)arg, (void)err;
	if (!p) {
		closed++;
		tcp_close(pcb);
		return ERR_OK;
	}
	for (struct pbuf *q = p; q; q = q->next)
		tcp_write(pcb, q->payload, q->len, TCP_WRITE_FLAG_COPY);
	net_recved(pcb, p->tot_len);
	pbuf_free(p);
	tcp_output(pcb);
	return ERR_OK;
}

static void echo_err(void *arg, err_t err)
{
	(void)arg, (void)err;
	errors++;
}

static err_t echo_accept(void *arg, struct tcp_pcb *pcb, err_t err)
{
	(void)arg;
	if (err != ERR_OK || !pcb)
		return ERR_VAL;
	accepted++;
	last_pcb = pcb;
	tcp_recv(pcb, echo_recv);
	tcp_err(pcb, echo_err);
	return ERR_OK;
}

static void serve(unsigned port)
{
	struct tcp_pcb *l = tcp_new_ip_type(IPADDR_TYPE_ANY);

	tcp_bind(l, IP_ANY_TYPE, (u16_t)port);
	l = tcp_listen_with_backlog(l, 64);
	tcp_accept(l, echo_accept);
}

/* ---- peers' hooks ---- */
static bool count_echo(struct peer *p, const struct peer_view *v)
{
	(void)p;
	echoes += (v->proto == 1 && v->l4[0] == 0) || (v->proto == 58 && v->l4[0] == 129);
	return false;
}

static unsigned discovers, requests;
static unsigned nak_server;	/* refuses all requests, as 192.168.7.N; 0: does not */

/* A DHCP server: offers 192.168.7.9/24, router and name server .1. */
static bool dhcp_server(struct peer *p, const struct peer_view *v)
{
	uint8_t m[300] = { 2, 1, 6, 0 };
	unsigned type = 0;
	const uint8_t *o;

	if (v->proto != 17 || v->dport != 67)
		return false;
	for (o = v->data + 240; *o != 255; o += 2 + o[1])
		if (*o == 53)
			type = o[2];
	discovers += type == 1;
	requests += type == 3;
	memcpy(m + 4, v->data + 4, 4);		/* xid */
	memcpy(m + 16, "\xc0\xa8\x07\x09", 4);
	memcpy(m + 28, p->w->nd.mac, 6);
	memcpy(m + 236, "\x63\x82\x53\x63", 4);
	memcpy(m + 240, "\x35\x01\x02\x36\x04\xc0\xa8\x07\x01\x01\x04\xff\xff\xff\x00"
			"\x03\x04\xc0\xa8\x07\x01\x06\x04\xc0\xa8\x07\x01"
			"\x33\x04\x00\x00\x0e\x10\xff", 34);
	m[242] = type == 1 ? 2 : 5;
	if (type == 3 && nak_server) {
		m[242] = 6;
		m[248] = (uint8_t)nak_server;
	}
	memcpy(p->guest4, "\xff\xff\xff\xff", 4);
	peer_udp(p, false, 67, 68, m, sizeof(m), 0);
	memcpy(p->guest4, "\xc0\xa8\x07\x09", 4);
	return true;
}

/* ---- tests ---- */
static void test_arp_and_ping(void)
{
	unsigned before;

	peer_run(&peer0, 3000);
	before = peer0.arps;
	peer_arp_request(&peer0);
	peer_pump(&peer0);
	ok(peer0.arps == before + 1, "an ARP request is answered");
	peer_ping(&peer0, false, 1, 56);
	peer_pump(&peer0);
	ok(echoes == 1, "ping is answered");
	peer_ping(&peer0, false, 2, 1400);
	peer_pump(&peer0);
	ok(echoes == 2, "a large ping is answered");
	peer_ping(&peer0, true, 3, 56);
	peer_pump(&peer0);
	ok(echoes == 3, "IPv6 ping is answered at once");
	ok(peer0.bad_checksums == 0, "checksums hold");
}

static void test_dhcp(void)
{
	peer_run(&peer1, 1000);
	ok(discovers >= 1 && requests >= 1, "DHCP: discover and request");
	ok(fake_pv_output_has("net1: 192.168.7.9/24 gateway 192.168.7.1"),
	   "DHCP: address logged");
	ok(fake_pv_output_has("net0: 10.0.0.2/24 gateway 10.0.0.1"),
	   "static address logged");
	ok(fake_pv_output_has("net0: 2001:db8::2/64"), "IPv6 address logged, in lower case");
}

/* The server refuses, or another one does. */
static void test_dhcp_nak(void)
{
	struct netif *n;

	NETIF_FOREACH(n)
		if (netif_dhcp_data(n))
			break;
	discovers = requests = 0;
	nak_server = 1;
	dhcp_network_changed_link_up(n);
	peer_run(&peer1, 30000);
	ok(discovers >= 2 && discovers <= 5 && requests <= 25,
	   "NAKs for 30 s: %u discoveries, %u requests", discovers, requests);
	nak_server = 0;
	peer_run(&peer1, 20000);
	ok(dhcp_supplied_address(n), "then an address");
	dhcp_release_and_stop(n);
	ok(dhcp_start(n) == ERR_OK, "released, started again");
	discovers = requests = 0;
	nak_server = 66;
	peer_run(&peer1, 12000);
	ok(discovers == 1 && requests >= 3, "NAKs of a server not asked are nothing: "
	   "%u discoveries, %u requests", discovers, requests);
	nak_server = 0;
	peer_run(&peer1, 60000);
	ok(dhcp_supplied_address(n), "then an address");
}

static uint8_t pattern[200000];

static void exchange(bool v6, unsigned port, size_t len, int lose)
{
	struct peer_tcp t;
	uint32_t sent = 0;

	ok(peer_tcp_open(&peer0, &t, v6, port, 80), "TCP %s opens", v6 ? "v6" : "v4");
	t.lose = lose;
	for (int rounds = 0; rounds < 4000 && t.in_len < len; rounds++) {
		while (sent < len && sent - (t.guest_ack - (0xfffffff1u + port)) < 8000) {
			uint32_t n = (uint32_t)(len - sent < 1460 ? len - sent : 1460);

			peer_tcp_send(&peer0, &t, TCPF_PSH, pattern + sent, n);
			sent += n;
		}
		peer_run(&peer0, 5);
	}
	ok(t.in_len == len && memcmp(t.in, pattern, len) == 0,
	   "%zu bytes come back (%u segments, %u retransmitted)", len, t.segments,
	   t.retransmits);
	peer_tcp_send(&peer0, &t, TCPF_FIN, NULL, 0);
	peer_run(&peer0, 100);
	ok(t.got_fin && !t.got_rst, "closes in good order");
	peer_tcp_forget(&peer0, &t);
}

static void test_tcp(void)
{
	unsigned before = accepted;

	exchange(false, 4000, 100, 0);
	exchange(false, 4001, 100000, 0);
	exchange(true, 4002, 100000, 0);
	exchange(false, 4003, 30000, 2);
	exchange(true, 4004, 30000, 1);
	ok(accepted == before + 5, "five accepted");
	ok(peer0.bad_checksums == 0, "checksums hold");
}

/* ---- losses that selective acknowledgements tell ---- */
static uint32_t watched;
static unsigned sent_again;

static bool watch(struct peer *p, const struct peer_view *v)
{
	(void)p;
	sent_again += v->proto == 6 && v->data_len && v->seq == watched;
	return false;
}

/* A segment at `ack` with a byte of data or none; SACK from `from` segments
 * beyond it to `to` (equal: no SACK). Returns how often `ack` was sent again. */
static unsigned sack(struct peer_tcp *t, uint32_t ack, unsigned from, unsigned to, bool data)
{
	uint8_t m[33] = { [12] = 8 << 4, [13] = TCPF_ACK | TCPF_PSH };
	uint32_t word[4] = { t->snd, ack, ack + from * 1460, ack + to * 1460 };
	static const unsigned at[4] = { 4, 8, 24, 28 };

	m[0] = (uint8_t)(t->port >> 8);
	m[1] = (uint8_t)t->port;
	m[3] = 80;
	m[14] = (uint8_t)(t->wnd >> 8);
	m[15] = (uint8_t)t->wnd;
	memset(m + 20, 1, 4);
	memcpy(m + 22, from == to ? "\1\1" : "\5\12", 2);
	for (int i = 0; i < (from == to ? 2 : 4); i++)
		for (int b = 0; b < 4; b++)
			m[at[i] + b] = (uint8_t)(word[i] >> (24 - 8 * b));
	if (from == to)
		memset(m + 24, 1, 8);
	t->snd += data;
	watched = ack;
	sent_again = 0;
	peer_send(&peer0, false, 6, m, 32 + data, 0, 0);
	peer_pump(&peer0);
	return sent_again;
}

static err_t sack_sent(void *arg, struct tcp_pcb *pcb, u16_t len)
{
	(void)arg, (void)len;
	net_tcp_acked(pcb);
	return ERR_OK;
}

static void test_sack(void)
{
	struct peer_tcp t;
	uint32_t una;
	u32_t ssthresh, wnd;
	unsigned n = 0;

	ok(peer_tcp_open(&peer0, &t, false, 4100, 80), "SACK: opens");
	tcp_sent(last_pcb, sack_sent);
	for (int i = 0; i < 5; i++) {	/* cwnd grows */
		tcp_write(last_pcb, pattern, 14600, TCP_WRITE_FLAG_COPY);
		tcp_output(last_pcb);
		peer_run(&peer0, 100);
	}
	peer0.hook = watch;
	t.mute = true;
	una = t.rcv;
	tcp_write(last_pcb, pattern, 14600, TCP_WRITE_FLAG_COPY);
	tcp_output(last_pcb);
	peer_pump(&peer0);
	ok(last_pcb->snd_nxt == una + 14600, "SACK: ten segments under way");
	wnd = last_pcb->snd_wnd;
	for (t.wnd = 60000; t.wnd < 60005; t.wnd++)
		n += sack(&t, una, 0, 0, true);
	ok(n == 0, "SACK: data and windows without it are no sign of loss");
	ok(last_pcb->snd_wnd == 60004 && wnd != 60004, "SACK: windows are taken");
	ok(sack(&t, una, 1, 3, true) == 0, "SACK: two segments beyond: late, perhaps");
	ok(sack(&t, una, 11, 20, true) == 0 && sack(&t, una, 3, 1, true) == 0,
	   "SACK: nonsense is not believed");
	ok(sack(&t, una, 1, 4, true) == 1, "SACK: three beyond: sent again at once");
	ssthresh = last_pcb->ssthresh;
	ok(sack(&t, una, 1, 5, true) == 0, "SACK: and once");
	ok(last_pcb->cwnd >= ssthresh + 4 * 1460, "SACK: the window moves by what arrived");
	ok(sack(&t, una + 5 * 1460, 1, 2, true) == 1, "SACK: the next hole at once");
	ok(last_pcb->ssthresh == ssthresh, "SACK: one window is cut once");
	t.mute = false;
	t.rcv = una + 5 * 1460;
	peer_run(&peer0, 3000);
	ok(t.rcv >= una + 14600 && !last_pcb->unacked && !last_pcb->unsent,
	   "SACK: all came in the end");
	peer0.hook = count_echo;
	peer_tcp_send(&peer0, &t, TCPF_RST, NULL, 0);
	peer_pump(&peer0);
	peer_tcp_forget(&peer0, &t);
}

static void test_bad_checksum_dropped(void)
{
	uint8_t f[128], tcp[20] = { 0x13, 0x88, 0, 80 };
	u32_t before = lwip_stats.tcp.chkerr;
	size_t n;

	tcp[12] = 0x50;
	tcp[13] = TCPF_SYN;
	n = peer_build(&peer0, f, false, 6, tcp, 20, 0);
	f[n - 1] ^= 1;
	wire_deliver(&wire0, f, n, 0, 0);
	ok(lwip_stats.tcp.chkerr == before + 1, "a bad TCP checksum is counted");
	wire_deliver(&wire0, f, n, NET_RX_CSUM_VALID, 0);
	ok(lwip_stats.tcp.chkerr == before + 1, "not looked at when the device did");
	n = peer_build(&peer0, f, false, 6, tcp, 20, 0);
	f[14 + 10] ^= 1;
	before = lwip_stats.ip.chkerr;
	wire_deliver(&wire0, f, n, NET_RX_CSUM_VALID, 0);
	ok(lwip_stats.ip.chkerr == before + 1, "IP's header is always checked");
	peer_pump(&peer0);
}

static void test_malformed(void)
{
	uint8_t f[1600], tcp[60] = { 0x13, 0x88, 0, 80 };
	uint64_t dropped = net_counters.rx_malformed;
	size_t n;

	for (size_t len = 0; len < 14; len++)
		wire_deliver(&wire0, f, len, 0, 0);
	ok(net_counters.rx_malformed == dropped + 14 && wire0.rx_lent == 0, "frames without a header");
	tcp[12] = 0x50;
	tcp[13] = TCPF_SYN;
	for (int v6 = 0; v6 < 2; v6++) {
		n = peer_build(&peer0, f, v6, 6, tcp, sizeof(tcp), 0);
		for (size_t len = 14; len < n; len++)
			wire_deliver(&wire0, f, len, NET_RX_CSUM_VALID, 0);
		for (size_t piece = 1; piece < 60; piece++)
			wire_deliver(&wire0, f, n, NET_RX_CSUM_VALID, piece);
	}
	peer_pump(&peer0);
	ok(wire0.rx_lent == 0, "every buffer came back");
	peer_ping(&peer0, false, 9, 10);
	peer_pump(&peer0);
	ok(echoes == 4, "and the stack still answers");
	peer_run(&peer0, 45000);		/* half-open ones time out */
	ok(pcbhash_count() == 0, "no connection stayed");
}

static void test_fragments(void)
{
	uint8_t f[2000], big[3000];
	struct heap_stats before, after;

	memset(big, 0, sizeof(big));
	big[0] = 8;
	/* Three fragments of an echo request of 3,000 bytes; checksum over all. */
	for (int pass = 0; pass < 2; pass++) {
		unsigned before_echo = echoes;
		uint8_t ip[20];
		uint32_t sum = 0;

		for (size_t i = 0; i < sizeof(big); i += 2)
			sum += i == 2 ? 0 : (uint32_t)(big[i] << 8 | big[i + 1]);
		sum = (sum & 0xffff) + (sum >> 16);
		big[2] = (uint8_t)(~sum >> 8);
		big[3] = (uint8_t)~sum;
		for (unsigned off = 0; off < 3000; off += 1000) {
			uint32_t c = 0;

			if (pass == 1 && off == 1000)
				continue;	/* lost */
			peer_build(&peer0, f, false, 1, big, 1000, 0);
			memcpy(f + 34, big + off, 1000);
			memcpy(ip, f + 14, 20);
			ip[4] = 7;
			ip[5] = (uint8_t)pass;
			ip[6] = (uint8_t)((off / 8) >> 8 | (off < 2000 ? 0x20 : 0));
			ip[7] = (uint8_t)(off / 8);
			ip[10] = ip[11] = 0;
			for (int i = 0; i < 20; i += 2)
				c += (uint32_t)(ip[i] << 8 | ip[i + 1]);
			c = (c & 0xffff) + (c >> 16);
			ip[10] = (uint8_t)(~c >> 8);
			ip[11] = (uint8_t)~c;
			memcpy(f + 14, ip, 20);
			heap_stats(HEAP_NET, &before);
			wire_deliver(&wire0, f, 1034, 0, 0);
		}
		peer_run(&peer0, 100);
		/* The answer is fragmented too: the peer counts its first piece. */
		ok((echoes > before_echo) == (pass == 0), "reassembly, pass %d", pass);
	}
	ok(wire0.rx_lent == 2, "a datagram in pieces waits");
	/* On a busy host each tick comes late. */
	for (int i = 0; i < 20; i++) {
		fake_pv_advance(1300 * NSEC_PER_MSEC);
		wire_settle();
	}
	heap_stats(HEAP_NET, &after);
	ok(wire0.rx_lent == 0, "and is given up after 15 s, though ticks are late");
}

static void test_idle(void)
{
	struct peer_tcp t;
	unsigned wakes = 0;
	nsec_t end;

	ok(peer_tcp_open(&peer0, &t, false, 5000, 80), "a connection stays open");
	peer_tcp_send(&peer0, &t, TCPF_PSH, "x", 1);
	peer_run(&peer0, 2000);
	peer_run(&peer1, 1000);
	wire_run(400000);
	end = clock_now() + 600 * NSEC_PER_SEC;
	while (clock_now() < end) {
		nsec_t next = timer_next_deadline();

		if (next > end)
			break;
		fake_pv_advance(next - clock_now());
		wire_settle();
		wakes++;
	}
	ok(wakes <= 60, "idle with an open connection: %u wake-ups in 600 s", wakes);
	fake_pv_advance(30 * NSEC_PER_SEC);
	peer_tcp_send(&peer0, &t, TCPF_PSH, "yz", 2);
	peer_run(&peer0, 100);
	ok(t.in_len == 3 && memcmp(t.in, "xyz", 3) == 0, "it works afterwards");
	peer_tcp_send(&peer0, &t, TCPF_FIN, NULL, 0);
	peer_run(&peer0, 100);
	peer_tcp_forget(&peer0, &t);
}

static err_t loop_got(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err)
{
	unsigned *got = arg;

	(void)err;
	if (p) {
		*got += p->tot_len;
		net_recved(pcb, p->tot_len);
		pbuf_free(p);
	}
	return ERR_OK;
}

static err_t loop_up(void *arg, struct tcp_pcb *pcb, err_t err)
{
	(void)arg, (void)err;
	tcp_write(pcb, pattern, 5000, TCP_WRITE_FLAG_COPY);
	return tcp_output(pcb);
}

static void test_loopback(const char *addr)
{
	struct tcp_pcb *c = tcp_new();
	unsigned got = 0;
	ip_addr_t a;

	ipaddr_aton(addr, &a);
	net_random_ports();
	tcp_arg(c, &got);
	tcp_recv(c, loop_got);
	tcp_connect(c, &a, 80, loop_up);
	wire_run(500);
	ok(got == 5000, "to %s: %u bytes back", addr, got);
	tcp_close(c);
	wire_run(5000);
}

static void test_syn_flood(void)
{
	struct peer_tcp t = { .guest_port = 80, .wnd = 1000 };
	struct peer_tcp good;

	for (int i = 0; i < 200; i++) {
		t.port = (uint16_t)(20000 + i);
		peer_tcp_raw(&peer0, &t, TCPF_SYN, 1, 0, NULL, 0, true);
	}
	peer_pump(&peer0);
	ok(pcbhash_count() <= 66, "half-open connections are bounded: %zu",
	   pcbhash_count());
	peer_run(&peer0, 1500);
	ok(peer_tcp_open(&peer0, &good, false, 6000, 80), "a new one still gets in");
	peer_tcp_send(&peer0, &good, TCPF_RST, NULL, 0);
	peer_run(&peer0, 60000);
	peer_tcp_forget(&peer0, &good);
}

/* After the last TIME-WAIT nothing is left to wait for. */
static void test_idle_after_close(void)
{
	struct peer_tcp t;
	unsigned wakes = 0;
	nsec_t end;

	ok(peer_tcp_open(&peer0, &t, false, 5100, 80), "a connection that we close first");
	tcp_close(last_pcb);
	peer_run(&peer0, 50);
	peer_tcp_send(&peer0, &t, TCPF_FIN, NULL, 0);
	peer_run(&peer0, 50);
	peer_tcp_forget(&peer0, &t);
	wire_run(10000);
	end = clock_now() + 60 * NSEC_PER_SEC;
	while (clock_now() < end && timer_next_deadline() < end) {
		nsec_t next = timer_next_deadline(), now = clock_now();

		fake_pv_advance(next > now ? next - now : 1);
		wire_settle();
		wakes++;
	}
	ok(wakes <= 12, "idle after TIME-WAIT: %u wake-ups in 60 s", wakes);
}

int main(void)
{
	struct heap_stats before, after;

	for (size_t i = 0; i < sizeof(pattern); i++)
		pattern[i] = (uint8_t)(i * 7 + i / 251);
	fake_pv_init(64 << 20);
	console_use_platform();
	wire_init(&wire0, 0);
	wire_init(&wire1, 0);
	peer_init(&peer0, &wire0);
	peer_init(&peer1, &wire1);
	memcpy(peer1.ip4, "\xc0\xa8\x07\x01", 4);
	peer0.hook = count_echo;
	peer1.hook = dhcp_server;
	ok(cmdline_init("ip=10.0.0.2/24,gw=10.0.0.1 ip=2001:db8::2/64,gw=2001:db8::1 "
			"net1.ip=dhcp hostname=t1") == 0, "command line");
	ok(cmdline_parse_options() == 0, "options");
	ok(net_start() == 0, "net_start");
	serve(80);
	test_arp_and_ping();
	test_dhcp();
	test_dhcp_nak();
	test_tcp();
	peer_run(&peer0, 10000);
	heap_stats(HEAP_NET, &before);
	test_tcp();
	test_sack();
	test_bad_checksum_dropped();
	test_malformed();
	test_fragments();
	test_syn_flood();
	test_loopback("127.0.0.1");
	test_loopback("::1");
	test_loopback("10.0.0.2");
	test_idle();
	test_idle_after_close();
	peer_run(&peer0, 10000);
	heap_stats(HEAP_NET, &after);
	ok(after.live_blocks <= before.live_blocks, "nothing leaks: %llu blocks, then %llu",
	   (unsigned long long)before.live_blocks, (unsigned long long)after.live_blocks);
	ok(pcbhash_count() == 0, "no PCB left");
	return done_testing();
}

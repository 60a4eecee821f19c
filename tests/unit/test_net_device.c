/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The glue between lwIP and a device: checksum offload, merged frames (TSO), a
 * ring that is full, buffers that run short, the memory limit, a device that
 * fails.
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
#include "lwip/priv/tcp_priv.h"
#include "lwip/stats.h"
#include "lwip/udp.h"
#include "net/net_impl.h"
#include "net/pcbhash.h"
#include "tests/host/fake_heap.h"
#include "tests/host/fake_pv.h"
#include "tests/host/peer.h"
#include "tests/unit/tap.h"

static struct wire wire;
static struct peer peer;
static uint8_t pattern[400000];
static struct tcp_pcb *last_pcb;
static size_t to_send;			/* how much a connection sends at once */
static bool hoard;			/* do not take what arrives */
static struct pbuf *hoarded;
static unsigned errors;

static err_t got(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err)
{
	(void)arg, (void)err;
	if (!p) {
		tcp_close(pcb);
	} else if (hoard) {
		if (hoarded)
			pbuf_cat(hoarded, p);
		else
			hoarded = p;
	} else {
		net_recved(pcb, p->tot_len);
		pbuf_free(p);
	}
	return ERR_OK;
}

static size_t fed;			/* bytes given to tcp_write so far */

static err_t poll_again(void *arg, struct tcp_pcb *pcb);

static void feed(struct tcp_pcb *pcb)
{
	tcp_poll(pcb, NULL, 0);
	while (fed < to_send) {
		size_t n = net_snd_room(pcb);

		if (n > to_send - fed)
			n = to_send - fed;
		if (n > 0xffff)
			n = 0xffff;
		if (n == 0 || tcp_write(pcb, pattern + fed, (u16_t)n,
					TCP_WRITE_FLAG_COPY) != ERR_OK) {
			tcp_poll(pcb, poll_again, 1);
			break;
		}
		fed += n;
	}
	tcp_output(pcb);
}

static err_t poll_again(void *arg, struct tcp_pcb *pcb)
{
	(void)arg;
	feed(pcb);
	return ERR_OK;
}

static err_t sent(void *arg, struct tcp_pcb *pcb, u16_t len)
{
	(void)arg, (void)len;
	feed(pcb);
	return ERR_OK;
}

static void failed(void *arg, err_t err)
{
	(void)arg, (void)err;
	errors++;
	last_pcb = NULL;
}

static err_t accepted(void *arg, struct tcp_pcb *pcb, err_t err)
{
	(void)arg;
	if (err != ERR_OK || !pcb)
		return ERR_VAL;
	last_pcb = pcb;
	tcp_recv(pcb, got);
	tcp_sent(pcb, sent);
	tcp_err(pcb, failed);
	fed = 0;
	feed(pcb);
	return ERR_OK;
}

static void bulk(bool v6, unsigned port, size_t len, const char *what)
{
	struct peer_tcp t;

	to_send = len;
	ok(peer_tcp_open(&peer, &t, v6, port, 80), "%s: opens", what);
	for (int i = 0; i < 4000 && t.in_len < len; i++)
		peer_run(&peer, 5);
	ok(t.in_len == len && memcmp(t.in, pattern, len) == 0,
	   "%s: %zu bytes in %u frames, %u repeated", what, len, t.segments,
	   t.retransmits);
	ok(peer.bad_checksums == 0, "%s: checksums hold", what);
	peer_tcp_send(&peer, &t, TCPF_RST, NULL, 0);
	peer_pump(&peer);
	peer_tcp_forget(&peer, &t);
}

static void test_gso(void)
{
	uint64_t before = net_counters.gso_frames;

	bulk(false, 4000, 300000, "TSO4");
	ok(net_counters.gso_frames > before, "TSO4: %llu merged frames of %llu segments",
	   (unsigned long long)(net_counters.gso_frames - before),
	   (unsigned long long)net_counters.gso_segments);
	before = net_counters.gso_frames;
	bulk(true, 4001, 300000, "TSO6");
	ok(net_counters.gso_frames > before, "TSO6: merged frames");
	wire.nd.features = NETDEV_TX_CSUM;
	before = net_counters.gso_frames;
	bulk(false, 4002, 100000, "checksum only");
	bulk(true, 4003, 100000, "checksum only, v6");
	ok(net_counters.gso_frames == before, "nothing merged without TSO");
	wire.nd.features = NETDEV_TX_CSUM | NETDEV_TSO4 | NETDEV_TSO6;
}

static void test_loss_while_merging(void)
{
	struct peer_tcp t;

	to_send = 200000;
	ok(peer_tcp_open(&peer, &t, false, 4010, 80), "loss: opens");
	t.lose = 5;
	for (int i = 0; i < 20000 && t.in_len < to_send; i++) {
		if (i % 50 == 10 && i < 200)
			t.lose = 1;
		peer_run(&peer, 5);
	}
	ok(t.in_len == to_send && memcmp(t.in, pattern, to_send) == 0,
	   "loss: all bytes arrive (%u frames)", t.segments);
	peer_tcp_send(&peer, &t, TCPF_RST, NULL, 0);
	peer_pump(&peer);
	peer_tcp_forget(&peer, &t);
}

static void test_partial_rx(void)
{
	u32_t before = lwip_stats.udp.recv, bad = lwip_stats.udp.chkerr;

	peer_udp(&peer, false, 5, 5, "hello", 5, NET_RX_CSUM_PARTIAL);
	peer_udp(&peer, true, 5, 5, "hello", 5, NET_RX_CSUM_PARTIAL);
	peer_udp(&peer, true, 5, 5, "hello", 5, NET_RX_CSUM_VALID);
	ok(lwip_stats.udp.recv == before + 3 && lwip_stats.udp.chkerr == bad,
	   "blank checksums are taken where the device says so");
	peer_pump(&peer);
}

/* A super-segment, as GUEST_TSO and mergeable buffers bring it. */
static void test_big_rx(void)
{
	struct peer_tcp t;
	struct pbuf *p;

	to_send = 0;
	hoard = true;
	ok(peer_tcp_open(&peer, &t, false, 4020, 80), "super-segment: opens");
	{
		static uint8_t m[20 + 40000], f[50000];
		uint8_t h[20] = { 4020 >> 8, 4020 & 255, 0, 80 };
		size_t n;

		for (int i = 0; i < 4; i++) {
			h[4 + i] = (uint8_t)(t.snd >> (24 - 8 * i));
			h[8 + i] = (uint8_t)(t.rcv >> (24 - 8 * i));
		}
		h[12] = 0x50;
		h[13] = TCPF_ACK | TCPF_PSH;
		h[14] = h[15] = 0xff;
		memcpy(m, h, 20);
		memcpy(m + 20, pattern, 40000);
		n = peer_build(&peer, f, false, 6, m, sizeof(m), NET_RX_CSUM_PARTIAL);
		wire_deliver(&wire, f, n, NET_RX_CSUM_PARTIAL, 1526);
		t.snd += 40000;
	}
	peer_run(&peer, 60);
	ok(hoarded && hoarded->tot_len == 40000 && wire.rx_lent == 27,
	   "40,000 bytes in %u lent buffers, no copy", wire.rx_lent);
	for (p = hoarded; p; p = p->next)
		if (memcmp(p->payload, pattern + (40000 - p->tot_len), p->len) != 0)
			break;
	ok(!p, "in order");
	ok(t.guest_ack == t.snd, "acknowledged");
	net_recved(last_pcb, hoarded->tot_len);
	pbuf_free(hoarded);
	hoarded = NULL;
	ok(wire.rx_lent == 0, "buffers go back when the application is done");
	peer_tcp_send(&peer, &t, TCPF_RST, NULL, 0);
	peer_pump(&peer);
	peer_tcp_forget(&peer, &t);
	hoard = false;
}

static void test_rx_short(void)
{
	struct peer_tcp t;
	uint64_t before = net_counters.rx_copied;

	hoard = true;
	to_send = 0;
	wire.rx_total = 16;
	ok(peer_tcp_open(&peer, &t, false, 4030, 80), "few buffers: opens");
	for (int i = 0; i < 40; i++) {
		peer_tcp_send(&peer, &t, TCPF_PSH, pattern + i * 500, 500);
		peer_pump(&peer);
	}
	ok(hoarded && hoarded->tot_len == 20000, "everything arrived");
	ok(wire.rx_lent <= 13 && net_counters.rx_copied > before,
	   "%u of 16 buffers held, %llu frames copied", wire.rx_lent,
	   (unsigned long long)(net_counters.rx_copied - before));
	net_recved(last_pcb, hoarded->tot_len);
	pbuf_free(hoarded);
	hoarded = NULL;
	peer_tcp_send(&peer, &t, TCPF_RST, NULL, 0);
	peer_pump(&peer);
	peer_tcp_forget(&peer, &t);
	hoard = false;
	wire.rx_total = 256;
}

static void test_ring_full(void)
{
	struct udp_pcb *u = udp_new();
	struct pbuf *p;
	ip_addr_t to;
	unsigned refused = 0;

	peer_pump(&peer);
	wire.hold = true;
	wire.tx_room = 4;
	ipaddr_aton("10.0.0.1", &to);
	for (int i = 0; i < 400; i++) {
		p = pbuf_alloc(PBUF_TRANSPORT, 100, PBUF_RAM);
		memset(p->payload, i, 100);
		refused += udp_sendto(u, p, &to, 9) == ERR_MEM;
		pbuf_free(p);
	}
	wire_settle();
	ok(wire.n_cookies == 4 && refused > 100 && refused < 160,
	   "ring full: 4 in the ring, queue bounded, %u refused", refused);
	for (int i = 0; i < 200 && wire.n_cookies; i++)
		wire_complete(&wire);
	peer_pump(&peer);
	ok(wire.n_cookies == 0, "the queue drains");
	udp_remove(u);
	wire.tx_room = 2;
	wire.hold = false;
	bulk(false, 4040, 100000, "ring of two");
	wire.tx_room = UINT32_MAX;
}

static void test_many_pieces(void)
{
	struct udp_pcb *u = udp_new();
	struct pbuf *head = NULL;
	uint64_t before = net_counters.tx_linearized;
	unsigned frames;
	ip_addr_t to;

	ipaddr_aton("10.0.0.1", &to);
	for (int i = 0; i < 30; i++) {
		struct pbuf *p = pbuf_alloc(PBUF_RAW, 10, PBUF_RAM);

		memset(p->payload, i, 10);
		if (head)
			pbuf_cat(head, p);
		else
			head = p;
	}
	frames = peer.frames;
	udp_sendto(u, head, &to, 9);
	pbuf_free(head);
	peer_pump(&peer);
	ok(net_counters.tx_linearized == before + 1 && peer.frames == frames + 1 &&
	   peer.bad_checksums == 0, "30 pieces go as one");
	udp_remove(u);
}

static void test_memory(void)
{
	static struct peer_tcp t[400];
	void *ballast;
	unsigned opened = 0;
	u32_t wide = net_tcp_window();
	size_t free_bytes = net_mem_limit() - net_mem_used();

	ok(wide == 256 * 1024, "a window of 256 KiB in 64 MiB");
	to_send = 0;
	ok(peer_tcp_open(&peer, &t[0], false, 5000, 80), "a connection");
	ok(pcbhash_window(last_pcb) == wide, "has the whole window");
	ballast = net_mem_alloc(free_bytes * 6 / 10);
	ok(net_mem_pressure() == NET_MEM_LOW, "pressure: low");
	for (int i = 1; i < 300; i++)
		opened += peer_tcp_open(&peer, &t[i], false, 5000 + i, 80);
	ok(opened == 299 && net_tcp_window() < 64 * 1024,
	   "300 connections, the next window is %u", net_tcp_window());
	peer_tcp_send(&peer, &t[299], TCPF_PSH, pattern, 1000);
	peer_tcp_send(&peer, &t[0], TCPF_PSH, pattern, 1000);
	peer_pump(&peer);
	free_bytes = net_mem_limit() - net_mem_used();
	net_mem_free(ballast);
	ballast = net_mem_alloc(net_mem_limit() * 85 / 100);
	ok(net_mem_pressure() == NET_MEM_HIGH, "pressure: high");
	ok(!peer_tcp_open(&peer, &t[300], false, 5300, 80), "a SYN waits");
	peer_tcp_send(&peer, &t[5], TCPF_PSH, pattern, 1000);
	peer_run(&peer, 60);
	ok(t[5].guest_ack == t[5].snd, "an open connection goes on");
	net_mem_free(ballast);
	ok(net_mem_alloc(net_mem_limit() + 1) == NULL, "never above the limit");
	ballast = net_mem_alloc(net_mem_limit() - net_mem_used() - 100);
	ok(net_mem_alloc(2000) == NULL, "nothing big when full");
	peer_tcp_send(&peer, &t[6], TCPF_PSH, pattern, 1000);
	peer_run(&peer, 60);
	ok(t[6].guest_ack == t[6].snd, "but acknowledgements still go");
	net_mem_free(ballast);
	peer_tcp_raw(&peer, &t[300], TCPF_SYN, t[300].snd - 1, 0, NULL, 0, true);
	peer_pump(&peer);
	ok(t[300].got_syn, "the SYN that came again is answered");
	for (int i = 0; i <= 300; i++) {
		peer_tcp_send(&peer, &t[i], TCPF_RST, NULL, 0);
		peer_tcp_forget(&peer, &t[i]);
	}
	peer_run(&peer, 100);
	ok(pcbhash_count() == 0, "all gone");
}

/* Every allocation fails once, in turn: nothing breaks, nothing leaks. */
static void test_no_memory(void)
{
	struct heap_stats before, after;
	unsigned done = 0;

	peer_run(&peer, 5000);
	heap_stats(HEAP_NET, &before);
	for (unsigned n = 1; n < 40; n++) {
		struct peer_tcp t;

		to_send = 20000;
		fake_heap_fail_after = n;
		peer_tcp_open(&peer, &t, n & 1, 7000 + n, 80);
		for (int i = 0; i < 100 && t.in_len < to_send; i++)
			peer_run(&peer, 10);
		fake_heap_fail_after = 0;
		done += t.in_len == to_send && memcmp(t.in, pattern, to_send) == 0;
		peer_tcp_send(&peer, &t, TCPF_RST, NULL, 0);
		peer_run(&peer, 10);
		peer_tcp_forget(&peer, &t);
	}
	peer_run(&peer, 60000);
	heap_stats(HEAP_NET, &after);
	ok(done > 30, "%u of 39 transfers survive a failed allocation", done);
	ok(after.live_blocks <= before.live_blocks + 1, "no leak: %llu, %llu",
	   (unsigned long long)before.live_blocks, (unsigned long long)after.live_blocks);
}

static void test_failure(void)
{
	struct peer_tcp t;
	struct heap_stats st;

	to_send = 100000;
	wire.hold = true;
	wire.tx_room = 3;
	peer_tcp_open(&peer, &t, false, 4100, 80);
	ok(last_pcb != NULL, "a connection with data under way");
	wire_fail(&wire);
	wire_settle();
	ok(fake_pv_output_has("net0: the device failed"), "logged");
	ok(wire.n_cookies == 0, "nothing is held");
	wire_run(600000);
	ok(pcbhash_count() == 0 && errors > 0, "connections end with an error");
	heap_stats(HEAP_NET, &st);
	peer_tcp_forget(&peer, &t);
	for (struct wire_frame *f; (f = wire_take(&wire)) != NULL;)
		free(f);
}

int main(void)
{
	struct tcp_pcb *l;

	for (size_t i = 0; i < sizeof(pattern); i++)
		pattern[i] = (uint8_t)(i * 7 + i / 251);
	fake_pv_init(64 << 20);
	console_use_platform();
	wire_init(&wire, NETDEV_TX_CSUM | NETDEV_RX_CSUM | NETDEV_TSO4 | NETDEV_TSO6);
	peer_init(&peer, &wire);
	ok(cmdline_init("ip=10.0.0.2/24 ip=2001:db8::2/64") == 0 &&
	   cmdline_parse_options() == 0 && net_start() == 0, "starts");
	l = tcp_new_ip_type(IPADDR_TYPE_ANY);
	tcp_bind(l, IP_ANY_TYPE, 80);
	tcp_accept(tcp_listen_with_backlog(l, 255), accepted);
	peer_run(&peer, 2000);
	test_gso();
	test_loss_while_merging();
	test_partial_rx();
	test_big_rx();
	test_rx_short();
	test_ring_full();
	test_many_pieces();
	test_memory();
	test_no_memory();
	test_failure();
	return done_testing();
}

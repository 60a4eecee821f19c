/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The network driver against an honest switch and hostile ones; the stack is
 * played by this file: it holds buffers, gives them back late, runs into the
 * full ring.
 *
 * SOURCES: drivers/virtio/virtq.c drivers/virtio/virtio.c drivers/virtio/virtio_mmio.c drivers/virtio/virtio_pci.c drivers/pci.c
 * SOURCES: drivers/virtio/virtio_net.c drivers/virtio/virtio_rx_net.c kernel/lib/shared.c
 * SOURCES: tests/peer/ring_peer.c tests/peer/virtio_peer.c tests/peer/peer_kernel.c
 * FLAGS: -include tests/peer/mmio_hook.h -Wl,-T,tests/peer/tables.ld
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "drivers/virtio/virtio.h"
#include "kernel/event.h"
#include "tests/peer/peer_kernel.h"
#include "tests/peer/virtio_peer.h"
#include "tests/unit/tap.h"

#define RXQ 0
#define TXQ 1
#define HDR sizeof(struct virtio_net_hdr)
#define ALL (VIRTIO_NET_F_CSUM | VIRTIO_NET_F_GUEST_CSUM | VIRTIO_NET_F_MAC | \
	     VIRTIO_NET_F_GUEST_TSO4 | VIRTIO_NET_F_GUEST_TSO6 | VIRTIO_NET_F_HOST_TSO4 | \
	     VIRTIO_NET_F_HOST_TSO6 | VIRTIO_NET_F_MRG_RXBUF | VIRTIO_NET_F_STATUS | \
	     VIRTIO_F_EVENT_IDX | VIRTIO_F_INDIRECT_DESC)

/* ---- the switch ---- */

static struct vpeer p;
static uint8_t sent[70000];		/* last frame, with its header */
static unsigned sent_len, n_sent, tx_budget;
static uint64_t sum_sent;
static uint8_t to_send[80000];		/* frames that the device has for us */
static unsigned frame_len, n_frames;	/* n_frames of frame_len bytes, byte 0 counts */
static unsigned n_no_room;
static struct virtio_net_hdr rx_hdr;
static bool one_by_one;			/* publishes each buffer by itself */

static void tx_work(void)
{
	struct ring_chain c;

	while (tx_budget && ring_take(&p.ring[TXQ], &c)) {
		tx_budget--;
		sent_len = 0;
		if (c.n_in || c.out_len > sizeof(sent))
			abort();
		for (unsigned i = 0; i < c.n_out; i++) {
			memcpy(sent + sent_len, c.seg[i].base, c.seg[i].len);
			sent_len += c.seg[i].len;
		}
		sum_sent += sent[HDR];
		n_sent++;
		ring_give(&p.ring[TXQ], c.head, 0);
	}
}

static void rx_work(void)
{
	while (n_frames) {
		struct ring_chain c[64];
		unsigned n = 0, room = 0, at = 0;
		uint8_t wire[80000];

		/* as many buffers as the frame needs, or none */
		while (room < frame_len + HDR && n < 64 && ring_take(&p.ring[RXQ], &c[n]))
			room += c[n++].in_len;
		if (room < frame_len + HDR) {
			p.ring[RXQ].last_avail = (uint16_t)(p.ring[RXQ].last_avail - n);
			n_no_room++;
			return;
		}
		if (!rx_hdr.num_buffers)
			rx_hdr.num_buffers = (uint16_t)n;
		memcpy(wire, &rx_hdr, HDR);
		rx_hdr.num_buffers = 0;
		memcpy(wire + HDR, to_send, frame_len);
		to_send[0]++;
		for (unsigned i = 0; i < n; i++) {
			unsigned part = frame_len + (unsigned)HDR - at;

			if (part > c[i].in_len)
				part = c[i].in_len;
			memcpy(c[i].seg[0].base, wire + at, part);
			at += part;
			ring_give(&p.ring[RXQ], c[i].head, part);
			if (one_by_one) {
				vpeer_publish(&p, RXQ);
				event_poll();
			}
		}
		n_frames--;
	}
}

static void work(struct vpeer *d, unsigned q)
{
	(void)d;
	if (q == TXQ)
		tx_work();
	else
		rx_work();
}

/* Frames arrive on the wire. */
static void arrive(unsigned n, unsigned len)
{
	n_frames += n;
	frame_len = len;
	p.kicked[RXQ] = true;
}

/* ---- the stack ---- */

static unsigned n_rx, n_rx_end, n_tx_done, n_tx_ready, n_link, n_failed, last_flags, last_bufs;
static uint32_t last_len;
static bool last_up, last_same, keep, pending_tx;
static struct net_rx_buf *held[300];
static unsigned n_held, want_to_send;
static uint8_t payload[70000], *src = payload;

static void on_rx(void *arg, struct net_rx_buf *chain, unsigned flags)
{
	unsigned at = 0;

	(void)arg;
	n_rx++;
	last_flags = flags;
	last_bufs = 0;
	last_same = true;
	for (struct net_rx_buf *b = chain; b; b = b->next) {
		last_bufs++;
		if (b->len > b->capacity)
			abort();
		last_same &= !memcmp(b->data + (at == 0), to_send + at + (at == 0), b->len - (at == 0));
		memset(b->priv, 0xee, sizeof(b->priv));
		b->data[b->capacity - 1] = 1;	/* all of it is ours */
		at += b->len;
	}
	last_len = at;
	if (keep)
		held[n_held++] = chain;
	else
		pk_net->ops->release(pk_net, chain);
}

static void on_rx_end(void *arg)
{
	(void)arg;
	n_rx_end++;
}

static void on_tx_done(void *arg, void *cookie)
{
	(void)arg;
	if ((uintptr_t)cookie != 0x1000)
		abort();
	n_tx_done++;
}

static int transmit(unsigned len, unsigned n_segs, bool csum, uint16_t gso)
{
	struct net_tx tx = { .n_segs = n_segs, .cookie = (void *)0x1000, .needs_csum = csum,
			     .csum_start = 34, .csum_offset = 16, .gso_size = gso, .hdr_len = 54 };

	for (unsigned i = 0; i < n_segs; i++)
		tx.seg[i] = (struct net_seg){ src + i * (len / n_segs),
					      i + 1 < n_segs ? len / n_segs :
					      len - i * (len / n_segs) };
	return pk_net->ops->transmit(pk_net, &tx);
}

/* Sends what there is until the ring is full, as a queue in the glue does. */
static void pump(void)
{
	while (want_to_send) {
		int err;

		src = payload + 100 * (want_to_send % 512);	/* more than are in flight */
		src[0] = (uint8_t)want_to_send;
		err = transmit(100, 1, false, 0);
		if (err == -EAGAIN) {
			pending_tx = true;
			break;
		}
		if (err)
			abort();
		want_to_send--;
	}
	src = payload;
	pk_net->ops->kick(pk_net);
}

static void on_tx_ready(void *arg)
{
	(void)arg;
	n_tx_ready++;
	if (!pending_tx)
		abort();
	pending_tx = false;
	pump();
}

static void on_link(void *arg, bool up)
{
	(void)arg;
	n_link++;
	last_up = up;
}

static void on_failed(void *arg)
{
	(void)arg;
	n_failed++;
}

static const struct netdev_client client = {
	on_rx, on_rx_end, on_tx_done, on_tx_ready, on_link, on_failed,
};

static void init(enum vpeer_bus bus, uint64_t offers)
{
	static const uint8_t mac[6] = { 0x52, 0x54, 0, 1, 2, 3 };

	vpeer_init(&p, bus, VIRTIO_ID_NET, offers);
	memcpy(p.config, mac, 6);
	vpeer_config_put(&p, VIRTIO_NET_CFG_STATUS, 2, 1);
	vpeer_config_put(&p, VIRTIO_NET_CFG_MTU, 2, 1400);
	p.work = work;
	tx_budget = ~0u;
	n_rx = n_rx_end = n_tx_done = n_tx_ready = n_link = n_failed = n_held = n_sent = 0;
	n_frames = n_no_room = want_to_send = 0;
	sum_sent = 0;
	keep = pending_tx = one_by_one = false;
	memset(&rx_hdr, 0, sizeof(rx_hdr));
	for (unsigned i = 0; i < sizeof(to_send); i++)
		to_send[i] = (uint8_t)(i * 5 + i / 256 + 1);
	memcpy(payload, to_send, sizeof(payload));
}

static void attach(void)
{
	vpeer_plug(&p);
	if (pk_net) {
		pk_net->client = &client;
		pk_settle();
	}
}

static void start(enum vpeer_bus bus, uint64_t offers)
{
	init(bus, offers);
	attach();
}

static unsigned rx_free(void)
{
	unsigned total;

	return pk_net->ops->rx_free(pk_net, &total);
}

/* ---- tests ---- */

static void test_features(void)
{
	start(VPEER_MMIO, ALL);
	ok(pk_net->features == (NETDEV_TX_CSUM | NETDEV_RX_CSUM | NETDEV_TSO4 | NETDEV_TSO6) &&
	   pk_net->mtu == 1500 && pk_net->link_up && pk_net->mac[0] == 0x52, "all of them");
	ok(!(p.accepted & VIRTIO_F_INDIRECT_DESC) && p.accepted & VIRTIO_NET_F_GUEST_TSO4, "accepted");
	start(VPEER_MMIO, ALL & ~VIRTIO_NET_F_CSUM);
	ok(!(pk_net->features & (NETDEV_TSO4 | NETDEV_TSO6)) && !(p.accepted & VIRTIO_NET_F_HOST_TSO4),
	   "TSO without CSUM is not taken");
	start(VPEER_MMIO, ALL & ~VIRTIO_NET_F_GUEST_CSUM);
	ok(!(p.accepted & VIRTIO_NET_F_GUEST_TSO4), "GUEST_TSO without GUEST_CSUM neither");
	start(VPEER_MMIO, ALL & ~VIRTIO_NET_F_MRG_RXBUF);
	ok(!(p.accepted & VIRTIO_NET_F_GUEST_TSO4), "nor without mergeable buffers");
	init(VPEER_MMIO, ALL);
	pk_pages = 700;
	attach();
	{
		unsigned total;

		pk_net->ops->rx_free(pk_net, &total);
		ok(total * 2048 <= 700 * 4096 / 16 && total >= 16 &&
		   !(p.accepted & VIRTIO_NET_F_GUEST_TSO4), "a small guest: %u buffers", total);
	}
	init(VPEER_MMIO, ALL);
	pk_pages = 300;
	attach();
	{
		unsigned total;

		pk_net->ops->rx_free(pk_net, &total);
		ok(total == 36, "a sixteenth of memory: %u buffers", total);
	}
	start(VPEER_MMIO, ALL | VIRTIO_NET_F_MTU);
	ok(pk_net->mtu == 1400, "MTU of the device");
	init(VPEER_MMIO, (ALL | VIRTIO_NET_F_MTU) & ~VIRTIO_NET_F_MRG_RXBUF);
	vpeer_config_put(&p, VIRTIO_NET_CFG_MTU, 2, 9000);
	attach();
	ok(pk_net->mtu == 2048 - 12 - 18, "MTU that fits one buffer");
	init(VPEER_MMIO, ALL | VIRTIO_NET_F_MTU);
	vpeer_config_put(&p, VIRTIO_NET_CFG_MTU, 2, 67);
	attach();
	ok(!pk_net && pk_logged("MTU is out of range") && pk_bound_lines == 0, "MTU of 67");
	init(VPEER_MMIO, ALL);
	p.config[0] = 0xff;
	attach();
	ok(pk_net->mac[0] == 0x76 && !(pk_net->mac[0] & 1), "multicast MAC: a random one");
	start(VPEER_MMIO, 0);
	ok(pk_net->features == 0 && pk_net->link_up && pk_net->mac[0] == 0x76, "no features at all");
	init(VPEER_MMIO, ALL);
	p.unsteady = true;
	attach();
	ok(!pk_net && pk_logged("hold still"), "configuration that never holds still");
	init(VPEER_MMIO, ALL);
	p.queue_max = 16;
	attach();
	ok(!pk_net && pk_logged("too short"), "queues too short");
	for (unsigned i = 1; i < 16; i++) {
		init(VPEER_MMIO, ALL);
		pk_alloc_fail_after = i;
		attach();
		if (pk_alloc_fail_after)
			break;
		ok(!pk_net && pk_bound_lines == 0, "allocation %u fails", i);
	}
}

static void test_tx(enum vpeer_bus bus, uint64_t offers)
{
	struct virtio_net_hdr h;

	start(bus, offers);
	ok(transmit(1000, 3, offers & VIRTIO_NET_F_CSUM, 0) == 0, "transmit, bus %d", bus);
	pk_settle();
	ok(n_sent == 0, "nothing before the kick");
	pk_net->ops->kick(pk_net);
	pk_settle();
	memcpy(&h, sent, HDR);
	ok(n_sent == 1 && sent_len == 1000 + HDR && !memcmp(sent + HDR, payload, 1000), "sent");
	ok(offers & VIRTIO_NET_F_CSUM ? h.flags == 1 && h.csum_start == 34 && h.csum_offset == 16 :
	   h.flags == 0, "checksum fields");
	pk_net->ops->poll(pk_net);
	ok(n_tx_done == 1 && pk_net->tx_frames == 1 && pk_net->tx_bytes == 1000, "done by poll");
	if (offers & VIRTIO_NET_F_HOST_TSO4) {
		ok(transmit(64000, 18, true, 1460) == 0, "a large one");
		pk_net->ops->kick(pk_net);
		pk_settle();
		memcpy(&h, sent, HDR);
		ok(sent_len == 64000 + HDR && !memcmp(sent + HDR, payload, 64000) &&
		   h.gso_type == 1 && h.gso_size == 1460 && h.hdr_len == 54, "with its fields");
	}
	{
		unsigned irqs = p.n_irqs;

		for (unsigned i = 0; i < 20; i++) {
			transmit(60, 1, false, 0);
			pk_net->ops->kick(pk_net);
			pk_settle();
		}
		ok(p.n_irqs - irqs <= 1, "no interrupts for transmission: %u", p.n_irqs - irqs);
	}
}

/* The ring runs full again and again; the device works in bursts of its own. */
static void test_tx_full(enum vpeer_bus bus, uint64_t offers, unsigned burst, bool at_once)
{
	uint64_t sum = 0;
	unsigned rounds = 0;

	init(bus, offers);
	p.inline_work = at_once;
	attach();
	for (unsigned i = 1; i <= 100000; i++)
		sum += i & 0xff;
	want_to_send = 100000;
	tx_budget = 0;
	pump();
	while (n_sent < 100000 && rounds++ < 400000) {
		tx_budget = burst;
		p.kicked[TXQ] |= p.ring[TXQ].last_avail != p.ring[TXQ].avail->idx;
		vpeer_run(&p);
		event_poll();
	}
	pk_settle();
	pk_net->ops->poll(pk_net);
	ok(n_sent == 100000 && sum_sent == sum && n_tx_done == 100000,
	   "100000 frames through a full ring, bursts of %u: sent %u, done %u, ready %u times",
	   burst, n_sent, n_tx_done, n_tx_ready);
	ok(burst > 200 || n_tx_ready > 10 || at_once, "with back pressure");
}

/* Only notifications and interrupts move things here: what gets lost stalls. */
static void test_tx_notified(enum vpeer_bus bus, uint64_t offers, bool at_once)
{
	init(bus, offers);
	p.inline_work = at_once;
	attach();
	want_to_send = 100000;
	pump();
	pk_settle();
	pk_net->ops->poll(pk_net);
	ok(n_sent == 100000 && n_tx_done == 100000 && !pending_tx,
	   "100000 frames by notifications alone: %u, at once %d", n_sent, at_once);
}

/* Half of the chains done may be little room: the event must be armed again. */
static void test_tx_mixed(uint64_t offers)
{
	unsigned n = 0;

	init(VPEER_MMIO, offers);
	pk_pages = 32768;
	attach();
	while (transmit(60, 1, false, 0) == 0)
		n++;
	pending_tx = true;
	pk_settle();
	ok(n_sent == n && n_tx_ready == 1, "the driver kicks when the ring is full: %u", n_sent);
	n_sent = n_tx_ready = 0;
	tx_budget = 0;
	for (n = 0; n < 10; n++)
		(void)!transmit(60, 1, false, 0);
	while (transmit(1800, 18, false, 0) == 0)
		n++;
	pending_tx = true;
	tx_budget = n / 2;
	p.kicked[TXQ] = true;
	pk_settle();
	ok(n_sent == n / 2 && n_tx_ready == 0, "half of %u chains is little room", n);
	tx_budget = ~0u;
	p.kicked[TXQ] = true;
	pk_settle();
	ok(n_sent == n && n_tx_ready == 1, "and the stack hears of the rest");
}

static void test_rx(enum vpeer_bus bus, uint64_t offers)
{
	bool mrg = offers & VIRTIO_NET_F_MRG_RXBUF;
	unsigned total, i;

	init(bus, offers);
	arrive(3, 100);
	vpeer_plug(&p);
	arrive(3, 100);
	pk_settle();
	ok(pk_net->rx_dropped >= 3 && rx_free() > 0, "frames before the stack is there are dropped");
	pk_net->client = &client;
	for (i = 0; i < 1000; i++) {
		arrive(1, 60 + i);
		pk_settle();
		if (n_rx != i + 1 || last_len != 60 + i || !last_same || last_bufs != 1)
			break;
	}
	ok(i == 1000 && n_rx_end == 1000, "1000 frames, bus %d, offers %llx: %u", bus,
	   (unsigned long long)offers, i);
	arrive(5000, 1514);
	pk_settle();
	ok(n_rx == 6000 && pk_net->rx_frames == 6000, "5000 more at once: %u", n_rx);
	rx_hdr.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
	arrive(1, 100);
	pk_settle();
	ok(last_flags == (offers & VIRTIO_NET_F_GUEST_CSUM ? NET_RX_CSUM_PARTIAL : 0), "NEEDS_CSUM");
	rx_hdr.flags = VIRTIO_NET_HDR_F_DATA_VALID;
	arrive(1, 100);
	pk_settle();
	ok(last_flags == (offers & VIRTIO_NET_F_GUEST_CSUM ? NET_RX_CSUM_VALID : 0), "DATA_VALID");
	rx_hdr.flags = 0;
	if (mrg) {
		arrive(20, 65550);
		pk_settle();
		ok(last_len == 65550 && last_same && last_bufs == 33, "frames of 64 KiB in %u buffers",
		   last_bufs);
		one_by_one = true;
		arrive(20, 65550);
		pk_settle();
		ok(last_len == 65550 && last_same && n_rx == 6042, "in pieces over several events");
		one_by_one = false;
		rx_hdr.num_buffers = 0;
	}
	i = n_rx;
	arrive(1, 13);
	pk_settle();
	ok(n_rx == i && pk_fails == 0, "a stub is dropped");

	/* the stack keeps all it gets: the device runs dry, then goes on */
	keep = true;
	pk_net->ops->rx_free(pk_net, &total);
	arrive(total + 50, 200);
	pk_settle();
	ok(n_held == total && rx_free() == 0 && n_frames == 50, "the stack holds all %u", n_held);
	keep = false;
	for (unsigned j = 0; j < n_held; j++)
		pk_net->ops->release(pk_net, held[j]);
	pk_settle();
	ok(n_frames == 0 && n_rx == i + total + 50 && rx_free() == total, "and the device goes on");
	vpeer_config_put(&p, VIRTIO_NET_CFG_STATUS, 2, 0);
	vpeer_config_irq(&p);
	pk_settle();
	ok(offers & VIRTIO_NET_F_STATUS ? n_link == 1 && !last_up && !pk_net->link_up : n_link == 0,
	   "link down");
	vpeer_config_irq(&p);
	pk_settle();
	ok(n_link <= 1, "told once");
}

static void expect_fail(const char *why)
{
	vpeer_irq(&p, RXQ);
	pk_settle();
	ok(pk_fails == 1 && !strcmp(pk_fail_reason, why) && n_failed == 1 && p.status == 0 &&
	   pk_bound_lines == 0, "fails: %s", pk_fail_reason);
	ok(n_tx_done == 5 && transmit(60, 1, false, 0) == -EIO, "cookies came back; -EIO");
	pk_net->ops->kick(pk_net);
	pk_net->ops->poll(pk_net);
	for (unsigned i = 0; i < n_held; i++)
		pk_net->ops->release(pk_net, held[i]);
	pk_settle();
	ok(pk_fails == 1, "and the rest is harmless");
}

/* One buffer used with a header of the device's choice. */
static void rx_raw(uint16_t num_buffers, uint32_t len)
{
	struct ring_chain c;
	struct virtio_net_hdr h = { .num_buffers = num_buffers };

	if (!ring_take(&p.ring[RXQ], &c))
		abort();
	memcpy(c.seg[0].base, &h, HDR);
	ring_give(&p.ring[RXQ], c.head, len);
	ring_publish(&p.ring[RXQ]);
}

static void test_lies(enum vpeer_bus bus)
{
	for (unsigned lie = 0; lie < 9; lie++) {
		start(bus, ALL);
		keep = true;
		arrive(2, 3000);
		pk_settle();
		tx_budget = 0;
		for (unsigned i = 0; i < 5; i++)
			(void)!transmit(60, 1, false, 0);
		pk_net->ops->kick(pk_net);
		pk_settle();
		switch (lie) {
		case 0:
			rx_raw(0, 100);
			expect_fail("received frame has an impossible number of buffers");
			break;
		case 1:
			rx_raw(0xffff, 100);
			expect_fail("received frame has an impossible number of buffers");
			break;
		case 2:
			rx_raw(1, 11);
			expect_fail("received frame is shorter than its header");
			break;
		case 3:
			rx_raw(1, 2049);
			expect_fail("used length beyond the buffer");
			break;
		case 4:
			rx_raw(3, 100);
			rx_raw(0, 0);
			expect_fail("received frame has an empty buffer");
			break;
		case 5:
			for (unsigned i = 0; i < 40; i++)
				rx_raw(100, 2048);
			expect_fail("received frame is too long");
			break;
		case 6:
			ring_set_idx(&p.ring[TXQ], (uint16_t)(p.ring[TXQ].used_idx + 6));
			expect_fail("used index beyond what is in flight");
			break;
		case 7:
			ring_put(&p.ring[TXQ], p.ring[TXQ].used_idx, 120, 0);
			ring_set_idx(&p.ring[TXQ], (uint16_t)(p.ring[TXQ].used_idx + 1));
			expect_fail("used id is not in flight");
			break;
		default:
			p.status |= VIRTIO_S_DEVICE_NEEDS_RESET;
			vpeer_config_irq(&p);
			expect_fail("device asks for a reset");
		}
	}
	/* the device lies while the driver transmits */
	start(bus, ALL);
	tx_budget = 0;
	want_to_send = 1000;
	pump();
	ok(pending_tx, "the ring is full");
	ring_set_idx(&p.ring[TXQ], (uint16_t)(p.ring[TXQ].used_idx + 5000));
	ok(transmit(60, 1, false, 0) == -EIO && n_failed == 1, "a lie seen in transmit");
	ok(n_tx_done == 1000 - want_to_send, "all cookies came back: %u", n_tx_done);
}

static void test_hostile_memory(void)
{
	struct ring_chain c;

	/* the device scribbles over all that it can reach, then goes on */
	start(VPEER_MMIO, ALL);
	keep = true;
	for (unsigned i = 0; i < 100 && ring_take(&p.ring[RXQ], &c); i++) {
		memset(c.seg[0].base, 0xff, c.seg[0].len);
		ring_give(&p.ring[RXQ], c.head, c.in_len);
	}
	memset(p.ring[RXQ].desc, 0xff, 16 * p.ring[RXQ].num);
	memset(p.ring[TXQ].desc, 0xff, 16 * p.ring[TXQ].num);
	memset(p.ring[RXQ].avail->ring, 0xff, 2 * p.ring[RXQ].num);
	vpeer_publish(&p, RXQ);
	pk_settle();
	ok(pk_fails == 1, "scribbled buffers and rings: %s", pk_fail_reason);
	vpeer_child(&p)->driver->shutdown(vpeer_child(&p));
	ok(p.status == 0, "shutdown after failure");
}

int main(void)
{
	static const uint64_t offers[] = {
		ALL, ALL & ~VIRTIO_F_EVENT_IDX, ALL & ~VIRTIO_NET_F_MRG_RXBUF,
		VIRTIO_F_EVENT_IDX, 0,
	};

	test_features();
	for (unsigned bus = VPEER_MMIO; bus <= VPEER_PCI_INTX; bus++) {
		for (unsigned i = 0; i < ARRAY_SIZE(offers); i++) {
			test_tx(bus, offers[i]);
			test_rx(bus, offers[i]);
			test_tx_notified(bus, offers[i], false);
			test_tx_notified(bus, offers[i], true);
		}
		test_lies(bus);
	}
	for (unsigned burst = 1; burst < 300; burst = burst * 3 + 1)
		for (unsigned i = 0; i < 2; i++)
			test_tx_full(VPEER_MMIO, offers[i], burst, burst & 2);
	test_tx_mixed(ALL);
	test_hostile_memory();
	pk_reset();
	return done_testing();
}

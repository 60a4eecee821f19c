/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The virtqueue against an honest and a lying ring.
 *
 * SOURCES: drivers/virtio/virtq.c tests/peer/ring_peer.c tests/peer/peer_kernel.c
 * FLAGS: -Wl,-T,tests/peer/tables.ld
 */
#include <errno.h>
#include <string.h>

#include "drivers/virtio/virtio.h"
#include "tests/peer/peer_kernel.h"
#include "tests/peer/ring_peer.h"
#include "tests/unit/tap.h"

#define NUM 8u

static struct virtio_dev vd;
static struct virtq *vq;
static struct ring_peer peer;
static unsigned n_kicks;
static bool event_idx;
static char mem[64];

static void count_kick(struct virtio_dev *d, unsigned q)
{
	(void)d, (void)q;
	n_kicks++;
}

static const struct virtio_transport ops = { .notify = count_kick };

/* A fresh queue whose indices are `start` on both sides. */
static void fresh(unsigned table_len, uint16_t start)
{
	pk_reset();
	memset(&vd, 0, sizeof(vd));
	vd.ops = &ops;
	snprintf(vd.dev.name, sizeof(vd.dev.name), "ring");
	vq = virtq_create(&vd, 0, NUM, event_idx, table_len);
	peer = (struct ring_peer){
		.desc = (void *)(uintptr_t)vq->desc, .avail = (void *)(uintptr_t)vq->avail,
		.used = (void *)(uintptr_t)vq->used, .num = NUM,
		.event_idx = event_idx, .last_avail = start, .used_idx = start,
		.signalled = start,
	};
	vq->prod = vq->published = vq->cons = vq->peer_prod = start;
	peer.avail->idx = peer.used->idx = start;
	ring_ask(&peer);
	n_kicks = 0;
}

static int add(unsigned n_out, unsigned n_in, uintptr_t cookie)
{
	struct virtq_seg seg[8];

	for (unsigned i = 0; i < n_out + n_in; i++)
		seg[i] = (struct virtq_seg){ mem + i, 4 };
	return virtq_add(vq, seg, n_out, n_in, (void *)cookie);
}

static uintptr_t get(uint32_t *len)
{
	void *cookie;
	uint32_t n = 0;

	if (!virtq_get(vq, &cookie, &n))
		return 0;
	if (len)
		*len = n;
	return (uintptr_t)cookie;
}

static void test_round_trips(unsigned table_len, uint16_t start)
{
	uintptr_t next_out = 1, next_in = 1;
	struct ring_chain c;
	bool good = true;
	uint32_t len;

	fresh(table_len, start);
	for (unsigned round = 0; round < 70000; round += 2) {
		good &= add(1, 2, next_out) == 0 && add(1, 0, next_out + 1) == 0;
		next_out += 2;
		virtq_kick(vq);
		good &= ring_take(&peer, &c) && c.n_out == 1 && c.n_in == 2;
		ring_give(&peer, c.head, 7);
		good &= ring_take(&peer, &c) && c.n_out == 1 && c.n_in == 0;
		ring_give(&peer, c.head, 0);
		ring_publish(&peer);
		good &= get(&len) == next_in && len == 7;
		good &= get(&len) == next_in + 1 && len == 0;
		good &= get(NULL) == 0;
		next_in += 2;
		if (!good)
			break;
	}
	ok(good && virtq_room(vq) == NUM, "70000 chains from index %u, tables of %u, event_idx %d",
	   start, table_len, event_idx);
}

static void test_full_and_order(void)
{
	struct ring_chain c[NUM];
	bool good = true;

	fresh(0, 0xfffc);
	for (unsigned i = 0; i < NUM; i++)
		good &= add(0, 1, 100 + i) == 0;
	good &= add(0, 1, 1) == -EAGAIN;
	ok(good, "full: -EAGAIN");
	virtq_kick(vq);
	for (unsigned i = 0; i < NUM; i++)
		good &= ring_take(&peer, &c[i]);
	for (unsigned i = NUM; i--;)
		ring_give(&peer, c[i].head, i % 5);
	ring_publish(&peer);
	for (unsigned i = NUM; i--;) {
		uint32_t len;

		good &= get(&len) == 100 + i && len == i % 5;
	}
	ok(good && virtq_room(vq) == NUM && virtq_in_flight(vq) == 0, "completions in reverse order");
	good = add(2, 3, 1) == 0 && add(1, 3, 2) == -EAGAIN && add(1, 2, 2) == 0;
	ok(good && virtq_room(vq) == 0, "chains that just do not fit, and just do");
}

static void test_kicks(void)
{
	struct ring_chain c;

	fresh(0, 0xffff);
	virtq_kick(vq);
	ok(n_kicks == 0, "no kick without work");
	(void)!add(1, 0, 1);
	(void)!add(1, 0, 2);
	virtq_kick(vq);
	virtq_kick(vq);
	ok(n_kicks == 1, "one kick for a batch");
	ring_dont_ask(&peer);
	(void)!add(1, 0, 3);
	virtq_kick(vq);
	ok(n_kicks == 1, "no kick while the device is at it");
	while (ring_take(&peer, &c))
		ring_give(&peer, c.head, 0);
	ok(!ring_ask(&peer), "the device saw all");
	(void)!add(1, 0, 4);
	virtq_kick(vq);
	ok(n_kicks == 2, "kick when it asks again");
}

/* What arming says is there must be there: else a device that moves its index to
 * and fro holds the driver in its loop. */
static void test_arm_is_kept(void)
{
	fresh(0, 100);
	ok(add(0, 1, 5) == 0, "one buffer");
	virtq_kick(vq);
	ok(!virtq_arm(vq, 1), "armed");
	peer.used->ring[100 % NUM].id = 0;
	peer.used->ring[100 % NUM].len = 4;
	peer.used->idx = 101;
	ok(virtq_arm(vq, 1), "the device used it");
	peer.used->idx = 100;
	ok(get(NULL) == 5, "and cannot take that back");
	peer.used->idx = 107;
	ok(!virtq_arm(vq, 1) && vq->broken, "arming believes no index that cannot be");
}

/* The device uses a buffer just before, or just after the driver arms. */
static void test_arm(void)
{
	struct ring_chain c;

	fresh(0, 0xfffe);
	(void)!add(0, 1, 1);
	(void)!add(0, 1, 2);
	(void)!add(0, 1, 3);
	virtq_kick(vq);
	virtq_disarm(vq);
	(void)!ring_take(&peer, &c);
	ring_give(&peer, c.head, 0);
	ok(!ring_publish(&peer), "no event while disarmed");
	ok(virtq_arm(vq, 1), "what came before arming is seen by arming");
	ok(get(NULL) == 1 && !virtq_arm(vq, 1), "armed");
	(void)!ring_take(&peer, &c);
	ring_give(&peer, c.head, 0);
	ok(ring_publish(&peer), "what comes after arming raises an event");
	ok(get(NULL) == 2, "and is there");
	/* after: every second one, with event indices */
	(void)!add(0, 1, 4);
	virtq_kick(vq);
	ok(!virtq_arm(vq, 2), "armed for two");
	(void)!ring_take(&peer, &c);
	ring_give(&peer, c.head, 0);
	ok(ring_publish(&peer) == !event_idx, "the first raises no event with event indices");
	(void)!ring_take(&peer, &c);
	ring_give(&peer, c.head, 0);
	ok(ring_publish(&peer), "the second does");
	ok(get(NULL) == 3 && get(NULL) == 4, "both are there");
	(void)!add(0, 1, 5);
	virtq_kick(vq);
	ok(!virtq_arm(vq, 100), "armed for more than there can be");
	(void)!ring_take(&peer, &c);
	ring_give(&peer, c.head, 0);
	ok(ring_publish(&peer), "means all that are in flight");
}

static void expect_fail(const char *what)
{
	void *cookie;

	ok(get(NULL) == 0 && pk_fails == 1 && vq->broken && vd.dev.state == DEV_FAILED,
	   "%s: \"%s\"", what, pk_fail_reason);
	ok(get(NULL) == 0 && add(0, 1, 9) == -EIO && !virtq_arm(vq, 1), "and stays broken");
	virtq_kick(vq);
	while (virtq_drain(vq, &cookie))
		;
	ok(pk_fails == 1 && virtq_room(vq) == NUM, "once; all taken back");
}

static void test_lies(void)
{
	struct ring_chain c, d;

	for (unsigned lie = 0; lie < 9; lie++) {
		fresh(0, 0xfffd);
		(void)!add(1, 2, 1);
		(void)!add(0, 1, 2);
		virtq_kick(vq);
		(void)!ring_take(&peer, &c);
		(void)!ring_take(&peer, &d);
		switch (lie) {
		case 0:
			ring_put(&peer, peer.used_idx, c.head, 0);
			ring_set_idx(&peer, (uint16_t)(peer.used_idx + 3));
			expect_fail("index beyond what is in flight");
			break;
		case 1:
			ring_set_idx(&peer, (uint16_t)(peer.used_idx - 1));
			expect_fail("index goes back");
			break;
		case 2:
			ring_set_idx(&peer, (uint16_t)(peer.used_idx + NUM + 1));
			expect_fail("index beyond the ring");
			break;
		case 3:
			ring_give(&peer, NUM, 0);
			ring_publish(&peer);
			expect_fail("id just out of range");
			break;
		case 4:
			ring_put(&peer, peer.used_idx, 0xffffffff, 0);
			ring_set_idx(&peer, (uint16_t)(peer.used_idx + 1));
			expect_fail("id far out of range");
			break;
		case 5:
			ring_give(&peer, (uint16_t)(d.head + 1), 0);
			ring_publish(&peer);
			expect_fail("id that is free");
			break;
		case 6:
			ring_give(&peer, 1, 0);	/* the second of the first chain */
			ring_publish(&peer);
			expect_fail("id inside a chain");
			break;
		case 7:
			ring_give(&peer, c.head, 9);	/* posted: 8 */
			ring_publish(&peer);
			expect_fail("length beyond what was posted");
			break;
		default:
			ring_give(&peer, c.head, 8);
			ring_give(&peer, c.head, 8);
			ring_publish(&peer);
			ok(get(NULL) == 1, "the first time is fine");
			expect_fail("id repeated");
		}
	}
	fresh(0, 0);
	(void)!add(1, 0, 1);
	virtq_kick(vq);
	(void)!ring_take(&peer, &c);
	ring_give(&peer, c.head, 0xffffffff);
	ring_publish(&peer);
	{
		uint32_t len = 7;

		ok(get(&len) == 1 && len == 0 && !pk_fails,
		   "a length for what was only read counts as nothing");
	}
	fresh(0, 0);
	(void)!add(1, 0, 1);		/* added, never published */
	ring_give(&peer, 0, 0);
	ring_publish(&peer);
	expect_fail("done before it was told");
}

static void test_memory(void)
{
	for (unsigned i = 1; i <= 4; i++) {
		pk_reset();
		pk_alloc_fail_after = i;
		ok(virtq_create(&vd, 0, NUM, event_idx, 4) == NULL, "allocation %u fails: NULL", i);
	}
	pk_reset();
	vq = virtq_create(&vd, 0, NUM, event_idx, 4);
	virtq_destroy(vq);
	ok(vq != NULL, "created and destroyed");
}

int main(void)
{
	for (int e = 0; e < 2; e++) {
		event_idx = e;
		test_round_trips(0, 0);
		test_round_trips(0, 0x7ffe);
		test_round_trips(4, 0xfff0);
		test_full_and_order();
		test_kicks();
		test_arm();
		test_arm_is_kept();
		test_lies();
		test_memory();
	}
	pk_reset();
	return done_testing();
}

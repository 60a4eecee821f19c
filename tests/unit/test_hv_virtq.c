/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The device's side of virtqueues against honest and lying drivers, and the
 * hypercalls around them.
 *
 * SOURCES: hv/dev/virtq.c hv/dev/dev.c hv/dev/net.c hv/dev/net_rx.c hv/dev/gso.c
 * SOURCES: hv/dev/blk.c hv/dev/pool.c hv/dev/console.c hv/dev/rng.c tests/peer/hv_guest.c
 * FLAGS: -include tests/peer/hv_sys.h
 */
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "hv/dev/virtq.h"
#include "tests/peer/hv_guest.h"
#include "tests/unit/tap.h"

#define SIZE	(1u << 20)
#define RW	(SIZE - 8192)

static struct hvg g;
static struct hvg_queue q[2];
static struct vq vq;
static struct vq_mem m;
static struct vq_chain c;

static void fresh(uint64_t features)
{
	hvg_begin(&g, SIZE, RW);
	devs_add_rng(g.d, "rng0");
	hvg_start(&g, 0, features, q, 8);
	m = (struct vq_mem){ g.mem, SIZE, RW };
	vq_set(&vq, &m, &q[0].where, 8);
	vq.off = false;
	vq.event_idx = features & VIRTIO_F_EVENT_IDX;
	vq.indirect = features & VIRTIO_F_INDIRECT_DESC;
}

static void publish(unsigned head)
{
	q[0].avail->ring[q[0].prod++ & 7] = (uint16_t)head;
	q[0].avail->idx = q[0].prod;
}

static int peek(void)
{
	return vq_peek(&vq, &m, &c);
}

static void desc(struct virtq_desc *d, uint64_t addr, uint32_t len, unsigned flags, unsigned next)
{
	*d = (struct virtq_desc){ addr, len, (uint16_t)flags, (uint16_t)next };
}

static void test_ranges(void)
{
	fresh(0);
	ok(vq_range(&m, HV_MEM_BASE, 1, true) == g.mem, "the first byte");
	ok(!vq_range(&m, HV_MEM_BASE - 1, 1, false), "one below");
	ok(!vq_range(&m, 0, 1, false), "zero");
	ok(vq_range(&m, HV_MEM_BASE + SIZE - 1, 1, false) == g.mem + SIZE - 1, "the last byte");
	ok(!vq_range(&m, HV_MEM_BASE + SIZE - 1, 2, false), "one above");
	ok(!vq_range(&m, HV_MEM_BASE + SIZE + 1, 0, false), "nothing, outside");
	ok(!vq_range(&m, HV_MEM_BASE + RW - 1, 2, true), "not writable above");
	ok(vq_range(&m, HV_MEM_BASE + RW - 1, 2, false) != NULL, "but readable");
	ok(!vq_range(&m, ~0ull, 2, false) && !vq_range(&m, HV_MEM_BASE + 8, ~0ull - 4, false),
	   "sums that wrap");
	hvg_end(&g);
}

static void test_set(void)
{
	struct hv_queue w;
	struct vq bad;

	fresh(0);
	w = q[0].where;
	ok(vq_set(&bad, &m, &w, 8) == 0, "a good queue");
	ok(vq_set(&bad, &m, &w, 4) == -HV_EINVAL, "longer than the maximum");
	w.num = 3;
	ok(vq_set(&bad, &m, &w, 8) == -HV_EINVAL, "three entries");
	w.num = 0;
	ok(vq_set(&bad, &m, &w, 8) == -HV_EINVAL, "no entries");
	w = q[0].where;
	w.desc += 8;
	ok(vq_set(&bad, &m, &w, 8) == -HV_EINVAL, "descriptors out of alignment");
	w = q[0].where;
	w.avail += 1;
	ok(vq_set(&bad, &m, &w, 8) == -HV_EINVAL, "available ring out of alignment");
	w = q[0].where;
	w.used += 2;
	ok(vq_set(&bad, &m, &w, 8) == -HV_EINVAL, "used ring out of alignment");
	w = q[0].where;
	w.used = HV_MEM_BASE + RW - 64;
	ok(vq_set(&bad, &m, &w, 8) == -HV_EFAULT, "used ring half in read-only memory");
	w.used = HV_MEM_BASE + RW - 72;
	ok(vq_set(&bad, &m, &w, 8) == 0 || (RW - 72) % 4, "used ring right below it");
	w = q[0].where;
	w.avail = HV_MEM_BASE + SIZE - 20;
	ok(vq_set(&bad, &m, &w, 8) == -HV_EFAULT, "available ring ends two bytes outside");
	w.avail = HV_MEM_BASE + SIZE - 22;
	ok(vq_set(&bad, &m, &w, 8) == 0, "available ring ends at the end of memory");
	w = q[0].where;
	w.desc = HV_MEM_BASE + SIZE - 112;
	ok(vq_set(&bad, &m, &w, 8) == -HV_EFAULT, "descriptors end outside");
	hvg_end(&g);
}

static void test_honest(void)
{
	struct hvg_seg s[3];
	uint16_t head;
	uint32_t len;

	fresh(VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX);
	for (unsigned i = 0; i < 3; i++)
		s[i] = (struct hvg_seg){ hvg_alloc(&g, 64, 8), 10 + i };
	for (unsigned round = 0; round < 70000; round++) {	/* past the wrap */
		bool table = round % 100 == 7;
		int h = hvg_add(&q[0], s, 1, 2, table);

		if (table)
			g.next -= 48;
		q[0].avail->idx = q[0].prod;
		if (peek() != 1 || c.head != h || c.n_out != 1 || c.n_in != 2 || c.out_len != 10 ||
		    c.in_len != 23 || c.iov[2].iov_base != hvg_ptr(&g, s[2].addr)) {
			ok(false, "round %u", round);
			break;
		}
		vq_take(&vq);
		vq_push(&vq, c.head, round);
		vq_publish(&vq);
		if (!hvg_get(&q[0], &head, &len) || head != h || len != round) {
			ok(false, "back in round %u", round);
			break;
		}
	}
	ok(peek() == 0, "70,000 chains there and back, indices wrapped");
	hvg_end(&g);
}

static void expect(const char *what, const char *error)
{
	int ret = peek();

	ok(ret < 0 && vq.off && vq.error && !strcmp(vq.error, error), "%s: %s", what,
	   vq.error ? vq.error : "not seen");
	ok(peek() < 0, "and stays broken");
	ok(!vq_publish(&vq) && !vq_want_kicks(&vq) && !vq_waiting(&vq), "and silent");
	hvg_end(&g);
}

static void test_lies(void)
{
	uint64_t buf;

	fresh(0);
	q[0].avail->idx = 9;
	expect("index beyond the ring",
	       "available index beyond the ring");
	fresh(0);
	publish(8);
	expect("head out of range",
	       "descriptor number out of range");
	fresh(0);
	buf = hvg_alloc(&g, 64, 8);
	desc(&q[0].desc[0], buf, 8, VIRTQ_DESC_F_NEXT, 1);
	desc(&q[0].desc[1], buf, 8, VIRTQ_DESC_F_NEXT, 0);
	publish(0);
	expect("a loop of two",
	       "descriptor chain has a loop");
	fresh(0);
	desc(&q[0].desc[0], HV_MEM_BASE, 8, VIRTQ_DESC_F_NEXT, 8);
	publish(0);
	expect("next out of range",
	       "descriptor number out of range");
	fresh(0);
	desc(&q[0].desc[0], HV_MEM_BASE - 8, 16, 0, 0);
	publish(0);
	expect("a buffer below memory",
	       "descriptor outside guest memory");
	fresh(0);
	desc(&q[0].desc[0], HV_MEM_BASE + SIZE - 8, 9, 0, 0);
	publish(0);
	expect("a buffer above memory",
	       "descriptor outside guest memory");
	fresh(0);
	desc(&q[0].desc[0], HV_MEM_BASE + RW - 8, 9, VIRTQ_DESC_F_WRITE, 0);
	publish(0);
	expect("a buffer to write in read-only memory",
	       "descriptor outside guest memory");
	fresh(0);
	desc(&q[0].desc[0], HV_MEM_BASE, 8, VIRTQ_DESC_F_WRITE | VIRTQ_DESC_F_NEXT, 1);
	desc(&q[0].desc[1], HV_MEM_BASE, 8, 0, 0);
	publish(0);
	expect("to read behind to write",
	       "descriptor to read behind one to write");
	fresh(0);
	desc(&q[0].desc[0], HV_MEM_BASE, 32, VIRTQ_DESC_F_INDIRECT, 0);
	publish(0);
	expect("an indirect table that was not agreed upon",
	       "indirect descriptor where none may be");
}

static void test_indirect_lies(void)
{
	struct virtq_desc *t;
	uint64_t table;

	for (unsigned i = 0; i < 7; i++) {
		static const char *const what[] = {
			"a table in a table", "a table of odd length", "an empty table",
			"a table outside memory", "a table with a next descriptor",
			"a loop in a table", "next outside the table",
		};

		static const char *const error[] = {
			"indirect descriptor where none may be", "indirect table of odd length",
			"indirect table of odd length", "indirect table outside guest memory",
			"indirect descriptor where none may be", "descriptor chain has a loop",
			"descriptor number out of range",
		};

		fresh(VIRTIO_F_INDIRECT_DESC);
		table = hvg_alloc(&g, 64, 16);
		t = hvg_ptr(&g, table);
		desc(&q[0].desc[0], table, 32, VIRTQ_DESC_F_INDIRECT, 0);
		desc(&t[0], HV_MEM_BASE, 8, VIRTQ_DESC_F_NEXT, 1);
		desc(&t[1], HV_MEM_BASE, 8, 0, 0);
		if (i == 0)
			desc(&t[1], table, 32, VIRTQ_DESC_F_INDIRECT, 0);
		else if (i == 1)
			q[0].desc[0].len = 24;
		else if (i == 2)
			q[0].desc[0].len = 0;
		else if (i == 3)
			q[0].desc[0].addr = HV_MEM_BASE + SIZE - 16;
		else if (i == 4)
			q[0].desc[0].flags |= VIRTQ_DESC_F_NEXT;
		else if (i == 5)
			desc(&t[1], HV_MEM_BASE, 8, VIRTQ_DESC_F_NEXT, 0);
		else
			desc(&t[1], HV_MEM_BASE, 8, VIRTQ_DESC_F_NEXT, 2);
		publish(0);
		expect(what[i], error[i]);
	}
	fresh(VIRTIO_F_INDIRECT_DESC);
	table = hvg_alloc(&g, 16 * 200, 16);
	t = hvg_ptr(&g, table);
	for (unsigned i = 0; i < 200; i++)
		desc(&t[i], HV_MEM_BASE, 8, i < 199 ? VIRTQ_DESC_F_NEXT : 0, i + 1);
	desc(&q[0].desc[0], table, 16 * 200, VIRTQ_DESC_F_INDIRECT, 0);
	publish(0);
	expect("more segments than allowed",
	       "too many segments in a chain");
	fresh(VIRTIO_F_INDIRECT_DESC);
	t = hvg_ptr(&g, table = hvg_alloc(&g, 32, 16));
	desc(&q[0].desc[3], HV_MEM_BASE, 8, VIRTQ_DESC_F_NEXT, 5);
	desc(&q[0].desc[5], table, 32, VIRTQ_DESC_F_INDIRECT, 0);
	desc(&t[0], HV_MEM_BASE, 0, VIRTQ_DESC_F_NEXT, 1);
	desc(&t[1], HV_MEM_BASE + 16, 4, VIRTQ_DESC_F_WRITE, 0);
	publish(3);
	ok(peek() == 1 && c.n_out == 1 && c.n_in == 1 && c.in_len == 4,
	   "descriptors before a table, and one of no length");
	hvg_end(&g);
}

/* Events both ways, with and without event indices. */
static void test_events(void)
{
	struct hvg_seg s = { HV_MEM_BASE, 8 };

	for (unsigned idx = 0; idx < 2; idx++) {
		fresh(idx ? VIRTIO_F_EVENT_IDX : 0);
		q[0].quiet = true;
		ok(!vq_want_kicks(&vq), "nothing there yet");
		hvg_add(&q[0], &s, 0, 1, false);
		q[0].quiet = false;
		ok(hvg_kick(&q[0]) >= 0, "a kick that was asked for");
		ok(vq_want_kicks(&vq), "asking again finds the buffer");
		ok(peek() == 1, "a chain");
		vq_take(&vq);
		vq_want_kicks(&vq);
		vq_no_kicks(&vq);
		hvg_add(&q[0], &s, 0, 1, false);
		ok(hvg_kick(&q[0]) == -1, "no kick when there is none wanted");
		if (idx)
			hvg_arm(&q[0]);
		vq_push(&vq, 0, 0);
		ok(vq_publish(&vq), "the driver hears of it");
		ok(!vq_publish(&vq), "once");
		ok(peek() == 1, "the other chain");
		vq_take(&vq);
		if (!idx)
			q[0].avail->flags = VIRTQ_AVAIL_F_NO_INTERRUPT;
		vq_push(&vq, 1, 0);
		ok(!vq_publish(&vq), "not when it does not want to");
		hvg_end(&g);
	}
}

static void test_calls(void)
{
	uint64_t addr, good;

	hvg_begin(&g, SIZE, RW);
	devs_add_rng(g.d, "rng0");
	ok(g.start->n_devices == 1 && g.start->device[0].virtio_id == VIRTIO_ID_RNG &&
	   !strcmp(g.start->device[0].name, "rng0"), "the start block tells of it");
	ok(devs_status(g.d, 1, 0) == -HV_EINVAL && devs_status(g.d, 0, 256) == -HV_EINVAL &&
	   devs_status(g.d, ~0ull, 1) == -HV_EINVAL, "status of what there is not");
	ok(devs_kick(g.d, 0) == 0 && devs_kick(g.d, 1) == -HV_EINVAL &&
	   devs_kick(g.d, 1 << 16) == -HV_EINVAL && devs_kick(g.d, ~0ull) == -HV_EINVAL, "kicks");
	ok(devs_features(g.d, 0, 1ull << 50) == -HV_EINVAL, "features not offered");
	ok(devs_status(g.d, 0, VIRTIO_S_FEATURES_OK) == 0, "FEATURES_OK needs VERSION_1");
	ok(devs_status(g.d, 0, VIRTIO_S_DRIVER_OK) == 0, "DRIVER_OK needs FEATURES_OK");
	addr = hvg_alloc(&g, 64, 8);
	good = hvg_alloc(&g, 4096, 4096);
	memcpy(hvg_ptr(&g, addr + 32), &(struct hv_queue){ 8, 0, good, good + 128, good + 256 },
	       sizeof(struct hv_queue));
	ok(devs_queue(g.d, 0, addr + 32) == -HV_EINVAL, "no queue before FEATURES_OK");
	devs_features(g.d, 0, VIRTIO_F_VERSION_1);
	ok(devs_status(g.d, 0, VIRTIO_S_FEATURES_OK) == VIRTIO_S_FEATURES_OK, "features agreed on");
	ok(devs_features(g.d, 0, 0) == -HV_EINVAL, "they stay");
	ok(devs_queue(g.d, 0, addr) == -HV_EINVAL && devs_queue(g.d, 0, 0) == -HV_EFAULT &&
	   devs_queue(g.d, 0, HV_MEM_BASE + SIZE - 31) == -HV_EFAULT, "bad queues");
	ok(devs_queue(g.d, 0, addr + 32) == 0 && devs_queue(g.d, 1, addr + 32) == -HV_EINVAL &&
	   devs_queue(g.d, 1 << 16, addr + 32) == -HV_EINVAL, "a good one");
	ok(devs_status(g.d, 0, VIRTIO_S_DRIVER_OK) == 12, "it runs");
	ok(devs_kick(g.d, 0) == 0 && !devs_sweep(g.d), "and has nothing to do");
	ok(devs_queue(g.d, 0, addr + 32) == -HV_EINVAL, "no queue after DRIVER_OK");
	ok(devs_status(g.d, 0, 0) == 0 && g.start->device[0].status == 0, "reset");
	hvg_end(&g);
}

static void test_rng(void)
{
	static const uint8_t zero[64];
	struct hvg_seg s;
	uint16_t head;
	uint32_t len;
	int fd[2];
	char text[200];

	hvg_begin(&g, SIZE, RW);
	devs_add_rng(g.d, "rng0");
	if (pipe(fd))
		return;
	devs_set_log(g.d, fd[1]);
	hvg_start(&g, 0, 0, q, 8);
	s = (struct hvg_seg){ hvg_alloc(&g, 64, 8), 64 };
	hvg_add(&q[0], &s, 0, 1, false);
	ok(hvg_kick(&q[0]) == 1 && hvg_get(&q[0], &head, &len) && len == 64, "entropy at once");
	ok(memcmp(hvg_ptr(&g, s.addr), zero, 64), "which is not zero");
	ok(devs_take_events(g.d) == 0, "the event was handed out by the kick");
	hvg_add(&q[0], &s, 1, 0, false);
	ok(hvg_kick(&q[0]) == 1, "a request without room");
	ok(g.start->device[0].status & VIRTIO_S_DEVICE_NEEDS_RESET, "breaks the device");
	ok(read(fd[0], text, sizeof(text)) == 27 && !memcmp(text, "rng0: request without room\n", 27),
	   "the log says so");
	ok(hvg_start(&g, 0, 0, q, 8) == (VIRTIO_S_DRIVER_OK | VIRTIO_S_FEATURES_OK | 3),
	   "and a reset mends it");
	hvg_add(&q[0], &s, 0, 1, false);
	ok(hvg_kick(&q[0]) == 1, "works again");
	for (unsigned i = 0; i < 100; i++) {
		hvg_start(&g, 0, 0, q, 8);
		hvg_add(&q[0], &s, 1, 0, false);
		hvg_kick(&q[0]);
		g.next = 0x1000;
		s.addr = HV_MEM_BASE;
	}
	ok(read(fd[0], text, sizeof(text)) == 200, "a line each");
	ok(read(fd[0], text, sizeof(text)) < 60, "but not for ever");
	close(fd[0]);
	close(fd[1]);
	hvg_end(&g);
}

/* Beside a guest that runs, kicks are asked for before a sleep only. */
static void test_threaded(void)
{
	struct pollfd pfd[DEVS_POLLFDS];
	struct hvg_seg s;
	uint16_t head;
	uint32_t len;

	hvg_begin(&g, SIZE, RW);
	devs_add_rng(g.d, "rng0");
	devs_set_threaded(g.d, true);
	hvg_start(&g, 0, VIRTIO_F_EVENT_IDX, q, 8);
	s = (struct hvg_seg){ hvg_alloc(&g, 64, 8), 64 };
	hvg_add(&q[0], &s, 0, 1, false);
	hvg_kick(&q[0]);
	devs_sweep(g.d);
	ok(hvg_get(&q[0], &head, &len), "a sweep does the work");
	hvg_add(&q[0], &s, 0, 1, false);
	ok(hvg_kick(&q[0]) == -1, "no kick is wanted after it");
	ok(devs_prepare(g.d, pfd, DEVS_POLLFDS) == -1, "no sleep with this request unseen");
	devs_sweep(g.d);
	ok(hvg_get(&q[0], &head, &len) && devs_prepare(g.d, pfd, DEVS_POLLFDS) == 0, "then a sleep");
	hvg_add(&q[0], &s, 0, 1, false);
	ok(hvg_kick(&q[0]) >= 0, "from which a kick wakes");
	hvg_end(&g);
}

int main(void)
{
	test_ranges();
	test_set();
	test_honest();
	test_lies();
	test_indirect_lies();
	test_events();
	test_calls();
	test_rng();
	test_threaded();
	return done_testing();
}

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Block layer: registry, names, partitions, claims, checks, splitting, requests
 * in flight, errors, over a disk in memory.
 *
 * SOURCES: tests/host/fake_pv.c kernel/page.c kernel/heap.c kernel/thread.c
 * SOURCES: kernel/event.c kernel/timer.c kernel/clock.c kernel/log.c
 * SOURCES: kernel/console.c kernel/trace.c kernel/panic.c kernel/backtrace.c
 * SOURCES: kernel/symbols.c kernel/watchdog.c kernel/cmdline.c
 * SOURCES: kernel/device.c kernel/lib/fmt.c kernel/arch/x86_64/switch.S
 * SOURCES: kernel/blkdev.c kernel/blkdev_io.c
 */
#include "tests/unit/tap.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/blkdev.h"
#include "kernel/clock.h"
#include "kernel/console.h"
#include "kernel/event.h"
#include "kernel/file.h"
#include "kernel/thread.h"
#include "tests/host/fake_pv.h"

#define SECTORS 256u
#define LINE 11
#define LATENCY 1000

/* A disk that answers some time later, by an event, like a real one. */
static struct {
	uint8_t data[SECTORS * BLK_SECTOR];
	struct list queue;
	unsigned requests, longest, flushes, waiting, most_waiting;
	int fail_after;			/* -1: never; else the Nth request fails */
} disk = { .queue = LIST_INIT(disk.queue), .fail_after = -1 };

static void copy(struct blk_request *rq)
{
	uint8_t *at = disk.data + rq->sector * BLK_SECTOR;

	for (unsigned i = 0; i < rq->n_segs; i++) {
		if (rq->op == BLK_READ)
			memcpy(rq->seg[i].base, at, rq->seg[i].len);
		else
			memcpy(at, rq->seg[i].base, rq->seg[i].len);
		at += rq->seg[i].len;
	}
}

static void submit(struct blkdev *bd, struct blk_request *rq)
{
	(void)bd;
	disk.requests++;
	disk.flushes += rq->op == BLK_FLUSH;
	if (rq->n_sectors > disk.longest)
		disk.longest = (unsigned)rq->n_sectors;
	list_push(&disk.queue, &rq->link);
	if (++disk.waiting > disk.most_waiting)
		disk.most_waiting = disk.waiting;
	fake_pv_event_at(clock_now() + LATENCY, LINE);
}

static void complete(void *arg)
{
	struct list *e;

	(void)arg;
	while ((e = list_pop(&disk.queue))) {
		struct blk_request *rq = container_of(e, struct blk_request, link);

		disk.waiting--;
		rq->status = 0;
		if (disk.fail_after == 0)
			rq->status = -EIO;
		else if (rq->op == BLK_DISCARD)
			memset(disk.data + rq->sector * BLK_SECTOR, 0,
			       rq->n_sectors * BLK_SECTOR);
		else if (rq->op != BLK_FLUSH)
			copy(rq);
		if (disk.fail_after > 0)
			disk.fail_after--;
		rq->done(rq);
	}
}

static const struct blkdev_ops ops = { submit, NULL };
static struct blkdev bd = {
	.serial = "SITE", .n_sectors = SECTORS, .block_size = 512, .max_segs = 4,
	.max_bytes = 4096 + 512, .has_flush = true, .has_discard = true, .ops = &ops,
};

static void test_registry(void)
{
	static struct blkdev other = {
		.n_sectors = 8, .block_size = 4096, .max_segs = 1,
		.max_bytes = 4096, .ops = &ops,
	};
	static const struct { uint32_t bs, segs, bytes; uint64_t n; } bad[] = {
		{ 0, 1, 4096, 8 }, { 256, 1, 4096, 8 }, { 8192, 1, 65536, 8 },
		{ 1000, 1, 4096, 8 }, { 512, 0, 4096, 8 }, { 512, 17, 4096, 8 },
		{ 4096, 1, 2048, 8 }, { 512, 1, 4096, UINT64_MAX },
	};
	int refused = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		struct blkdev x = { .block_size = bad[i].bs, .max_segs = bad[i].segs,
			.max_bytes = bad[i].bytes, .n_sectors = bad[i].n, .ops = &ops };

		refused += blkdev_register(&x) == -EINVAL;
	}
	ok(refused == ARRAY_SIZE(bad), "absurd devices are refused: %d", refused);
	ok(!blkdev_register(&bd) && !blkdev_register(&other), "register");
	ok(blkdev_find("disk0") == &bd && blkdev_find("SITE") == &bd &&
	   blkdev_find("disk1") == &other && !blkdev_find("") &&
	   !blkdev_find("disk2"), "found by name or serial; \"\" is no serial");
	ok(blkdev_next(NULL) == &bd && blkdev_next(&bd) == &other &&
	   !blkdev_next(&other), "in order");
}

static void test_transfer(void)
{
	static uint8_t out[SECTORS * 512], in[SECTORS * 512];

	for (unsigned i = 0; i < sizeof(out); i++)
		out[i] = (uint8_t)rand();
	disk.requests = 0;
	ok(!blkdev_write(&bd, 0, out, sizeof(out)) &&
	   !memcmp(disk.data, out, sizeof(out)), "the whole disk written");
	ok(disk.requests == (256 + 8) / 9 && disk.longest == 9,
	   "in pieces of max_bytes: %u, longest %u", disk.requests, disk.longest);
	ok(!blkdev_read(&bd, 512 * 3, in, 512 * 20) &&
	   !memcmp(in, out + 512 * 3, 512 * 20), "read from the middle");
	ok(!blkdev_read(&bd, SECTORS * 512, in, 0), "nothing at the end");
	ok(bd.reads == 3 && bd.read_bytes == 512 * 20 && bd.writes == 29 &&
	   bd.write_bytes == sizeof(out), "counted");
	ok(!blkdev_flush(&bd) && disk.flushes == 1, "flush reaches the device");
	ok(!blkdev_discard(&bd, 1024, 2048) && !disk.data[1024] && !disk.data[3071],
	   "discard");
}

static void test_checks(void)
{
	static uint8_t buf[8192];
	unsigned before = disk.requests;

	ok(blkdev_read(&bd, 1, buf, 512) == -EINVAL, "offset not of a sector");
	ok(blkdev_read(&bd, 0, buf, 100) == -EINVAL, "length not of a sector");
	ok(blkdev_read(&bd, SECTORS * 512 - 512, buf, 1024) == -EINVAL, "past the end");
	ok(blkdev_write(&bd, SECTORS * 512, buf, 512) == -EINVAL, "at the end");
	ok(blkdev_read(&bd, UINT64_MAX - 511, buf, 1024) == -EINVAL, "wraps");
	ok(blkdev_discard(&bd, UINT64_MAX - 511, 1024) == -EINVAL, "discard wraps");
	ok(blkdev_discard(&bd, 0, 0) == -EINVAL, "discard nothing");
	ok(disk.requests == before, "none of these reached the device");
	bd.read_only = true;
	ok(blkdev_write(&bd, 0, buf, 512) == -EROFS &&
	   blkdev_discard(&bd, 0, 512) == -EROFS && disk.requests == before,
	   "read-only");
	bd.read_only = false;
	bd.has_discard = false;
	ok(blkdev_discard(&bd, 0, 512) == -ENOTSUP, "no discard");
	bd.has_flush = false;
	ok(blkdev_flush(&bd) == 0 && disk.requests == before, "no flush: 0");
	bd.has_discard = bd.has_flush = true;
	bd.block_size = 1024;
	ok(blkdev_read(&bd, 512, buf, 1024) == -EINVAL &&
	   blkdev_read(&bd, 0, buf, 512) == -EINVAL && disk.requests == before,
	   "multiples of the block size");
	ok(!blkdev_read(&bd, 0, buf, 6144) && disk.requests == before + 2,
	   "pieces too are multiples of it");
	before = disk.requests;
	ok(blkdev_read(&bd, SECTORS * 512 - 5120, buf, 6144) == -EINVAL &&
	   disk.requests == before, "what goes past the end does not begin");
	bd.block_size = 512;
}

static int status;

static void store(struct blk_request *rq)
{
	status = rq->status;
}

static int raw(struct blk_request rq)
{
	rq.done = store;
	status = 1;
	blkdev_submit(&bd, &rq);
	return status;
}

static void test_segments(void)
{
	static uint8_t buf[8192] __attribute__((aligned(8)));
	unsigned before = disk.requests;

	ok(raw((struct blk_request){ .op = BLK_READ }) == -EINVAL, "no segment");
	ok(raw((struct blk_request){ .op = BLK_READ, .n_segs = 5, .seg = {
		{ buf, 512 }, { buf, 512 }, { buf, 512 }, { buf, 512 }, { buf, 512 } } })
	   == -EINVAL, "too many segments");
	ok(raw((struct blk_request){ .op = BLK_READ, .n_segs = 1,
				     .seg = { { buf, 700 } } }) == -EINVAL, "odd length");
	ok(raw((struct blk_request){ .op = BLK_READ, .n_segs = 1,
				     .seg = { { buf + 2, 512 } } }) == -EINVAL,
	   "odd address");
	ok(raw((struct blk_request){ .op = BLK_READ, .n_segs = 1,
				     .seg = { { buf, 5120 } } }) == -EINVAL,
	   "more than max_bytes");
	ok(raw((struct blk_request){ .op = BLK_READ, .sector = SECTORS, .n_segs = 1,
				     .seg = { { buf, 512 } } }) == -EINVAL, "range");
	ok(disk.requests == before, "none reached the device");
}

static void test_errors(void)
{
	static uint8_t buf[16384];
	uint64_t errors = bd.errors;

	for (int n = 0; n < 4; n++) {
		disk.fail_after = n;
		ok(blkdev_read(&bd, 0, buf, sizeof(buf)) == -EIO &&
		   disk.fail_after == 0, "request %d fails: -EIO", n);
	}
	ok(bd.errors == errors + 4 + 3 + 2 + 1, "counted, with those in flight");
	{
		static uint8_t big[20 * 4608];
		unsigned before = disk.requests;

		disk.fail_after = 0;
		ok(blkdev_read(&bd, 0, big, sizeof(big)) == -EIO &&
		   disk.requests == before + 4, "after an error none is begun");
	}
	disk.fail_after = 0;
	ok(blkdev_flush(&bd) == -EIO, "flush fails");
	disk.fail_after = -1;
	ok(!blkdev_read(&bd, 0, buf, sizeof(buf)), "and works again");
}

/* ---- partitions ---- */

static struct blkdev disk2 = {
	.serial = "TWO", .n_sectors = SECTORS, .block_size = 512, .max_segs = 4,
	.max_bytes = 8192, .has_flush = true, .ops = &ops,
};
static struct blkdev part1 = { .parent = &bd, .start = 8, .n_sectors = 16,
			       .number = 1, .label = "data" };
static struct blkdev part3 = { .parent = &bd, .start = 24, .n_sectors = 8,
			       .number = 3, .label = "log", .read_only = true };
static struct blkdev other1 = { .parent = &disk2, .start = 1, .n_sectors = 255,
				.number = 1, .label = "data" };

static bool refused(struct blkdev *parent, uint64_t start, uint64_t n)
{
	struct blkdev x = { .parent = parent, .start = start, .n_sectors = n,
			    .number = 9 };

	return blkdev_register_part(&x) == -EINVAL;
}

static void test_names(void)
{
	ok(!blkdev_register(&disk2) && !blkdev_register_part(&part1) &&
	   !blkdev_register_part(&other1) && !blkdev_register_part(&part3),
	   "partitions register");
	ok(refused(&bd, 0, 0) && refused(&bd, SECTORS, 1) &&
	   refused(&bd, SECTORS + 1, 1) && refused(&bd, 1, SECTORS) &&
	   refused(&bd, 8, UINT64_MAX) && refused(&part1, 0, 8), "but not all");
	{
		static struct blkdev bd_ro = { .n_sectors = 64, .block_size = 512,
			.max_segs = 4, .max_bytes = 4096, .read_only = true, .ops = &ops };
		static struct blkdev part = { .parent = &bd_ro, .n_sectors = 8, .number = 1 };
		static uint8_t buf[512];

		ok(!blkdev_register(&bd_ro) && !blkdev_register_part(&part) &&
		   blkdev_write(&part, 0, buf, 512) == -EROFS && part.read_only,
		   "a read-only disk has read-only partitions");
		list_del(&part.all);
		list_del(&bd_ro.all);
	}
	bd.block_size = 4096;
	ok(refused(&bd, 4, 8) && refused(&bd, 8, 4), "in whole blocks");
	bd.block_size = 512;
	ok(blkdev_next(&bd) == &part1 && blkdev_next(&part1) == &part3 &&
	   blkdev_next(&disk2) == &other1 && !blkdev_next(&other1),
	   "they follow their disks");
	ok(!strcmp(part3.name, "disk0p3") && blkdev_find("disk0p3") == &part3 &&
	   blkdev_find("SITEp3") == &part3 && blkdev_find("log") == &part3 &&
	   blkdev_find("TWOp1") == &other1, "four kinds of name");
	ok(!blkdev_find("disk0p2") && !blkdev_find("SITEp") &&
	   !blkdev_find("SITEp03") && !blkdev_find("p1") && !blkdev_find(""),
	   "and no others");
	ok(!blkdev_find("data") && blkdev_is_called(&part1, "data") &&
	   blkdev_is_called(&other1, "data"), "a label of two is nobody's");
	part1.label = "TWO";
	ok(!blkdev_find("TWO"), "nor a label that is a serial number");
	part1.label = "disk2p1";
	ok(blkdev_find("disk2p1") == &other1 && blkdev_find("disk2") == &disk2,
	   "but a label does not hide a device's own name");
	strcpy(disk2.serial, "disk0");
	ok(blkdev_find("disk0") == &bd, "nor does a serial number");
	strcpy(disk2.serial, "TWO");
	part1.label = "data";
}

static void test_part(void)
{
	static uint8_t buf[16 * 512], in[16 * 512];
	uint64_t writes = bd.writes, bytes = bd.write_bytes;
	unsigned before;

	for (unsigned i = 0; i < sizeof(buf); i++)
		buf[i] = (uint8_t)rand();
	memset(disk.data, 0xee, sizeof(disk.data));
	ok(!blkdev_write(&part1, 0, buf, sizeof(buf)) &&
	   !memcmp(disk.data + 8 * 512, buf, sizeof(buf)) &&
	   disk.data[8 * 512 - 1] == 0xee && disk.data[24 * 512] == 0xee,
	   "a partition's sectors are its part of the disk's");
	ok(!blkdev_read(&part1, 512, in, 1024) && !memcmp(in, buf + 512, 1024),
	   "reading too");
	ok(part1.writes == 2 && bd.writes == writes + 2 &&
	   part1.write_bytes == sizeof(buf) && bd.write_bytes - bytes == sizeof(buf)
	   && part1.reads == 1, "counted for both");
	before = disk.requests;
	ok(blkdev_write(&part1, 16 * 512, buf, 512) == -EINVAL &&
	   blkdev_read(&part1, 15 * 512, in, 1024) == -EINVAL &&
	   blkdev_discard(&part1, 15 * 512, 1024) == -EINVAL &&
	   blkdev_write(&part3, 0, buf, 512) == -EROFS && disk.requests == before,
	   "not behind its end, not where it is read-only");
	ok(!blkdev_discard(&part1, 512, 512) && disk.data[9 * 512] == 0 &&
	   disk.data[10 * 512] == buf[1024], "discard");
	before = disk.flushes;
	ok(!blkdev_flush(&part1) && disk.flushes == before + 1, "flush goes through");
	before = disk.requests;
	bd.n_sectors = 20;
	ok(blkdev_read(&part1, 0, in, 12 * 512) == 0 &&
	   blkdev_read(&part1, 12 * 512, in, 512) == -EIO &&
	   blkdev_read(&part3, 0, in, 512) == -EIO &&
	   disk.requests == before + 2, "a disk that became smaller: EIO");
	bd.n_sectors = SECTORS;
	disk.fail_after = 0;
	before = (unsigned)bd.errors;
	ok(blkdev_read(&part1, 0, in, 512) == -EIO && part1.errors == 4 - 1 &&
	   bd.errors == before + 1, "errors come back, and count for both");
	disk.fail_after = -1;
}

/* A request on its own, as the block cache makes them. */
static struct blk_request own;

static void own_done(struct blk_request *rq)
{
	status = rq->status;
}

static void test_part_request(void)
{
	static uint8_t buf[512] __attribute__((aligned(8)));
	uint64_t errors = bd.errors, part_errors = part1.errors;

	own = (struct blk_request){ .op = BLK_READ, .sector = 3, .n_segs = 1,
				    .seg = { { buf, 512 } }, .done = own_done };
	for (int fail = 0; fail < 2; fail++) {
		disk.fail_after = fail - 1;
		status = 1;
		blkdev_submit(&part1, &own);
		if (!fail)
			disk.fail_after = -1;
		while (status == 1)
			thread_sleep_until(clock_now() + 2 * LATENCY);
		ok(status == (fail ? -EIO : 0) && own.sector == 3 &&
		   own.done == own_done && own.n_segs == 1 &&
		   !memcmp(buf, disk.data + 11 * 512, 512),
		   "a request comes back as it was, result %d", status);
	}
	disk.fail_after = -1;
	ok(bd.errors == errors + 1 && part1.errors == part_errors,
	   "its submitter counts errors for itself, the disk has its own");
	own = (struct blk_request){ .op = BLK_FLUSH, .done = own_done };
	status = 1;
	blkdev_submit(&part1, &own);
	while (status == 1)
		thread_sleep_until(clock_now() + 2 * LATENCY);
	ok(!status && own.sector == 0, "a flush");
}

static void test_claims(void)
{
	ok(!blkdev_claim(&part1, "/data") && blkdev_user(&bd) == &part1 &&
	   blkdev_user(&part1) == &part1 && !blkdev_user(&part3), "claimed");
	ok(blkdev_claim(&part1, "/b") == -EBUSY && blkdev_claim(&bd, "/b") == -EBUSY &&
	   blkdev_claim(&part1, NULL) == -EBUSY && blkdev_claim(&bd, NULL) == -EBUSY,
	   "an owner keeps out others, and those of the whole disk");
	ok(!blkdev_claim(&part3, "/log") && !blkdev_claim(&other1, "/o"),
	   "not its neighbours");
	blkdev_unclaim(&part3, "/log");
	blkdev_unclaim(&part1, "/data");
	blkdev_unclaim(&other1, "/o");
	ok(!blkdev_claim(&bd, "/all") && blkdev_claim(&part1, "/b") == -EBUSY &&
	   blkdev_claim(&part1, NULL) == -EBUSY, "a disk's owner has its partitions");
	blkdev_unclaim(&bd, "/all");
	ok(!blkdev_claim(&part1, NULL) && !blkdev_claim(&part1, NULL) &&
	   blkdev_claim(&part1, "/b") == -EBUSY && blkdev_claim(&bd, "/b") == -EBUSY,
	   "writers share, and keep out owners");
	blkdev_unclaim(&part1, NULL);
	ok(blkdev_claim(&part1, "/b") == -EBUSY, "each of them");
	blkdev_unclaim(&part1, NULL);
	ok(!blkdev_claim(&part1, "/b"), "until the last goes");
	blkdev_unclaim(&part1, "/b");
	ok(blkdev_claim(&part3, NULL) == -EROFS && !blkdev_claim(&part3, "/c"),
	   "read-only: no writers, but owners");
	blkdev_unclaim(&part3, "/c");
	bd.has_table = true;
	ok(blkdev_claim(&bd, NULL) == -EBUSY && !blkdev_user(&bd),
	   "nobody writes over a partition table");
	bd.has_table = false;
	ok(!blkdev_claim(&bd, NULL), "else a disk is like a partition");
	blkdev_unclaim(&bd, NULL);
}

/* ---- several buffers, several requests ---- */

static void test_vectors(void)
{
	static uint8_t a[5120], b[512], c[8192], d[512 + 4], back[14848];
	struct file_iov v[] = { { a, 5120 }, { b, 0 }, { b, 512 }, { c, 8192 },
				{ d, 512 }, { b, 512 } };
	unsigned before;

	for (unsigned i = 0; i < sizeof(a); i++)
		a[i] = (uint8_t)rand();
	for (unsigned i = 0; i < sizeof(c); i++)
		c[i] = (uint8_t)rand();
	memset(b, 'b', sizeof(b));
	memset(d, 'd', sizeof(d));
	disk.most_waiting = 0;
	ok(!blkdev_transfer(&bd, BLK_WRITE, 1024, v, 14848) &&
	   !blkdev_read(&bd, 1024, back, sizeof(back)) && !memcmp(back, a, 5120) &&
	   !memcmp(back + 5120, b, 512) && !memcmp(back + 5632, c, 8192) &&
	   !memcmp(back + 13824, d, 512) && !memcmp(back + 14336, b, 512),
	   "six buffers, one of them empty");
	ok(disk.most_waiting == 4, "four requests at a time: %u", disk.most_waiting);
	disk.most_waiting = 0;
	ok(!blkdev_transfer(&disk2, BLK_READ, 0, v + 1, 1024) &&
	   disk.most_waiting == 1, "several buffers in one request");
	before = disk.requests;
	v[4].base = d + 2;
	ok(blkdev_transfer(&bd, BLK_WRITE, 0, v, 14848) == -EINVAL &&
	   disk.requests == before, "an odd address anywhere: nothing begins");
	v[4].base = d + 4;
	v[3].len = 8191;
	ok(blkdev_transfer(&bd, BLK_READ, 0, v, 14336) == -EINVAL &&
	   disk.requests == before, "an odd length anywhere");
	v[3].len = 8192;
	ok(blkdev_transfer(&part3, BLK_WRITE, 0, v, 512) == -EROFS, "read-only");
	ok(!blkdev_transfer(&bd, BLK_READ, 0, v, 0) && disk.requests == before,
	   "nothing");
}

static void reader(void *arg)
{
	static uint8_t buf[4][4096];
	int i = (int)(intptr_t)arg;

	status += blkdev_read(&bd, (uint64_t)i * 4096, buf[i], 4096);
}

static void test_parallel(void)
{
	struct thread *t[4];
	nsec_t start = clock_now();

	status = 0;
	for (int i = 0; i < 4; i++)
		t[i] = thread_create("r", reader, (void *)(intptr_t)i, 0);
	for (int i = 0; i < 4; i++)
		thread_join(t[i]);
	ok(status == 0 && clock_now() - start == LATENCY,
	   "four threads wait at the same time");
}

int main(void)
{
	static struct event_handler h = { .fn = complete };

	fake_pv_init(4u << 20);
	ok(!event_bind(LINE, &h), "bind");
	test_registry();
	test_transfer();
	test_checks();
	test_segments();
	test_errors();
	test_parallel();
	test_names();
	test_part();
	test_part_request();
	test_claims();
	test_vectors();
	return done_testing();
}

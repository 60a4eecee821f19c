/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The block cache by itself: what waits in memory goes out in ascending, merged
 * requests, several at a time, within its bound, and is never dropped; errors
 * stick; readers in sequence get ahead, others do not.
 *
 * SOURCES: fs/bcache.c fs/bcache_io.c tools/host_kernel.c
 * SOURCES: tests/host/ram_blkdev.c
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/bcache.h"
#include "fs/fs.h"
#include "kernel/page.h"
#include "tests/host/ram_blkdev.h"
#include "tests/unit/tap.h"
#include "tools/host_kernel.h"

#define N 1024u				/* blocks of the disk */

size_t fs_memory_share(unsigned n)
{
	return host_memory / n;
}

static struct ram_disk d;
static struct bcache *c;
static uint8_t *held;			/* the buffer that is exchanged */

static void start(size_t cache_blocks)
{
	ram_disk_init(&d, "disk0", (uint64_t)N * BCACHE_BLOCK);
	for (uint32_t i = 0; i < N; i++)
		memset(d.data + i * BCACHE_BLOCK, (int)(i & 0x7f), BCACHE_BLOCK);
	c = bcache_create(&d.bd, cache_blocks * BCACHE_BLOCK);
	held = page_alloc(1, PAGE_SIZE);
}

static void end(void)
{
	bcache_destroy(c);
	page_free(held, 1);
	ram_disk_fini(&d);
}

static int put(uint32_t block, int value)
{
	memset(held, value, BCACHE_BLOCK);
	return bcache_put(c, block, &held, 0, BCACHE_BLOCK);
}

static int value_of(uint32_t block)
{
	uint8_t b[2];

	return bcache_read(c, block, 4094, b, 2) == 0 && b[0] == b[1] ? b[0] : -1;
}

static size_t dirty(void)
{
	struct bcache_stats st;

	bcache_get_stats(c, &st);
	return st.dirty / BCACHE_BLOCK;
}

static void test_runs(void)
{
	start(512);
	for (uint32_t i = 0; i < 60; i++)
		put(100 + (i * 37) % 60, 200);
	ok(d.bd.writes == 0 && dirty() == 60, "blocks wait in memory");
	ok(d.data[100 * BCACHE_BLOCK] == 100, "not on the disk");
	bcache_write_out(c);
	ok(bcache_settle(c) == 0 && dirty() == 0, "written out");
	ok(d.data[100 * BCACHE_BLOCK] == 200 &&
	   d.data[160 * BCACHE_BLOCK - 1] == 200, "all of it");
	ok(d.bd.writes <= 4 && d.largest >= 16 * BCACHE_BLOCK &&
	   d.most_in_flight > 1, "60 blocks, given in any order: %d requests, the "
	   "largest of %zu bytes, %u in flight", (int)d.bd.writes, d.largest,
	   d.most_in_flight);
	ok(bcache_unflushed(c) && bcache_flush(c) == 0 && !bcache_unflushed(c),
	   "a flush is due after writes only");
	memset(held, 9, BCACHE_BLOCK);
	ok(bcache_put(c, 5, &held, 512, 1024) == 0, "a part of a block");
	bcache_write_out(c);
	ok(bcache_settle(c) == 0 && d.data[5 * 4096 + 511] == 5 &&
	   d.data[5 * 4096 + 512] == 9 && d.data[5 * 4096 + 1023] == 9 &&
	   d.data[5 * 4096 + 1024] == 5, "only that is written");
	end();
}

static void test_bound(void)
{
	size_t most = 0;

	start(64);
	d.bd.max_bytes = 20 << 10;
	for (uint32_t i = 0; i < 900; i++) {
		put(i, 201);
		most = dirty() > most ? dirty() : most;
	}
	ok(most <= 16 && most > 8, "of 64 blocks at most %zu wait", most);
	ok(d.bd.writes > 50 && d.bd.writes <= 300, "the others went out in %d "
	   "requests", (int)d.bd.writes);
	host_shrink(1u << 30);
	ok(dirty() > 0 && value_of(899) == 201, "none of them is dropped when "
	   "memory runs short (%zu wait)", dirty());
	bcache_write_out(c);
	ok(bcache_settle(c) == 0 && d.data[899 * 4096] == 201, "nor lost");
	ok(d.largest == 20 << 10, "no request is larger than the disk takes");
	end();
}

static void test_no_memory(void)
{
	start(64);
	put(7, 202);
	host_heap_fail_after = 0;
	ok(put(8, 203) == -ENOMEM, "no memory: the cache does not take it");
	host_heap_fail_after = 1;
	ok(put(7, 204) == -ENOMEM, "nor instead of an older one,");
	host_heap_fail_after = -1;
	ok(value_of(7) == 7, "which it has forgotten");
	host_heap_fail_after = 0;
	ok(bcache_prefetch(c, 100, 16) <= 16 && value_of(101) == 101,
	   "reads ahead what it can");
	host_heap_fail_after = 0;
	ok(value_of(50) == 50, "but reads");
	host_heap_fail_after = -1;
	end();
}

static void test_errors(void)
{
	start(256);
	for (uint32_t i = 0; i < 20; i++)
		put(300 + i, 205);
	put(10, 206);
	d.fail_at = d.requests;
	d.fail_for_ever = true;
	bcache_write_out(c);
	ok(bcache_settle(c) == -EIO, "a write that fails is told");
	ok(bcache_failed(c) == 10 || bcache_failed(c) - 300 < 20,
	   "with its block (%u)", bcache_failed(c));
	d.fail_at = -1;
	host_shrink(1u << 30);
	ok(value_of(310) == 205 && value_of(10) == 206,
	   "what was written can be read");
	ok(bcache_settle(c) == -EIO, "it is told for ever");
	end();
	start(256);
	d.fail_at = d.requests;
	ok(bcache_prefetch(c, 20, 16) == 16, "reading ahead");
	ok(value_of(22) == 22, "that fails is tried again by who wants it");
	ok(bcache_settle(c) == 0, "and nobody else's trouble");
	end();
}

static void test_stream(void)
{
	struct bcache_stream s = { 0 };
	uint64_t reads;
	int bad = 0;

	start(1024);
	for (uint32_t i = 0; i < 800; i++) {
		bad += value_of(i) != (int)(i & 0x7f);
		bcache_follow(c, &s, i, 799 - i);
	}
	ok(bad == 0 && d.bd.reads < 20 && d.largest >= 256 << 10,
	   "800 blocks in sequence: %d requests, the largest of %zu bytes",
	   (int)d.bd.reads, d.largest);
	reads = d.bd.reads;
	value_of(801);
	ok(d.bd.reads == reads + 1, "not beyond the end that was given");
	end();
	start(1024);
	s = (struct bcache_stream){ .last = 500, .end = 500 };
	for (uint32_t i = 0; i < 40; i++) {
		bcache_follow(c, &s, i * 397 % 1000, 100);
		value_of(i * 397 % 1000);
	}
	ok(d.bd.reads + d.in_flight == 40, "jumps: nothing ahead (%d requests)",
	   (int)d.bd.reads + (int)d.in_flight);
	end();
	start(16);
	s = (struct bcache_stream){ 0 };
	for (uint32_t i = 0; i < 40; i++) {
		bcache_follow(c, &s, i, 100);
		value_of(i);
	}
	ok(d.bd.reads == 40, "nor in the smallest caches");
	end();
}

/* Hot blocks stay when a long file passes by. */
static void test_passing(void)
{
	struct bcache_stream s = { 0 };
	uint64_t reads;

	start(128);
	for (int k = 0; k < 3; k++) {
		for (uint32_t i = 0; i < 16; i++)
			value_of(1000 + i);
	}
	for (uint32_t i = 0; i < 900; i++) {
		value_of(i);
		bcache_follow(c, &s, i, 899 - i);
	}
	reads = d.bd.reads;
	for (uint32_t i = 0; i < 16; i++)
		value_of(1000 + i);
	ok(d.bd.reads == reads, "blocks that are used again outlive a long file");
	end();
}

/* Memory that is short for a moment, at each place of reading ahead. */
static void test_ahead_without_memory(void)
{
	unsigned bad = 0;

	for (int k = 0; k < 24; k++) {
		start(256);
		host_heap_fail_after = k;
		bcache_prefetch(c, 20, 16);
		host_heap_fail_after = -1;
		for (uint32_t i = 20; i < 60; i++)
			bad += value_of(i) != (int)i;
		end();
	}
	ok(bad == 0, "one block without memory: the others in their places "
	   "(%u wrong)", bad);
}

/* A device whose requests are too small for a block. */
static void test_small_requests(void)
{
	start(8);
	end();
	ram_disk_init(&d, "disk0", (uint64_t)N * BCACHE_BLOCK);
	d.bd.max_bytes = 2048;
	c = bcache_create(&d.bd, 64 * BCACHE_BLOCK);
	held = page_alloc(1, PAGE_SIZE);
	for (uint32_t i = 0; i < 40; i++)
		put(i, 207);
	bcache_write_out(c);
	ok(bcache_settle(c) == 0 && d.data[39 * 4096] == 207 && dirty() == 0,
	   "small requests: synchronous");
	d.fail_at = d.requests;
	put(50, 208);
	put(51, 208);
	bcache_write_out(c);
	ok(bcache_settle(c) == -EIO && bcache_failed(c) == 50 &&
	   value_of(50) == 208, "and fail as the others do");
	end();
}

static uint32_t seed = 1;

static uint32_t below(uint32_t n)
{
	seed = seed * 1664525u + 1013904223u;
	return (seed >> 8) % n;
}

static void random_step(uint8_t *want)
{
	uint32_t block = below(below(8) ? 40 : N), from, to, kind = below(20);

	if (kind < 8) {
		want[block] = (uint8_t)below(256);
		if (put(block, want[block]) < 0) {
			bcache_write(c, (uint64_t)block * 4096, held, 4096);
			if (bcache_settle(c) < 0)
				abort();
		}
	} else if (kind == 8) {
		bcache_write_out(c);
	} else if (kind == 9) {
		host_shrink(below(64) * 4096);
	} else if (kind == 10) {
		bcache_prefetch(c, block, below(40));
	} else if (kind == 11) {
		host_heap_fail_after = below(4);
	} else if (kind == 12) {
		if (bcache_take(c, block, &held, &from, &to) < 0)
			return;
		if (held[below(4096)] != want[block])
			want[block] ^= 0x55;	/* found at the end */
		if (put(block, want[block]) < 0 &&
		    blkdev_write(&d.bd, (uint64_t)block * 4096, held, 4096) < 0)
			abort();
	} else {
		int v = value_of(block);

		if (v != want[block] && !(v == -1 && host_heap_fail_after == -1))
			want[block] ^= 0x55;
	}
	if (host_heap_fail_after < 0)
		host_heap_fail_after = -1;
}

static void test_random(void)
{
	static uint8_t want[N];
	unsigned bad = 0;

	for (uint32_t round = 0; round < 40; round++) {
		start(8 + below(200));
		for (uint32_t i = 0; i < N; i++)
			want[i] = (uint8_t)(i & 0x7f);
		for (int i = 0; i < 3000; i++)
			random_step(want);
		host_heap_fail_after = -1;
		for (uint32_t i = 0; i < N; i++)
			bad += value_of(i) != want[i];
		bcache_write_out(c);
		bad += bcache_settle(c) != 0;
		for (uint32_t i = 0; i < N; i++)
			bad += d.data[i * 4096] != want[i] ||
			       d.data[i * 4096 + 4095] != want[i];
		end();
	}
	ok(bad == 0, "anything in any order: %u differences", bad);
}

int main(void)
{
	host_log_quiet = true;
	test_runs();
	test_bound();
	test_no_memory();
	test_errors();
	test_stream();
	test_passing();
	test_ahead_without_memory();
	test_small_requests();
	test_random();
	ok(host_heap_live == 0, "no memory lost: %ld", host_heap_live);
	return done_testing();
}

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A disk in memory that remembers its writes and flushes, and the disks that
 * a power cut could have left: what a completed flush covered is there; of
 * the writes after it any subset, in any order, torn at the smallest write.
 * It is the blocking half of kernel/blkdev.h; requests that were submitted
 * finish one by one, in any order, when somebody waits.
 */
#pragma once

#include <stddef.h>

#include "kernel/blkdev.h"

struct cut_rng {
	uint64_t s;
};

uint64_t cut_rand(struct cut_rng *r);
uint32_t cut_below(struct cut_rng *r, uint32_t n);	/* 0 .. n - 1 */

struct cut_entry {
	uint64_t off;
	uint32_t len;			/* 0: a flush */
	uint8_t *data;
};

struct cut_disk {
	struct blkdev bd;
	uint8_t *data;
	size_t bytes;
	bool recording;
	struct cut_entry *log;
	size_t n, room;
	/* Test of the test: does the device lose this flush? */
	bool (*lose_flush)(struct cut_disk *d);
};

enum cut_pattern {
	CUT_NONE,			/* of the writes that no flush covers */
	CUT_ALL,
	CUT_LAST,			/* only the last */
	CUT_BUT_ONE,			/* all but one */
	CUT_TORN_EARLY,			/* all, of the last the first unit */
	CUT_TORN,			/* all, the last up to some unit */
	CUT_ANY,			/* any, whole or torn, in any order */
	CUT_SECTORS,			/* every unit for itself */
	CUT_PATTERNS
};

/* `unit`: the smallest write, 512 to 4096 bytes; it is not torn. */
void cut_disk_init(struct cut_disk *d, size_t bytes, uint32_t unit);
void cut_disk_fini(struct cut_disk *d);
/* Forgets the log; `on`: begins a new one. */
void cut_disk_record(struct cut_disk *d, bool on);

/* Is the pattern different from those before it, for this many writes, the
 * last of `last` bytes? */
bool cut_pattern_differs(enum cut_pattern p, size_t n_writes, uint32_t last,
			 uint32_t unit);

/* `image` holds what is certain; entries [from, to) of the log, all writes,
 * are put on it as the pattern says. */
void cut_apply(const struct cut_entry *log, size_t from, size_t to,
	       enum cut_pattern p, uint32_t unit, struct cut_rng *r,
	       uint8_t *image);

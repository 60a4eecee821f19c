/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Private to fs/bcache.c (what is in memory) and fs/bcache_io.c (requests).
 *
 * An entry is in one of these places, by its `lru` link:
 *	once, hot	clean; victims are taken from these
 *	dirty		changed, by ascending block; nothing drops it
 *	an io's list	in flight (busy): the device has its memory
 * All are found by hash. Completions run in event context, that is whenever
 * the caller blocks, and move entries from an io to `once`, or, of a failed
 * write, to `failed`; entries of a failed read are freed.
 */
#pragma once

#include "fs/bcache.h"
#include "kernel/heap.h"
#include "kernel/page.h"
#include "kernel/thread.h"

#define BCACHE_IOS 8u			/* requests in flight */

struct entry {
	struct entry *hash_next;
	struct list lru;
	uint32_t block;
	uint16_t from, to;		/* bytes the device lacks; to == 0: none */
	bool hot, fresh, busy;		/* fresh: nobody has read it yet */
	uint8_t *data;
};

struct io {
	struct blk_request rq;
	struct bcache *c;
	struct list entries;		/* whose data it moves, ascending */
	struct list link;		/* c->free_ios */
	uint32_t bytes;
};

struct bcache {
	struct blkdev *dev;
	struct entry **bucket;
	uint32_t mask;
	uint32_t n, n_hot, max;		/* entries: all, hot, limit */
	uint32_t n_dirty, max_dirty;	/* changed and not in flight */
	uint32_t n_writing;
	uint32_t last;			/* block, for promotion */
	struct list once, hot, dirty, failed;
	struct io *ios;			/* n_ios of them; none: synchronous */
	uint32_t n_ios, n_flight, write_flight;
	struct list free_ios;
	struct wait_queue wait;		/* for completions */
	uint32_t failed_block;
	bool unflushed;
	uint64_t hits, misses;
	struct bcache *next;
};

struct entry **bcache_slot(struct bcache *c, uint32_t block);
/* An entry in no bucket and on no list, with this page, or NULL: with one of
 * its own. NULL: no memory, no room. */
struct entry *bcache_entry_new(struct bcache *c, uint8_t *page);
/* Gives up clean blocks until n more have room, as far as that goes. */
void bcache_make_room(struct bcache *c, uint32_t n);
void bcache_entry_free(struct bcache *c, struct entry *e);
/* Into its bucket; the caller puts it on a list. No entry of that block may
 * be there. */
void bcache_entry_insert(struct bcache *c, struct entry *e, uint32_t block);
void bcache_entry_dirty(struct bcache *c, struct entry *e);

/* fs/bcache_io.c */
int bcache_io_init(struct bcache *c);
void bcache_io_fini(struct bcache *c);
/* Until the block is not in flight. Its entry, or NULL. */
struct entry *bcache_calm(struct bcache *c, uint32_t block);
/* While more than `most` blocks wait to be written or are being written. */
void bcache_throttle(struct bcache *c, uint32_t most);

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A cache of 4 KiB blocks of one block device, least recently used out first,
 * bounded in size and emptied by the heap when memory runs short. A block that
 * is read once in passing gives way before one that was read again.
 *
 * Blocks that were changed (bcache_put) stay in memory for a while and go out
 * in ascending runs, several large requests at a time: when there are too many
 * of them, and when the caller says so. Until they are written nothing drops
 * them. In which order and between which flushes is the caller's business:
 *
 *	bcache_write_out(c);	starts all of them
 *	bcache_write(c, ...);	starts one more
 *	bcache_settle(c);	waits, tells errors
 *	bcache_flush(c);	the device's flush
 *
 * One caller at a time (the mount's mutex); calls may switch. A device that
 * takes less than a block in a request is written synchronously.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "kernel/blkdev.h"

#define BCACHE_BLOCK 4096u
#define BCACHE_NONE  UINT32_MAX

struct bcache;

/* max_bytes: what it may hold; 0: a share of the memory. NULL: no memory. */
struct bcache *bcache_create(struct blkdev *dev, size_t max_bytes);
/* Waits for what is in flight; what was not written is lost. */
void bcache_destroy(struct bcache *c);

/* Part of a block: off + len <= BCACHE_BLOCK. The device's last block may be
 * short; what lies beyond the end reads as zeros. 0 or -errno. */
int bcache_read(struct bcache *c, uint32_t block, uint32_t off, void *buf,
		uint32_t len) MUST_CHECK;
bool bcache_has(struct bcache *c, uint32_t block);
/* Starts reading those of n blocks that are not here, as far as memory and
 * requests allow: how many blocks it came. Errors are for bcache_read() to
 * find. */
uint32_t bcache_prefetch(struct bcache *c, uint32_t block, uint32_t n);
/* One reader's way through the device, for reading ahead; zeros at first. */
struct bcache_stream {
	uint32_t last;			/* block that it was at, + 1; 0: nowhere */
	uint32_t mark, end;		/* the last window, now in flight or here */
	uint32_t window;
};

/* The reader is at `block` and will want the `left` blocks of its file that
 * follow, probably from the next one up: keeps one window, which grows, in
 * flight ahead of it. A reader that jumps must show two neighbours first. */
void bcache_follow(struct bcache *c, struct bcache_stream *s, uint32_t block,
		   uint32_t left);

/* The block's new content is *data (a page from page_alloc()), of
 * which the device lacks the bytes [from, to): multiples of its block size,
 * to == 0: none. The cache keeps the buffer and gives another one. -ENOMEM:
 * it does not, and has forgotten the block. May wait for earlier ones. */
int bcache_put(struct bcache *c, uint32_t block, uint8_t **data, uint32_t from,
	       uint32_t to) MUST_CHECK;
/* The reverse: the block leaves the cache, *data is exchanged for its content;
 * read from the device if it was not here. 0 or -errno. */
int bcache_take(struct bcache *c, uint32_t block, uint8_t **data, uint32_t *from,
		uint32_t *to) MUST_CHECK;
/* Forgets a block, changed or not. */
void bcache_drop(struct bcache *c, uint32_t block);

void bcache_write_out(struct bcache *c);
/* The data must stay until bcache_settle(); off and len as blkdev_write(). */
void bcache_write(struct bcache *c, uint64_t off, const void *data, uint32_t len);
/* Waits until no write is in flight. 0, or the first error since creation:
 * blocks that could not be written stay, can be read, and are not tried again. */
int bcache_settle(struct bcache *c) MUST_CHECK;
int bcache_flush(struct bcache *c) MUST_CHECK;
/* Was anything written since the last flush? */
bool bcache_unflushed(const struct bcache *c);
/* A block that could not be written, or BCACHE_NONE. */
uint32_t bcache_failed(const struct bcache *c);

struct bcache_stats {
	uint64_t hits, misses;
	size_t bytes;			/* held now */
	size_t dirty;			/* of these, not on the device yet */
};
void bcache_get_stats(const struct bcache *c, struct bcache_stats *out);

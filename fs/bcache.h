/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A cache of 4 KiB blocks of one block device, least recently used out first,
 * bounded in size and emptied by the heap when memory runs short. It only
 * reads; who writes tells it (bcache_put). One caller at a time (the mount's
 * mutex); calls may switch. A block that is read once in passing gives way
 * before one that was read again.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "kernel/blkdev.h"

#define BCACHE_BLOCK 4096u

struct bcache;

/* max_bytes: what it may hold; 0: a share of the memory. NULL: no memory. */
struct bcache *bcache_create(struct blkdev *dev, size_t max_bytes);
void bcache_destroy(struct bcache *c);

/* Part of a block: off + len <= BCACHE_BLOCK. The device's last block may be
 * short; what lies beyond the end reads as zeros. 0 or -errno. */
int bcache_read(struct bcache *c, uint32_t block, uint32_t off, void *buf,
		uint32_t len) MUST_CHECK;

/* The block's new content, after it went to the device. */
void bcache_put(struct bcache *c, uint32_t block, const void *data);
/* Forgets a block (a write failed and its content is unknown). */
void bcache_drop(struct bcache *c, uint32_t block);

struct bcache_stats {
	uint64_t hits, misses;
	size_t bytes;			/* held now */
};
void bcache_get_stats(const struct bcache *c, struct bcache_stats *out);

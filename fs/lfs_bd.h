/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What littlefs sees as its flash: 4 KiB blocks of a block device, behind a
 * cache, with the block that is being programmed held back.
 *
 * littlefs commits metadata (a block programmed last before `sync`) without
 * flushing the device after the data that the metadata refers to. So:
 *
 *	prog, erase:	into the held block; another block sends it to the cache,
 *			which writes it some time later
 *	sync:		write what is changed in the cache, and of an erased
 *			held block the part behind the first unit; wait
 *			flush	(if anything was written since the last flush)
 *			write the (rest of the) held block; wait
 *			flush
 *
 * A commit is thus never on the disk before its data, never in front of what
 * its block held before, and is there when sync returns. What the cache writes
 * early are blocks that no commit on the disk mentions: littlefs gives a block
 * away again only after the commit that freed it was synced. A write or flush
 * that fails takes the volume out of writing for good: what the disk has is
 * then no longer known.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "fs/bcache.h"
#include "kernel/blkdev.h"
#include "lfs2.h"

#define LFS_BLOCK 4096u
/* What a commit is padded to. Far below what a device writes at once, as the
 * held block is in memory: a sector may get several commits, and while a later
 * one is torn the bytes of those before are the same in the old and the new. */
#define LFS_PROG 16u
#define LFS_NO_BLOCK UINT32_MAX

struct lfs_bd {
	struct blkdev *dev;
	lfs2_t *lfs;			/* whose caches a failed read spoils */
	struct bcache *cache;
	uint32_t n_blocks;
	uint32_t held;			/* block number or LFS_NO_BLOCK */
	uint8_t *data;			/* its content; a cache buffer */
	uint32_t dirty_from, dirty_to;	/* bytes of it the device lacks */
	bool read_only;
	bool broken;			/* writes are refused */
	uint64_t reads_left;		/* per operation: a corrupt volume may not
					 * keep us for ever */
	/* Operations that look at the beginnings of very many blocks (the
	 * allocator: of every second block of each file) read many at once. */
	struct {
		uint8_t *buf;		/* NULL: none */
		uint32_t room;		/* blocks that it holds */
		uint32_t first, n;	/* these are in it */
		uint32_t last, run;	/* the last such block; how many near */
	} scan;
};

/* 0 or -ENOMEM. cache_bytes as in bcache_create(). */
int lfs_bd_init(struct lfs_bd *bd, struct blkdev *dev, size_t cache_bytes);
void lfs_bd_fini(struct lfs_bd *bd);
void lfs_bd_new_op(struct lfs_bd *bd);

/* Fills in the callbacks and sizes; `lookahead` bytes are the caller's. */
void lfs_bd_config(struct lfs_bd *bd, lfs2_t *lfs, struct lfs2_config *cfg);
int lfs_bd_read(struct lfs_bd *bd, uint32_t block, uint32_t off, void *buf,
		uint32_t len) MUST_CHECK;

/* Does the device have everything, for good? */
bool lfs_bd_is_clean(const struct lfs_bd *bd);
/* Is the block known to be erased from `off` on (held, and nothing but 0xff)? */
bool lfs_bd_is_erased(const struct lfs_bd *bd, uint32_t block, uint32_t off);

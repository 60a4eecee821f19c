/* SPDX-License-Identifier: BSD-2-Clause
 *
 * See mutant.h. The order of a right sync is in fs/lfs_bd.h.
 */
#include "tests/powercut/mutant.h"

#include <stdlib.h>

#include "fs/lfs.h"

const char *const mutant_names[] = {
	[MUTANT_NONE] = "nothing",
	[NO_FLUSH_BEFORE] = "the flush before the held block left out",
	[NO_FLUSH_AFTER] = "the flush after the held block left out",
	[FLUSH_MOVED] = "the first flush moved behind the held block",
	[NO_HOLD_BACK] = "no block held back",
	[NO_FLUSH] = "no flush at all",
	[NO_REST_FIRST] = "an erased block written in one go",
	[NO_WRITE_OUT] = "what is changed in the cache not written before a commit",
	[NO_SETTLE] = "the flush sent while data is still in flight",
	[ONE_FLUSH_LOST] = "one flush lost",
};

static struct {
	enum mutant which;
	struct cut_disk *disk;
	struct lfs_volume *v;
	struct lfs2_config right;	/* its callbacks */
	bool after;			/* sync has written the held block */
} mu;

static bool lose_flush(struct cut_disk *d)
{
	(void)d;
	return mu.which == NO_FLUSH ||
	       (mu.which == NO_FLUSH_AFTER && mu.v->bd.dirty_to == 0);
}

/* The held block goes to the disk as it is, outside of any order. */
static int push(struct lfs_bd *bd)
{
	uint32_t from = ALIGN_DOWN(bd->dirty_from, bd->dev->block_size);
	uint32_t to = ALIGN_UP(bd->dirty_to, bd->dev->block_size);

	if (bd->held == LFS_NO_BLOCK || bd->dirty_to == 0)
		return 0;
	bcache_write(bd->cache, (uint64_t)bd->held * LFS_BLOCK + from,
		     bd->data + from, to - from);
	if (bcache_settle(bd->cache) < 0)
		abort();
	bd->dirty_from = bd->dirty_to = 0;
	return 0;
}

static int flush(struct lfs_bd *bd)
{
	return bcache_flush(bd->cache) < 0 ? LFS2_ERR_IO : 0;
}

/* All that is in the cache. */
static int write_out(struct lfs_bd *bd)
{
	bcache_write_out(bd->cache);
	return bcache_settle(bd->cache) < 0 ? LFS2_ERR_IO : 0;
}

static int bad_prog(const struct lfs2_config *c, lfs2_block_t block,
		    lfs2_off_t off, const void *buf, lfs2_size_t size)
{
	int r = mu.right.prog(c, block, off, buf, size);

	return r == 0 && mu.which == NO_HOLD_BACK ? push(c->context) : r;
}

/* fs/lfs_bd.c's sync, with its faults. */
static int bad_sync(const struct lfs2_config *c)
{
	struct lfs_bd *bd = c->context;

	switch (mu.which) {
	case NO_FLUSH_BEFORE:
		if (bd->dirty_to == 0)
			break;
		write_out(bd);
		push(bd);
		return flush(bd);
	case FLUSH_MOVED:
		if (bd->dirty_to == 0)
			break;
		write_out(bd);
		push(bd);
		return flush(bd) + flush(bd);
	case NO_REST_FIRST:
		write_out(bd);
		if (bcache_unflushed(bd->cache) && flush(bd))
			return LFS2_ERR_IO;
		push(bd);
		return flush(bd);
	case NO_WRITE_OUT:
		if (bd->dirty_to == 0)
			break;
		if (bcache_unflushed(bd->cache) && flush(bd))
			return LFS2_ERR_IO;
		push(bd);
		return flush(bd);
	case NO_SETTLE:
		bcache_write_out(bd->cache);
		if (flush(bd))
			return LFS2_ERR_IO;
		push(bd);
		return flush(bd);
	default:
		break;
	}
	return mu.right.sync(c);
}

void mutant_begin(struct cut_disk *d, enum mutant which)
{
	struct lfs_volume *v = container_of(lfs_volumes.prev, struct lfs_volume,
					    all);

	mu.which = which;
	mu.disk = d;
	mu.v = v;
	mu.right = v->cfg;
	d->lose_flush = lose_flush;
	v->cfg.prog = bad_prog;
	v->cfg.sync = bad_sync;
}

void mutant_end(void)
{
	mu.v->cfg.prog = mu.right.prog;
	mu.v->cfg.sync = mu.right.sync;
	mu.disk->lose_flush = NULL;
	mu.which = MUTANT_NONE;
}

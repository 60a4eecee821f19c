/* SPDX-License-Identifier: BSD-2-Clause
 *
 * littlefs' block callbacks. Errors go up in littlefs' own numbers.
 */
#include "fs/lfs_bd.h"

#include <errno.h>

#include "fs/fs.h"
#include "kernel/heap.h"
#include "kernel/lib/string.h"
#include "kernel/log.h"
#include "kernel/page.h"

/* One operation may walk the tree a few times (allocation, orphans), each
 * block in a dozen pieces; more than this is a volume that leads in circles. */
#define READS_BASE	100000u
#define READS_PER_BLOCK 1024u

/* ---- scans ---- */

#define SCAN_RUN   8u		/* blocks' beginnings in a row, */
#define SCAN_NEAR  64u		/* each this near to the one before */
#define SCAN_MOST  256u		/* blocks read at once: 1 MiB */
#define SCAN_LEAST 16u

/* Whoever changes a block, and the end of the operation. */
static void scan_end(struct lfs_bd *bd)
{
	heap_free(HEAP_FS, bd->scan.buf);
	bd->scan.buf = NULL;
	bd->scan.n = bd->scan.run = 0;
}

static bool scan_buffer(struct lfs_bd *bd)
{
	size_t most = fs_memory_share(16) / LFS_BLOCK;

	if (bd->scan.buf)
		return true;
	bd->scan.room = most < SCAN_MOST ? (uint32_t)most : SCAN_MOST;
	if (bd->scan.room < SCAN_LEAST)
		return false;
	bd->scan.buf = heap_alloc(HEAP_FS, bd->scan.room * LFS_BLOCK);
	return bd->scan.buf;
}

/* The blocks on that side of `block` to which the scan moves. What the cache
 * has changed goes to the device first: it may leave the cache meanwhile. */
static bool scan_fill(struct lfs_bd *bd, uint32_t block, bool down)
{
	uint32_t n = bd->scan.room, first = block;

	bcache_write_out(bd->cache);
	if (bcache_settle(bd->cache) < 0)
		return false;
	if (down)
		first = block >= n ? block - n + 1 : 0;
	if (n > bd->n_blocks - first)
		n = bd->n_blocks - first;
	bd->scan.n = 0;
	if (blkdev_read(bd->dev, (uint64_t)first * LFS_BLOCK, bd->scan.buf,
			(size_t)n * LFS_BLOCK) < 0)
		return false;
	bd->scan.first = first;
	bd->scan.n = n;
	return true;
}

static bool scan_has(const struct lfs_bd *bd, uint32_t block)
{
	return block - bd->scan.first < bd->scan.n;
}

/* For blocks that are not in the cache. Whether `buf` was filled. */
static bool scan_read(struct lfs_bd *bd, uint32_t block, uint32_t off, void *buf,
		      uint32_t len)
{
	uint32_t last = bd->scan.last;
	bool down = block < last;

	if (!scan_has(bd, block)) {
		if (off) {
			bd->scan.run = 0;
			return false;
		}
		bd->scan.last = block;
		if ((down ? last - block : block - last) > SCAN_NEAR)
			bd->scan.run = 0;
		if (bd->scan.run++ < SCAN_RUN || !scan_buffer(bd))
			return false;
		if (!scan_fill(bd, block, down)) {
			bd->scan.run = 0;	/* one by one past a bad sector */
			return false;
		}
	}
	bd->scan.last = block;
	memcpy(buf, bd->scan.buf + (block - bd->scan.first) * LFS_BLOCK + off,
	       len);
	return true;
}

/* ---- start and end ---- */

int lfs_bd_init(struct lfs_bd *bd, struct blkdev *dev, size_t cache_bytes)
{
	uint64_t n = dev->n_sectors / (LFS_BLOCK / BLK_SECTOR);

	memset(bd, 0, sizeof(*bd));
	bd->dev = dev;
	bd->n_blocks = n > INT32_MAX ? INT32_MAX : (uint32_t)n;
	bd->held = LFS_NO_BLOCK;
	bd->read_only = dev->read_only;
	bd->cache = bcache_create(dev, cache_bytes);
	if (!bd->cache)
		return -ENOMEM;
	bd->data = page_alloc(1, PAGE_SIZE);
	if (!bd->data) {
		bcache_destroy(bd->cache);
		return -ENOMEM;
	}
	lfs_bd_new_op(bd);
	return 0;
}

void lfs_bd_fini(struct lfs_bd *bd)
{
	scan_end(bd);
	bcache_destroy(bd->cache);
	page_free(bd->data, 1);
}

void lfs_bd_new_op(struct lfs_bd *bd)
{
	bd->reads_left = READS_BASE + (uint64_t)READS_PER_BLOCK * bd->n_blocks;
	scan_end(bd);
}

static int read_failed(struct lfs_bd *bd, uint32_t block, int r)
{
	if (r == -ENOMEM)
		return LFS2_ERR_NOMEM;
	log_err(LOG_FS, "%s: block %u cannot be read", bd->dev->name, block);
	return LFS2_ERR_IO;
}

int lfs_bd_read(struct lfs_bd *bd, uint32_t block, uint32_t off, void *buf,
		uint32_t len)
{
	int r;

	if (block >= bd->n_blocks || off > LFS_BLOCK || len > LFS_BLOCK - off)
		return LFS2_ERR_CORRUPT;
	if (bd->reads_left == 0) {
		log_err(LOG_FS, "%s: the volume is corrupt: it leads in circles",
			bd->dev->name);
		bd->broken = true;
		return LFS2_ERR_IO;
	}
	bd->reads_left--;
	if (block == bd->held) {
		memcpy(buf, bd->data + off, len);
		return 0;
	}
	if (!bcache_has(bd->cache, block) && scan_read(bd, block, off, buf, len))
		return 0;
	r = bcache_read(bd->cache, block, off, buf, len);
	return r < 0 ? read_failed(bd, block, r) : 0;
}

static int write_failed(struct lfs_bd *bd, const char *what, uint32_t block)
{
	if (!bd->broken)
		log_err(LOG_FS, "%s: %s failed (block %u); the volume takes no "
			"more writes", bd->dev->name, what, block);
	bd->broken = true;
	return LFS2_ERR_IO;
}

static int flush(struct lfs_bd *bd)
{
	return bcache_flush(bd->cache) < 0 ? write_failed(bd, "flush", bd->held) :
	       0;
}

/* Until what was started is on the device. */
static int settle(struct lfs_bd *bd)
{
	return bcache_settle(bd->cache) < 0 ?
	       write_failed(bd, "write", bcache_failed(bd->cache)) : 0;
}

/* Starts writing the held block's dirty part from `start` on; what lies before
 * stays dirty. */
static void write_from(struct lfs_bd *bd, uint32_t start)
{
	uint32_t unit = bd->dev->block_size;
	uint32_t from = ALIGN_DOWN(bd->dirty_from, unit);
	uint32_t to = ALIGN_UP(bd->dirty_to, unit);

	if (from < start)
		from = start;
	bcache_write(bd->cache, (uint64_t)bd->held * LFS_BLOCK + from,
		     bd->data + from, to - from);
	bd->dirty_to = from;
}

/* The whole of it, now. The block stays held, clean. */
static int write_held(struct lfs_bd *bd)
{
	write_from(bd, 0);
	bd->dirty_from = bd->dirty_to = 0;
	return settle(bd);
}

/* Another block's turn: the cache has it, and writes it when it likes. */
static int release_held(struct lfs_bd *bd)
{
	uint32_t unit = bd->dev->block_size;
	int r = 0;

	if (bd->held == LFS_NO_BLOCK)
		return 0;
	if (bcache_put(bd->cache, bd->held, &bd->data,
		       ALIGN_DOWN(bd->dirty_from, unit),
		       ALIGN_UP(bd->dirty_to, unit)) < 0 && bd->dirty_to)
		r = write_held(bd);
	if (r < 0)
		return r;
	bd->held = LFS_NO_BLOCK;
	bd->dirty_from = bd->dirty_to = 0;
	return 0;
}

static int hold(struct lfs_bd *bd, uint32_t block)
{
	int r = release_held(bd);

	if (r < 0)
		return r;
	r = bcache_take(bd->cache, block, &bd->data, &bd->dirty_from,
			&bd->dirty_to);
	if (r < 0)
		return read_failed(bd, block, r);
	bd->held = block;
	return 0;
}

static int may_write(struct lfs_bd *bd, uint32_t block)
{
	if (bd->broken || bd->read_only)
		return LFS2_ERR_IO;
	if (bcache_failed(bd->cache) != BCACHE_NONE)
		return write_failed(bd, "write", bcache_failed(bd->cache));
	return block < bd->n_blocks ? 0 : LFS2_ERR_CORRUPT;
}

/* littlefs notes what a cache holds before it reads it in, and would serve the
 * rubbish of a failed read to the next one. */
static void drop_littlefs_cache(lfs2_t *lfs, const void *buf)
{
	lfs2_file_t *f = (lfs2_file_t *)lfs->mlist;

	if (lfs->rcache.buffer == buf)
		lfs->rcache.block = UINT32_MAX;
	for (; f; f = f->next) {
		if (f->type == LFS2_TYPE_REG && f->cache.buffer == buf)
			f->cache.block = UINT32_MAX;
	}
}

static int cb_read(const struct lfs2_config *c, lfs2_block_t block,
		   lfs2_off_t off, void *buf, lfs2_size_t size)
{
	struct lfs_bd *bd = c->context;
	int r = lfs_bd_read(bd, block, off, buf, size);

	if (r < 0)
		drop_littlefs_cache(bd->lfs, buf);
	return r;
}

static int cb_prog(const struct lfs2_config *c, lfs2_block_t block,
		   lfs2_off_t off, const void *buf, lfs2_size_t size)
{
	struct lfs_bd *bd = c->context;
	int r = may_write(bd, block);

	if (r == 0 && (off > LFS_BLOCK || size > LFS_BLOCK - off))
		r = LFS2_ERR_IO;
	if (r < 0)
		return r;
	scan_end(bd);
	if (block != bd->held)
		r = hold(bd, block);
	if (r < 0)
		return r;
	memcpy(bd->data + off, buf, size);
	if (bd->dirty_to == 0 || off < bd->dirty_from)
		bd->dirty_from = off;
	if (off + size > bd->dirty_to)
		bd->dirty_to = off + size;
	return 0;
}

/* An erased block reads as 0xff from now on, and all of it is written, so
 * that what littlefs sees of the unused rest is what the disk will have. */
static int cb_erase(const struct lfs2_config *c, lfs2_block_t block)
{
	struct lfs_bd *bd = c->context;
	int r = may_write(bd, block);

	if (r == 0 && block != bd->held)
		r = release_held(bd);
	if (r < 0)
		return r;
	scan_end(bd);
	bcache_drop(bd->cache, block);
	bd->held = block;
	memset(bd->data, 0xff, LFS_BLOCK);
	bd->dirty_from = 0;
	bd->dirty_to = LFS_BLOCK;
	return 0;
}

static int cb_sync(const struct lfs2_config *c)
{
	struct lfs_bd *bd = c->context;
	uint32_t unit = bd->dev->block_size;
	int r;

	if (bd->read_only || lfs_bd_is_clean(bd))
		return 0;
	if (bd->broken)
		return LFS2_ERR_IO;
	bcache_write_out(bd->cache);
	/* An erased block. Were it torn behind its new commit, old commits of
	 * its former life could follow, and littlefs would take them for newer
	 * ones: they go first, the unit with the revision comes last. */
	if (bd->dirty_from == 0 && bd->dirty_to > unit)
		write_from(bd, unit);
	r = settle(bd);
	if (r == 0 && bcache_unflushed(bd->cache))
		r = flush(bd);
	if (r == 0 && bd->dirty_to) {
		r = write_held(bd);
		if (r == 0)
			r = flush(bd);
	}
	return r;
}

bool lfs_bd_is_clean(const struct lfs_bd *bd)
{
	struct bcache_stats st;

	bcache_get_stats(bd->cache, &st);
	return bd->dirty_to == 0 && st.dirty == 0 &&
	       !bcache_unflushed(bd->cache);
}

bool lfs_bd_is_erased(const struct lfs_bd *bd, uint32_t block, uint32_t off)
{
	if (block != bd->held || bd->broken || off >= LFS_BLOCK)
		return false;
	for (; off < LFS_BLOCK; off++) {
		if (bd->data[off] != 0xff)
			return false;
	}
	return true;
}

void lfs_bd_config(struct lfs_bd *bd, lfs2_t *lfs, struct lfs2_config *cfg)
{
	uint32_t unit = bd->dev->block_size;

	bd->lfs = lfs;
	cfg->context = bd;
	cfg->read = cb_read;
	cfg->prog = cb_prog;
	cfg->erase = cb_erase;
	cfg->sync = cb_sync;
	cfg->read_size = unit;
	cfg->prog_size = LFS_PROG;
	cfg->cache_size = unit;
	cfg->block_size = LFS_BLOCK;
	cfg->block_count = bd->n_blocks;
	cfg->block_cycles = -1;		/* a disk levels its own wear */
}

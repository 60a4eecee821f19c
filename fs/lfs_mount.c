/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Finding, making and mounting littlefs volumes on whole devices, and saying
 * what is wrong with those that do not mount.
 */
#include "fs/lfs.h"

#include <errno.h>

#include "kernel/lib/string.h"

#define MIN_BLOCKS 8u
#define LOOKAHEAD_MIN 4096u	/* bytes; a bit for each block: 128 MiB */

struct list lfs_volumes = LIST_INIT(lfs_volumes);

static void say_full(struct lfs_volume *v)
{
	if (!v->said_full)
		log_warn(LOG_FS, "%s: the volume on %s is full (%u blocks of "
			 "4 KiB)", v->m.source, v->m.path,
			 (unsigned)v->lfs.block_count);
	v->said_full = true;
}

/* littlefs keeps in memory what it was about to do when something failed, and
 * the next commit of anything would write it: a file would go whose new name
 * was never made, or stay under both. What the disk says counts. */
static void undo(struct lfs_volume *v)
{
	v->lfs.gstate = v->lfs.gdisk;
	memset(&v->lfs.gdelta, 0, sizeof(v->lfs.gdelta));
	v->consistent = false;
}

int lfs_result(struct lfs_volume *v, int r, const char *path)
{
	if (r >= 0)
		return r;
	undo(v);
	switch (r) {
	case LFS2_ERR_NOENT:
		return -ENOENT;
	case LFS2_ERR_EXIST:
		return -EEXIST;
	case LFS2_ERR_NOTDIR:
		return -ENOTDIR;
	case LFS2_ERR_ISDIR:
		return -EISDIR;
	case LFS2_ERR_NOTEMPTY:
		return -ENOTEMPTY;
	case LFS2_ERR_FBIG:
		return -EFBIG;
	case LFS2_ERR_INVAL:
		return -EINVAL;
	case LFS2_ERR_NAMETOOLONG:
		return -ENAMETOOLONG;
	case LFS2_ERR_NOMEM:
		return -ENOMEM;
	case LFS2_ERR_NOSPC:
		say_full(v);
		return -ENOSPC;
	case LFS2_ERR_CORRUPT:
		log_err(LOG_FS, "%s: the volume is corrupt at /%s (%s)",
			v->m.source, path,
			lfs_complaint[0] ? lfs_complaint : "bad block address");
		return -EIO;
	case -EROFS:
		return r;
	default:
		return -EIO;
	}
}

void lfs_volume_free(struct lfs_volume *v)
{
	lfs_bd_fini(&v->bd);
	heap_free(HEAP_FS, v->cfg.read_buffer);
	heap_free(HEAP_FS, v->cfg.prog_buffer);
	heap_free(HEAP_FS, v->cfg.lookahead_buffer);
	heap_free(HEAP_FS, v);
}

/* Each time that littlefs has used up this window of its free blocks it looks
 * through the whole tree: best it holds the whole volume. */
static uint32_t lookahead_size(const struct lfs_volume *v)
{
	uint64_t want = ALIGN_UP((uint64_t)v->bd.n_blocks / 8 + 1, 8u);
	uint64_t most = ALIGN_DOWN(fs_memory_share(64), 8u);

	if (v->bd.read_only)
		return 8;
	most = most < LOOKAHEAD_MIN ? LOOKAHEAD_MIN : most;
	return (uint32_t)(want < most ? want : most);
}

/* A volume structure with its buffers, not mounted. NULL: no memory. */
static struct lfs_volume *volume_new(struct blkdev *dev,
				     const struct lfs_options *opt)
{
	struct lfs_volume *v = heap_zalloc(HEAP_FS, sizeof(*v));

	if (!v)
		return NULL;
	if (lfs_bd_init(&v->bd, dev, opt->cache_bytes) < 0) {
		heap_free(HEAP_FS, v);
		return NULL;
	}
	v->bd.read_only |= opt->read_only;
	lfs_bd_config(&v->bd, &v->lfs, &v->cfg);
	v->cfg.lookahead_size = lookahead_size(v);
	v->cfg.read_buffer = heap_alloc(HEAP_FS, v->cfg.cache_size);
	v->cfg.prog_buffer = heap_alloc(HEAP_FS, v->cfg.cache_size);
	v->cfg.lookahead_buffer = heap_alloc(HEAP_FS, v->cfg.lookahead_size);
	if (!v->cfg.read_buffer || !v->cfg.prog_buffer ||
	    !v->cfg.lookahead_buffer) {
		lfs_volume_free(v);
		return NULL;
	}
	memcpy(v->m.source, dev->name, strnlen(dev->name, sizeof(dev->name) - 1));
	v->m.ops = &lfs_ops;
	v->m.read_only = v->bd.read_only;
	list_init(&v->dirs);
	list_init(&v->all);
	return v;
}

/* The number of blocks that the superblock entry in a metadata block names, or
 * 0: the last one in a commit whose checksum is right. (littlefs takes the size
 * from its configuration, or unchecked from the disk.) */
static uint32_t superblock_count(const uint8_t *b)
{
	uint32_t off = 4, ptag = UINT32_MAX, count = 0, seen = 0;
	uint32_t crc = lfs2_crc(UINT32_MAX, b, 4);

	while (off + 8 <= LFS_BLOCK) {
		uint32_t tag, n, want;

		memcpy(&tag, b + off, 4);
		tag = __builtin_bswap32(tag) ^ ptag;
		n = (tag & 0x3ff) == 0x3ff ? 0 : tag & 0x3ff;
		if ((tag & 0x80000000u) || off + 4 + n > LFS_BLOCK)
			break;
		ptag = tag;
		crc = lfs2_crc(crc, b + off, 4);
		if ((tag >> 20 & 0x780) == LFS2_TYPE_CCRC) {
			memcpy(&want, b + off + 4, 4);
			if (crc != want)
				break;
			count = seen;
			crc = UINT32_MAX;
			ptag ^= (tag >> 20 & 1) << 31;
		} else {
			crc = lfs2_crc(crc, b + off + 4, n);
			/* The inline structure of entry 0. */
			if (tag >> 10 == LFS2_TYPE_INLINESTRUCT << 10 && n >= 24)
				memcpy(&seen, b + off + 4 + 8, 4);
		}
		off += 4 + n;
	}
	return count;
}

static bool all_bytes(const uint8_t *b, uint8_t value)
{
	for (uint32_t i = 0; i < LFS_BLOCK; i++) {
		if (b[i] != value)
			return false;
	}
	return true;
}

/* Looks at the first two blocks; *count: what a superblock says, or 0. */
static int look(struct blkdev *dev, enum lfs_probe *out, uint32_t *count)
{
	uint8_t *b = heap_alloc_aligned(HEAP_FS, LFS_BLOCK, LFS_BLOCK);
	bool blank = true;
	uint32_t n, rev, newest = 0;
	int r = b ? 0 : -ENOMEM;

	*out = LFS_PROBE_OTHER;
	*count = 0;
	if (dev->n_sectors < 2 * LFS_BLOCK / BLK_SECTOR) {
		heap_free(HEAP_FS, b);
		return r;
	}
	for (int i = 0; r == 0 && i < 2; i++) {
		r = blkdev_read(dev, (uint64_t)i * LFS_BLOCK, b, LFS_BLOCK);
		if (r < 0)
			break;
		if (memcmp(b + 8, "littlefs", 8) == 0) {
			*out = LFS_PROBE_VOLUME;
			n = superblock_count(b);
			memcpy(&rev, b, 4);
			/* The newer of the two counts: the volume may have
			 * grown. */
			if (n && (!*count || (int32_t)(rev - newest) > 0)) {
				*count = n;
				newest = rev;
			}
		} else if (i == 0 && archive_probe(b)) {
			*out = LFS_PROBE_ARCHIVE;
			break;
		}
		blank = blank && (all_bytes(b, 0) || all_bytes(b, 0xff));
	}
	if (*out == LFS_PROBE_OTHER && blank)
		*out = LFS_PROBE_BLANK;
	heap_free(HEAP_FS, b);
	return r;
}

int lfs_probe(struct blkdev *dev, enum lfs_probe *out)
{
	uint32_t count;

	return look(dev, out, &count);
}

static int say_unusable(struct blkdev *dev, enum lfs_probe what, int r)
{
	if (r == -ENOMEM) {
		log_err(LOG_FS, "%s: no memory to mount it", dev->name);
	} else if (r < 0) {
		log_err(LOG_FS, "%s: cannot be read", dev->name);
		r = -EIO;
	} else {
		log_err(LOG_FS, "%s: %s; make a volume with: mkvol volume -o "
			"disk.img FOLDER", dev->name,
			what == LFS_PROBE_BLANK ? "the disk is blank" :
			what == LFS_PROBE_ARCHIVE ?
			"holds an archive, not a littlefs volume" :
			"holds no littlefs volume");
		r = -EINVAL;
	}
	return r;
}

/* The root's version attribute: no newer than ours. */
static int check_version(struct lfs_volume *v)
{
	uint32_t version = 0;
	int r = lfs2_getattr(&v->lfs, "/", LFS_ATTR_VERSION, &version, 4);

	if (r == LFS2_ERR_NOATTR)
		version = LFS_FORMAT_VERSION;
	else if (r < 0)
		return r;
	if (version <= LFS_FORMAT_VERSION)
		return 0;
	log_err(LOG_FS, "%s: the volume has format version %u, this Glint knows "
		"up to %u", v->m.source, (unsigned)version, LFS_FORMAT_VERSION);
	return LFS2_ERR_INVAL;
}

static int mount_littlefs(struct lfs_volume *v)
{
	int r;

	lfs_complaint[0] = '\0';
	v->mounting = true;
	list_push(&lfs_volumes, &v->all);
	r = lfs2_mount(&v->lfs, &v->cfg);
	if (r < 0) {
		log_err(LOG_FS, "%s: the littlefs volume %s: %s", v->m.source,
			r == LFS2_ERR_CORRUPT ? "is corrupt" :
			r == LFS2_ERR_INVAL ? "is of another kind" :
			"cannot be mounted", lfs_complaint[0] ? lfs_complaint :
			r == LFS2_ERR_IO ? "read error" : "bad superblock");
		r = r == LFS2_ERR_CORRUPT ? -EILSEQ :
		    r == LFS2_ERR_INVAL ? -EINVAL :
		    r == LFS2_ERR_NOMEM ? -ENOMEM : -EIO;
		goto fail;
	}
	r = check_version(v);
	if (r == 0 && v->bd.broken)
		r = LFS2_ERR_CORRUPT;
	if (r < 0) {
		r = r == LFS2_ERR_INVAL ? -EINVAL : -EILSEQ;
		(void)lfs2_unmount(&v->lfs);
		goto fail;
	}
	v->mounting = false;
	return 0;
fail:
	list_del(&v->all);
	v->mounting = false;
	return r;
}

int lfs_mount(const char *path, struct blkdev *dev,
	      const struct lfs_options *opt)
{
	struct lfs_volume *v;
	enum lfs_probe what;
	uint32_t count;
	int r = look(dev, &what, &count);

	if (r < 0 || what != LFS_PROBE_VOLUME)
		return say_unusable(dev, what, r);
	v = volume_new(dev, opt);
	if (!v || lfs_nodes_init(v) < 0) {
		if (v)
			lfs_volume_free(v);
		return say_unusable(dev, what, -ENOMEM);
	}
	if (count > v->bd.n_blocks) {
		log_err(LOG_FS, "%s: the volume has %u blocks of 4 KiB, the disk "
			"only %u: it was cut short", dev->name, (unsigned)count,
			(unsigned)v->bd.n_blocks);
		r = -EILSEQ;
	} else {
		if (count)
			v->cfg.block_count = count;
		r = mount_littlefs(v);
	}
	if (r < 0) {
		lfs_nodes_fini(v);
		lfs_volume_free(v);
		return r;
	}
	r = vfs_mount_add(&v->m, path);
	if (r < 0) {
		log_err(LOG_FS, "%s: cannot be mounted on %s", dev->name, path);
		list_init(&v->m.link);
		lfs_ops.unmount(&v->m);
		return r;
	}
	log_info(LOG_FS, "%s: littlefs volume, %u KiB, on %s%s", dev->name,
		 (unsigned)v->lfs.block_count * 4, path,
		 dev->read_only ? " (the disk is read-only)" :
		 v->m.read_only ? " (read-only)" : "");
	if (!dev->has_flush && !v->m.read_only)
		log_warn(LOG_FS, "%s: the disk takes no flush: what was synced "
			 "survives a power cut only if the host writes through "
			 "all its caches", dev->name);
	return 0;
}

/* The allocator's window is nearly used up: littlefs looks for free blocks now
 * and not in the middle of a write. */
static void look_for_blocks(struct lfs_volume *v)
{
	uint32_t size = v->lfs.free.size, at = v->lfs.free.off + v->lfs.free.i;

	if (size == 0 || size - v->lfs.free.i > size / 8 || at == v->gc_at)
		return;
	if (lfs_result(v, lfs2_fs_gc(&v->lfs), "") == 0)
		v->gc_at = v->lfs.free.off;
}

/* What cannot be written is said by those who find out, and kept for fsync. */
static void flush_one(struct lfs_volume *v)
{
	v->m.n_files++;			/* stays mounted */
	mutex_lock(&v->m.lock);
	if (v->unsynced) {
		(void)v->m.ops->sync(&v->m);
		look_for_blocks(v);
	}
	mutex_unlock(&v->m.lock);
	v->m.n_files--;
}

nsec_t lfs_flush_due(nsec_t now, nsec_t after)
{
	nsec_t next = NSEC_NEVER;
	struct list *l = lfs_volumes.next;

	while (l != &lfs_volumes) {
		struct lfs_volume *v = container_of(l, struct lfs_volume, all);
		bool due = v->unsynced && !v->mounting &&
			   now >= v->unsynced + after;

		if (due)
			flush_one(v);
		else if (v->unsynced && v->unsynced + after < next)
			next = v->unsynced + after;
		/* It may switch; what is next may have changed. */
		l = due ? lfs_volumes.next : l->next;
	}
	return next;
}

int lfs_format(struct blkdev *dev)
{
	static const struct lfs_options opt = { .cache_bytes = 1 << 20 };
	uint32_t version = LFS_FORMAT_VERSION;
	struct lfs_volume *v;
	int r;

	if (dev->read_only)
		return -EROFS;
	if (dev->n_sectors / (LFS_BLOCK / BLK_SECTOR) < MIN_BLOCKS)
		return -ENOSPC;
	v = volume_new(dev, &opt);
	if (!v)
		return -ENOMEM;
	r = lfs2_format(&v->lfs, &v->cfg);
	if (r == 0)
		r = lfs2_mount(&v->lfs, &v->cfg);
	if (r == 0) {
		r = lfs2_setattr(&v->lfs, "/", LFS_ATTR_VERSION, &version, 4);
		(void)lfs2_unmount(&v->lfs);
	}
	r = lfs_result(v, r, "");
	lfs_volume_free(v);
	return r;
}

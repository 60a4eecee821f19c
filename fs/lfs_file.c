/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Open files on a littlefs volume. A descriptor has a position; everything
 * else is the node's, so what one writes another reads at once. Data is
 * committed by fsync, by the close of the last descriptor that may write, and
 * by sync.
 */
#include "fs/lfs.h"

#include <errno.h>

#include "kernel/clock.h"
#include "kernel/lib/string.h"

#define READ_PIECE (16u << 10)

void (*lfs_unsynced_hook)(void);

struct lfs_open_file {
	struct file file;
	struct lfs_volume *v;
	struct lfs_node *node;
	uint64_t pos;
	bool writer;
};

static const char lfs_file_kind = 'f';

static struct lfs_open_file *of(struct file *f)
{
	return container_of(f, struct lfs_open_file, file);
}

static void lock(struct lfs_volume *v)
{
	mutex_lock(&v->m.lock);
	lfs_bd_new_op(&v->bd);
}

static void unlock(struct lfs_volume *v)
{
	mutex_unlock(&v->m.lock);
}

int lfs_may_write(struct lfs_volume *v)
{
	int r;

	if (v->m.read_only)
		return -EROFS;
	if (v->bd.broken)
		return -EIO;
	v->used_known = false;
	if (v->consistent)
		return 0;
	r = lfs2_fs_mkconsistent(&v->lfs);
	v->consistent = r == 0;
	return lfs_result(v, r, "");
}

void lfs_unsynced(struct lfs_volume *v)
{
	if (v->unsynced)
		return;
	v->unsynced = clock_now();
	if (lfs_unsynced_hook)
		lfs_unsynced_hook();
}

static void touched(struct lfs_volume *v, struct lfs_node *n)
{
	lfs_unsynced(v);
	n->mtime = clock_wall();
	n->h->cfg.attr_count = n->mode_stored || n->mode != LFS_MODE_FILE ?
			       2 : 1;
}

/* Where the file's blocks lie is known of the current one only; the next ones
 * mostly follow it on the disk. `end`: where the reader is expected to stop. */
static void read_ahead(struct lfs_volume *v, struct lfs_node *n, uint64_t end)
{
	const lfs2_file_t *file = &n->h->file;

	if (file->flags & LFS2_F_READING && !(file->flags & LFS2_F_INLINE) &&
	    end > file->pos)
		bcache_follow(v->bd.cache, &n->ahead, file->block,
			      (uint32_t)((end - file->pos) / LFS_BLOCK + 1));
}

/* In pieces, so that there is reading ahead within one call too. A reader that
 * goes on where it stopped is expected to go on to the end. */
static int read_pieces(struct lfs_volume *v, struct lfs_node *n, uint8_t *buf,
		       uint32_t len, uint64_t off, uint64_t size)
{
	lfs2_file_t *file = &n->h->file;
	uint64_t end = off == n->read_end ? size : off + len;
	uint32_t done = 0, piece;
	int r = 0;

	if (off != n->read_end || off == 0)
		n->ahead = (struct bcache_stream){ 0 };
	while (done < len) {
		piece = n->ahead.last ? READ_PIECE : LFS_BLOCK;
		piece = piece < len - done ? piece : len - done;
		r = lfs2_file_read(&v->lfs, file, buf + done, piece);
		if (r <= 0)
			break;
		done += (uint32_t)r;
		read_ahead(v, n, end);
	}
	n->read_end = off + done;
	return r < 0 ? r : (int)done;
}

static long node_read(struct lfs_volume *v, struct lfs_node *n, void *buf,
		      size_t len, uint64_t off)
{
	uint64_t size = lfs_node_size(v, n);
	lfs2_file_t *file = &n->h->file;
	int r;

	if (off >= size || len == 0)
		return 0;
	if (len > size - off)
		len = (size_t)(size - off);
	r = lfs2_file_seek(&v->lfs, file, (lfs2_soff_t)off, LFS2_SEEK_SET);
	if (r >= 0)
		r = read_pieces(v, n, buf, (uint32_t)len, off, size);
	/* After an error its idea of the current block is stale. */
	if (r < 0 && !(file->flags & (LFS2_F_WRITING | LFS2_F_INLINE))) {
		file->flags &= ~(uint32_t)LFS2_F_READING;
		file->cache.block = UINT32_MAX;
	}
	return lfs_result(v, r, n->path);
}

/* A shortage leaves the handle usable: what was written before it counts
 * (littlefs would refuse to commit it). Anything else is lost for good. */
static int write_error(struct lfs_volume *v, struct lfs_node *n, int r)
{
	if (r == LFS2_ERR_NOSPC || r == LFS2_ERR_NOMEM || r == LFS2_ERR_FBIG)
		n->h->file.flags &= ~(uint32_t)LFS2_F_ERRED;
	else
		n->error = -EIO;
	return lfs_result(v, r, n->path);
}

/* A file that shall grow is filled with zeros until there is no room: they go
 * again. */
static void cut_back(struct lfs_volume *v, struct lfs_node *n, uint64_t size)
{
	if (n->error || lfs_node_size(v, n) <= size)
		return;
	if (lfs2_file_truncate(&v->lfs, &n->h->file, (lfs2_off_t)size) < 0)
		n->error = -EIO;
}

static long node_write(struct lfs_volume *v, struct lfs_node *n,
		       const void *buf, size_t len, uint64_t off)
{
	lfs2_file_t *file = &n->h->file;
	uint64_t size = lfs_node_size(v, n);
	int r = lfs_may_write(v);

	if (r < 0 || n->error || len == 0)
		return r < 0 ? r : n->error;
	if (off >= LFS_FILE_LIMIT)
		return -EFBIG;
	if (len > LFS_FILE_LIMIT - off)
		len = (size_t)(LFS_FILE_LIMIT - off);
	touched(v, n);
	r = lfs2_file_seek(&v->lfs, file, (lfs2_soff_t)off, LFS2_SEEK_SET);
	if (r < 0)
		return write_error(v, n, r);
	r = lfs2_file_write(&v->lfs, file, buf, (lfs2_size_t)len);
	if (r >= 0)
		return r;
	if (r == LFS2_ERR_NOSPC && file->pos > off && file->pos < off + len) {
		(void)write_error(v, n, r);
		return (long)(file->pos - off);
	}
	r = write_error(v, n, r);
	cut_back(v, n, size);
	return r;
}

int lfs_node_sync(struct lfs_volume *v, struct lfs_node *n)
{
	lfs2_mdir_t *m;
	int r;

	if (n->error)
		return n->error;
	if (!n->h || n->unlinked || v->m.read_only)
		return 0;
	r = lfs2_file_sync(&v->lfs, &n->h->file);
	if (r == 0 && (n->h->file.flags & LFS2_F_ERRED))
		r = LFS2_ERR_IO;
	if (r < 0)
		return write_error(v, n, r);
	/* littlefs forgets that a block which it compacted is erased behind
	 * the commit, and would compact for every sync from then on. */
	m = &n->h->file.m;
	if (!m->erased && m->off % v->cfg.prog_size == 0)
		m->erased = lfs_bd_is_erased(&v->bd, m->pair[0], m->off);
	return 0;
}

static long transfer(struct lfs_open_file *o, const struct file_iov *iov, int n,
		     uint64_t *pos, bool write)
{
	long total = 0, r;

	for (int i = 0; i < n; i++) {
		r = write ? node_write(o->v, o->node, iov[i].base, iov[i].len,
				       *pos)
			  : node_read(o->v, o->node, iov[i].base, iov[i].len,
				      *pos);
		if (r < 0)
			return total ? total : r;
		total += r;
		*pos += (uint64_t)r;
		if ((size_t)r < iov[i].len)
			break;
	}
	return total;
}

static long lfs_readv(struct file *f, const struct file_iov *iov, int n)
{
	struct lfs_open_file *o = of(f);
	long r;

	if (!f->readable)
		return -EBADF;
	lock(o->v);
	r = transfer(o, iov, n, &o->pos, false);
	unlock(o->v);
	return r;
}

static long lfs_writev(struct file *f, const struct file_iov *iov, int n)
{
	struct lfs_open_file *o = of(f);
	long r;

	if (!f->writable)
		return -EBADF;
	lock(o->v);
	if (f->append)
		o->pos = lfs_node_size(o->v, o->node);
	r = transfer(o, iov, n, &o->pos, true);
	unlock(o->v);
	return r;
}

static long lfs_pread(struct file *f, void *buf, size_t len, int64_t off)
{
	struct lfs_open_file *o = of(f);
	long r;

	if (!f->readable || off < 0)
		return off < 0 ? -EINVAL : -EBADF;
	lock(o->v);
	r = node_read(o->v, o->node, buf, len, (uint64_t)off);
	unlock(o->v);
	return r;
}

static long lfs_pwrite(struct file *f, const void *buf, size_t len, int64_t off)
{
	struct lfs_open_file *o = of(f);
	long r;

	if (!f->writable || off < 0)
		return off < 0 ? -EINVAL : -EBADF;
	lock(o->v);
	r = node_write(o->v, o->node, buf, len, (uint64_t)off);
	unlock(o->v);
	return r;
}

static int64_t lfs_lseek(struct file *f, int64_t off, int whence)
{
	struct lfs_open_file *o = of(f);
	int64_t r;

	lock(o->v);
	r = fs_seek(o->pos, lfs_node_size(o->v, o->node), off, whence);
	if (r >= 0)
		o->pos = (uint64_t)r;
	unlock(o->v);
	return r;
}

static int lfs_fstat(struct file *f, struct file_stat *st)
{
	struct lfs_open_file *o = of(f);
	struct lfs_node *n = o->node;

	lock(o->v);
	fs_fill_stat(&o->v->m, st, VFS_S_IFREG | n->mode,
		     lfs_node_size(o->v, n), n->mtime, n->ino);
	st->nlink = n->unlinked ? 0 : 1;
	unlock(o->v);
	return 0;
}

static int node_truncate(struct lfs_volume *v, struct lfs_node *n, int64_t len)
{
	uint64_t size = lfs_node_size(v, n);
	int r = lfs_may_write(v);

	if (r < 0 || n->error)
		return r < 0 ? r : n->error;
	if (len < 0)
		return -EINVAL;
	if (len > LFS_FILE_LIMIT)
		return -EFBIG;
	touched(v, n);
	r = lfs2_file_truncate(&v->lfs, &n->h->file, (lfs2_off_t)len);
	if (r < 0) {
		r = write_error(v, n, r);
		cut_back(v, n, size);
		return r;
	}
	n->h->file.flags |= LFS2_F_DIRTY;	/* the new mtime */
	return 0;
}

static int lfs_truncate(struct file *f, int64_t len)
{
	struct lfs_open_file *o = of(f);
	int r;

	if (!f->writable)
		return -EINVAL;
	lock(o->v);
	r = node_truncate(o->v, o->node, len);
	unlock(o->v);
	return r;
}

static int lfs_sync(struct file *f)
{
	struct lfs_open_file *o = of(f);
	int r;

	lock(o->v);
	r = lfs_node_sync(o->v, o->node);
	unlock(o->v);
	return r;
}

static int lfs_set(struct file *f, uint32_t mode, uint64_t mtime)
{
	struct lfs_open_file *o = of(f);
	int r;

	lock(o->v);
	r = lfs_node_set(o->v, o->node, mode, mtime);
	unlock(o->v);
	return r;
}

static void lfs_release(struct file *f)
{
	struct lfs_open_file *o = of(f);
	struct lfs_volume *v = o->v;

	lock(v);
	if (o->writer && --o->node->writers == 0 &&
	    lfs_node_sync(v, o->node) < 0)
		log_err(LOG_FS, "%s: %s was closed with data that could not be "
			"written", v->m.source, o->node->path);
	lfs_node_put(v, o->node);
	v->m.n_files--;
	unlock(v);
	heap_free(HEAP_FS, o);
}

static const struct file_ops lfs_file_ops = {
	.readv = lfs_readv,
	.writev = lfs_writev,
	.pread = lfs_pread,
	.pwrite = lfs_pwrite,
	.lseek = lfs_lseek,
	.stat = lfs_fstat,
	.truncate = lfs_truncate,
	.sync = lfs_sync,
	.set = lfs_set,
	.release = lfs_release,
};

static int open_node(struct lfs_volume *v, struct lfs_node *n, unsigned flags,
		     uint32_t mode)
{
	int r;

	if (n->kind == LFS_ABSENT) {
		if (flags & VFS_DIRECTORY)
			return -ENOENT;
		return flags & VFS_CREATE ? lfs_node_create(v, n, mode) :
		       -ENOENT;
	}
	if ((flags & VFS_CREATE) && (flags & VFS_EXCL))
		return -EEXIST;
	if (n->kind == LFS_DIR)
		return flags & (VFS_WR | VFS_CREATE | VFS_TRUNC) ? -EISDIR : 0;
	if (flags & VFS_DIRECTORY)
		return -ENOTDIR;
	r = lfs_node_open(v, n);
	if (r == 0 && (flags & VFS_WR))
		r = lfs_may_write(v);
	return r;
}

int lfs_file_open(struct vfs_mount *m, const char *path, unsigned flags,
		  uint32_t mode, struct file **out)
{
	struct lfs_volume *v = lfs_of(m);
	struct lfs_open_file *o;
	struct lfs_node *n;
	int r;

	lfs_bd_new_op(&v->bd);
	r = lfs_node_get(v, path, &n);
	if (r < 0)
		return r;
	r = open_node(v, n, flags, mode);
	if (r == 0 && n->kind == LFS_DIR)
		return lfs_dir_open(v, n, out);
	o = r == 0 ? heap_zalloc(HEAP_FS, sizeof(*o)) : NULL;
	if (r == 0 && !o)
		r = -ENOMEM;
	if (r == 0 && (flags & (VFS_WR | VFS_TRUNC)))
		n->h->file.flags |= LFS2_O_WRONLY;
	if (r == 0 && (flags & VFS_TRUNC))
		r = node_truncate(v, n, 0);
	if (r < 0) {
		heap_free(HEAP_FS, o);
		lfs_node_put(v, n);
		return r;
	}
	file_init(&o->file, &lfs_file_ops, &lfs_file_kind);
	o->v = v;
	o->node = n;
	o->writer = flags & (VFS_WR | VFS_TRUNC | VFS_CREATE);
	n->writers += o->writer;
	*out = &o->file;
	return 0;
}

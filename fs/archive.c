/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A read-only file system over a tar archive: in memory (a boot module; data
 * is copied from where it lies) or on a raw disk (through the block cache).
 * The index is built once at mount: entries sorted so that a directory is
 * followed by all that is below it, and a hash table over the names. The last
 * of several entries with one name counts, as it does for tar. Symbolic links
 * and devices are left out, with a count in the message.
 */
#include "fs/fs.h"

#include <errno.h>

#include "fs/archive_index.h"
#include "fs/bcache.h"
#include "kernel/blkdev.h"
#include "kernel/heap.h"
#include "kernel/lib/string.h"
#include "kernel/log.h"

struct archive {
	struct vfs_mount m;
	struct archive_index ix;
	struct tar_source src;
	const uint8_t *memory;		/* or */
	struct bcache *cache;
	struct bcache_stream *reader;	/* of this call, which wants what lies */
	uint64_t reader_end;		/* before this byte, or NULL */
};

struct archive_file {
	struct vfs_dir dir;		/* its file in front */
	const struct archive_entry *e;
	uint64_t pos;			/* files: bytes; directories: entry */
	struct bcache_stream ahead;
	uint64_t read_end;		/* where the last read ended */
};

static const char archive_kind = 'a';

static struct archive *archive_of(struct vfs_mount *m)
{
	return container_of(m, struct archive, m);
}

static struct archive_file *of(struct file *f)
{
	return container_of(f, struct archive_file, dir.file);
}

static int read_memory(void *arg, uint64_t off, void *buf, uint32_t len)
{
	struct archive *a = arg;

	if (off > a->src.len || len > a->src.len - off)
		return -EINVAL;
	memcpy(buf, a->memory + off, len);
	return 0;
}

static int read_disk(void *arg, uint64_t off, void *buf, uint32_t len)
{
	struct archive *a = arg;
	uint8_t *out = buf;
	int r = 0;

	if (off > a->src.len || len > a->src.len - off)
		return -EINVAL;
	while (r == 0 && len > 0) {
		uint32_t in = (uint32_t)(off % BCACHE_BLOCK);
		uint32_t n = BCACHE_BLOCK - in < len ? BCACHE_BLOCK - in : len;
		uint32_t block = (uint32_t)(off / BCACHE_BLOCK);

		if (a->reader)
			bcache_follow(a->cache, a->reader, block, (uint32_t)
				      ((a->reader_end - 1) / BCACHE_BLOCK -
				       block));
		r = bcache_read(a->cache, block, in, out, n);
		off += n;
		out += n;
		len -= n;
	}
	return r;
}

static void entry_stat(struct archive *a, const struct archive_entry *e,
		       struct file_stat *st)
{
	uint32_t type = e->dir ? VFS_S_IFDIR : VFS_S_IFREG;

	fs_fill_stat(&a->m, st, type | e->mode, e->size,
		     (uint64_t)e->mtime * 1000000000u,
		     1 + (uint64_t)(e - a->ix.entry));
}

static int archive_stat(struct vfs_mount *m, const char *path,
			struct file_stat *st)
{
	const struct archive_entry *e;
	int r = archive_index_find(&archive_of(m)->ix, path, &e);

	if (r == 0)
		entry_stat(archive_of(m), e, st);
	return r;
}

static int archive_fstat(struct file *f, struct file_stat *st)
{
	entry_stat(archive_of(of(f)->dir.mount), of(f)->e, st);
	return 0;
}

/* Who goes on where it stopped is expected to go on to the end. */
static void begin_read(struct archive *a, struct archive_file *o, uint64_t off,
		       size_t len)
{
	uint64_t end = off == o->read_end ? o->e->size : off + len;

	if (off != o->read_end || off == 0)
		o->ahead = (struct bcache_stream){ 0 };
	o->read_end = off + len;
	a->reader_end = archive_entry_data(o->e) + end;
	a->reader = a->cache ? &o->ahead : NULL;
}

static long archive_pread(struct file *f, void *buf, size_t len, int64_t off)
{
	struct archive_file *o = of(f);
	struct archive *a = archive_of(o->dir.mount);
	uint64_t left;
	int r;

	if (!f->readable || off < 0)
		return off < 0 ? -EINVAL : -EBADF;
	if ((uint64_t)off >= o->e->size)
		return 0;
	left = o->e->size - (uint64_t)off;
	if (len > left)
		len = (size_t)left;
	if (len > INT32_MAX)
		len = INT32_MAX;
	if (len == 0)
		return 0;
	mutex_lock(&a->m.lock);
	begin_read(a, o, (uint64_t)off, len);
	r = a->src.read(a, archive_entry_data(o->e) + (uint64_t)off, buf,
			(uint32_t)len);
	a->reader = NULL;
	mutex_unlock(&a->m.lock);
	return r < 0 ? r : (long)len;
}

static long archive_readv(struct file *f, const struct file_iov *iov, int n)
{
	struct archive_file *o = of(f);
	long total = 0, r;

	for (int i = 0; i < n; i++) {
		r = archive_pread(f, iov[i].base, iov[i].len, (int64_t)o->pos);
		if (r < 0)
			return total ? total : r;
		o->pos += (uint64_t)r;
		total += r;
		if ((size_t)r < iov[i].len)
			break;
	}
	return total;
}

static int64_t archive_lseek(struct file *f, int64_t off, int whence)
{
	int64_t r = fs_seek(of(f)->pos, of(f)->e->size, off, whence);

	if (r >= 0)
		of(f)->pos = (uint64_t)r;
	return r;
}

static int archive_sync(struct file *f)
{
	(void)f;
	return 0;
}

static void archive_release(struct file *f)
{
	of(f)->dir.mount->n_files--;
	heap_free(HEAP_FS, of(f));
}

static const struct file_ops archive_file_ops = {
	.readv = archive_readv,
	.pread = archive_pread,
	.lseek = archive_lseek,
	.stat = archive_fstat,
	.sync = archive_sync,
	.release = archive_release,
};

static const struct file_ops archive_dir_ops = {
	.stat = archive_fstat,
	.sync = archive_sync,
	.release = archive_release,
};

static int archive_rewind(struct file *f)
{
	struct archive *a = archive_of(of(f)->dir.mount);

	of(f)->pos = (uint64_t)(of(f)->e - a->ix.entry) + 1;
	return 0;
}

static int archive_open(struct vfs_mount *m, const char *path, unsigned flags,
			uint32_t mode, struct file **out)
{
	const struct archive_entry *e;
	struct archive_file *o;
	int r = archive_index_find(&archive_of(m)->ix, path, &e);

	(void)mode;
	if (r == 0 && (flags & VFS_DIRECTORY) && !e->dir)
		r = -ENOTDIR;
	o = r == 0 ? heap_zalloc(HEAP_FS, sizeof(*o)) : NULL;
	if (!o)
		return r < 0 ? r : -ENOMEM;
	o->e = e;
	o->dir.mount = m;
	file_init(&o->dir.file, e->dir ? &archive_dir_ops : &archive_file_ops,
		  e->dir ? &vfs_dir_kind : &archive_kind);
	if (e->dir)
		archive_rewind(&o->dir.file);
	*out = &o->dir.file;
	return 0;
}

static int archive_readdir(struct file *f, struct vfs_dirent *out)
{
	struct archive *a = archive_of(of(f)->dir.mount);
	uint32_t i = (uint32_t)of(f)->pos, next;
	const struct archive_entry *e;

	next = archive_index_child(&a->ix, of(f)->e, i, out->name);
	if (!next)
		return 0;
	e = &a->ix.entry[i];
	out->mode = e->dir ? VFS_S_IFDIR : VFS_S_IFREG;
	out->ino = 1 + (uint64_t)i;
	of(f)->pos = next;
	return 1;
}

static int archive_statfs(struct vfs_mount *m, struct vfs_statfs *out)
{
	out->block_size = TAR_BLOCK;
	out->blocks = archive_of(m)->src.len / TAR_BLOCK;
	return 0;
}

static void archive_free(struct archive *a)
{
	archive_index_free(&a->ix);
	bcache_destroy(a->cache);
	heap_free(HEAP_FS, a);
}

static void archive_unmount(struct vfs_mount *m)
{
	archive_free(archive_of(m));
}

static const struct vfs_ops archive_ops = {
	.type = "archive",
	.open = archive_open,
	.stat = archive_stat,
	.statfs = archive_statfs,
	.readdir = archive_readdir,
	.rewinddir = archive_rewind,
	.unmount = archive_unmount,
};

bool archive_probe(const uint8_t *first)
{
	return tar_is_header(first);
}

static int mount_it(struct archive *a, const char *path, const char *name)
{
	struct bcache_stream headers = { 0 };
	uint64_t where;
	const char *why;
	int r;

	memcpy(a->m.source, name, strnlen(name, sizeof(a->m.source) - 1));
	a->m.ops = &archive_ops;
	a->m.read_only = true;
	a->reader = a->cache ? &headers : NULL;
	a->reader_end = a->src.len;
	r = archive_index_build(&a->ix, &a->src, &where, &why);
	a->reader = NULL;
	if (r == -EILSEQ)
		log_err(LOG_FS, "%s: the archive is corrupt at byte %llu: %s",
			name, (unsigned long long)where, why);
	else if (r < 0)
		log_err(LOG_FS, "%s: the archive cannot be %s", name,
			r == -ENOMEM ? "indexed: no memory" : "read");
	if (r == 0) {
		r = vfs_mount_add(&a->m, path);
		if (r < 0)
			log_err(LOG_FS, "%s: cannot be mounted on %s", name,
				path);
	}
	if (r < 0) {
		archive_free(a);
		return r;
	}
	log_info(LOG_FS, "%s: archive, %u entries, on %s", name,
		 (unsigned)a->ix.n, path);
	if (a->ix.n_skipped)
		log_warn(LOG_FS, "%s: %u entries of other kinds than file and "
			 "directory were left out", name,
			 (unsigned)a->ix.n_skipped);
	return 0;
}

int archive_mount_memory(const char *path, const char *name, const void *data,
			 uint64_t len)
{
	struct archive *a = heap_zalloc(HEAP_FS, sizeof(*a));

	if (!a)
		return -ENOMEM;
	a->memory = data;
	a->src = (struct tar_source){ read_memory, a, len };
	return mount_it(a, path, name);
}

int archive_mount_disk(const char *path, struct blkdev *dev)
{
	struct archive *a = heap_zalloc(HEAP_FS, sizeof(*a));

	if (a)
		a->cache = bcache_create(dev, 0);
	if (!a || !a->cache) {
		heap_free(HEAP_FS, a);
		return -ENOMEM;
	}
	a->src = (struct tar_source){ read_disk, a,
				      dev->n_sectors * BLK_SECTOR };
	return mount_it(a, path, dev->name);
}

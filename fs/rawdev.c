/* SPDX-License-Identifier: BSD-2-Clause
 *
 * /dev/vol/NAME: a disk or partition as a file of fixed size, for databases.
 * NAME is what kernel/blkdev.h calls it: disk0p1, a label, a serial number.
 * There is no cache: reads and writes are the device's, in multiples of its
 * block size, and done when they return; fsync flushes the device. Memory that
 * the driver could not take goes through a buffer.
 */
#include "fs/rawdev.h"

#include <errno.h>

#include "fs/devfs.h"
#include "kernel/blkdev.h"
#include "kernel/heap.h"
#include "kernel/lib/string.h"

#define VFS_S_IFBLK 0060000u
#define BOUNCE	    65536u		/* bytes; whole blocks of any device */
#define INO_BASE    1000u

struct raw_file {
	struct file file;
	struct vfs_mount *mount;
	struct blkdev *bd;
	uint64_t pos;
};

static struct raw_file *raw_of(struct file *f)
{
	return container_of(f, struct raw_file, file);
}

/* In whole blocks: a disk's capacity need not be one. */
static uint64_t raw_size(const struct blkdev *bd)
{
	return ALIGN_DOWN(bd->n_sectors * BLK_SECTOR, (uint64_t)bd->block_size);
}

/* ---- transfers ----------------------------------------------------------------- */

static bool is_straight(const struct blkdev *bd, const struct file_iov *iov,
			int n)
{
	for (int i = 0; i < n; i++) {
		if (iov[i].len && ((uintptr_t)iov[i].base % 4 ||
				   iov[i].len % bd->block_size))
			return false;
	}
	return true;
}

/* Copies between the buffers from `skip` on and `buf`. */
static void copy(const struct file_iov *iov, uint64_t skip, char *buf,
		 size_t len, bool out)
{
	for (; skip >= iov->len; iov++)
		skip -= iov->len;
	while (len) {
		char *p = (char *)iov->base + skip;
		size_t n = iov->len - skip;

		n = n < len ? n : len;
		if (out)
			memcpy(p, buf, n);
		else
			memcpy(buf, p, n);
		buf += n;
		len -= n;
		iov++;
		skip = 0;
	}
}

static int through_buffer(struct blkdev *bd, bool write, uint64_t off,
			  const struct file_iov *iov, size_t len)
{
	size_t size = len < BOUNCE ? len : BOUNCE;
	char *buf = heap_alloc_aligned(HEAP_FS, 4096, size);
	int r = buf ? 0 : -ENOMEM;

	for (size_t at = 0; r == 0 && at < len; at += size) {
		size = size < len - at ? size : len - at;
		if (write) {
			copy(iov, at, buf, size, false);
			r = blkdev_write(bd, off + at, buf, size);
		} else {
			r = blkdev_read(bd, off + at, buf, size);
			if (r == 0)
				copy(iov, at, buf, size, true);
		}
	}
	heap_free(HEAP_FS, buf);
	return r;
}

static long transfer(struct blkdev *bd, bool write, uint64_t off,
		     const struct file_iov *iov, int n)
{
	uint64_t size = raw_size(bd), len = 0;
	int r;

	for (int i = 0; i < n; i++) {
		if (iov[i].len > INT64_MAX - len)
			return -EINVAL;
		len += iov[i].len;
	}
	if (off % bd->block_size || len % bd->block_size)
		return -EINVAL;
	if (!len)
		return 0;
	if (off >= size)
		return write ? -ENOSPC : 0;
	len = len < size - off ? len : size - off;
	bd->unflushed |= write;
	if (is_straight(bd, iov, n))
		r = blkdev_transfer(bd, write ? BLK_WRITE : BLK_READ, off, iov,
				    len);
	else
		r = through_buffer(bd, write, off, iov, len);
	/* Again: a flush meanwhile may have come too early for it. */
	bd->unflushed |= write;
	return r < 0 ? r : (long)len;
}

/* ---- file operations -------------------------------------------------------------- */

/* The position moves before the transfer, so that two threads with one
 * descriptor do not get the same place; after an error it is where it was. */
static long move(struct file *f, bool write, const struct file_iov *iov, int n)
{
	struct raw_file *d = raw_of(f);
	uint64_t from = write && f->append ? raw_size(d->bd) : d->pos, len = 0;
	long r;

	for (int i = 0; i < n; i++)
		len += iov[i].len;
	d->pos = from + len;
	r = transfer(d->bd, write, from, iov, n);
	if (d->pos == from + len)
		d->pos = from + (r > 0 ? (uint64_t)r : 0);
	return r;
}

static long raw_readv(struct file *f, const struct file_iov *iov, int n)
{
	return f->readable ? move(f, false, iov, n) : -EBADF;
}

static long raw_writev(struct file *f, const struct file_iov *iov, int n)
{
	return f->writable ? move(f, true, iov, n) : -EBADF;
}

static long raw_pread(struct file *f, void *buf, size_t len, int64_t off)
{
	const struct file_iov iov = { buf, len };

	return f->readable ? transfer(raw_of(f)->bd, false, (uint64_t)off, &iov,
				      1) : -EBADF;
}

static long raw_pwrite(struct file *f, const void *buf, size_t len, int64_t off)
{
	const struct file_iov iov = { (void *)(uintptr_t)buf, len };

	return f->writable ? transfer(raw_of(f)->bd, true, (uint64_t)off, &iov,
				      1) : -EBADF;
}

static int64_t raw_lseek(struct file *f, int64_t off, int whence)
{
	struct raw_file *d = raw_of(f);
	int64_t to = fs_seek(d->pos, raw_size(d->bd), off, whence);

	if (to >= 0)
		d->pos = (uint64_t)to;
	return to;
}

static void fill(const struct vfs_mount *m, const struct blkdev *bd,
		 struct file_stat *st)
{
	uint32_t mode = VFS_S_IFBLK | (bd->read_only ? 0444 : 0666);
	struct blkdev *o = NULL;
	uint64_t ino = INO_BASE;

	while ((o = blkdev_next(o)) != bd)
		ino++;
	fs_fill_stat(m, st, mode, raw_size(bd), 0, ino);
	st->blksize = bd->block_size;
}

static int raw_fstat(struct file *f, struct file_stat *st)
{
	fill(raw_of(f)->mount, raw_of(f)->bd, st);
	return 0;
}

static int flush(struct blkdev *bd)
{
	int r;

	/* First: a write in the meantime may come after the flush. */
	bd->unflushed = false;
	r = blkdev_flush(bd);
	if (r < 0)
		bd->unflushed = true;
	return r;
}

static int raw_sync(struct file *f)
{
	return flush(raw_of(f)->bd);
}

/* sync() and the end of the program: also what is closed by now. */
static int raw_sync_all(void)
{
	struct blkdev *bd = NULL;
	int r = 0;

	while ((bd = blkdev_next(bd)) != NULL) {
		int one = bd->unflushed ? flush(bd) : 0;

		r = r < 0 ? r : one;
	}
	return r;
}

static void raw_release(struct file *f)
{
	struct raw_file *d = raw_of(f);

	if (f->writable)
		blkdev_unclaim(d->bd, NULL);
	d->mount->n_files--;
	heap_free(HEAP_FS, d);
}

static const struct file_ops raw_ops = {
	.readv = raw_readv,
	.writev = raw_writev,
	.pread = raw_pread,
	.pwrite = raw_pwrite,
	.lseek = raw_lseek,
	.stat = raw_fstat,
	.sync = raw_sync,
	.release = raw_release,
};

/* ---- the directory ----------------------------------------------------------------- */

static int raw_stat(struct vfs_mount *m, const char *name, struct file_stat *st)
{
	struct blkdev *bd = blkdev_find(name);

	if (!bd)
		return -ENOENT;
	fill(m, bd, st);
	return 0;
}

static int raw_open(struct vfs_mount *m, const char *name, unsigned flags,
		    struct file **out)
{
	struct blkdev *bd = blkdev_find(name);
	struct raw_file *d;
	int r = 0;

	if (!bd)
		return -ENOENT;
	d = heap_zalloc(HEAP_FS, sizeof(*d));
	if (!d)
		return -ENOMEM;
	if (flags & VFS_WR)
		r = blkdev_claim(bd, NULL);
	if (r < 0) {
		heap_free(HEAP_FS, d);
		return r;
	}
	file_init(&d->file, &raw_ops, raw_ops.release);
	d->mount = m;
	d->bd = bd;
	*out = &d->file;
	return 0;
}

/* Two positions for each device: its own name, then the one that people gave
 * it, if it stands for nothing else. */
static int raw_next(unsigned *pos, struct vfs_dirent *out)
{
	struct blkdev *bd = NULL;
	unsigned at = 0;

	while ((bd = blkdev_next(bd)) != NULL) {
		const char *given = bd->label ? bd->label : bd->serial;
		const char *names[2] = { bd->name, given };

		for (int i = 0; i < 2; i++) {
			if (at++ < *pos)
				continue;
			++*pos;
			if (i && (strchr(given, '/') || blkdev_find(given) != bd ||
				  strcmp(given, bd->name) == 0))
				continue;
			memset(out, 0, sizeof(*out));
			memcpy(out->name, names[i], strlen(names[i]));
			out->mode = VFS_S_IFBLK | (bd->read_only ? 0444 : 0666);
			out->ino = INO_BASE + (at - 1) / 2;
			return 1;
		}
	}
	return 0;
}

static const struct devfs_dir raw_dir = {
	"vol", raw_stat, raw_open, raw_next, raw_sync_all,
};

void rawdev_init(void)
{
	devfs_add_dir(&raw_dir);
}

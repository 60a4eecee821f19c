/* SPDX-License-Identifier: BSD-2-Clause
 *
 * See file_blkdev.h. An image that is being made needs no order: it is synced
 * once, at close. One that is changed in place does (file_blkdev_order).
 */
#include "tools/file_blkdev.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

struct file_disk {
	int fd;
	uint64_t base;			/* bytes; of a window */
	bool ordered;
};

static int write_error;

static struct file_disk *disk_of(const struct blkdev *bd)
{
	return bd->driver;
}

int file_blkdev_error(void)
{
	return write_error;
}

int file_blkdev_fd_of(const struct blkdev *bd)
{
	return disk_of(bd)->fd;
}

uint64_t file_blkdev_base(const struct blkdev *bd)
{
	return disk_of(bd)->base;
}

void file_blkdev_order(struct blkdev *bd)
{
	disk_of(bd)->ordered = true;
}

static int device_size(int fd, uint64_t *out)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	*out = (uint64_t)st.st_size;
	if (S_ISBLK(st.st_mode) && ioctl(fd, BLKGETSIZE64, out) < 0)
		return -errno;
	return S_ISREG(st.st_mode) || S_ISBLK(st.st_mode) ? 0 : -ENOTBLK;
}

static int attach(struct blkdev *bd, const char *name, int fd, uint64_t base)
{
	struct file_disk *d = calloc(1, sizeof(*d));

	if (!d)
		return -ENOMEM;
	d->fd = fd;
	d->base = base;
	bd->driver = d;
	memset(bd->name, 0, sizeof(bd->name));
	strncpy(bd->name, name, sizeof(bd->name) - 1);
	return 0;
}

/* Owns the descriptor from then on, even if it fails. */
static int use_fd(struct blkdev *bd, int fd, const char *path, bool write)
{
	const char *base = strrchr(path, '/');
	uint64_t have;
	int sector = BLK_SECTOR, r;

	memset(bd, 0, sizeof(*bd));
	r = device_size(fd, &have);
	if (r == 0)
		r = attach(bd, base ? base + 1 : path, fd, 0);
	if (r < 0) {
		close(fd);
		return r;
	}
	if (ioctl(fd, BLKSSZGET, &sector) < 0 || sector < (int)BLK_SECTOR ||
	    sector > 4096)
		sector = BLK_SECTOR;
	write_error = 0;
	bd->n_sectors = have / BLK_SECTOR;
	bd->block_size = (uint32_t)sector;
	bd->max_segs = BLK_MAX_SEGS;
	bd->max_bytes = 1 << 20;
	bd->read_only = !write;
	bd->has_flush = true;
	return 0;
}

int file_blkdev_use(struct blkdev *bd, const char *path, enum image_use use)
{
	int fd, r = image_open(path, use, &fd);

	return r < 0 ? r : use_fd(bd, fd, path, use >= IMAGE_WRITE);
}

int file_blkdev_open(struct blkdev *bd, const char *path, bool write,
		     uint64_t size)
{
	int fd, r = image_open(path, write ? size ? IMAGE_NEW : IMAGE_WRITE :
			       IMAGE_READ, &fd);
	uint64_t have;

	if (r < 0)
		return r;
	r = device_size(fd, &have);
	if (r == 0 && size > have && ftruncate(fd, (off_t)size) < 0)
		r = -errno;
	if (r < 0) {
		close(fd);
		return r;
	}
	r = use_fd(bd, fd, path, write);
	if (r == 0 && size)
		bd->n_sectors = size / BLK_SECTOR;
	return r;
}

int file_blkdev_window(struct blkdev *bd, const struct blkdev *whole,
		       uint64_t first, uint64_t n_sectors, const char *name)
{
	*bd = *whole;
	bd->n_sectors = n_sectors;
	if (first > whole->n_sectors || n_sectors > whole->n_sectors - first)
		return -EINVAL;
	if (attach(bd, name, disk_of(whole)->fd, disk_of(whole)->base +
		   first * BLK_SECTOR) < 0)
		return -ENOMEM;
	disk_of(bd)->ordered = disk_of(whole)->ordered;
	return 0;
}

void file_blkdev_window_close(struct blkdev *bd)
{
	free(bd->driver);
	bd->driver = NULL;
}

int file_blkdev_close(struct blkdev *bd)
{
	int fd = file_blkdev_fd_of(bd);
	int r = bd->read_only || fsync(fd) == 0 ? 0 : -errno;

	if (r < 0)
		write_error = -r;
	if (close(fd) < 0 && r == 0)
		r = -errno;
	free(bd->driver);
	bd->driver = NULL;
	return r;
}

static bool inside(const struct blkdev *bd, uint64_t off, uint64_t len)
{
	uint64_t size = bd->n_sectors * BLK_SECTOR;

	return off <= size && len <= size - off;
}

/* All of it, or -errno. iov is used up. */
static int transfer(struct blkdev *bd, uint64_t off, struct iovec *iov,
		    int n_iov, bool write)
{
	struct file_disk *d = disk_of(bd);

	while (n_iov > 0) {
		ssize_t n = write ?
			pwritev(d->fd, iov, n_iov, (off_t)(d->base + off)) :
			preadv(d->fd, iov, n_iov, (off_t)(d->base + off));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			int e = n < 0 ? errno : EIO;

			bd->errors++;
			write_error = write ? e : write_error;
			return -e;
		}
		off += (uint64_t)n;
		for (; n_iov > 0 && (size_t)n >= iov->iov_len; iov++, n_iov--)
			n -= (ssize_t)iov->iov_len;
		if (n_iov > 0) {
			iov->iov_base = (char *)iov->iov_base + n;
			iov->iov_len -= (size_t)n;
		}
	}
	return 0;
}

int blkdev_read(struct blkdev *bd, uint64_t off, void *buf, size_t len)
{
	struct iovec iov = { buf, len };

	return inside(bd, off, len) ? transfer(bd, off, &iov, len > 0, false) :
	       -EINVAL;
}

int blkdev_write(struct blkdev *bd, uint64_t off, const void *buf, size_t len)
{
	struct iovec iov = { (void *)(uintptr_t)buf, len };

	if (bd->read_only)
		return -EROFS;
	return inside(bd, off, len) ? transfer(bd, off, &iov, len > 0, true) :
	       -EINVAL;
}

int blkdev_flush(struct blkdev *bd)
{
	if (!disk_of(bd)->ordered || bd->read_only ||
	    fdatasync(disk_of(bd)->fd) == 0)
		return 0;
	write_error = errno;
	return -errno;
}

static int do_request(struct blkdev *bd, struct blk_request *rq)
{
	struct iovec iov[BLK_MAX_SEGS];
	uint64_t len = 0;

	if (rq->op == BLK_FLUSH)
		return blkdev_flush(bd);
	if ((rq->op != BLK_READ && rq->op != BLK_WRITE) ||
	    rq->n_segs > BLK_MAX_SEGS)
		return -EINVAL;
	if (rq->op == BLK_WRITE && bd->read_only)
		return -EROFS;
	for (unsigned i = 0; i < rq->n_segs; i++) {
		iov[i].iov_base = rq->seg[i].base;
		iov[i].iov_len = rq->seg[i].len;
		len += rq->seg[i].len;
	}
	if (rq->sector > bd->n_sectors ||
	    !inside(bd, rq->sector * BLK_SECTOR, len))
		return -EINVAL;
	return transfer(bd, rq->sector * BLK_SECTOR, iov, (int)rq->n_segs,
			rq->op == BLK_WRITE);
}

void blkdev_submit(struct blkdev *bd, struct blk_request *rq)
{
	rq->status = do_request(bd, rq);
	rq->done(rq);
}

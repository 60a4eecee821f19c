/* SPDX-License-Identifier: BSD-2-Clause
 *
 * See file_blkdev.h. Written data is synced once, at close: an image that is
 * being made needs no order.
 */
#include "tools/file_blkdev.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

static int fd_of(const struct blkdev *bd)
{
	return (int)(intptr_t)bd->driver;
}

static int write_error;

int file_blkdev_error(void)
{
	return write_error;
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

int file_blkdev_open(struct blkdev *bd, const char *path, bool write,
		     uint64_t size)
{
	int flags = write ? O_RDWR : O_RDONLY, fd, r;
	const char *base = strrchr(path, '/');
	struct stat st;
	uint64_t have;

	/* O_EXCL on a block device: fails when it is in use. */
	if (stat(path, &st) == 0 && S_ISBLK(st.st_mode))
		flags |= write ? O_EXCL : 0;
	else if (size)
		flags |= O_CREAT | O_TRUNC;
	fd = open(path, flags | O_CLOEXEC, 0666);
	if (fd < 0)
		return -errno;
	r = device_size(fd, &have);
	if (r == 0 && size > have) {
		r = ftruncate(fd, (off_t)size) < 0 ? -errno : 0;
		have = size;
	}
	if (r < 0) {
		close(fd);
		return r;
	}
	write_error = 0;
	memset(bd, 0, sizeof(*bd));
	strncpy(bd->name, base ? base + 1 : path, sizeof(bd->name) - 1);
	bd->n_sectors = (size ? size : have) / BLK_SECTOR;
	bd->block_size = BLK_SECTOR;
	bd->read_only = !write;
	bd->has_flush = true;
	bd->driver = (void *)(intptr_t)fd;
	return 0;
}

int file_blkdev_close(struct blkdev *bd)
{
	int r = bd->read_only || fsync(fd_of(bd)) == 0 ? 0 : -errno;

	if (close(fd_of(bd)) < 0 && r == 0)
		r = -errno;
	return r;
}

int blkdev_read(struct blkdev *bd, uint64_t off, void *buf, size_t len)
{
	char *p = buf;

	while (len > 0) {
		ssize_t n = pread(fd_of(bd), p, len, (off_t)off);

		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		p += n;
		off += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}

int blkdev_write(struct blkdev *bd, uint64_t off, const void *buf, size_t len)
{
	const char *p = buf;

	while (len > 0) {
		ssize_t n = pwrite(fd_of(bd), p, len, (off_t)off);

		if (n <= 0) {
			write_error = n < 0 ? errno : EIO;
			return -write_error;
		}
		p += n;
		off += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}

int blkdev_flush(struct blkdev *bd)
{
	(void)bd;
	return 0;
}

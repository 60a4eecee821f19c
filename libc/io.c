/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Reading and writing through descriptors.
 */
#include "libc_impl.h"

#include <limits.h>
#include <sys/uio.h>
#include <unistd.h>

_Static_assert(sizeof(struct iovec) == sizeof(struct file_iov) &&
	       offsetof(struct iovec, iov_len) ==
	       offsetof(struct file_iov, len), "the two are one layout");

/* O_SYNC: a write that did not reach the medium failed. */
static long written(struct file *f, long r)
{
	int err = r > 0 && f->synced && f->ops->sync ? f->ops->sync(f) : 0;

	return err < 0 ? err : r;
}

static long rw(int fd, const struct iovec *iov, int n, bool write)
{
	struct file *f;
	long (*op)(struct file *, const struct file_iov *, int);
	long r;

	if (n < 0 || n > IOV_MAX) {
		errno = EINVAL;
		return -1;
	}
	f = fd_get(fd);
	if (!f)
		return -1;
	op = write ? f->ops->writev : f->ops->readv;
	if (!op || !(write ? f->writable : f->readable))
		r = -EBADF;
	else
		r = op(f, (const struct file_iov *)(const void *)iov, n);
	if (write)
		r = written(f, r);
	file_put(f);
	return libc_result(r);
}

ssize_t readv(int fd, const struct iovec *iov, int n)
{
	return rw(fd, iov, n, false);
}

ssize_t writev(int fd, const struct iovec *iov, int n)
{
	return rw(fd, iov, n, true);
}

ssize_t read(int fd, void *buf, size_t len)
{
	struct iovec iov = { buf, len };

	return rw(fd, &iov, 1, false);
}

ssize_t write(int fd, const void *buf, size_t len)
{
	struct iovec iov = { (void *)(uintptr_t)buf, len };

	return rw(fd, &iov, 1, true);
}

ssize_t pread(int fd, void *buf, size_t len, off_t off)
{
	struct file *f = fd_get(fd);
	long r;

	if (!f)
		return -1;
	if (!f->ops->pread)
		r = -ESPIPE;
	else if (!f->readable)
		r = -EBADF;
	else
		r = off < 0 ? -EINVAL : f->ops->pread(f, buf, len, off);
	file_put(f);
	return libc_result(r);
}

ssize_t pwrite(int fd, const void *buf, size_t len, off_t off)
{
	struct file *f = fd_get(fd);
	long r;

	if (!f)
		return -1;
	if (!f->ops->pwrite)
		r = -ESPIPE;
	else if (!f->writable)
		r = -EBADF;
	else
		r = off < 0 ? -EINVAL :
		    written(f, f->ops->pwrite(f, buf, len, off));
	file_put(f);
	return libc_result(r);
}

off_t lseek(int fd, off_t off, int whence)
{
	struct file *f = fd_get(fd);
	int64_t r;

	if (!f)
		return -1;
	r = f->ops->lseek ? f->ops->lseek(f, off, whence) : -ESPIPE;
	file_put(f);
	return libc_result(r);
}

int ftruncate(int fd, off_t len)
{
	struct file *f = fd_get(fd);
	long r;

	if (!f)
		return -1;
	if (!f->ops->truncate || !f->writable || len < 0)
		r = -EINVAL;
	else
		r = f->ops->truncate(f, len);
	file_put(f);
	return (int)libc_result(r);
}

int fsync(int fd)
{
	struct file *f = fd_get(fd);
	long r;

	if (!f)
		return -1;
	r = f->ops->sync ? f->ops->sync(f) : -EINVAL;
	file_put(f);
	return (int)libc_result(r);
}

int fdatasync(int fd)
{
	return fsync(fd);
}

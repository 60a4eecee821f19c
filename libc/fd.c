/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The descriptor table: numbers for open files, and what can be done to a
 * descriptor rather than to its file.
 */
#include "libc_impl.h"

#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <unistd.h>

#include "kernel/heap.h"

struct fd_entry {
	struct file *file;
	bool cloexec;
};

static struct fd_entry *table;
static int table_len, lowest_free;

static struct fd_entry *fd_entry(int fd)
{
	if (fd < 0 || fd >= table_len || !table[fd].file) {
		errno = EBADF;
		return NULL;
	}
	return &table[fd];
}

struct file *fd_get(int fd)
{
	struct fd_entry *e = fd_entry(fd);

	return e ? file_get(e->file) : NULL;
}

static int table_grow(int need)
{
	int len = table_len ? table_len : 16;
	struct fd_entry *t;

	while (len < need)
		len *= 2;
	if (len > FD_MAX)
		return EMFILE;
	t = heap_realloc(HEAP_APP, table, (size_t)len * sizeof(*t));
	if (!t)
		return ENOMEM;
	memset(t + table_len, 0, (size_t)(len - table_len) * sizeof(*t));
	table = t;
	table_len = len;
	return 0;
}

static int fd_install_from(struct file *f, bool cloexec, int from)
{
	int fd = from > lowest_free ? from : lowest_free;
	int err;

	while (fd < table_len && table[fd].file)
		fd++;
	err = fd >= table_len ? table_grow(fd + 1) : 0;
	if (err) {
		file_put(f);
		errno = err;
		return -1;
	}
	table[fd] = (struct fd_entry){ f, cloexec };
	if (fd == lowest_free || from <= lowest_free)
		lowest_free = fd + 1;
	return fd;
}

int fd_install(struct file *f, bool cloexec)
{
	return fd_install_from(f, cloexec, 0);
}

int close(int fd)
{
	struct fd_entry *e = fd_entry(fd);
	struct file *f;

	if (!e)
		return -1;
	f = e->file;
	e->file = NULL;
	if (fd < lowest_free)
		lowest_free = fd;
	file_put(f);
	return 0;
}

int dup(int fd)
{
	struct file *f = fd_get(fd);

	return f ? fd_install(f, false) : -1;
}

int dup2(int fd, int to)
{
	struct file *f = fd_get(fd), *old;
	int err;

	if (!f)
		return -1;
	if (fd == to) {
		file_put(f);
		return to;
	}
	err = to < 0 || to >= FD_MAX ? EBADF : 0;
	if (!err && to >= table_len)
		err = table_grow(to + 1);
	if (err) {
		file_put(f);
		errno = err;
		return -1;
	}
	/* The old file goes last: its end may block, and then `to` must not
	 * look free. */
	old = table[to].file;
	table[to] = (struct fd_entry){ f, false };
	if (old)
		file_put(old);
	return to;
}

static int get_flags(const struct file *f)
{
	int mode = f->readable && f->writable ? O_RDWR :
		   f->writable ? O_WRONLY : O_RDONLY;

	return mode | (f->nonblock ? O_NONBLOCK : 0) |
	       (f->append ? O_APPEND : 0) | (f->synced ? O_SYNC : 0);
}

int fcntl(int fd, int cmd, ...)
{
	struct fd_entry *e = fd_entry(fd);
	va_list ap;
	int arg;

	if (!e)
		return -1;
	va_start(ap, cmd);
	arg = va_arg(ap, int);
	va_end(ap);
	switch (cmd) {
	case F_DUPFD:
	case F_DUPFD_CLOEXEC:
		if (arg < 0 || arg >= FD_MAX) {
			errno = EINVAL;
			return -1;
		}
		return fd_install_from(file_get(e->file),
				       cmd == F_DUPFD_CLOEXEC, arg);
	case F_GETFD:
		return e->cloexec ? FD_CLOEXEC : 0;
	case F_SETFD:
		e->cloexec = arg & FD_CLOEXEC;
		return 0;
	case F_GETFL:
		return get_flags(e->file);
	case F_SETFL:
		e->file->nonblock = arg & O_NONBLOCK;
		e->file->append = arg & O_APPEND;
		return 0;
	default:
		errno = EINVAL;
		return -1;
	}
}

int ioctl(int fd, unsigned long request, ...)
{
	struct fd_entry *e = fd_entry(fd);
	va_list ap;
	int *arg;

	if (!e)
		return -1;
	if (request != FIONBIO) {
		errno = ENOTTY;
		return -1;
	}
	va_start(ap, request);
	arg = va_arg(ap, int *);
	va_end(ap);
	e->file->nonblock = *arg != 0;
	return 0;
}

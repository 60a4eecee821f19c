/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The console as an open file: descriptors 0, 1 and 2.
 */
#include "libc_impl.h"

#include <sys/stat.h>
#include <unistd.h>

#include "kernel/clock.h"
#include "kernel/console.h"
#include "kernel/heap.h"
#include "kernel/poll.h"
#include "kernel/thread.h"

static const char kind[] = "console";

static long console_readv(struct file *f, const struct file_iov *iov, int n)
{
	long done = 0;

	while (!console_readable()) {
		if (f->nonblock)
			return -EAGAIN;
		wait_queue_sleep(console_read_queue(), NSEC_NEVER);
	}
	for (int i = 0; i < n && console_readable(); i++)
		done += (long)console_read(iov[i].base, iov[i].len);
	return done;
}

static long console_writev(struct file *f, const struct file_iov *iov, int n)
{
	long done = 0;

	(void)f;
	for (int i = 0; i < n; i++) {
		console_write(iov[i].base, iov[i].len);
		done += (long)iov[i].len;
	}
	return done;
}

static int console_stat(struct file *f, struct file_stat *st)
{
	(void)f;
	st->mode = S_IFCHR | 0620;
	st->nlink = 1;
	st->blksize = 1024;
	return 0;
}

static unsigned console_poll(struct file *f)
{
	(void)f;
	return FILE_OUT | (console_readable() ? FILE_IN : 0);
}

static struct file *pollable;		/* all of 0, 1 and 2 are this one */

static void notify(void)
{
	if (pollable)
		file_notify(pollable, FILE_IN);
}

static void console_release(struct file *f)
{
	if (pollable == f)
		pollable = NULL;
	heap_free(HEAP_KERNEL, f);
}

static const struct file_ops console_ops = {
	.readv = console_readv,
	.writev = console_writev,
	.stat = console_stat,
	.poll = console_poll,
	.release = console_release,
};

int console_file_create(struct file **out)
{
	struct file *f = heap_zalloc(HEAP_KERNEL, sizeof(*f));

	if (!f)
		return -ENOMEM;
	file_init(f, &console_ops, kind);
	f->readable = f->writable = true;
	pollable = f;
	console_on_input(notify);
	*out = f;
	return 0;
}

int isatty(int fd)
{
	struct file *f = fd_get(fd);
	bool tty;

	if (!f)
		return 0;
	tty = f->kind == kind;
	file_put(f);
	if (!tty)
		errno = ENOTTY;
	return tty;
}

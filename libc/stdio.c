/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The standard streams: stdout by line, stderr at once, over the descriptors.
 * And what picolibc leaves out: it does not know which streams are open, so
 * that neither fflush(NULL) nor exit() could write them out. fdopen() (and so
 * fopen) keeps a list here.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdio-bufio.h>
#include <unistd.h>

#include "kernel/heap.h"
#include "kernel/lib/list.h"
#include "kernel/thread.h"

int __stdio_flags(const char *mode, int *open_flags);	/* picolibc's */

static char in_buf[128], out_buf[512], err_buf[1];

static struct __file_bufio in = FDEV_SETUP_BUFIO(0, in_buf, sizeof(in_buf),
	read, write, lseek, close, __SRD, 0);
static struct __file_bufio out = FDEV_SETUP_BUFIO(1, out_buf, sizeof(out_buf),
	read, write, lseek, close, __SWR, __BLBF);
static struct __file_bufio err = FDEV_SETUP_BUFIO(2, err_buf, sizeof(err_buf),
	read, write, lseek, close, __SWR, __BLBF);

FILE *const stdin = &in.xfile.cfile.file;
FILE *const stdout = &out.xfile.cfile.file;
FILE *const stderr = &err.xfile.cfile.file;

struct stream {
	struct __file_bufio bf;		/* first: picolibc frees it */
	struct list link;
	char buf[BUFSIZ];
};

static struct list streams = LIST_INIT(streams);
static struct mutex lock = MUTEX_INIT(lock);

static int stream_close(FILE *f)
{
	struct stream *s = (struct stream *)(void *)f;

	mutex_lock(&lock);
	list_del(&s->link);
	mutex_unlock(&lock);
	return __bufio_close(f);
}

/* As picolibc's: the descriptor is closed if there is no memory. */
FILE *fdopen(int fd, const char *mode)
{
	int open_flags, flags = __stdio_flags(mode, &open_flags);
	struct stream *s;
	FILE *f;

	if (flags == 0)
		return NULL;
	s = heap_zalloc(HEAP_APP, sizeof(*s));
	if (!s) {
		close(fd);
		errno = ENOMEM;
		return NULL;
	}
	s->bf = (struct __file_bufio)FDEV_SETUP_BUFIO(fd, s->buf, BUFSIZ, read,
		write, lseek, close, flags, __BFALL);
	s->bf.xfile.cfile.close = stream_close;
	f = &s->bf.xfile.cfile.file;
	if (open_flags & O_APPEND)
		(void)fseeko(f, 0, SEEK_END);
	mutex_lock(&lock);
	list_push(&streams, &s->link);
	mutex_unlock(&lock);
	return f;
}

/* One that reads is left alone: its thread may sit in read() with its lock. */
static int flush_output(struct __file_bufio *bf)
{
	return bf->dir == __SWR ? __bufio_flush(&bf->xfile.cfile.file) : 0;
}

static int flush_all(void)
{
	struct list *l;
	int r = flush_output(&out);

	mutex_lock(&lock);
	list_for_each(l, &streams)
		r |= flush_output(&container_of(l, struct stream, link)->bf);
	mutex_unlock(&lock);
	return r ? EOF : 0;
}

int fflush(FILE *f)
{
	if (!f)
		return flush_all();
	return f->flush ? f->flush(f) : 0;
}

/* The first destructor, which runs last: others may still print. */
__attribute__((destructor(101))) static void flush_at_exit(void)
{
	(void)flush_all();
}

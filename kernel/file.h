/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Open files: what a descriptor stands for. Sockets (net/), files and
 * directories (fs/), the console, epoll and pipes make them; libc/ numbers
 * them. Thread context unless said otherwise. Results are >= 0 or -errno
 * (<errno.h> numbers).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/lib/list.h"
#include "kernel/thread.h"

struct file;
struct file_stat;

struct file_iov {
	void *base;
	size_t len;
};

/* Readiness, with poll(2)'s and epoll's common bit values. */
#define FILE_IN		0x001u
#define FILE_PRI	0x002u
#define FILE_OUT	0x004u
#define FILE_ERR	0x008u
#define FILE_HUP	0x010u
#define FILE_RDHUP	0x2000u

#define FILE_KEEP_MODE	UINT32_MAX
#define FILE_KEEP_MTIME UINT64_MAX

/* Any entry may be NULL: the caller then answers with the errno in brackets. */
struct file_ops {
	/* Blocks unless f->nonblock (-EAGAIN). 0 from readv: end of file. */
	long (*readv)(struct file *f, const struct file_iov *iov, int n);  /* EBADF */
	long (*writev)(struct file *f, const struct file_iov *iov, int n); /* EBADF */
	long (*pread)(struct file *f, void *buf, size_t len, int64_t off);  /* ESPIPE */
	long (*pwrite)(struct file *f, const void *buf, size_t len, int64_t off);
	int64_t (*lseek)(struct file *f, int64_t off, int whence);	/* ESPIPE */
	int (*stat)(struct file *f, struct file_stat *st);
	int (*truncate)(struct file *f, int64_t len);			/* EINVAL */
	int (*sync)(struct file *f);					/* EINVAL */
	/* fchmod, futimens: FILE_KEEP_* leaves one as it is. */
	int (*set)(struct file *f, uint32_t mode, uint64_t mtime_ns);	/* EINVAL */
	/* FILE_* bits that hold now; no side effects. NULL: always IN|OUT. */
	unsigned (*poll)(struct file *f);
	/* Last reference is gone: free everything. */
	void (*release)(struct file *f);
};

/* Embedded at the front of the maker's own structure. */
struct file {
	const struct file_ops *ops;
	unsigned refs;
	bool nonblock, append, readable, writable;
	bool synced;			/* O_SYNC: libc syncs after each write */
	struct list watches;		/* struct poll_watch, by kernel/poll.c */
	const void *kind;		/* the maker's tag, to recognise its own */
};

void file_init(struct file *f, const struct file_ops *ops, const void *kind);
struct file *file_get(struct file *f);
void file_put(struct file *f);

struct file_stat {
	uint32_t mode;			/* S_IF* and permissions, POSIX octal */
	uint64_t ino, dev;
	uint64_t size;
	uint64_t mtime_ns;		/* since 1970 UTC */
	uint32_t nlink, blksize;
	uint64_t blocks;		/* 512-byte units */
};

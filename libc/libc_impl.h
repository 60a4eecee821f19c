/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Private to libc/: descriptors and errno.
 */
#pragma once

#include <errno.h>

#include "kernel/file.h"
#include "kernel/lib/compiler.h"

#define FD_MAX 16384			/* the most descriptors at once */

/* Kernel results to libc results: a negative one goes to errno. */
static inline long libc_result(long r)
{
	if (unlikely(r < 0)) {
		errno = (int)-r;
		return -1;
	}
	return r;
}

/* The open file with a reference of its own (file_put it), or NULL with errno
 * EBADF: another thread may close the descriptor while this one blocks. */
struct file *fd_get(int fd);

/* Numbers a file with the lowest free descriptor; takes over the reference,
 * also on failure. The descriptor, or -1 with errno. */
int fd_install(struct file *f, bool cloexec);

/* A time-out in milliseconds (negative: none) as a deadline of clock_now(). */
uint64_t libc_deadline_ms(long timeout_ms);

/* The console as a file (descriptors 0, 1, 2). */
int console_file_create(struct file **out);

void libc_threads_init(void);

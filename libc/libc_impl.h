/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Private to libc/: descriptors and errno.
 */
#pragma once

#include <errno.h>
#include <time.h>

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

/* The same for a length of time; what does not fit is as good as for ever. */
uint64_t libc_deadline(const struct timespec *from_now);
uint64_t libc_timespec_ns(const struct timespec *ts);	/* ts is not negative */

/* Sleeps until the deadline: 0, or -EINTR after a signal handler has run. */
int libc_sleep_until(uint64_t deadline);

/* Readable once the handler has run; NULL if that is past. No reference. */
struct file *libc_signal_file(void);

/* The console as a file (descriptors 0, 1, 2). */
int console_file_create(struct file **out);

void libc_threads_init(void);

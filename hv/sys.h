/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Linux system calls for host code without a C library: the monitor, and the code
 * that runs inside a guest's process. They return what the kernel returns, -errno
 * for errors; there is no errno. Numbers and structures come from the kernel's own
 * headers. A test that wants to see or to fail the calls defines sys_raw beforehand.
 */
#pragma once

#include <asm/unistd.h>
#include <linux/futex.h>
#include <linux/uio.h>		/* struct iovec */
#include <stddef.h>
#include <stdint.h>

#ifndef sys_raw
#define sys_raw sys_call6
#endif

static inline long sys_call6(long nr, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long ret;

	__asm__ volatile("syscall" : "=a"(ret)
			 : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return ret;
}

static inline long sys_read(int fd, void *buf, size_t len)
{
	return sys_raw(__NR_read, fd, (long)buf, (long)len, 0, 0, 0);
}

static inline long sys_write(int fd, const void *buf, size_t len)
{
	return sys_raw(__NR_write, fd, (long)buf, (long)len, 0, 0, 0);
}

static inline long sys_readv(int fd, const struct iovec *iov, unsigned n)
{
	return sys_raw(__NR_readv, fd, (long)iov, (long)n, 0, 0, 0);
}

static inline long sys_writev(int fd, const struct iovec *iov, unsigned n)
{
	return sys_raw(__NR_writev, fd, (long)iov, (long)n, 0, 0, 0);
}

/* The offset is one register on x86-64; the second half is not used. */
static inline long sys_preadv2(int fd, const struct iovec *iov, unsigned n, uint64_t off, int flags)
{
	return sys_raw(__NR_preadv2, fd, (long)iov, (long)n, (long)off, 0, flags);
}

static inline long sys_pwritev2(int fd, const struct iovec *iov, unsigned n, uint64_t off, int flags)
{
	return sys_raw(__NR_pwritev2, fd, (long)iov, (long)n, (long)off, 0, flags);
}

static inline long sys_fdatasync(int fd)
{
	return sys_raw(__NR_fdatasync, fd, 0, 0, 0, 0, 0);
}

static inline long sys_fallocate(int fd, int mode, uint64_t off, uint64_t len)
{
	return sys_raw(__NR_fallocate, fd, mode, (long)off, (long)len, 0, 0);
}

static inline long sys_ioctl(int fd, unsigned long request, unsigned long arg)
{
	return sys_raw(__NR_ioctl, fd, (long)request, (long)arg, 0, 0, 0);
}

struct pollfd;
struct __kernel_timespec;
#define SYS_CLOCK_REALTIME 0
static inline long sys_clock_gettime(int clock, struct __kernel_timespec *now)
{
	return sys_raw(__NR_clock_gettime, clock, (long)now, 0, 0, 0, 0);
}

static inline long sys_ppoll(struct pollfd *fds, unsigned n, struct __kernel_timespec *timeout)
{
	return sys_raw(__NR_ppoll, (long)fds, (long)n, (long)timeout, 0, 8, 0);
}

static inline long sys_getrandom(void *buf, size_t len, unsigned flags)
{
	return sys_raw(__NR_getrandom, (long)buf, (long)len, (long)flags, 0, 0, 0);
}

static inline long sys_futex_wait(uint32_t *word, uint32_t value)
{
	return sys_raw(__NR_futex, (long)word, FUTEX_WAIT_PRIVATE, (long)value, 0, 0, 0);
}

static inline long sys_futex_wake(uint32_t *word, unsigned n)
{
	return sys_raw(__NR_futex, (long)word, FUTEX_WAKE_PRIVATE, (long)n, 0, 0, 0);
}

static inline long sys_close(int fd)
{
	return sys_raw(__NR_close, fd, 0, 0, 0, 0, 0);
}

static inline long sys_eventfd2(unsigned value, int flags)
{
	return sys_raw(__NR_eventfd2, (long)value, flags, 0, 0, 0, 0);
}

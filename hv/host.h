/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The system calls that only the monitor makes (hv/sys.h has those that it
 * shares with the devices), with the kernel's own structures. Results as the
 * kernel gives them: -errno for errors.
 */
#pragma once

#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/mman.h>
#include <linux/sched.h>
#include <linux/stat.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hv/sys.h"

/* What the kernel's headers keep for the C library. */
#define AF_UNIX		1
#define AF_INET		2
#define SOCK_STREAM	1
#define SOCK_DGRAM	2
#define SOCK_SEQPACKET	5
#define SOCK_CLOEXEC	O_CLOEXEC
#define SOCK_NONBLOCK	O_NONBLOCK

#define SYS(name, a, b, c, d, e, f) \
	sys_raw(__NR_##name, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))

static inline int sys_open(const char *path, int flags, unsigned mode)
{
	return (int)SYS(openat, AT_FDCWD, path, flags | O_CLOEXEC, mode, 0, 0);
}

/* The address, or -errno as a small negative number: see sys_failed(). */
static inline uintptr_t sys_mmap(uintptr_t addr, size_t len, int prot, int flags, int fd, uint64_t off)
{
	return (uintptr_t)SYS(mmap, addr, len, prot, flags, fd, off);
}

static inline bool sys_failed(uintptr_t result)
{
	return result > (uintptr_t)-4096;
}

static inline long sys_munmap(uintptr_t addr, size_t len)
{
	return SYS(munmap, addr, len, 0, 0, 0, 0);
}

static inline long sys_mprotect(uintptr_t addr, size_t len, int prot)
{
	return SYS(mprotect, addr, len, prot, 0, 0, 0);
}

static inline uintptr_t sys_mremap(uintptr_t old, size_t old_len, size_t len, int flags, uintptr_t to)
{
	return (uintptr_t)SYS(mremap, old, old_len, len, flags, to, 0);
}

static inline int sys_statx(int fd, unsigned mask, struct statx *st)
{
	return (int)SYS(statx, fd, "", AT_EMPTY_PATH, mask, st, 0);
}

static inline long sys_pread(int fd, void *buf, size_t len, uint64_t off)
{
	return SYS(pread64, fd, buf, len, off, 0, 0);
}

static inline long sys_pwrite(int fd, const void *buf, size_t len, uint64_t off)
{
	return SYS(pwrite64, fd, buf, len, off, 0, 0);
}

static inline long sys_prctl(int op, unsigned long a)
{
	return SYS(prctl, op, a, 0, 0, 0, 0);
}

static inline long sys_ptrace(long op, int pid, unsigned long addr, uintptr_t data)
{
	return SYS(ptrace, op, pid, addr, data, 0, 0);
}

static inline long sys_kill(int pid, int sig)
{
	return SYS(kill, pid, sig, 0, 0, 0, 0);
}

static inline int64_t sys_clock_ns(int clock)
{
	int64_t ts[2] = { 0, 0 };

	SYS(clock_gettime, clock, ts, 0, 0, 0, 0);
	return ts[0] * 1000000000 + ts[1];
}

static inline _Noreturn void sys_exit(int status)
{
	for (;;)
		SYS(exit_group, status, 0, 0, 0, 0, 0);
}

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Which system calls a guest's process may make, as a program for seccomp(2).
 * docs/security.md lists and explains them; any other, or an argument outside
 * of what is said here, ends the process at once.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "hv/proc/proc.h"

#define SECCOMP_FDS_MAX 40u

enum seccomp_fd_use {
	FD_READ = 1,		/* read */
	FD_WRITE = 2,		/* write */
	FD_READV = 4,		/* readv */
	FD_WRITEV = 8,		/* writev */
	FD_PREADV2 = 16,	/* preadv2 */
	FD_PWRITEV2 = 32,	/* pwritev2, fdatasync, fallocate */
	FD_TAP = 64,		/* ioctl TUNSETOFFLOAD */
};

struct seccomp_fd {
	int fd;
	unsigned use;		/* FD_* */
};

struct seccomp_policy {
	uint32_t n_fds;
	struct seccomp_fd fd[SECCOMP_FDS_MAX];
	bool workers;		/* futex WAIT and WAKE, private */
	bool rng;		/* getrandom */
	bool set_tls;		/* arch_prctl(ARCH_SET_FS) */
	int vcpu_fd;		/* KVM_RUN, KVM_GET_SREGS, KVM_SET_SREGS; 0: none */
	uint64_t protect_start, protect_end;	/* mprotect within, never executable */
};

/* 0, or -1: does not fit. */
int seccomp_build(const struct seccomp_policy *policy, struct proc_filter_insn *out,
		  uint32_t max, uint32_t *len);

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What is told of a guest that crashed: the reason, registers, a backtrace with
 * names. The process is stopped and traced while these are called.
 */
#pragma once

#include <linux/signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "hv/run.h"

/* As ptrace gives them (struct user_regs_struct). */
struct fault_regs {
	uint64_t r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx,
		rsi, rdi, orig_rax, rip, cs, rflags, rsp, ss, fs_base, gs_base,
		ds, es, fs, gs;
};

/* What of the kernel's siginfo_t counts here. */
struct fault_info {
	int signo, code;
	uint64_t addr;
};

bool fault_read_regs(int pid, struct fault_regs *regs);
bool fault_read_info(int pid, struct fault_info *info);

/* Pages that the guest can read. */
bool fault_read_mem(int pid, uint64_t addr, void *buf, size_t len);

bool fault_write_regs(int pid, const struct fault_regs *regs);
bool fault_write_mem(int pid, uint64_t addr, const void *buf, size_t len);

/* /proc/PID/mem, or -errno: also pages that the guest itself may not read. */
int fault_open_mem(int pid, int flags);

/* A signal of the processor's. */
void fault_report(const struct run *r, int pid, const struct fault_info *info,
		  const struct fault_regs *regs);

/* Registers and backtrace. */
void fault_report_regs(const struct run *r, int pid, const struct fault_regs *regs);

/* A system call that the filter forbids. */
void fault_report_syscall(const struct run *r, int pid, const struct fault_regs *regs);

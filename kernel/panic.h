/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Our own bugs end here; a peer's lies never do (dev_fail). Panic uses no lock,
 * no heap, no stdio; a second panic halts.
 */
#pragma once

#include <stdint.h>

#include "kernel/lib/compiler.h"

#define PANIC_EXIT_STATUS 125		/* the host sees this status */

/* Reason, registers where a trap gave them, symbolised backtrace, last trace
 * events, device counters, on every console; then pv->exit. */
void panic(const char *fmt, ...) PRINTF_LIKE(1, 2) NORETURN COLD;

/* For the platform's trap entry: registers as the CPU had them. */
struct trap_regs {
	uint64_t r15, r14, r13, r12, r11, r10, r9, r8;
	uint64_t rbp, rdi, rsi, rdx, rcx, rbx, rax;
	uint64_t vector, error;
	uint64_t rip, cs, rflags, rsp, ss;
};
void panic_trap(const struct trap_regs *regs, uint64_t fault_addr,
		const char *what) NORETURN COLD;

void assert_failed(const char *expr, const char *file, int line) NORETURN COLD;
#define ASSERT(e) \
	(likely(e) ? (void)0 : assert_failed(#e, __FILE__, __LINE__))

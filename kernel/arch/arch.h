/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What the kernel asks of the processor, with nothing privileged: context
 * switch, thread pointer layout, cycle counter, hardware random numbers.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct thread;

static inline uint64_t arch_cycles(void)
{
	return __builtin_ia32_rdtsc();
}

static inline void *arch_frame_pointer(void)
{
	return __builtin_frame_address(0);
}

/* Once, before threads: what the CPU is good at. */
void arch_cpu_init(void);

/* 64 bits from RDSEED, else RDRAND. False: the CPU has neither, or they fail. */
bool arch_hw_random(uint64_t *out);

/* Saves what a callee must preserve and continues `to`. `sp` is the first
 * field of struct thread. */
void arch_switch(struct thread *from, struct thread *to);

/* The stack pointer of a thread that will start in thread_entry(). */
void *arch_context_init(void *stack_top);
void thread_entry(void);		/* thread.c's; never returns */

/* Thread-local storage: bytes and alignment of a block; arch_tls_init fills it
 * from the template and returns the thread pointer. */
size_t arch_tls_size(void);
size_t arch_tls_align(void);
uintptr_t arch_tls_init(void *block);

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Traps of a ring 0 platform. Exceptions end in panic_trap() with a cause in
 * words. Interrupts are taken at two places only, x86_idle() and
 * x86_irq_window(): both are called from C, so that every register that a
 * callee may clobber, all of SSE included, is dead there and the interrupt
 * entry saves nothing.
 */
#pragma once

#include <stdint.h>

struct trap_regs;

#define X86_VECTOR_FIRST	0x20	/* exceptions below */

/* Own GDT, TSS with two IST stacks, IDT. Once. */
void x86_trap_init(void);

/* Takes what is pending and returns: sti; nop; cli. */
void x86_irq_window(void);

/* Sleeps until an interrupt: sti; hlt; cli. The caller checked, with
 * interrupts off, that there is nothing to do. */
void x86_idle(void);

/* From trap_entry.S. x86_irq is irq.c's. */
void x86_exception(const struct trap_regs *regs) __attribute__((noreturn));
void x86_irq(unsigned vector);

/* The text that explains a page fault; for tests too. */
enum x86_fault_place {
	FAULT_ELSEWHERE, FAULT_TEXT, FAULT_RODATA, FAULT_GUARD,
};
const char *x86_page_fault_text(uint64_t error, uint64_t addr,
				enum x86_fault_place place);

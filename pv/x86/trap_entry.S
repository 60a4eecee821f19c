/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Entries of all 256 vectors, 16 bytes apart, and the two places where
 * interrupts are enabled. See trap.h for why an interrupt saves no register.
 */

	.text
	.balign 16
	.globl x86_trap_stubs
x86_trap_stubs:
	.set vector, 0
	.rept 32
	.balign 16
	/* These push an error code themselves. */
	.if (vector == 8) || (vector >= 10 && vector <= 14) || (vector == 17) || (vector == 21) || (vector == 29) || (vector == 30)
	.else
	pushq $0
	.endif
	pushq $vector
	jmp exception_entry
	.set vector, vector + 1
	.endr
	.rept 224
	.balign 16
	pushq $vector
	jmp irq_entry
	.set vector, vector + 1
	.endr

/* struct trap_regs, from its end to its start. Never returns. */
	.balign 16
exception_entry:
	push %rax
	push %rbx
	push %rcx
	push %rdx
	push %rsi
	push %rdi
	push %rbp
	push %r8
	push %r9
	push %r10
	push %r11
	push %r12
	push %r13
	push %r14
	push %r15
	cld
	mov %rsp, %rdi
	and $-16, %rsp
	call x86_exception

/* The CPU aligned the stack before it pushed 5 words; the vector is the 6th. */
	.balign 16
irq_entry:
	cld
	mov (%rsp), %edi
	call x86_irq
	add $8, %rsp
	iretq

	.globl x86_irq_window
	.type x86_irq_window, @function
x86_irq_window:
	sti
	nop
	cli
	ret

	.globl x86_idle
	.type x86_idle, @function
x86_idle:
	sti			/* takes effect after hlt begins: no lost wake-up */
	hlt
	cli
	ret
	.section .note.GNU-stack, "", @progbits

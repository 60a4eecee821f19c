/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Context switch: what the System V ABI says that a callee saves, which
 * includes the control bits of MXCSR and the x87 control word. The names are
 * weak so that a host test can wrap them with its sanitizer's annotations.
 *
 * A suspended stack, from its sp up: mxcsr (4) fcw (2) pad, r15, r14, r13,
 * r12, rbx, rbp, return address.
 */
	.text
	.globl arch_switch_raw
	.type arch_switch_raw, @function
	.weak arch_switch
arch_switch:
arch_switch_raw:
	push %rbp
	push %rbx
	push %r12
	push %r13
	push %r14
	push %r15
	sub $8, %rsp
	stmxcsr (%rsp)
	fnstcw 4(%rsp)
	mov %rsp, (%rdi)
	mov (%rsi), %rsp
	ldmxcsr (%rsp)
	fldcw 4(%rsp)
	add $8, %rsp
	pop %r15
	pop %r14
	pop %r13
	pop %r12
	pop %rbx
	pop %rbp
	ret
	.size arch_switch_raw, . - arch_switch_raw

/* rdi: top of the stack, 16-byte aligned. arch_thread_start is entered as by
 * a call (sp = 8 modulo 16) from address 0, which ends backtraces. */
	.globl arch_context_init
	.type arch_context_init, @function
arch_context_init:
	lea -104(%rdi), %rax
	movl $0x1f80, (%rax)		/* MXCSR: all exceptions masked */
	movl $0x037f, 4(%rax)		/* x87: the same, 64-bit mantissa */
	xor %ecx, %ecx
	mov %rcx, 8(%rax)
	mov %rcx, 16(%rax)
	mov %rcx, 24(%rax)
	mov %rcx, 32(%rax)
	mov %rcx, 40(%rax)
	mov %rcx, 48(%rax)		/* rbp: end of the frame chain */
	lea arch_thread_start(%rip), %rdx
	mov %rdx, 56(%rax)
	mov %rcx, 64(%rax)
	mov %rcx, 72(%rax)
	ret
	.size arch_context_init, . - arch_context_init

	.weak arch_thread_start
	.type arch_thread_start, @function
arch_thread_start:
	sub $8, %rsp
	call thread_entry
	ud2
	.size arch_thread_start, . - arch_thread_start

	.section .note.GNU-stack, "", @progbits

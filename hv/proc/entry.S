/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The two doors of the blob: where the child enters it (offset 0), and the
 * hypercall (offset 16), which changes to the blob's own stack. Nothing is kept
 * on the guest's.
 */
	.section .text.blob_entry, "ax", @progbits
	.globl	blob_entry
	.hidden	proc_enter, proc_hypercall, blob_stack_end
blob_entry:				/* %rdi: struct proc */
	xor	%ebp, %ebp
	lea	blob_stack_end(%rip), %rsp
	call	proc_enter
	ud2

	.balign	16
	.globl	blob_hypercall
blob_hypercall:
	cld
	mov	%rsp, %rax
	lea	blob_stack_end(%rip), %rsp
	push	%rax
	push	%rbp			/* a frame that leads back to the guest's */
	call	proc_hypercall
	pop	%rbp
	pop	%rsp
	ret

	.globl	proc_start_guest
	.hidden	proc_start_guest, blob_state
proc_start_guest:			/* %rdi: the start block as the guest sees it */
	push	$0x202
	popf
	xor	%eax, %eax
	xor	%ebx, %ebx
	xor	%ecx, %ecx
	xor	%edx, %edx
	xor	%esi, %esi
	xor	%ebp, %ebp
	xor	%r8d, %r8d
	xor	%r9d, %r9d
	xor	%r10d, %r10d
	xor	%r11d, %r11d
	xor	%r12d, %r12d
	xor	%r13d, %r13d
	xor	%r14d, %r14d
	xor	%r15d, %r15d
	pxor	%xmm0, %xmm0
	xor	%esp, %esp
	jmp	*blob_state(%rip)	/* struct proc.entry: no register is left */

	.section .note.GNU-stack, "", @progbits

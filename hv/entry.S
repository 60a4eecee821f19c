/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Where the kernel enters glint: no C library (its start-up alone costs more
 * than the rest). The stack holds argc, argv, envp and the auxiliary vector.
 */
	.globl	_start
	.hidden	host_start
	.section .text.start, "ax", @progbits
_start:
	xor	%ebp, %ebp
	mov	%rsp, %rdi
	lea	_DYNAMIC(%rip), %rsi
	and	$-16, %rsp
	call	host_start
	ud2

	.hidden	_DYNAMIC
	.section .note.GNU-stack, "", @progbits

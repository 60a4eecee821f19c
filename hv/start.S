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

/* The code that goes into the guest's process, linked on its own (proc/blob.ld):
 * whole pages, so that the child can move them. */
	.section .text.blob, "ax", @progbits
	.balign	4096
	.globl	blob_start, blob_end
	.hidden	blob_start, blob_end
blob_start:
	.incbin	BLOB
	.balign	4096
blob_end:

	.hidden	_DYNAMIC
	.section .note.GNU-stack, "", @progbits

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The code that goes into the guest's process, linked on its own (blob.ld): whole
 * pages within glint's code, so that the child can move them.
 */
	.section .text.blob, "ax", @progbits
	.balign	4096
	.globl	blob_start, blob_end
	.hidden	blob_start, blob_end
blob_start:
	.incbin	BLOB
	.balign	4096
blob_end:

	.section .note.GNU-stack, "", @progbits

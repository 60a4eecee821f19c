/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The floor of boot time: a PVH guest that does nothing but print one line to
 * the debug console (port e9) and halt. What it takes from QEMU's start to that
 * line is what no guest can avoid; bench-boot.py subtracts it from the others.
 * Needs no stack: QEMU enters with paging off, flat segments, interrupts off.
 */
	.code32
	.text
	.globl _start
_start:
	mov	$line, %esi
	mov	$(line_end - line), %ecx
	mov	$0xe9, %edx
	cld
	rep outsb
1:	cli
	hlt
	jmp	1b

line:	.ascii	"floor\n"
line_end:

	/* XEN_ELFNOTE_PHYS32_ENTRY: where a PVH loader enters */
	.section .note.pvh, "a", @note
	.balign	4
	.long	4, 4, 18
	.asciz	"Xen"
	.long	_start

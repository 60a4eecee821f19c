/* SPDX-License-Identifier: BSD-2-Clause
 *
 * For the assembly files of boot/ only: constants and macros that the entries
 * of all protocols share.
 */
#pragma once

#define BOOT_STACK_SIZE	(8 * 1024)

/* enum boot_protocol */
#define PROTO_PVH		1
#define PROTO_MULTIBOOT2	2
#define PROTO_LINUX64		3
#define PROTO_HV		5

/* First instructions of every 32-bit entry: stamp the time, keep %eax (in
 * %ebp) and %ebx. Memory is writable and flat at this point by protocol. */
.macro entry32 protocol
	cld
	cli
	mov %eax, %ebp
	rdtsc
	mov %eax, boot_tsc
	mov %edx, boot_tsc + 4
	mov $\protocol, %edi
.endm

/* CPUID that keeps %ebx (the boot structure). Clobbers %eax, %ecx, %edx. */
.macro cpuid32_keep
	push %ebx
	cpuid
	pop %ebx
.endm

/* An ELF note: 4-aligned, or QEMU does not find it. */
.macro elf_note name, type, desc:vararg
	.pushsection .note.boot, "a", @note
	.balign 4
	.long 2f - 1f, 4f - 3f, \type
1:	.asciz "\name"
2:	.balign 4
3:	\desc
4:	.balign 4
	.popsection
.endm

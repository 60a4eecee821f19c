/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Linux 64-bit boot protocol (Linux: Documentation/arch/x86/boot.rst, section
 * 64-bit Boot Protocol), at the ELF's e_entry: what Firecracker uses for a
 * kernel without the PVH note. 64-bit mode, memory identity mapped,
 * %rsi = struct boot_params.
 */
#include "boot/start.h"

	.section .text.boot, "ax", @progbits
	.code64
	.globl linux64_start, _start
_start:
linux64_start:
	cld
	cli
	rdtsc
	mov %eax, boot_tsc
	mov %edx, boot_tsc + 4
	mov $PROTO_LINUX64, %edi
	jmp start_from_64
	.section .note.GNU-stack, "", @progbits

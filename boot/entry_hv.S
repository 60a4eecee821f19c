/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Entry from Glint's own hypervisor (pv/hv/abi.h), found by its note: 64-bit
 * mode, ring 3, %rdi = struct hv_start, no stack. No control register is
 * touched here or later; memory permissions are as the program headers say.
 */
#include "boot/start.h"

/* Beside the image: page descriptions, a main stack, a little heap. */
#define WORKING_KIB	256

	elf_note Glint, 1, .long 1, 0, hv_entry, 0, _image_kib + WORKING_KIB

	.section .text.boot, "ax", @progbits
	.code64
	.globl hv_entry
	.weak _start			/* e_entry is linux64_start's, where there is one */
_start:
hv_entry:
	rdtsc
	shl $32, %rdx
	or %rdx, %rax
	lea boot_stack_top, %rsp
	mov %rdi, %rsi			/* boot structure */
	mov %rax, %rcx			/* time stamp */
	mov $PROTO_HV, %edi
	xor %edx, %edx
	xor %ebp, %ebp			/* ends the backtrace */
	call boot_main
	ud2
	.section .note.GNU-stack, "", @progbits

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Multiboot2 header and entry (Multiboot2 specification 2.0, section 3). The
 * entry tag leaves e_entry to the Linux protocol. There are no EFI tags: GRUB
 * then leaves boot services itself and enters in 32-bit mode on UEFI too. The
 * header must lie in the first 32 KiB of the file (link.ld).
 */
#include "boot/start.h"

#define MB2_MAGIC	0xe85250d6
#define MB2_I386	0
#define MB2_TAG_ENTRY	3

	.section .multiboot2, "a", @progbits
	.balign 8
	.globl multiboot2_header
multiboot2_header:
	.long MB2_MAGIC, MB2_I386, header_end - multiboot2_header
	.long -(MB2_MAGIC + MB2_I386 + (header_end - multiboot2_header))
	.balign 8
	.short MB2_TAG_ENTRY, 0
	.long 12, multiboot2_start
	.balign 8
	.short 0, 0
	.long 8
header_end:

	.section .text.boot, "ax", @progbits
	.code32
	.globl multiboot2_start
multiboot2_start:
	entry32 PROTO_MULTIBOOT2
	jmp start32
	.section .note.GNU-stack, "", @progbits

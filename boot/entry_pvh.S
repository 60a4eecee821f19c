/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Xen PVH entry (Xen: docs/misc/pvh.pandoc): QEMU -kernel, Cloud Hypervisor,
 * Firecracker and Xen find it by the note of type 18. 32-bit protected mode,
 * paging off, %ebx = struct hvm_start_info.
 */
#include "boot/start.h"

	elf_note Xen, 18, .long pvh_start

	.section .text.boot, "ax", @progbits
	.code32
	.globl pvh_start
pvh_start:
	entry32 PROTO_PVH
	jmp start32
	.section .note.GNU-stack, "", @progbits

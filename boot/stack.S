/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The boot stack, with its guard below, and the time of the first instruction:
 * what every entry uses.
 */
#include "boot/start.h"

	.bss
	.balign 4096
	.globl boot_stack_guard, boot_stack_top, boot_tsc
boot_stack_guard: .skip 4096		/* unmapped by the platform's init */
	.skip BOOT_STACK_SIZE
boot_stack_top:
boot_tsc:  .skip 8
	.section .note.GNU-stack, "", @progbits

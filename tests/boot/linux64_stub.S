/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Stands in for a VMM that uses the Linux 64-bit entry (Firecracker without
 * PVH): QEMU starts this by PVH, with the image put into memory by `-device
 * loader,file=...`. It makes a boot_params page from what PVH gave (command
 * line) and from constants (map), enters 64-bit mode and jumps to ENTRY, the
 * image's e_entry. Linked at 32 MiB; wants 64 MiB of RAM.
 */
#define BOOT_PARAMS	0x7000
#define E820_COUNT	(BOOT_PARAMS + 0x1e8)
#define HDR_MAGIC	(BOOT_PARAMS + 0x202)
#define HDR_VERSION	(BOOT_PARAMS + 0x206)
#define CMDLINE		(BOOT_PARAMS + 0x228)
#define E820		(BOOT_PARAMS + 0x2d0)

	.section .note.pvh, "a", @note
	.balign 4
	.long 4, 4, 18
	.asciz "Xen"
	.long start

.macro e820 index, from, len
	movl $\from, E820 + 20 * \index
	movl $\len, E820 + 20 * \index + 8
	movl $1, E820 + 20 * \index + 16
.endm

	.text
	.code32
	.globl start
start:
	mov $BOOT_PARAMS, %edi
	xor %eax, %eax
	mov $1024, %ecx
	rep stosl
	mov 24(%ebx), %eax		/* PVH: command line */
	mov %eax, CMDLINE
	movl $0x53726448, HDR_MAGIC
	movw $0x20f, HDR_VERSION
	movb $2, E820_COUNT
	e820 0, 0, 0x9fc00
	e820 1, 0x100000, 0x3f00000

	movl $pdpt + 3, pml4		/* one GiB, as little as the protocol asks */
	movl $pd + 3, pdpt
	mov $pd, %edi
	mov $0x83, %eax
	mov $512, %ecx
1:	mov %eax, (%edi)
	add $0x200000, %eax
	add $8, %edi
	loop 1b
	mov $0x20, %eax
	mov %eax, %cr4
	mov $pml4, %eax
	mov %eax, %cr3
	mov $0xc0000080, %ecx
	rdmsr
	or $0x100, %eax
	wrmsr
	mov $0x80000011, %eax
	mov %eax, %cr0
	lgdt gdtr
	ljmp $0x10, $long_mode		/* the protocol's __BOOT_CS */
	.code64
long_mode:
	mov $0x18, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %ss
	mov $BOOT_PARAMS, %esi
	mov $ENTRY, %eax
	jmp *%rax

	.data
	.balign 8
gdt:	.quad 0, 0, 0x00af9b000000ffff, 0x00cf93000000ffff
gdtr:	.word . - gdt - 1
	.long gdt
	.bss
	.balign 4096
pml4:	.skip 4096
pdpt:	.skip 4096
pd:	.skip 4096
	.section .note.GNU-stack, "", @progbits

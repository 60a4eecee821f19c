/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What the entries of the ring 0 protocols share: from wherever the loader
 * left the CPU to 64-bit mode with our own GDT, 4 GiB identity mapped, SSE on
 * and a stack, then boot_main(). Nothing of the loader's CPU state is
 * trusted: control registers are set, not assumed (GRUB on UEFI leaves WP,
 * NXE and more on), and our GDT is loaded before any selector is used.
 *
 * start32:       32-bit; %edi protocol, %ebx boot structure, %ebp loader's %eax
 * start_from_64: 64-bit; %edi protocol, %rsi boot structure
 * Both stamped boot_tsc first.
 */
#include "boot/start.h"

#define CR0_CLEAR	0xe000000c	/* PG CD NW TS EM */
#define CR0_SET		0x80010003	/* PG WP MP PE */
#define CR4_VALUE	0x620		/* PAE OSFXSR OSXMMEXCPT */
#define EFER		0xc0000080
#define EFER_LME	(1 << 8)
#define EFER_NXE_BIT	11

/* Identity map of 4 GiB by 2 MiB pages; the same source in 32-bit and 64-bit
 * mode. .bss is zero, so low halves suffice. Clobbers %eax, %ecx, %edi. */
.macro identity_tables
	movl $(boot_pdpt + 3), boot_pml4
	mov $boot_pdpt, %edi
	mov $(boot_pd + 3), %eax
	mov $4, %ecx
1:	mov %eax, (%edi)
	add $4096, %eax
	add $8, %edi
	loop 1b
	mov $boot_pd, %edi
	mov $0x83, %eax			/* present, writable, 2 MiB */
	mov $(2048 / 8), %ecx		/* few jumps: each costs under TCG */
2:	.set slot, 0
	.rept 8
	mov %eax, slot(%edi)
	add $0x200000, %eax
	.set slot, slot + 8
	.endr
	add $64, %edi
	loop 2b
.endm

	.section .text.boot, "ax", @progbits
	.code32
	.globl start32
start32:
	mov $boot_stack_top, %esp
	/* Long mode there? Without it all that is left is to say so. */
	mov $0x80000000, %eax
	cpuid32_keep
	cmp $0x80000001, %eax
	jb no_long_mode
	mov $0x80000001, %eax
	cpuid32_keep
	bt $29, %edx
	jnc no_long_mode
	mov %edx, %esi			/* bit 20: NX */
	/* Leave paging, if the loader had it on, before the tables change. */
	mov %cr0, %eax
	and $~CR0_CLEAR, %eax
	mov %eax, %cr0
	mov $CR4_VALUE, %eax
	mov %eax, %cr4
	mov %edi, %edx
	identity_tables
	mov %edx, %edi
	mov $boot_pml4, %eax
	mov %eax, %cr3
	mov $EFER, %ecx
	rdmsr
	or $EFER_LME, %eax
	bt $20, %esi
	jnc 1f
	bts $EFER_NXE_BIT, %eax
1:	wrmsr
	mov %cr0, %eax
	and $~CR0_CLEAR, %eax
	or $CR0_SET, %eax
	mov %eax, %cr0
	lgdt boot_gdtr
	ljmp $8, $start64

no_long_mode:
	mov $no_long_mode_text, %esi
1:	lodsb
	test %al, %al
	jz 2f
	out %al, $0xe9
	mov $0x3f8, %dx
	out %al, %dx
	jmp 1b
2:	cli
	hlt
	jmp 2b

	.code64
start64:
	call load_segments
	mov %ebx, %ebx
	mov %rbx, %rsi			/* boot structure */
	mov %ebp, %edx			/* the loader's %eax */
enter_c:
	mov boot_tsc, %rcx
	lea boot_stack_top, %rsp
	xor %ebp, %ebp			/* ends the backtrace */
	call boot_main			/* (protocol, info, magic, tsc) */
1:	cli
	hlt
	jmp 1b

load_segments:
	mov $16, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %ss
	xor %eax, %eax
	mov %eax, %fs
	mov %eax, %gs
	ret

/* 64-bit entry: the loader's page tables cover at least us; %edi protocol,
 * %rsi boot structure. */
	.globl start_from_64
start_from_64:
	lea boot_stack_top, %rsp
	mov %edi, %r8d
	identity_tables
	mov $0x80000001, %eax
	cpuid
	mov %edx, %r9d
	mov $CR4_VALUE, %eax
	mov %rax, %cr4
	lea boot_pml4, %rax
	mov %rax, %cr3
	mov $EFER, %ecx
	rdmsr
	bt $20, %r9d
	jnc 3f
	bts $EFER_NXE_BIT, %eax
3:	wrmsr
	mov %cr0, %rax
	and $~0x6000000c, %rax
	or $0x10003, %eax		/* zero-extends: PG is kept by the mask */
	mov %rax, %cr0
	lgdt boot_gdtr
	pushq $8
	lea 4f, %rax
	push %rax
	lretq
4:	call load_segments
	mov %r8d, %edi
	xor %edx, %edx
	jmp enter_c

	.section .rodata.boot, "a", @progbits
	.balign 8
boot_gdt:
	.quad 0
	.quad 0x00af9b000000ffff	/* 8: 64-bit code */
	.quad 0x00cf93000000ffff	/* 16: data */
boot_gdtr:
	.word . - boot_gdt - 1
	.quad boot_gdt
no_long_mode_text:
	.asciz "glint: this CPU has no 64-bit mode (QEMU: use qemu-system-x86_64)\n"

	.bss
	.balign 4096
	.globl boot_pml4, boot_pdpt
boot_pml4: .skip 4096
boot_pdpt: .skip 4096
boot_pd:   .skip 4 * 4096
	.section .note.GNU-stack, "", @progbits

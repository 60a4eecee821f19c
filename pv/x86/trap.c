/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Descriptor tables and what an exception means (Intel SDM volume 3, chapter
 * 6). Exceptions run on an interrupt stack of their own, so that an overflown
 * thread stack can be reported; the ones that may strike while another is
 * being handled (#DF, NMI, #MC) have a second.
 */
#include "pv/x86/trap.h"

#include "kernel/lib/compiler.h"
#include "kernel/lib/string.h"
#include "kernel/panic.h"
#include "pv/x86/cpu.h"
#include "pv/x86/paging.h"

#define SEL_CODE	8
#define SEL_TSS		24
#define GATE_INTERRUPT	0x8e		/* present, ring 0, interrupts off */
#define IST_STACK_LEN	(8u << 10)
#define STUB_LEN	16

#define VECTOR_NMI	2
#define VECTOR_DF	8
#define VECTOR_PF	14
#define VECTOR_MC	18

#define PF_PRESENT	1u
#define PF_WRITE	2u
#define PF_RESERVED	8u
#define PF_FETCH	16u

struct gate {
	uint16_t offset_low, selector;
	uint8_t ist, type;
	uint16_t offset_mid;
	uint32_t offset_high, zero;
};

struct PACKED tss {
	uint32_t zero0;
	uint64_t rsp[3], zero1, ist[7], zero2;
	uint16_t zero3, io_map;
};

struct PACKED table_pointer {
	uint16_t limit;
	uint64_t base;
};

extern char x86_trap_stubs[];
extern char _image_start[], _text_start[], _text_end[];

static struct gate idt[256] ALIGNED(16);
static struct tss tss ALIGNED(8);
static uint64_t gdt[5] = { 0, 0x00af9b000000ffff, 0x00cf93000000ffff };
static uint8_t ist_stack[2][IST_STACK_LEN] ALIGNED(16);

static void gate_set(unsigned vector, unsigned ist)
{
	uintptr_t entry = (uintptr_t)x86_trap_stubs + vector * STUB_LEN;

	idt[vector] = (struct gate){
		.offset_low = (uint16_t)entry,
		.selector = SEL_CODE,
		.ist = (uint8_t)ist,
		.type = GATE_INTERRUPT,
		.offset_mid = (uint16_t)(entry >> 16),
		.offset_high = (uint32_t)(entry >> 32),
	};
}

static void tss_load(void)
{
	uint64_t base = (uintptr_t)&tss;

	tss.io_map = sizeof(tss);
	tss.ist[0] = (uintptr_t)ist_stack[0] + IST_STACK_LEN;
	tss.ist[1] = (uintptr_t)ist_stack[1] + IST_STACK_LEN;
	gdt[3] = (sizeof(tss) - 1) | (base & 0xffffff) << 16 |
		 0x89ull << 40 | (base >> 24 & 0xff) << 56;
	gdt[4] = base >> 32;
	__asm__ volatile("lgdt %0"
			 :: "m"((struct table_pointer){ sizeof(gdt) - 1,
							(uintptr_t)gdt }));
	__asm__ volatile("ltr %w0" :: "r"(SEL_TSS));
}

void x86_trap_init(void)
{
	tss_load();
	for (unsigned v = 0; v < X86_VECTOR_FIRST; v++)
		gate_set(v, v == VECTOR_DF || v == VECTOR_NMI || v == VECTOR_MC ?
			    2 : 1);
	for (unsigned v = X86_VECTOR_FIRST; v < ARRAY_SIZE(idt); v++)
		gate_set(v, 0);
	__asm__ volatile("lidt %0"
			 :: "m"((struct table_pointer){ sizeof(idt) - 1,
							(uintptr_t)idt }));
}

const char *x86_page_fault_text(uint64_t error, uint64_t addr,
				enum x86_fault_place place)
{
	if (error & PF_RESERVED)
		return "page fault: corrupt page table";
	if (place == FAULT_GUARD)
		return "stack overflow: guard page hit";
	if (error & PF_FETCH)
		return !(error & PF_PRESENT) && addr < PAGE_SIZE ?
		       "call through a null pointer" :
		       error & PF_PRESENT ? "execution of data" :
		       "execution of unmapped memory";
	if (addr < PAGE_SIZE)
		return error & PF_WRITE ? "null pointer write" :
					  "null pointer read";
	if (error & PF_PRESENT && error & PF_WRITE)
		return place == FAULT_TEXT ? "write to text" :
					     "write to read-only memory";
	return error & PF_WRITE ? "write to unmapped memory" :
				  "read of unmapped memory";
}

static const char *exception_text(uint64_t vector)
{
	static const char *const text[X86_VECTOR_FIRST] = {
		[0] = "divide error (by zero, or the quotient is too large)",
		[1] = "debug exception",
		[2] = "non-maskable interrupt",
		[3] = "breakpoint",
		[4] = "overflow",
		[5] = "bound range exceeded",
		[6] = "invalid instruction",
		[7] = "no floating point unit",
		[8] = "double fault",
		[10] = "invalid TSS",
		[11] = "segment not present",
		[12] = "stack segment fault",
		[13] = "general protection fault",
		[16] = "x87 floating point error",
		[17] = "alignment check",
		[18] = "machine check",
		[19] = "SIMD floating point error",
		[21] = "control protection",
	};

	return vector < ARRAY_SIZE(text) && text[vector] ? text[vector] :
	       "unknown exception";
}

static enum x86_fault_place place_of(uint64_t addr)
{
	if (paging_is_guard(addr))
		return FAULT_GUARD;
	if (addr >= (uintptr_t)_text_start && addr < (uintptr_t)_text_end)
		return FAULT_TEXT;
	if (addr >= (uintptr_t)_image_start && addr < (uintptr_t)_text_start)
		return FAULT_RODATA;
	return FAULT_ELSEWHERE;
}

void x86_exception(const struct trap_regs *regs)
{
	uint64_t addr = 0;
	const char *what = exception_text(regs->vector);

	if (regs->vector == VECTOR_PF) {
		addr = x86_read_cr2();
		what = x86_page_fault_text(regs->error, addr,
					   place_of(addr));
	}
	panic_trap(regs, addr, what);
}

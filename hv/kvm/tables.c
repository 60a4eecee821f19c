/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The area (kvm.h): what the processor needs to run ring 3 and to come out of it, by
 * the layouts of AMD's and Intel's manuals (GDT, IDT, TSS, four-level page tables).
 * Entries of tables are made before they are first used, and accessed and dirty from
 * the start, so that nobody has to write to them. Memory is mapped by pages of
 * 4 KiB; what a guest does not touch has no table. Used by the child before the
 * guest runs and by the blob after.
 */
#include <string.h>

#include "hv/kvm/kvm.h"
#include "hv/proc/proc.h"
#include "kernel/lib/compiler.h"

#define PTE_P	   1ull
#define PTE_W	   2ull
#define PTE_U	   4ull
#define PTE_AD	   0x60ull		/* accessed, dirty */
#define PTE_NX	   (1ull << 63)
#define PTE_ADDR   0x000ffffffffff000ull
#define TABLE	   (PTE_P | PTE_W | PTE_U | PTE_AD)	/* an upper level: the last one decides */
#define PAGE_SHIFT 12
#define ENTRIES	   512u
#define TOP_SHIFT  39
#define EAGER	   (32ull << 20)	/* of memory whose tables are made at once */

#define IDT_OFF	   0x400u
#define GATE	   0x8e00ull		/* present, ring 0, interrupt gate */
#define GATE_USER  0xee00ull		/* int3, into: ring 3 may cause them */
#define VEC_BREAK  3
#define VEC_OVER   4
#define SEL_KCODE  0x10ull
#define TSS_RSP0   4			/* offsets in the TSS */
#define TSS_IOMAP  102
#define TSS_LEN	   104

static uint64_t area_page(const struct kvm *k, uint32_t i)
{
	return k->area + (uint64_t)i * HV_PAGE;
}

static void put64(uint8_t *at, uint64_t v)
{
	memcpy(at, &v, sizeof(v));
}

static void make_cpu_tables(const struct kvm *k)
{
	uint64_t *gdt = (uint64_t *)area_page(k, KVM_AREA_CPU);
	uint64_t *idt = gdt + IDT_OFF / 8;
	uint8_t *tss = (uint8_t *)area_page(k, KVM_AREA_TSS);
	uint64_t stub = KVM_VIEW + KVM_AREA_STUBS * (uint64_t)HV_PAGE;
	uint16_t bitmap = TSS_LEN;

	gdt[SEL_KCODE / 8] = 0x00af9b000000ffff;
	gdt[0x18 / 8] = 0x00cf93000000ffff;
	gdt[0x28 / 8] = 0x00cff3000000ffff;	/* 0x2b: the guest's data */
	gdt[0x30 / 8] = 0x00affb000000ffff;	/* 0x33: and code */
	for (unsigned i = 0; i < KVM_VECTORS; i++, stub += KVM_STUB_LEN) {
		uint64_t type = i == VEC_BREAK || i == VEC_OVER ? GATE_USER : GATE;

		idt[2 * i] = (stub & 0xffff) | SEL_KCODE << 16 | type << 32 | (stub >> 16 & 0xffff) << 48;
		idt[2 * i + 1] = stub >> 32;
	}
	put64(tss + TSS_RSP0, KVM_VIEW + (KVM_AREA_TRAP + 1) * (uint64_t)HV_PAGE);
	memcpy(tss + TSS_IOMAP, &bitmap, sizeof(bitmap));
	tss[TSS_LEN + 8192] = 0xff;		/* behind the last port */
}

/* The table that an entry leads to, made if there is none. */
static uint64_t *table_of(struct kvm *k, uint64_t *entry, bool *fresh)
{
	*fresh = !(*entry & PTE_P);
	if (*fresh) {
		if (k->area_used >= k->area_len / HV_PAGE)
			return NULL;
		*entry = area_page(k, k->area_used++) | TABLE;
	}
	return (uint64_t *)(*entry & PTE_ADDR);
}

/* The last table on the way to an address. */
static uint64_t *last_table(struct kvm *k, uint64_t addr, bool *fresh)
{
	uint64_t *table = (uint64_t *)area_page(k, KVM_AREA_ROOT);

	for (unsigned shift = TOP_SHIFT; shift > PAGE_SHIFT && table; shift -= 9)
		table = table_of(k, &table[addr >> shift & (ENTRIES - 1)], fresh);
	return table;
}

static uint64_t flags(bool write, bool exec)
{
	return PTE_P | PTE_U | PTE_AD | (write ? PTE_W : 0) | (exec ? 0 : PTE_NX);
}

static uint64_t flags_of(const struct kvm *k, uint64_t addr)
{
	if (addr < HV_MEM_BASE || addr >= k->mem_end)
		return 0;
	for (uint32_t i = 0; i < k->n_ranges; i++) {
		if (addr >= k->range[i].start && addr < k->range[i].end)
			return flags(k->range[i].write, k->range[i].exec);
	}
	return flags(addr < k->rw_end, false);
}

uint64_t *kvm_tables_entry(struct kvm *k, uint64_t addr, bool *fresh)
{
	uint64_t *table = last_table(k, addr, fresh);
	uint64_t first = ALIGN_DOWN(addr, (uint64_t)HV_PAGE * ENTRIES);

	for (unsigned i = 0; table && *fresh && i < ENTRIES; i++) {
		uint64_t at = first + (uint64_t)i * HV_PAGE, bits = flags_of(k, at);

		if (bits)
			__atomic_store_n(&table[i], at | bits, __ATOMIC_RELAXED);
	}
	return table ? &table[addr >> PAGE_SHIFT & (ENTRIES - 1)] : NULL;
}

int64_t kvm_tables_protect(struct kvm *k, uint64_t addr, uint64_t len, uint64_t prot)
{
	for (uint64_t end = addr + len; addr < end; addr += HV_PAGE) {
		bool fresh;
		uint64_t *entry = kvm_tables_entry(k, addr, &fresh);

		if (!entry)
			return -HV_ENOMEM;
		__atomic_store_n(entry, prot == HV_PROT_NONE ? 0 : addr | flags(prot == HV_PROT_RW, false),
				 __ATOMIC_RELAXED);
	}
	return 0;
}

/* The view: all of the area but page tables. */
static void map_view(struct kvm *k)
{
	bool fresh;
	uint64_t *view = last_table(k, KVM_VIEW, &fresh);

	for (uint32_t i = 0; i < KVM_AREA_STUBS; i++)
		view[i] = area_page(k, i) | PTE_P | PTE_AD | PTE_NX;
	view[KVM_AREA_STUBS] = area_page(k, KVM_AREA_STUBS) | PTE_P | PTE_AD;
	view[KVM_AREA_ENTRY] = area_page(k, KVM_AREA_ENTRY) | PTE_P | PTE_U | PTE_AD;
	view[KVM_AREA_TRAP] = area_page(k, KVM_AREA_TRAP) | PTE_P | PTE_W | PTE_AD | PTE_NX;
	view[KVM_AREA_LIVE] = area_page(k, KVM_AREA_LIVE) | PTE_P | PTE_W | PTE_U | PTE_AD | PTE_NX;
}

void kvm_tables_init(struct kvm *k)
{
	uint64_t eager = k->mem_end < EAGER ? k->mem_end : EAGER;
	bool fresh;

	k->area_used = KVM_AREA_ROOT + 1;
	make_cpu_tables(k);
	map_view(k);
	for (uint64_t at = 0; at < eager; at += (uint64_t)HV_PAGE * ENTRIES)
		kvm_tables_entry(k, at, &fresh);
	kvm_tables_entry(k, k->mem_end - 1, &fresh);	/* the start block */
}

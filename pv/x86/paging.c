/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Four-level page tables (Intel SDM volume 3, chapter 4), changed in place:
 * boot/ left an identity map of everything, writable and executable. Tables
 * that the tightened map no longer needs serve the next splits.
 */
#include "pv/x86/paging.h"

#include <errno.h>

#include "kernel/boot_info.h"
#include "kernel/lib/string.h"
#include "kernel/page.h"
#include "pv/x86/cpu.h"

#define PTE_P		(1ull << 0)
#define PTE_W		(1ull << 1)
#define PTE_UC		(3ull << 3)	/* PWT, PCD: PAT entry 3, uncached */
#define PTE_PS		(1ull << 7)	/* 2 MiB page */
#define PTE_GUARD	(1ull << 9)	/* ours: taken away by protect() */
#define PTE_MMIO	(1ull << 10)	/* ours: device registers */
#define PTE_NX		(1ull << 63)
#define PTE_ADDR	0x000ffffffffff000ull
#define ENTRIES		512u
#define LARGE		((uint64_t)2 << 20)
#define GIB		((uint64_t)1 << 30)
#define LOW_MEMORY_END	0x100000ull
#define TABLE_SPARES	16

extern char _image_start[], _text_start[], _text_end[], _image_end[];

static uint64_t nx;		/* PTE_NX where the CPU has it */
static const struct boot_info *ram;
static void *spare[TABLE_SPARES];
static unsigned n_spare;

static uint64_t *table_at(uint64_t entry)
{
	return (uint64_t *)(uintptr_t)(entry & PTE_ADDR);
}

static uint64_t *table_new(void)
{
	void *t = n_spare ? spare[--n_spare] : page_alloc(1, PAGE_SIZE);

	if (t)
		memset(t, 0, PAGE_SIZE);
	return t;
}

static unsigned index_at(uint64_t addr, unsigned level)
{
	return (unsigned)(addr >> (12 + 9 * level)) % ENTRIES;
}

/* The page directory entry for addr. NULL: a table is missing, and `make` is
 * false or there is no memory for it. */
static uint64_t *pde_of(uint64_t addr, bool make)
{
	uint64_t *t = table_at(x86_read_cr3());

	for (unsigned level = 3; level > 1; level--) {
		uint64_t *e = &t[index_at(addr, level)];

		if (!*e && make) {
			uint64_t *new = table_new();

			if (!new)
				return NULL;
			*e = (uintptr_t)new | PTE_P | PTE_W;
		}
		if (!*e)
			return NULL;
		t = table_at(*e);
	}
	return &t[index_at(addr, 1)];
}

/* A 2 MiB entry becomes a table of 512 pages with the same permissions. */
static int split(uint64_t *pde)
{
	uint64_t e = *pde;
	uint64_t *t = table_new();

	if (!t)
		return -ENOMEM;
	for (unsigned i = 0; i < ENTRIES; i++)
		t[i] = (e & ~PTE_PS) + i * PAGE_SIZE;
	*pde = (uintptr_t)t | PTE_P | PTE_W;
	return 0;
}

static bool meets(uint64_t start, uint64_t end, uint64_t a, uint64_t b)
{
	return start < b && end > a;
}

/* Does [start, end) hold any RAM that the kernel may touch? */
static bool has_ram(uint64_t start, uint64_t end)
{
	if (meets(start, end, (uintptr_t)_image_start, (uintptr_t)_image_end))
		return true;
	for (unsigned i = 0; i < ram->n_regions; i++)
		if (meets(start, end, ram->region[i].start, ram->region[i].end))
			return true;
	for (unsigned i = 0; i < ram->n_modules; i++)
		if (meets(start, end, ALIGN_DOWN(ram->module[i].start, PAGE_SIZE),
			  ram->module[i].end))
			return true;
	return false;
}

/* The large pages of [start, end) in one GiB's directory; RAM is rarely much
 * of it, so the directory was emptied first. */
static void keep_large(uint64_t *pd, uint64_t gib, uint64_t start, uint64_t end)
{
	if (start < gib)
		start = gib;
	if (start < ALIGN_UP((uintptr_t)_image_end, LARGE))
		start = ALIGN_UP((uintptr_t)_image_end, LARGE);
	if (end > gib + GIB)
		end = gib + GIB;
	for (uint64_t at = ALIGN_DOWN(start, LARGE); at < end; at += LARGE)
		pd[index_at(at, 1)] = at | PTE_P | PTE_W | PTE_PS | nx;
}

/* Everything that is not RAM goes; the rest is no longer executable, but for
 * the large pages that hold the image: this code runs on them. */
static void drop_unused(uint64_t *pdpt)
{
	for (uint64_t g = 0; g < ENTRIES; g++) {
		uint64_t *pd = table_at(pdpt[g]);
		unsigned first = g ? 0 : index_at((uintptr_t)_image_end - 1, 1) + 1;

		if (!(pdpt[g] & PTE_P))
			continue;
		if (!has_ram(g * GIB, (g + 1) * GIB)) {
			pdpt[g] = 0;
			if (n_spare < TABLE_SPARES)
				spare[n_spare++] = pd;
			continue;
		}
		memset(pd + first, 0, (ENTRIES - first) * sizeof(*pd));
		for (unsigned i = 0; i < ram->n_regions; i++)
			keep_large(pd, g * GIB, ram->region[i].start,
				   ram->region[i].end);
		for (unsigned i = 0; i < ram->n_modules; i++)
			keep_large(pd, g * GIB, ram->module[i].start,
				   ram->module[i].end);
		/* Tables of high RAM were cut off the end of a region, perhaps
		 * with its whole last large page. */
		for (unsigned h = 4; h < ENTRIES; h++)
			if (pdpt[h] & PTE_P)
				keep_large(pd, g * GIB, pdpt[h] & PTE_ADDR,
					   (pdpt[h] & PTE_ADDR) + PAGE_SIZE);
	}
}

/* The pages of [start, end) that the 2 MiB from `base` on hold. */
static void fill(uint64_t *table, uint64_t base, uint64_t start, uint64_t end,
		 uint64_t flags)
{
	start = start < base ? base : ALIGN_DOWN(start, PAGE_SIZE);
	if (end > base + LARGE)
		end = base + LARGE;
	for (uint64_t at = start; at < end; at += PAGE_SIZE)
		table[index_at(at, 0)] = at | flags;
}

/* Around the image nothing is executable but its text; of low memory only
 * modules stay, to be read. */
static void fill_image(uint64_t *table, uint64_t base)
{
	for (unsigned i = 0; i < ram->n_modules; i++)
		if (ram->module[i].start < LOW_MEMORY_END)
			fill(table, base, ram->module[i].start,
			     ram->module[i].end, PTE_P | nx);
	fill(table, base, (uintptr_t)_image_start, (uintptr_t)_text_start,
	     PTE_P | nx);
	fill(table, base, (uintptr_t)_text_start, (uintptr_t)_text_end, PTE_P);
	fill(table, base, (uintptr_t)_text_end, base + LARGE, PTE_P | PTE_W | nx);
}

int paging_init(const struct boot_info *bi, uintptr_t guard)
{
	uint64_t *pdpt = table_at(table_at(x86_read_cr3())[0]);
	uint64_t *pd = table_at(pdpt[0]);

	ram = bi;
	nx = x86_rdmsr(MSR_EFER) & EFER_NXE ? PTE_NX : 0;
	drop_unused(pdpt);
	for (uint64_t at = 0; at < (uintptr_t)_image_end; at += LARGE) {
		uint64_t *t = table_new();

		if (!t)
			return -ENOMEM;
		fill_image(t, at);
		pd[at / LARGE] = (uintptr_t)t | PTE_P | PTE_W;
	}
	x86_write_cr3(x86_read_cr3());
	return paging_protect(guard, PAGE_SIZE, PV_PROT_NONE);
}

/* What the entry becomes; 0: the change is not allowed. */
static uint64_t changed(uint64_t e, enum pv_prot prot)
{
	uint64_t keep = e & (PTE_ADDR | PTE_PS);

	if (!(e & (PTE_P | PTE_GUARD)) || e & PTE_MMIO)
		return 0;
	switch (prot) {
	case PV_PROT_NONE:
		return keep | PTE_GUARD | nx;
	case PV_PROT_R:
		return keep | PTE_P | nx;
	case PV_PROT_RW:
		/* Of the image, what is read-only stays so. */
		if (keep < (uintptr_t)_image_end && !(e & PTE_W))
			return 0;
		return keep | PTE_P | PTE_W | nx;
	case PV_PROT_RX:
		/* Only what is executable already. */
		return e & PTE_P && !(e & (PTE_W | nx)) ? e : 0;
	}
	return 0;
}

/* One step: a whole 2 MiB page where possible. Bytes done, or -errno. */
static int64_t protect_step(uint64_t addr, uint64_t len, enum pv_prot prot)
{
	uint64_t *pde = pde_of(addr, false);
	uint64_t *e = pde, step = LARGE, v;
	int error;

	if (!pde || !*pde)
		return -EINVAL;
	/* A large page that was taken away is not present, yet large. */
	if (*pde & PTE_PS && (!IS_ALIGNED(addr, LARGE) || len < LARGE)) {
		if (changed(*pde, prot) == *pde)
			return (int64_t)(LARGE - addr % LARGE < len ?
					 LARGE - addr % LARGE : len);
		error = split(pde);
		if (error)
			return error;
	}
	if (!(*pde & PTE_PS)) {
		e = &table_at(*pde)[index_at(addr, 0)];
		step = PAGE_SIZE;
	}
	v = changed(*e, prot);
	if (!v)
		return -EINVAL;
	*e = v;
	x86_invlpg(addr);
	return (int64_t)step;
}

int paging_protect(uintptr_t addr, size_t len, enum pv_prot prot)
{
	if (!IS_ALIGNED(addr | len, PAGE_SIZE) || addr + len < addr)
		return -EINVAL;
	while (len) {
		int64_t done = protect_step(addr, len, prot);

		if (done < 0)
			return (int)done;
		addr += (size_t)done;
		len -= (size_t)done;
	}
	return 0;
}

/* One 2 MiB page where nothing else lives, else single pages. */
static int map_mmio_at(uint64_t at)
{
	uint64_t *pde = pde_of(at, true);
	uint64_t flags = PTE_P | PTE_W | PTE_UC | PTE_MMIO | nx;

	if (!pde)
		return -ENOMEM;
	if (!*pde) {
		*pde = ALIGN_DOWN(at, LARGE) | flags | PTE_PS;
	} else if (*pde & PTE_PS) {
		if (*pde & PTE_MMIO)
			return 0;
		if (split(pde))
			return -ENOMEM;
	}
	if (!(*pde & PTE_PS)) {
		table_at(*pde)[index_at(at, 0)] = at | flags;
		x86_invlpg(at);
	}
	return 0;
}

volatile void *paging_map_mmio(uint64_t paddr, uint64_t len)
{
	uint64_t start = ALIGN_DOWN(paddr, PAGE_SIZE), end;

	if (!len || paddr + len < paddr || paddr + len > 1ull << 47 ||
	    paddr < LOW_MEMORY_END)
		return NULL;
	end = ALIGN_UP(paddr + len, PAGE_SIZE);
	if (!ram)	/* before paging_init(): the boot map has 4 GiB */
		return end <= 4 * GIB ? (volatile void *)(uintptr_t)paddr : NULL;
	if (has_ram(start, end))
		return NULL;
	for (uint64_t at = start; at < end; at += PAGE_SIZE) {
		uint64_t *pde;

		if (map_mmio_at(at))
			return NULL;
		pde = pde_of(at, false);
		if (pde && *pde & PTE_PS)	/* covered to its end */
			at = ALIGN_DOWN(at, LARGE) + LARGE - PAGE_SIZE;
	}
	return (volatile void *)(uintptr_t)paddr;
}

bool paging_is_guard(uint64_t addr)
{
	uint64_t *e = pde_of(addr, false);

	if (!e)
		return false;
	if (*e & PTE_P && !(*e & PTE_PS))
		e = &table_at(*e)[index_at(addr, 0)];
	return !(*e & PTE_P) && *e & PTE_GUARD;
}

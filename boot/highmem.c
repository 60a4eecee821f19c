/* SPDX-License-Identifier: BSD-2-Clause
 *
 * RAM above 4 GiB, mapped before anybody allocates from it: one page table of
 * 2 MiB pages for each GiB that holds some, taken from the top of the RAM
 * below 4 GiB.
 */
#include "boot/boot.h"

#define GIB_SHIFT	30
#define FIRST_GIB	4		/* start.S maps those below */
#define PAGE_2M		(2ull << 20)
#define PTE_TABLE	0x3ull		/* present, writable */
#define PTE_2M		0x83ull

/* The last page of the highest region below 4 GiB, or 0. */
static uint64_t take_page(struct boot_info *bi)
{
	for (unsigned i = bi->n_regions; i-- > 0;) {
		struct boot_region *r = &bi->region[i];

		if (r->start >> GIB_SHIFT >= FIRST_GIB)
			continue;
		if (r->end > (uint64_t)FIRST_GIB << GIB_SHIFT ||
		    r->end - r->start <= PAGE_SIZE)
			continue;
		r->end -= PAGE_SIZE;
		return r->end;
	}
	return 0;
}

static bool gib_has_ram(const struct boot_info *bi, uint64_t gib)
{
	for (unsigned i = 0; i < bi->n_regions; i++)
		if (bi->region[i].start >> GIB_SHIFT <= gib &&
		    (bi->region[i].end - 1) >> GIB_SHIFT >= gib)
			return true;
	for (unsigned i = 0; i < bi->n_modules; i++)
		if (bi->module[i].start >> GIB_SHIFT <= gib &&
		    (bi->module[i].end - 1) >> GIB_SHIFT >= gib)
			return true;
	return false;
}

const char *boot_map_high(struct boot_info *bi, uint64_t *pdpt)
{
	uint64_t top = bi->region[bi->n_regions - 1].end;

	for (unsigned i = 0; i < bi->n_modules; i++)
		if (bi->module[i].end > top)
			top = bi->module[i].end;
	if (top > 512ull << GIB_SHIFT)
		return "boot: a module lies above 512 GiB";
	for (uint64_t gib = FIRST_GIB; gib << GIB_SHIFT < top; gib++) {
		uint64_t *table;

		if (!gib_has_ram(bi, gib))
			continue;
		table = (uint64_t *)(uintptr_t)take_page(bi);
		if (!table)
			return "boot: no RAM below 4 GiB for page tables";
		for (unsigned i = 0; i < 512; i++)
			table[i] = (gib << GIB_SHIFT) + i * PAGE_2M + PTE_2M;
		pdpt[gib] = (uintptr_t)table | PTE_TABLE;
	}
	return NULL;
}

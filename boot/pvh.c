/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Xen PVH start information (Xen: public/arch-x86/hvm/start_info.h): version
 * 1 and later, which carry the memory map. The structures may lie in usable
 * RAM (SeaBIOS does that): everything is copied.
 */
#include "boot/boot.h"

#define START_INFO_MAGIC	0x336ec578
#define START_INFO_LEN		56
#define MODLIST_ENTRY_LEN	32
#define MEMMAP_ENTRY_LEN	24
#define MEMMAP_RAM		1
#define LIST_MAX		1024	/* far above what a loader has */

static const char *add_modules(struct boot_parser *p, uint64_t list, uint32_t n)
{
	if (n > LIST_MAX)
		return "boot: the PVH module list is too long";
	for (uint32_t i = 0; i < n; i++) {
		const uint8_t *m = view_at(p->mem, list + (uint64_t)i * MODLIST_ENTRY_LEN,
					   MODLIST_ENTRY_LEN);
		const char *error;

		if (!m)
			return "boot: the PVH module list lies outside memory";
		error = boot_add_module(p, get_le64(m), get_le64(m + 8),
					get_le64(m + 16));
		if (error)
			return error;
	}
	return NULL;
}

static const char *add_memmap(struct boot_parser *p, uint64_t map, uint32_t n)
{
	if (n > LIST_MAX)
		return "boot: the PVH memory map is too long";
	for (uint32_t i = 0; i < n; i++) {
		const uint8_t *e = view_at(p->mem, map + (uint64_t)i * MEMMAP_ENTRY_LEN,
					   MEMMAP_ENTRY_LEN);
		const char *error;

		if (!e)
			return "boot: the PVH memory map lies outside memory";
		error = boot_add_range(p, get_le64(e), get_le64(e + 8),
				       get_le32(e + 16) == MEMMAP_RAM);
		if (error)
			return error;
	}
	return NULL;
}

const char *pvh_parse(struct boot_parser *p, uint64_t start_info)
{
	const uint8_t *si = view_at(p->mem, start_info, START_INFO_LEN);
	const char *error;

	if (!si || get_le32(si) != START_INFO_MAGIC)
		return "boot: no PVH start information";
	p->bi->rsdp = get_le64(si + 32);
	error = boot_set_cmdline(p, get_le64(si + 24));
	if (error)
		return error;
	if (get_le32(si + 4) < 1 || !get_le64(si + 40))
		return "boot: the PVH start information has no memory map";
	error = add_modules(p, get_le64(si + 16), get_le32(si + 12));
	if (error)
		return error;
	return add_memmap(p, get_le64(si + 40), get_le32(si + 48));
}

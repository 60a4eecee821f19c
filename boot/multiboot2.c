/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Multiboot2 boot information (specification 2.0, section 3.6). GRUB puts it
 * into RAM right behind the image: everything is copied, the ACPI pointer
 * (which exists only as a copy in a tag) included.
 */
#include "boot/boot.h"

#include "kernel/lib/string.h"

#define BOOT_MAGIC	0x36d76289
#define TAG_END		0
#define TAG_CMDLINE	1
#define TAG_MODULE	3
#define TAG_MMAP	6
#define TAG_RSDP_OLD	14
#define TAG_RSDP_NEW	15
#define TAG_EFI_BS	18
#define MMAP_RAM	1
#define MMAP_ENTRY_MIN	20

static const char *add_mmap(struct boot_parser *p, const uint8_t *tag,
			    uint32_t size)
{
	uint32_t entry_size;
	const char *error;

	if (size < 16 || (entry_size = get_le32(tag + 8)) < MMAP_ENTRY_MIN)
		return "boot: the Multiboot2 memory map is malformed";
	for (uint32_t off = 16; size - off >= entry_size; off += entry_size) {
		error = boot_add_range(p, get_le64(tag + off),
				       get_le64(tag + off + 8),
				       get_le32(tag + off + 16) == MMAP_RAM);
		if (error)
			return error;
	}
	return NULL;
}

/* A string at `off` must end inside its tag. */
static bool terminated(const uint8_t *tag, uint32_t size, uint32_t off)
{
	return size > off && memchr(tag + off, 0, size - off);
}

static const char *add_module(struct boot_parser *p, const uint8_t *tag,
			      uint32_t size, uint64_t addr)
{
	uint32_t start, end;

	if (!terminated(tag, size, 16))
		return "boot: a Multiboot2 module tag is malformed";
	start = get_le32(tag + 8);
	end = get_le32(tag + 12);
	if (end < start)
		return "boot: a Multiboot2 module ends before it starts";
	return boot_add_module(p, start, end - start, addr + 16);
}

/* Version 2's RSDP wins over version 1's, in whatever order they come. */
static void keep_rsdp(struct boot_parser *p, const uint8_t *tag, uint32_t size)
{
	uint32_t len = size - 8;

	if (size < 8 + 20 || (p->bi->rsdp && get_le32(tag) == TAG_RSDP_OLD))
		return;
	memset(p->rsdp, 0, sizeof(p->rsdp));
	memcpy(p->rsdp, tag + 8, len < sizeof(p->rsdp) ? len : sizeof(p->rsdp));
	p->bi->rsdp = (uintptr_t)p->rsdp;
}

static const char *take_tag(struct boot_parser *p, const uint8_t *tag,
			    uint32_t size, uint64_t addr)
{
	switch (get_le32(tag)) {
	case TAG_CMDLINE:
		if (!terminated(tag, size, 8))
			return "boot: the Multiboot2 command line is not terminated";
		return boot_set_cmdline(p, addr + 8);
	case TAG_MODULE:
		return add_module(p, tag, size, addr);
	case TAG_MMAP:
		return add_mmap(p, tag, size);
	case TAG_RSDP_OLD:
	case TAG_RSDP_NEW:
		keep_rsdp(p, tag, size);
		return NULL;
	case TAG_EFI_BS:
		return "boot: the loader left EFI boot services running";
	default:
		return NULL;
	}
}

const char *multiboot2_parse(struct boot_parser *p, uint64_t info,
			     uint32_t magic)
{
	const uint8_t *head = view_at(p->mem, info, 8);
	uint32_t total, size;

	if (magic != BOOT_MAGIC || !head)
		return "boot: no Multiboot2 information";
	total = get_le32(head);
	if (total < 16 || !view_at(p->mem, info, total))
		return "boot: the Multiboot2 information lies outside memory";
	for (uint32_t off = 8; total - off >= 8; off += ALIGN_UP(size, 8u)) {
		const uint8_t *tag = view_at(p->mem, info + off, 8);
		const char *error;

		size = get_le32(tag + 4);
		if (size < 8 || size > total - off)
			return "boot: a Multiboot2 tag has a wrong size";
		if (get_le32(tag) == TAG_END)
			return NULL;
		error = take_tag(p, tag, size, info + off);
		if (error)
			return error;
		if (ALIGN_UP(size, 8u) > total - off)
			break;
	}
	return "boot: the Multiboot2 information has no end tag";
}

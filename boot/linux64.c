/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Linux boot_params, the "zero page" (Linux: Documentation/arch/x86/
 * zero-page.rst and boot.rst): e820 map, command line, initrd as the one
 * module, ACPI pointer, and the random seed of the setup_data list.
 */
#include "boot/boot.h"

#include "kernel/lib/string.h"

#define BOOT_PARAMS_LEN	4096
#define OFF_RSDP	0x070
#define OFF_EXT_IMAGE	0x0c0
#define OFF_EXT_SIZE	0x0c4
#define OFF_EXT_CMDLINE	0x0c8
#define OFF_E820_COUNT	0x1e8
#define OFF_HDR_MAGIC	0x202
#define OFF_VERSION	0x206
#define OFF_IMAGE	0x218
#define OFF_SIZE	0x21c
#define OFF_CMDLINE	0x228
#define OFF_SETUP_DATA	0x250
#define OFF_E820	0x2d0
#define E820_ENTRY_LEN	20
#define E820_MAX	128
#define E820_RAM	1
#define HDR_MAGIC	0x53726448	/* "HdrS" */
#define VERSION_SETUP_DATA 0x0209
#define SETUP_RNG_SEED	9
#define SETUP_DATA_MAX	32		/* list length; it might be a loop */

static uint64_t wide(const uint8_t *bp, unsigned low, unsigned high)
{
	return get_le32(bp + low) | (uint64_t)get_le32(bp + high) << 32;
}

/* Only a bonus: whatever is odd about the list ends the search. */
static void find_seed(struct boot_parser *p, uint64_t addr)
{
	for (unsigned i = 0; addr && i < SETUP_DATA_MAX; i++) {
		const uint8_t *d = view_at(p->mem, addr, 16);
		const uint8_t *seed;
		uint32_t len;

		if (!d)
			return;
		len = get_le32(d + 12);
		if (get_le32(d + 8) == SETUP_RNG_SEED) {
			if (len > sizeof(p->bi->seed))
				len = sizeof(p->bi->seed);
			seed = view_at(p->mem, addr, 16 + (uint64_t)len);
			if (!seed)
				return;
			memcpy(p->bi->seed, seed + 16, len);
			p->bi->seed_len = len;
			return;
		}
		addr = get_le64(d);
	}
}

const char *linux64_parse(struct boot_parser *p, uint64_t boot_params)
{
	const uint8_t *bp = view_at(p->mem, boot_params, BOOT_PARAMS_LEN);
	const char *error;
	unsigned n;

	if (!bp)
		return "boot: no Linux boot parameters";
	p->bi->rsdp = get_le64(bp + OFF_RSDP);
	error = boot_set_cmdline(p, wide(bp, OFF_CMDLINE, OFF_EXT_CMDLINE));
	if (error)
		return error;
	error = boot_add_module(p, wide(bp, OFF_IMAGE, OFF_EXT_IMAGE),
				wide(bp, OFF_SIZE, OFF_EXT_SIZE), 0);
	if (error)
		return error;
	n = bp[OFF_E820_COUNT];
	if (n > E820_MAX)
		return "boot: the e820 map has too many entries";
	for (unsigned i = 0; i < n; i++) {
		const uint8_t *e = bp + OFF_E820 + i * E820_ENTRY_LEN;

		error = boot_add_range(p, get_le64(e), get_le64(e + 8),
				       get_le32(e + 16) == E820_RAM);
		if (error)
			return error;
	}
	if (get_le32(bp + OFF_HDR_MAGIC) == HDR_MAGIC &&
	    get_le16(bp + OFF_VERSION) >= VERSION_SETUP_DATA)
		find_seed(p, get_le64(bp + OFF_SETUP_DATA));
	return NULL;
}

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * From a boot protocol's structures to struct boot_info. Each protocol has a
 * file with one parse function: it stages memory map entries and modules and
 * copies strings; boot_finish() then makes the map orderly. Everything is
 * read through a struct view, so the same code runs in host tests.
 *
 * Parsers return NULL, or the text of the error that stops the boot.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "kernel/boot_info.h"
#include "kernel/lib/compiler.h"
#include "kernel/lib/view.h"

#define BOOT_MAP_MAX	160	/* e820 has up to 128; OVMF gives about 60 */
#define BOOT_RSDP_LEN	36	/* ACPI 2.0 and later; 20 before */

struct boot_map_entry {
	uint64_t start, end;
	bool ram;
};

struct boot_parser {
	const struct view *mem;
	struct boot_info *bi;
	struct boot_map_entry map[BOOT_MAP_MAX];
	unsigned n_map;
	uint8_t rsdp[BOOT_RSDP_LEN];	/* copy, where the loader's lies in RAM */
};

const char *pvh_parse(struct boot_parser *p, uint64_t start_info) MUST_CHECK;
const char *multiboot2_parse(struct boot_parser *p, uint64_t info,
			     uint32_t magic) MUST_CHECK;
const char *hv_parse(struct boot_parser *p, uint64_t start) MUST_CHECK;
const char *linux64_parse(struct boot_parser *p, uint64_t boot_params) MUST_CHECK;

/* For the protocols' parsers. */
const char *boot_add_range(struct boot_parser *p, uint64_t start, uint64_t len,
			   bool ram) MUST_CHECK;
const char *boot_add_module(struct boot_parser *p, uint64_t start, uint64_t len,
			    uint64_t name_addr) MUST_CHECK;
/* The string at addr, at most size - 1 bytes; 0: "". False: no end in sight. */
bool boot_copy_string(const struct view *v, uint64_t addr, char *dst,
		      uint64_t size) MUST_CHECK;
const char *boot_set_cmdline(struct boot_parser *p, uint64_t addr) MUST_CHECK;

/* Sorted, merged, non-RAM wins; then less the image, modules, low memory. */
const char *boot_finish(struct boot_parser *p, uint64_t image_start,
			uint64_t image_end) MUST_CHECK;

/* highmem.c: identity-maps the RAM above 4 GiB; page tables come from RAM
 * below. `pdpt` maps the first 512 GiB; RAM beyond is left unused. */
const char *boot_map_high(struct boot_info *bi, uint64_t *pdpt) MUST_CHECK;

/* From start.S. Never returns. */
void boot_main(uint32_t protocol, uint64_t info, uint32_t magic,
	       uint64_t tsc) NORETURN;

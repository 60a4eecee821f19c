/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The image: a checked reading of an ELF64 file (System V gABI; notes of
 * pv/hv/abi.h, of Xen's elfnote.h and of GNU). The file is somebody else's: no
 * number in it is used before it was checked. Pure functions over bytes, no
 * system calls, so that tests and fuzzers run them as they are.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/lib/compiler.h"

#define IMAGE_SEGMENTS_MAX 16u
#define IMAGE_BUILD_ID_MAX 32u
#define IMAGE_ERR_MAX	   200u

struct image_segment {
	uint64_t addr, mem_len;		/* where it goes; mem_len > 0 */
	uint64_t file_off, file_len;	/* file_len <= mem_len, inside the file */
	bool write, exec;		/* never both */
};

struct image {
	const uint8_t *file;
	uint64_t file_len;
	uint32_t n_segments;
	struct image_segment seg[IMAGE_SEGMENTS_MAX];	/* ascending, apart by pages */
	uint64_t start, end;		/* of all segments, whole pages */
	uint64_t elf_entry;

	bool has_hv;			/* the note of pv/hv/abi.h */
	uint32_t abi_version, min_mem_kib;
	uint64_t hv_entry;

	bool has_pvh, has_xen_pv, has_multiboot2;
	uint64_t pvh_entry;
	uint32_t build_id_len;
	uint8_t build_id[IMAGE_BUILD_ID_MAX];

	/* The table of tools/mksyms (kernel/symbols.h) in the file, or NULL;
	 * its offsets count from text_start. */
	const uint8_t *symbols;
	uint64_t symbols_len;
	uint64_t text_start, text_end;
};

/* Reads `len` bytes of an ELF file, which must stay as long as `out` is used.
 * 0, or -1 with a sentence in `err`: not an image at all, or a broken one. */
int image_parse(const uint8_t *file, uint64_t len, struct image *out,
		char err[IMAGE_ERR_MAX]) MUST_CHECK;

/* Can the hypervisor run it: note, version, every segment above HV_MEM_BASE,
 * an entry point in code. 0, or -1 with a sentence in `err`. */
int image_check_hv(const struct image *img, char err[IMAGE_ERR_MAX]) MUST_CHECK;

/* Bytes of guest memory that it needs at least, with `extra` bytes of modules
 * (whole pages) and the start block. */
uint64_t image_mem_needed(const struct image *img, uint64_t extra);

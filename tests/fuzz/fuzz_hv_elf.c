/* SPDX-License-Identifier: BSD-2-Clause
 *
 * An image from anywhere: reading it never leaves the file, and what is accepted
 * keeps the promises of hv/elf.h, which loading and backtraces rely on.
 *
 * SOURCES: hv/elf.c kernel/lib/fmt.c kernel/symbols.c
 */
#include <stdlib.h>
#include <string.h>

#include "hv/elf.h"
#include "kernel/symbols.h"
#include "pv/hv/abi.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile unsigned sink;

static void must(bool yes)
{
	if (!yes)
		abort();
}

static void read_all(const uint8_t *p, uint64_t len)
{
	for (uint64_t i = 0; i < len; i++)
		sink += p[i];
}

static void check_segments(const struct image *img)
{
	uint64_t at = 0;

	must(img->n_segments >= 1 && img->n_segments <= IMAGE_SEGMENTS_MAX);
	for (uint32_t i = 0; i < img->n_segments; i++) {
		const struct image_segment *s = &img->seg[i];

		must(s->mem_len > 0 && s->file_len <= s->mem_len);
		must(s->mem_len <= HV_MEM_MAX && s->addr <= HV_MEM_MAX);
		must(s->file_off <= img->file_len && s->file_len <= img->file_len - s->file_off);
		must(!(s->write && s->exec));
		must((s->addr & ~4095ull) >= at);
		at = (s->addr + s->mem_len + 4095) & ~4095ull;
		read_all(img->file + s->file_off, s->file_len);
	}
	must(img->end == at && img->start <= img->seg[0].addr);
}

static void check_symbols(const struct image *img)
{
	struct symbol sym;

	if (!img->symbols)
		return;
	read_all(img->symbols, img->symbols_len);
	for (unsigned i = 0; i < 8; i++)
		symbols_lookup(img->symbols, img->symbols_len, i * 977, &sym);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char err[IMAGE_ERR_MAX];
	struct image img;
	uint8_t *copy = malloc(size ? size : 1);	/* so that its end is a fence */

	memcpy(copy, data, size);
	if (image_parse(copy, size, &img, err)) {
		must(strnlen(err, sizeof(err)) > 0 && strnlen(err, sizeof(err)) < sizeof(err));
	} else {
		check_segments(&img);
		check_symbols(&img);
		must(img.build_id_len <= IMAGE_BUILD_ID_MAX);
		if (image_check_hv(&img, err) == 0) {
			must(img.abi_version == HV_ABI_VERSION && img.start >= HV_MEM_BASE);
			must(img.hv_entry >= img.text_start);
			must(image_mem_needed(&img, 0) >= img.end - HV_MEM_BASE);
		} else {
			must(strnlen(err, sizeof(err)) < sizeof(err));
		}
	}
	free(copy);
	return 0;
}

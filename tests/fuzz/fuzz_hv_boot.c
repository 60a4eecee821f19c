/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A start block from anybody: the first byte says whether magic, version and
 * place are put right, the rest is the block. What is accepted must be orderly.
 * SOURCES: boot/memory.c boot/strings.c boot/hv.c
 */
#include <stdlib.h>
#include <string.h>

#include "boot/boot.h"
#include "pv/hv/abi.h"

#define IMAGE 0x100000ull
#define IMAGE_END 0x180000ull
#define MEM (16ull << 20)
#define SIZE (2 * HV_PAGE)
#define START (HV_MEM_BASE + MEM - SIZE)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool good)
{
	if (!good)
		abort();
}

static void check(const struct boot_info *bi)
{
	expect(bi->start_block == START && bi->seed_len == 32);
	expect(bi->n_regions > 0 && bi->n_regions <= BOOT_REGIONS_MAX);
	expect(memchr(bi->cmdline, 0, sizeof(bi->cmdline)));
	for (unsigned i = 0; i < bi->n_regions; i++) {
		const struct boot_region *r = &bi->region[i];

		expect(r->start < r->end && r->start >= IMAGE_END);
		expect(!(r->start % PAGE_SIZE) && !(r->end % PAGE_SIZE));
		expect(r->end <= START || r->start >= START + SIZE);
	}
	expect(bi->n_modules <= HV_MODULES_MAX);
	for (unsigned j = 0; j < bi->n_modules; j++) {
		const struct boot_module *m = &bi->module[j];

		expect(m->start < m->end && m->start >= IMAGE_END);
		expect(m->end <= START || m->start >= START + SIZE);
		expect(memchr(m->name, 0, sizeof(m->name)));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct boot_info bi;
	static struct boot_parser p;
	struct view view;
	struct hv_start *s;
	const char *error;

	if (size < 2)
		return 0;
	s = calloc(1, SIZE);		/* its end is the sanitizer's red zone */
	memcpy(s, data + 1, size - 1 < SIZE ? size - 1 : SIZE);
	if (data[0] & 1) {
		s->magic = HV_START_MAGIC;
		s->abi_version = HV_ABI_VERSION;
	}
	if (data[0] & 2) {
		s->size = SIZE;
		s->mem_size = MEM;
	}
	memset(&bi, 0, sizeof(bi));
	memset(&p, 0, sizeof(p));
	view = (struct view){ (const uint8_t *)s, START, SIZE };
	p.bi = &bi;
	p.mem = &view;
	error = hv_parse(&p, START);
	if (!error)
		error = boot_finish(&p, IMAGE, IMAGE_END);
	if (!error)
		check(&bi);
	free(s);
	return 0;
}

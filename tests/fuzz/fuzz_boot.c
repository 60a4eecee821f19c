/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Boot structures from an attacker: PVH, Multiboot2 and Linux by the first
 * byte, the rest is the memory that they lie in, image and RAM included. What
 * is accepted must be orderly, whatever the input.
 * SOURCES: boot/memory.c boot/strings.c boot/pvh.c boot/multiboot2.c
 * SOURCES: boot/linux64.c
 */
#include <stdlib.h>
#include <string.h>

#include "boot/boot.h"

#define BASE 0x10000ull
#define IMAGE 0x100000ull
#define IMAGE_END 0x180000ull

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool good)
{
	if (!good)
		abort();
}

static bool apart(uint64_t a, uint64_t a_end, uint64_t b, uint64_t b_end)
{
	return a_end <= b || b_end <= a;
}

static void check(const struct boot_info *bi)
{
	expect(bi->n_regions > 0 && bi->n_regions <= BOOT_REGIONS_MAX);
	expect(bi->n_modules <= BOOT_MODULES_MAX);
	expect(memchr(bi->cmdline, 0, sizeof(bi->cmdline)));
	for (unsigned i = 0; i < bi->n_regions; i++) {
		const struct boot_region *r = &bi->region[i];

		expect(r->start < r->end && r->start >= 0x100000);
		expect(!(r->start % PAGE_SIZE) && !(r->end % PAGE_SIZE));
		expect(!i || r->start > bi->region[i - 1].end - 1);
		expect(apart(r->start, r->end, IMAGE, IMAGE_END));
		for (unsigned j = 0; j < bi->n_modules; j++)
			expect(apart(r->start, r->end, bi->module[j].start,
				     bi->module[j].end));
	}
	for (unsigned j = 0; j < bi->n_modules; j++) {
		expect(bi->module[j].start < bi->module[j].end);
		expect(memchr(bi->module[j].name, 0, sizeof(bi->module[j].name)));
		expect(apart(bi->module[j].start, bi->module[j].end, IMAGE,
			     IMAGE_END));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct boot_info bi;
	static struct boot_parser p;
	struct view view;
	const char *error;
	uint8_t *mem;

	if (size < 9)
		return 0;
	size -= 8;
	mem = malloc(size);		/* its end is the sanitizer's red zone */
	memcpy(mem, data + 8, size);
	memset(&bi, 0, sizeof(bi));
	memset(&p, 0, sizeof(p));
	view = (struct view){ mem, BASE, size };
	p.bi = &bi;
	p.mem = &view;
	switch (data[0] % 3) {
	case 0:
		error = pvh_parse(&p, BASE);
		break;
	case 1:
		error = multiboot2_parse(&p, BASE, 0x36d76289);
		break;
	default:
		error = linux64_parse(&p, BASE);
		break;
	}
	if (!error)
		error = boot_finish(&p, IMAGE, IMAGE_END);
	if (!error)
		check(&bi);
	free(mem);
	return 0;
}

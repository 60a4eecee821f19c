/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The memory map after boot_finish(), from orderly and from hopeless input.
 * SOURCES: boot/memory.c boot/strings.c boot/highmem.c
 */
#include "boot/boot.h"

#include <string.h>
#include <sys/mman.h>

#include "tests/unit/tap.h"

#define MIB (1ull << 20)
#define GIB (1ull << 30)
#define IMAGE MIB
#define IMAGE_END (2 * MIB)

static struct boot_info bi;
static struct boot_parser p;

static void start(void)
{
	memset(&bi, 0, sizeof(bi));
	memset(&p, 0, sizeof(p));
	p.bi = &bi;
}

static const char *add(uint64_t from, uint64_t to, bool ram)
{
	return boot_add_range(&p, from, to - from, ram);
}

static void module(uint64_t from, uint64_t to)
{
	bi.module[bi.n_modules].start = from;
	bi.module[bi.n_modules++].end = to;
}

static const char *finish(void)
{
	return boot_finish(&p, IMAGE, IMAGE_END);
}

static bool is(unsigned i, uint64_t from, uint64_t to)
{
	return i < bi.n_regions && bi.region[i].start == from &&
	       bi.region[i].end == to;
}

static bool says(const char *error, const char *part)
{
	if (error && strstr(error, part))
		return true;
	printf("# error: %s\n", error ? error : "none");
	return false;
}

static void orderly(void)
{
	start();
	ok(!add(0, 640 << 10, true) && !add(MIB, 64 * MIB, true) &&
	   !add(0xf0000, MIB, false) && !add(4 * GIB, 5 * GIB, true) &&
	   !finish(), "a usual map");
	ok(bi.n_regions == 2 && is(0, IMAGE_END, 64 * MIB) &&
	   is(1, 4 * GIB, 5 * GIB), "low memory and the image are cut out");
	ok(bi.ram_bytes == 63 * MIB + GIB + (640 << 10), "all RAM is counted");
}

static void overlaps(void)
{
	start();
	ok(!add(32 * MIB, 64 * MIB, true) && !add(MIB, 40 * MIB, true) &&
	   !add(10 * MIB + 1, 11 * MIB + 1, false) &&
	   !add(20 * MIB, 20 * MIB, false) && !add(0, 0, true) &&
	   !add(63 * MIB, 70 * MIB, false) && !finish(), "overlaps");
	ok(bi.n_regions == 2 && is(0, IMAGE_END, 10 * MIB) &&
	   is(1, 11 * MIB + 4096, 63 * MIB),
	   "RAM merges, the rest wins and takes whole pages");
	start();
	ok(!add(MIB, 3 * MIB + 100, true) && !add(3 * MIB + 100, 4 * MIB, true) &&
	   !finish() && bi.n_regions == 1 && is(0, IMAGE_END, 4 * MIB),
	   "RAM that meets inside a page is whole");
	start();
	ok(!add(MIB, 16 * MIB, true) && !add(MIB * 8, UINT64_MAX, false) &&
	   !boot_add_range(&p, 12 * MIB, UINT64_MAX, false) && !finish() &&
	   is(0, IMAGE_END, 8 * MIB), "a non-RAM entry may run to the end");
}

static void errors(void)
{
	const char *error = NULL;

	start();
	ok(says(finish(), "no RAM"), "no entries");
	start();
	ok(says(boot_add_range(&p, 16 * MIB, UINT64_MAX - MIB, true), "overflows"),
	   "RAM that overflows");
	start();
	(void)!add(16 * MIB, 64 * MIB, true);
	ok(says(finish(), "where the memory map has no RAM"),
	   "an image outside RAM");
	start();
	(void)!add(0, 64 * MIB, true);
	(void)!add(IMAGE + 4096, IMAGE + 8192, false);
	ok(says(finish(), "where the memory map has no RAM"),
	   "an image over reserved memory");
	start();
	(void)!add(IMAGE, IMAGE_END, true);
	ok(says(finish(), "no memory is left"), "RAM for the image only");
	start();
	(void)!add(IMAGE, IMAGE_END + 4095, true);
	ok(says(finish(), "no memory is left"), "less than a page beside it");
	start();
	for (unsigned i = 0; i < BOOT_MAP_MAX && !error; i++)
		error = add(MIB * i, MIB * i + MIB / 2, true);
	ok(!error, "%d entries are taken", BOOT_MAP_MAX);
	ok(says(add(0, 1, true), "too many entries"), "one more is not");
	start();
	(void)!add(0, 1024 * MIB, true);
	for (unsigned i = 0; i < 100; i++)
		(void)!add((4 + i) * MIB, (4 + i) * MIB + 1, false);
	ok(says(finish(), "too many pieces"), "more pieces than boot_info holds");
	start();
	(void)!add(0, 1024 * MIB, true);
	for (unsigned i = 0; i < 60; i++)
		(void)!add((4 + i) * MIB, (4 + i) * MIB + 1, false);
	ok(!finish() && bi.n_regions == 61, "61 pieces are held");
}

static void modules(void)
{
	start();
	(void)!add(0, 64 * MIB, true);
	module(8 * MIB + 10, 9 * MIB + 10);
	module(0x4000, 0x5000);
	module(9 * MIB + 10, 9 * MIB + 20);
	ok(!finish() && is(0, IMAGE_END, 8 * MIB) &&
	   is(1, 9 * MIB + 4096, 64 * MIB), "modules are cut out, neighbours too");
	start();
	(void)!add(0, 64 * MIB, true);
	module(8 * MIB, 9 * MIB);
	module(9 * MIB - 1, 10 * MIB);
	ok(says(finish(), "two modules overlap"), "overlapping modules");
	start();
	(void)!add(0, 64 * MIB, true);
	module(IMAGE_END - 1, 9 * MIB);
	ok(says(finish(), "overlaps the image"), "a module over the image");
	start();
	(void)!add(0, 64 * MIB, true);
	module(63 * MIB, 64 * MIB + 1);
	ok(says(finish(), "does not lie in RAM"), "a module that sticks out");
	start();
	ok(says(boot_add_module(&p, MIB, UINT64_MAX, 0), "overflows") &&
	   !boot_add_module(&p, MIB, 0, 0) && !bi.n_modules,
	   "a module's length may not overflow; none is none");
}

static void high(void)
{
	static uint64_t pdpt[512];
	const char *error;
	uint64_t *low, *table;

	/* highmem.c writes tables to RAM below 4 GiB: give it real memory. */
	low = mmap(NULL, 16 * MIB, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	if (!ok(low != MAP_FAILED, "memory below 4 GiB"))
		return;
	start();
	bi.region[0].start = (uintptr_t)low;
	bi.region[0].end = (uintptr_t)low + 16 * MIB;
	bi.region[1].start = 4 * GIB;
	bi.region[1].end = 5 * GIB + 4096;
	bi.region[2].start = 8 * GIB;
	bi.region[2].end = 9 * GIB;
	bi.n_regions = 3;
	error = boot_map_high(&bi, pdpt);
	ok(!error && bi.region[0].end == (uintptr_t)low + 16 * MIB - 3 * 4096,
	   "three GiB take three pages");
	ok(pdpt[4] && pdpt[5] && !pdpt[6] && !pdpt[7] && pdpt[8] && !pdpt[9],
	   "only what holds RAM is mapped");
	table = (uint64_t *)(uintptr_t)(pdpt[8] & ~0xfffull);
	ok(table[0] == 8 * GIB + 0x83 && table[511] == 9 * GIB - 2 * MIB + 0x83,
	   "by 2 MiB pages");
	start();
	bi.region[0].start = (uintptr_t)low;
	bi.region[0].end = (uintptr_t)low + 2 * 4096;
	bi.region[1].start = (uintptr_t)low + 4 * 4096;
	bi.region[1].end = (uintptr_t)low + 5 * 4096;
	bi.region[2].start = 4 * GIB;
	bi.region[2].end = 5 * GIB;
	bi.n_regions = 3;
	ok(!boot_map_high(&bi, pdpt) && bi.region[0].end == (uintptr_t)low + 4096 &&
	   bi.region[1].end - bi.region[1].start == 4096, "no region is left empty");
	start();
	bi.region[0].start = 4 * GIB;
	bi.region[0].end = 5 * GIB;
	bi.n_regions = 1;
	ok(says(boot_map_high(&bi, pdpt), "no RAM below 4 GiB"),
	   "no room for tables");
	start();
	(void)!add(0, 64 * MIB, true);
	(void)!add(511 * GIB, 600 * GIB, true);
	ok(!finish() && bi.region[bi.n_regions - 1].end == 512 * GIB,
	   "RAM beyond 512 GiB is left alone");
}

int main(void)
{
	orderly();
	overlaps();
	errors();
	modules();
	high();
	return done_testing();
}

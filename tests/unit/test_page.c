/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The page allocator: regions, alignment, merging, double free.
 *
 * SOURCES: tests/host/fake_pv.c kernel/page.c kernel/heap.c kernel/thread.c
 * SOURCES: kernel/event.c kernel/timer.c kernel/clock.c kernel/log.c
 * SOURCES: kernel/console.c kernel/trace.c kernel/panic.c kernel/backtrace.c
 * SOURCES: kernel/symbols.c kernel/watchdog.c kernel/cmdline.c
 * SOURCES: kernel/device.c kernel/lib/fmt.c kernel/arch/x86_64/switch.S
 */
#include "tests/unit/tap.h"

#include <stdlib.h>
#include <string.h>

#include "kernel/heap.h"
#include "kernel/page.h"
#include "kernel/page_impl.h"
#include "tests/host/fake_pv.h"

#define REGIONS 4
#define SLOTS 200

static struct boot_info bi;

/* Four regions of odd sizes with holes between them; one is empty once its
 * ragged edges are cut off. */
static void make_regions(char *ram)
{
	static const struct { size_t start, end; } r[REGIONS] = {
		{ 0, 64 }, { 80, 80 + 1024 }, { 1200, 1201 }, { 1300, 1400 },
	};

	bi.n_regions = REGIONS + 1;
	for (int i = 0; i < REGIONS; i++) {
		bi.region[i].start = (uintptr_t)ram + r[i].start * PAGE_SIZE;
		bi.region[i].end = (uintptr_t)ram + r[i].end * PAGE_SIZE;
	}
	bi.region[REGIONS].start = (uintptr_t)ram + 1500 * PAGE_SIZE + 100;
	bi.region[REGIONS].end = (uintptr_t)ram + 1501 * PAGE_SIZE + 4000;
}

static bool in_region(const void *p, size_t n)
{
	for (unsigned i = 0; i < bi.n_regions; i++) {
		if ((uintptr_t)p >= bi.region[i].start &&
		    (uintptr_t)p + n * PAGE_SIZE <= bi.region[i].end)
			return true;
	}
	return false;
}

static void test_random(void)
{
	static struct { unsigned char *p; size_t n; } slot[SLOTS];
	size_t all = page_free_count();
	bool inside = true, aligned = true, intact = true;

	for (int k = 0; k < 100000; k++) {
		int i = rand() % SLOTS;

		if (slot[i].p) {
			for (size_t j = 0; j < slot[i].n; j++)
				intact &= slot[i].p[j * PAGE_SIZE] == (i ^ (int)j) % 256;
			page_free(slot[i].p, slot[i].n);
			slot[i].p = NULL;
		} else {
			size_t align = PAGE_SIZE << (rand() % 8 ? 0 : rand() % 5);

			slot[i].n = rand() % 4 ? 1 : 1 + (size_t)rand() % 20;
			slot[i].p = page_alloc(slot[i].n, align);
			if (!slot[i].p)
				continue;
			inside &= in_region(slot[i].p, slot[i].n);
			aligned &= IS_ALIGNED((uintptr_t)slot[i].p, align);
			for (size_t j = 0; j < slot[i].n; j++)
				slot[i].p[j * PAGE_SIZE] = (unsigned char)(i ^ j);
		}
	}
	ok(inside, "every run lies in a region");
	ok(aligned, "and is aligned");
	ok(intact, "and nobody else's");
	for (int i = 0; i < SLOTS; i++) {
		if (slot[i].p)
			page_free(slot[i].p, slot[i].n);
	}
	ok(page_free_count() == all, "all come back");
}

static void test_merge(void)
{
	size_t n = 1;
	void *p;

	while ((p = page_alloc(n, PAGE_SIZE))) {
		page_free(p, n);
		n++;
	}
	/* 1024 pages less 5 of descriptions (1190 pages, 16 bytes each). */
	ok(n - 1 == 1019, "freed runs merged to the largest region: %zu", n - 1);
}

static void test_exhaust(void)
{
	static void *all[4096];
	size_t n = 0, total = page_free_count();

	while ((all[n] = page_alloc(1, PAGE_SIZE)))
		n++;
	ok(n == total && page_free_count() == 0, "every page can be had: %zu", n);
	for (size_t i = 0; i < n; i += 2)
		page_free(all[i], 1);
	ok(!page_alloc(2, PAGE_SIZE), "no run of two among single ones");
	for (size_t i = 1; i < n; i += 2)
		page_free(all[i], 1);
	test_merge();
	ok(!page_alloc(total + 1, PAGE_SIZE) && !page_alloc(SIZE_MAX, PAGE_SIZE),
	   "too many");
}

static void test_extend(void)
{
	char *single = page_alloc(1, PAGE_SIZE);	/* the region of one page */
	char *p = page_alloc(1, PAGE_SIZE), *q;

	ok(page_extend(p, 1, 2), "what follows is free: extended");
	p[2 * PAGE_SIZE - 1] = 1;
	q = page_alloc(1, PAGE_SIZE);
	ok(q != p + PAGE_SIZE, "and taken");
	page_free(p, 2);
	page_free(q, 1);
	page_free(single, 1);
	p = page_alloc(100, PAGE_SIZE);		/* the region of 100 */
	ok(!page_extend(p, 100, 101), "not into the region numbered next");
	page_free(p, 100);
}

static void test_misuse(void)
{
	char *p = page_alloc(4, PAGE_SIZE);
	char stranger[1];

	page_free(p + PAGE_SIZE, 1);
	ok(FAKE_PV_PANICS(page_free(p, 4), "PAGE_USED"), "double free, by overlap");
	page_free(p, 1);
	ok(FAKE_PV_PANICS(page_free(p, 1), "PAGE_USED"), "double free");
	ok(FAKE_PV_PANICS(page_free(p + 2 * PAGE_SIZE + 1, 1), "ALIGNED"),
	   "not the start of a page");
	ok(FAKE_PV_PANICS(page_free((void *)ALIGN_DOWN((uintptr_t)stranger,
						       PAGE_SIZE), 1),
			  "PAGE_NONE"), "not our memory");
	page_free(p + 2 * PAGE_SIZE, 2);
}

static char *hoard;

static size_t give_back(void *arg, size_t want)
{
	char *p = hoard;

	(void)arg;
	hoard = NULL;
	if (!p)
		return 0;
	page_free(p, 900);
	return want;
}

static void test_shrinker(void)
{
	static struct heap_shrinker s = { give_back, NULL, NULL };
	void *p;

	heap_free(HEAP_KERNEL, heap_alloc(HEAP_KERNEL, 1));
	heap_add_shrinker(&s);
	hoard = page_alloc(900, PAGE_SIZE);
	p = page_alloc(800, PAGE_SIZE);
	ok(p && !hoard, "shrinkers are asked before an allocation fails");
	page_free(p, 800);
}

int main(void)
{
	char *ram = fake_pv_map(1600 * PAGE_SIZE);

	make_regions(ram);
	memset(ram, PAGE_FREE, 1600 * PAGE_SIZE);	/* what was there before */
	page_init(&bi);
	ok(page_total() == 64 + 1024 + 1 + 100 - 5,
	   "total: %zu", page_total());
	ok(sizeof(struct page) * 100 <= PAGE_SIZE, "descriptions take <= 1 %%");
	test_merge();
	test_random();
	test_merge();
	test_exhaust();
	test_extend();
	test_misuse();
	test_shrinker();
	memset(ram, 0, 1600 * PAGE_SIZE);
	bi.ram_is_zero = true;
	page_init(&bi);
	test_merge();
	test_exhaust();
	bi.n_regions = 0;
	page_init(&bi);
	ok(page_total() == 0 && !page_alloc(1, PAGE_SIZE), "no memory at all");
	return done_testing();
}

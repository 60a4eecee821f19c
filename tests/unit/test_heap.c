/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The heap against a model: contents, alignment, counters, misuse, shortage.
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
#include "tests/host/fake_pv.h"

#define SLOTS 3000

static struct {
	unsigned char *p;
	size_t len, align;
	unsigned char fill;
} slot[SLOTS];

static size_t random_len(void)
{
	switch (rand() % 8) {
	case 0:
		return (size_t)rand() % 20000;
	case 1:
		return (size_t)rand() % 4;
	default:
		return (size_t)rand() % 700;
	}
}

static bool holds(int i)
{
	for (size_t j = 0; j < slot[i].len; j++) {
		if (slot[i].p[j] != slot[i].fill)
			return false;
	}
	return true;
}

static void fill(int i, size_t len)
{
	slot[i].len = len;
	slot[i].fill = (unsigned char)rand();
	memset(slot[i].p, slot[i].fill, len);
}

/* One random step on a slot; false: something is wrong. */
static bool step(int i)
{
	size_t len = random_len(), old = slot[i].len;
	unsigned char *p;

	if (!slot[i].p) {
		slot[i].align = rand() % 5 ? 16 : (size_t)1 << rand() % 14;
		slot[i].p = slot[i].align == 16 ? heap_alloc(HEAP_APP, len) :
			heap_alloc_aligned(HEAP_APP, slot[i].align, len);
		if (!slot[i].p)
			return true;
		if ((uintptr_t)slot[i].p % (slot[i].align > 16 ? slot[i].align : 16) ||
		    heap_usable_size(slot[i].p) < len)
			return false;
		fill(i, len);
		return true;
	}
	if (!holds(i))
		return false;
	if (rand() % 3) {
		heap_free(HEAP_APP, slot[i].p);
		slot[i].p = NULL;
		return true;
	}
	p = heap_realloc(HEAP_APP, slot[i].p, len);
	if (!p)
		return len > old;
	slot[i].p = p;
	slot[i].len = len < old ? len : old;
	if (!holds(i) || heap_usable_size(p) < len)
		return false;
	fill(i, len);
	return true;
}

static void test_model(void)
{
	struct heap_stats st;
	uint64_t live = 0, bytes = 0;
	bool good = true;

	for (int k = 0; k < 300000; k++)
		good &= step(rand() % SLOTS);
	ok(good, "300,000 random steps");
	for (int i = 0; i < SLOTS; i++) {
		live += slot[i].p != NULL;
		bytes += heap_usable_size(slot[i].p);
	}
	heap_stats(HEAP_APP, &st);
	ok(st.live_blocks == live && st.live_bytes == bytes,
	   "counters agree with the model");
	for (int i = 0; i < SLOTS; i++) {
		good &= !slot[i].p || holds(i);
		heap_free(HEAP_APP, slot[i].p);
		slot[i].p = NULL;
	}
	heap_stats(HEAP_APP, &st);
	ok(good && st.live_blocks == 0 && st.live_bytes == 0, "all freed: 0 live");
}

static void test_pages_come_back(size_t before)
{
	heap_shrink(SIZE_MAX);
	ok(page_free_count() == before, "no page is lost: %zu of %zu",
	   page_free_count(), before);
}

static void test_overflow(void)
{
	ok(!heap_alloc(HEAP_APP, SIZE_MAX) && !heap_alloc(HEAP_APP, SIZE_MAX - 4096) &&
	   !heap_alloc(HEAP_APP, (size_t)1 << 45) &&
	   !heap_alloc_aligned(HEAP_APP, (size_t)1 << 40, 1), "absurd sizes");
}

static void test_zero(void)
{
	void *a = heap_alloc(HEAP_NET, 0), *b = heap_alloc(HEAP_NET, 0);
	unsigned char *z;
	struct heap_stats st;

	ok(a && b && a != b, "size 0 gives unique pointers");
	heap_stats(HEAP_NET, &st);
	ok(st.live_blocks == 2 && st.live_bytes == 32, "counted by owner");
	memset(a, 0xff, 16);
	heap_free(HEAP_NET, a);
	z = heap_zalloc(HEAP_NET, 16);
	ok(z == a, "the last one freed is the first one used");
	for (int i = 0; i < 16; i++) {
		if (z[i])
			z = NULL;
	}
	ok(z, "zalloc zeroes");
	heap_free(HEAP_NET, z);
	heap_free(HEAP_NET, b);
	heap_free(HEAP_NET, NULL);
}

static void test_realloc_in_place(void)
{
	char *p = heap_alloc(HEAP_APP, 40000), *q;

	q = heap_realloc(HEAP_APP, p, 8000);
	ok(q == p && heap_usable_size(q) == 8192, "shrinks in place");
	q = heap_realloc(HEAP_APP, p, 30000);
	ok(q == p, "grows in place when what follows is free");
	heap_free(HEAP_APP, q);
	p = heap_alloc(HEAP_APP, 100);
	ok(heap_realloc(HEAP_APP, p, 112) == p, "within the class");
	heap_free(HEAP_APP, p);
}

static void test_misuse(void)
{
	char *p = heap_alloc(HEAP_APP, 100), *keep = heap_alloc(HEAP_APP, 100);
	char *big = heap_alloc(HEAP_APP, 10000);
	char stranger[32];

	ok(FAKE_PV_PANICS(heap_free(HEAP_APP, p + 16), "size == 0"),
	   "a pointer into an object");
	ok(FAKE_PV_PANICS(heap_free(HEAP_APP, big + 4096), "PAGE_LARGE"),
	   "a pointer into a large block");
	ok(FAKE_PV_PANICS(heap_free(HEAP_APP, big + 16), "PAGE_LARGE"),
	   "a pointer into its first page");
	ok(FAKE_PV_PANICS(heap_free(HEAP_APP, stranger), "PAGE_NONE"),
	   "not from the heap");
	ok(FAKE_PV_PANICS(heap_free(HEAP_APP, p + 112 * 20), "carved"),
	   "an object never handed out");
	heap_free(HEAP_APP, p);
	ok(FAKE_PV_PANICS(heap_free(HEAP_APP, p), "mark"), "double free");
	ok(FAKE_PV_PANICS((p[12]++, heap_alloc(HEAP_APP, 100)), "mark"),
	   "write after free, the mark");
	ok(FAKE_PV_PANICS((p[0]++, heap_alloc(HEAP_APP, 100)), "check"),
	   "write after free, the link");
	heap_free(HEAP_APP, big);
	ok(FAKE_PV_PANICS(heap_free(HEAP_APP, big), "PAGE_"),
	   "double free of a large block");
	heap_free(HEAP_APP, keep);
}

/* All memory in small objects, then all freed: large ones must fit again. */
static void test_shortage(size_t total)
{
	static void *p[400000];
	struct heap_stats st;
	size_t n = 0;

	while (n < ARRAY_SIZE(p) && (p[n] = heap_alloc(HEAP_FS, 64)))
		n++;
	heap_stats(HEAP_FS, &st);
	ok(st.failed == 1 && n >= total * 64 * 98 / 100,
	   "64-byte objects fill >= 98 %% of all pages: %zu", n);
	ok(!heap_alloc(HEAP_FS, 5000) && !heap_zalloc(HEAP_FS, 200),
	   "nothing else fits");
	while (n)
		heap_free(HEAP_FS, p[--n]);
	p[0] = heap_alloc(HEAP_FS, total * PAGE_SIZE * 9 / 10);
	ok(p[0], "one block of nearly everything afterwards");
	heap_free(HEAP_FS, p[0]);
}

static void *cached[64];

static size_t drop_one(void *arg, size_t want)
{
	(void)arg;
	(void)want;
	for (unsigned i = 0; i < ARRAY_SIZE(cached); i++) {
		if (cached[i]) {
			heap_free(HEAP_FS, cached[i]);
			cached[i] = NULL;
			return 1;
		}
	}
	return 0;
}

static void test_shrinker(void)
{
	static struct heap_shrinker s = { drop_one, NULL, NULL };
	void *p[300];
	unsigned n = 0, left = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(cached); i++)
		cached[i] = heap_alloc(HEAP_FS, 16384);
	heap_add_shrinker(&s);
	while (n < ARRAY_SIZE(p) && (p[n] = heap_alloc(HEAP_APP, 16384)))
		n++;
	for (unsigned i = 0; i < ARRAY_SIZE(cached); i++)
		left += cached[i] != NULL;
	ok(left == 0 && n > 200, "caches give way one by one before it fails: %u", n);
	while (n)
		heap_free(HEAP_APP, p[--n]);
}

/* No page comes free, but an object of the very class does. */
static void *crumbs[8];

static size_t drop_crumbs(void *arg, size_t want)
{
	size_t n = 0;

	(void)arg;
	(void)want;
	for (unsigned i = 0; i < ARRAY_SIZE(crumbs); i++) {
		n += crumbs[i] != NULL;
		heap_free(HEAP_FS, crumbs[i]);
		crumbs[i] = NULL;
	}
	return n;
}

static void test_crumbs(void)
{
	static struct heap_shrinker s = { drop_crumbs, NULL, NULL };
	static void *p[400000];
	size_t n = 0, crumb = 0;

	while ((p[n] = heap_alloc(HEAP_APP, 64))) {
		/* One object in 200: never a whole slab. */
		if (++n % 200 == 0 && crumb < ARRAY_SIZE(crumbs)) {
			crumbs[crumb++] = heap_alloc(HEAP_FS, 64);
		}
	}
	heap_add_shrinker(&s);
	p[n] = heap_alloc(HEAP_APP, 64);
	ok(p[n] && !crumbs[0], "an object that a shrinker freed is found");
	for (size_t i = 0; i <= n; i++)
		heap_free(HEAP_APP, p[i]);
}

int main(void)
{
	size_t before;

	fake_pv_init(4u << 20);
	before = page_free_count();
	ok(before >= 1024 - 11, "4 MiB: %zu pages to give", before);
	test_zero();
	test_overflow();
	test_realloc_in_place();
	test_misuse();
	test_pages_come_back(before);
	test_model();
	test_pages_come_back(before);
	test_shortage(before);
	test_pages_come_back(before);
	test_shrinker();
	test_pages_come_back(before);
	test_crumbs();
	test_pages_come_back(before);
	return done_testing();
}

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * kernel/heap.h over malloc, in place of kernel/heap.c: the sanitizer sees
 * every block's true borders and life. fake_heap_fail_after makes the Nth
 * allocation from now on fail (0: none).
 */
#include "tests/host/fake_heap.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/lib/compiler.h"

unsigned fake_heap_fail_after;
static struct heap_stats stats[HEAP_OWNERS];

static bool refuse(enum heap_owner o)
{
	if (fake_heap_fail_after && --fake_heap_fail_after == 0) {
		stats[o].failed++;
		return true;
	}
	return false;
}

static void *took(enum heap_owner o, void *p)
{
	if (p) {
		stats[o].live_bytes += malloc_usable_size(p);
		stats[o].live_blocks++;
		stats[o].total_allocs++;
	}
	return p;
}

void *heap_alloc(enum heap_owner owner, size_t len)
{
	return refuse(owner) ? NULL : took(owner, malloc(len ? len : 1));
}

void *heap_zalloc(enum heap_owner owner, size_t len)
{
	return refuse(owner) ? NULL : took(owner, calloc(1, len ? len : 1));
}

void *heap_alloc_aligned(enum heap_owner owner, size_t align, size_t len)
{
	return refuse(owner) ? NULL :
	       took(owner, aligned_alloc(align, ALIGN_UP(len, align)));
}

void *heap_realloc(enum heap_owner owner, void *p, size_t len)
{
	void *q = heap_alloc(owner, len);

	if (q && p) {
		size_t old = malloc_usable_size(p);

		memcpy(q, p, old < len ? old : len);
		heap_free(owner, p);
	}
	return q;
}

void heap_free(enum heap_owner owner, void *p)
{
	if (p) {
		stats[owner].live_bytes -= malloc_usable_size(p);
		stats[owner].live_blocks--;
	}
	free(p);
}

size_t heap_usable_size(const void *p)
{
	return malloc_usable_size((void *)(uintptr_t)p);
}

size_t heap_live_bytes(enum heap_owner owner)
{
	return stats[owner].live_bytes;
}

void heap_stats(enum heap_owner owner, struct heap_stats *out)
{
	*out = stats[owner];
}

const char *heap_owner_name(enum heap_owner owner)
{
	static const char *const names[] = { "kernel", "driver", "net", "fs", "app" };

	return names[owner];
}

void heap_add_shrinker(struct heap_shrinker *s)
{
	(void)s;
}

int heap_shrink(size_t want_bytes)	/* for kernel/page.c */
{
	(void)want_bytes;
	return 0;
}

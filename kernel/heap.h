/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The one heap: the kernel's, lwIP's, littlefs' and malloc's. Size classes on
 * pages of their own, whole page runs above; constant time. Counters by owner
 * are always on, so that a leak has a name (/metrics, tests).
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "kernel/lib/compiler.h"

enum heap_owner {
	HEAP_KERNEL,
	HEAP_DRIVER,
	HEAP_NET,
	HEAP_FS,
	HEAP_APP,			/* malloc */
	HEAP_OWNERS
};

/* At least 16-byte aligned. NULL: no memory. Size 0 gives a unique pointer. */
void *heap_alloc(enum heap_owner owner, size_t len);
void *heap_zalloc(enum heap_owner owner, size_t len);
void *heap_alloc_aligned(enum heap_owner owner, size_t align, size_t len);
void *heap_realloc(enum heap_owner owner, void *p, size_t len);
void heap_free(enum heap_owner owner, void *p);	/* NULL is allowed */
size_t heap_usable_size(const void *p);

struct heap_stats {
	uint64_t live_bytes;		/* as handed out, by size class */
	uint64_t live_blocks;
	uint64_t total_allocs;
	uint64_t failed;
};
void heap_stats(enum heap_owner owner, struct heap_stats *out);
size_t heap_live_bytes(enum heap_owner owner);
const char *heap_owner_name(enum heap_owner owner);

/* Called when memory runs short, before an allocation fails: caches free what
 * they can and return whether they freed anything. Must not allocate. */
struct heap_shrinker {
	size_t (*shrink)(void *arg, size_t want_bytes);
	void *arg;
	struct heap_shrinker *next;
};
void heap_add_shrinker(struct heap_shrinker *s);

/* page_alloc's, when it has nothing left: empties the heap's own reserves,
 * then asks the shrinkers. Whether any memory came free. */
int heap_shrink(size_t want_bytes);

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Private to kernel/page.c and kernel/heap.c: the description of a page, 16
 * bytes for each 4 KiB (0.4 %). Pages have dense numbers over all regions, so
 * links are 32 bits.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/page.h"

enum page_kind {
	PAGE_HELD = 0,		/* not ours to give: metadata */
	PAGE_FREE,		/* first page of a free run */
	PAGE_FREE_TAIL,		/* any other page of a free run */
	PAGE_USED,		/* of a run that page_alloc handed out */
	PAGE_SLAB,		/* heap: first page of a slab */
	PAGE_SLAB_TAIL,		/* heap: other pages of a slab */
	PAGE_LARGE,		/* heap: first page of a large block */
};

#define PAGE_NONE UINT32_MAX

struct page {
	uint8_t kind;
	uint8_t class;		/* SLAB, SLAB_TAIL */
	uint16_t used;		/* SLAB: objects handed out */
	union {
		uint32_t len;	/* FREE: pages of the run; LARGE: pages */
		uint32_t head;	/* last FREE_TAIL of a run, SLAB_TAIL: first page */
		struct {
			uint16_t free;	 /* SLAB: 1 + offset / 16 of a free one */
			uint16_t carved; /* SLAB: objects ever handed out */
		};
	};
	uint32_t prev, next;	/* FREE: the bin; SLAB: partial slabs of the class */
};

struct page_region {
	uintptr_t start;
	size_t len;			/* bytes */
	uint32_t first;			/* number of its first page */
};

/* Written by page_init() only. */
extern struct page *page_table;
extern struct page_region page_first_region;	/* the largest */

/* By number; by address (PAGE_NONE: not ours); the address of a number. Inline
 * for the region that nearly always answers: the heap asks all the time. */
uint32_t page_id_elsewhere(uintptr_t addr);
void *page_addr_elsewhere(uint32_t id);

static inline struct page *page_meta(uint32_t id)
{
	return &page_table[id];
}

static inline uint32_t page_id(uintptr_t addr)
{
	const struct page_region *r = &page_first_region;

	if (addr - r->start < r->len)
		return r->first + (uint32_t)((addr - r->start) >> PAGE_SHIFT);
	return page_id_elsewhere(addr);
}

static inline void *page_addr(uint32_t id)
{
	const struct page_region *r = &page_first_region;

	if (id - r->first < r->len >> PAGE_SHIFT)
		return (void *)(r->start + ((size_t)(id - r->first) << PAGE_SHIFT));
	return page_addr_elsewhere(id);
}

/* Grows the run in place from `from` to `to` pages if what follows is free. */
bool page_extend(void *addr, size_t from, size_t to);

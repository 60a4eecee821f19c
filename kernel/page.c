/* SPDX-License-Identifier: BSD-2-Clause
 *
 * See page.h. Free runs hang in bins by the logarithm of their length; the
 * first page of a run knows its length, the last one its first page, so a
 * freed run finds both neighbours at once. The descriptions lie in one array
 * at the end of the largest region.
 */
#include "kernel/page.h"

#include "kernel/boot_info.h"
#include "kernel/heap.h"
#include "kernel/image.h"
#include "kernel/lib/string.h"
#include "kernel/page_impl.h"
#include "kernel/panic.h"

#define BINS 32
#define BIN_SCAN 8		/* runs looked at in a bin that may not fit */

RO_AFTER_INIT static struct page_region regions[BOOT_REGIONS_MAX];
RO_AFTER_INIT static unsigned n_regions;
RO_AFTER_INIT struct page_region page_first_region;
RO_AFTER_INIT struct page *page_table;
RO_AFTER_INIT static uint32_t n_pages_all;
static uint32_t bins[BINS];
static uint32_t bins_used;		/* bit i: bins[i] is not empty */
static size_t n_free, n_managed;

uint32_t page_id_elsewhere(uintptr_t addr)
{
	for (unsigned i = 0; i < n_regions; i++) {
		const struct page_region *r = &regions[i];

		if (addr - r->start < r->len)
			return r->first + (uint32_t)((addr - r->start) >> PAGE_SHIFT);
	}
	return PAGE_NONE;
}

static const struct page_region *region_of(uint32_t id)
{
	for (unsigned i = 0; i < n_regions; i++) {
		const struct page_region *r = &regions[i];

		if (id - r->first < r->len >> PAGE_SHIFT)
			return r;
	}
	return NULL;
}

void *page_addr_elsewhere(uint32_t id)
{
	const struct page_region *r = region_of(id);

	ASSERT(r);
	return (void *)(r->start + ((size_t)(id - r->first) << PAGE_SHIFT));
}

static unsigned bin_of(size_t n)
{
	return 63u - (unsigned)__builtin_clzl(n);
}

static void bin_insert(uint32_t id, uint32_t len)
{
	unsigned b = bin_of(len);
	struct page *p = &page_table[id];

	p->kind = PAGE_FREE;
	p->len = len;
	p->prev = PAGE_NONE;
	p->next = bins[b];
	if (p->next != PAGE_NONE)
		page_table[p->next].prev = id;
	bins[b] = id;
	bins_used |= 1u << b;
	if (len > 1) {
		page_table[id + len - 1].kind = PAGE_FREE_TAIL;
		page_table[id + len - 1].head = id;
	}
}

static void bin_remove(uint32_t id)
{
	struct page *p = &page_table[id];
	unsigned b = bin_of(p->len);

	if (p->prev != PAGE_NONE)
		page_table[p->prev].next = p->next;
	else
		bins[b] = p->next;
	if (p->next != PAGE_NONE)
		page_table[p->next].prev = p->prev;
	if (bins[b] == PAGE_NONE)
		bins_used &= ~(1u << b);
}

/* Pages to skip at the start of a run so that the address is aligned. */
static size_t skip_for(uint32_t id, size_t align)
{
	uintptr_t addr;

	if (align <= PAGE_SIZE)
		return 0;
	addr = (uintptr_t)page_addr(id);
	return (ALIGN_UP(addr, align) - addr) >> PAGE_SHIFT;
}

static uint32_t find_in_bin(unsigned b, size_t n, size_t align, unsigned scan)
{
	for (uint32_t id = bins[b]; id != PAGE_NONE && scan--; id = page_table[id].next) {
		if (skip_for(id, align) + n <= page_table[id].len)
			return id;
	}
	return PAGE_NONE;
}

/* First a short look in each bin from the fitting one up, then a long one. */
static uint32_t find_run(size_t n, size_t align)
{
	unsigned scan = BIN_SCAN;

	for (int round = 0; round < 2; round++, scan = UINT32_MAX) {
		for (unsigned b = bin_of(n); b < BINS; b++) {
			uint32_t id;

			if (!(bins_used & 1u << b))
				continue;
			id = find_in_bin(b, n, align, scan);
			if (id != PAGE_NONE)
				return id;
		}
	}
	return PAGE_NONE;
}

static void mark_used(uint32_t id, size_t n)
{
	for (size_t i = 0; i < n; i++)
		page_table[id + i].kind = PAGE_USED;
	n_free -= n;
}

static void *try_alloc(size_t n, size_t align)
{
	uint32_t id = find_run(n, align);
	uint32_t len, skip;

	if (id == PAGE_NONE)
		return NULL;
	bin_remove(id);
	len = page_table[id].len;
	skip = (uint32_t)skip_for(id, align);
	if (skip)
		bin_insert(id, skip);
	if (len - skip > n)
		bin_insert(id + skip + (uint32_t)n, len - skip - (uint32_t)n);
	mark_used(id + skip, n);
	return page_addr(id + skip);
}

void *page_try_alloc(size_t n_pages, size_t align)
{
	ASSERT(n_pages && align >= PAGE_SIZE && !(align & (align - 1)));
	return n_pages > n_pages_all ? NULL : try_alloc(n_pages, align);
}

void *page_alloc(size_t n_pages, size_t align)
{
	void *p;

	ASSERT(n_pages && align >= PAGE_SIZE && !(align & (align - 1)));
	if (n_pages > n_pages_all)
		return NULL;
	p = try_alloc(n_pages, align);
	while (!p && heap_shrink(n_pages << PAGE_SHIFT))
		p = try_alloc(n_pages, align);
	return p;
}

/* Numbers are dense, so neighbours by number may lie in different regions. */
static bool same_region(uint32_t a, uint32_t b)
{
	return region_of(a) == region_of(b);
}

static void free_run(uint32_t id, uint32_t n)
{
	uint32_t after = id + n;

	if (id > 0 && same_region(id - 1, id)) {
		struct page *left = &page_table[id - 1];
		uint32_t head = left->kind == PAGE_FREE ? id - 1 :
			left->kind == PAGE_FREE_TAIL ? left->head : PAGE_NONE;

		if (head != PAGE_NONE) {
			bin_remove(head);
			n += id - head;
			id = head;
		}
	}
	if (after < n_pages_all && page_table[after].kind == PAGE_FREE &&
	    same_region(after, id)) {
		bin_remove(after);
		n += page_table[after].len;
	}
	bin_insert(id, n);
}

void page_free(void *addr, size_t n)
{
	uint32_t id = page_id((uintptr_t)addr);

	ASSERT(n && IS_ALIGNED((uintptr_t)addr, PAGE_SIZE));
	ASSERT(id != PAGE_NONE && n <= n_pages_all - id);
	for (size_t i = 0; i < n; i++) {
		/* Double free, or not a run that was handed out. */
		ASSERT(page_table[id + i].kind == PAGE_USED);
		page_table[id + i].kind = PAGE_FREE_TAIL;
		page_table[id + i].head = id;
	}
	n_free += n;
	free_run(id, (uint32_t)n);
}

bool page_extend(void *addr, size_t from, size_t to)
{
	uint32_t id = page_id((uintptr_t)addr);
	uint32_t after = id + (uint32_t)from;
	size_t more = to - from;
	uint32_t len;

	if (to > n_pages_all || after >= n_pages_all)
		return false;
	if (page_table[after].kind != PAGE_FREE || page_table[after].len < more ||
	    !same_region(id, after))
		return false;
	len = page_table[after].len;
	bin_remove(after);
	if (len > more)
		bin_insert(after + (uint32_t)more, len - (uint32_t)more);
	mark_used(after, more);
	return true;
}

size_t page_total(void)
{
	return n_managed;
}

size_t page_free_count(void)
{
	return n_free;
}

paddr_t page_paddr(const volatile void *addr)
{
	return (paddr_t)(uintptr_t)addr;
}

/* By size, descending; page numbers are given afterwards. */
static void sort_regions(const struct boot_info *bi)
{
	for (unsigned i = 0; i < bi->n_regions; i++) {
		uint64_t start = ALIGN_UP(bi->region[i].start, PAGE_SIZE);
		uint64_t end = ALIGN_DOWN(bi->region[i].end, PAGE_SIZE);
		unsigned at = n_regions;

		if (end <= start)
			continue;
		for (; at > 0 && regions[at - 1].len < end - start; at--)
			regions[at] = regions[at - 1];
		regions[at].start = (uintptr_t)start;
		regions[at].len = (size_t)(end - start);
		n_regions++;
	}
	for (unsigned i = 0; i < n_regions; i++) {
		regions[i].first = n_pages_all;
		n_pages_all += (uint32_t)(regions[i].len >> PAGE_SHIFT);
	}
}

void page_init(const struct boot_info *bi)
{
	size_t meta;

	n_regions = 0;
	n_pages_all = 0;
	n_free = n_managed = 0;
	bins_used = 0;
	for (unsigned i = 0; i < BINS; i++)
		bins[i] = PAGE_NONE;
	sort_regions(bi);
	if (!n_regions)
		return;
	meta = ALIGN_UP(n_pages_all * sizeof(struct page), PAGE_SIZE);
	if (meta >= regions[0].len)
		return;
	page_first_region = regions[0];
	page_table = (struct page *)(regions[0].start + regions[0].len - meta);
	if (!bi->ram_is_zero)		/* else the host need not give it all yet */
		memset(page_table, 0, meta);
	for (unsigned i = 0; i < n_regions; i++) {
		uint32_t n = (uint32_t)((regions[i].len - (i ? 0 : meta)) >> PAGE_SHIFT);

		n_managed += n;
		n_free += n;
		bin_insert(regions[i].first, n);
	}
}

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * See heap.h. Each size class has slabs: runs of pages cut into equal objects.
 * What there is to know of a slab stands in its page description
 * (page_impl.h), out of reach of overflows; only the list of free objects lies
 * in the objects. A free object holds the offset of the next one and a secret
 * mark: a second free finds the mark, and an allocation that does not find it
 * has caught a write after free. Both cost one comparison.
 */
#include "kernel/heap.h"

#include "kernel/arch/arch.h"
#include "kernel/image.h"
#include "kernel/lib/string.h"
#include "kernel/page.h"
#include "kernel/page_impl.h"
#include "kernel/panic.h"

#define UNIT 16u
#define SLAB_MAX_LEN 3584u		/* larger ones are page runs */

static const struct {
	uint16_t size;
	uint8_t pages;			/* of a slab: at most 1/8 is lost */
} classes[] = {
	{ 16, 1 }, { 32, 1 }, { 48, 1 }, { 64, 1 }, { 80, 1 }, { 96, 1 },
	{ 112, 1 }, { 128, 1 }, { 160, 1 }, { 192, 1 }, { 224, 1 }, { 256, 1 },
	{ 320, 1 }, { 384, 1 }, { 448, 1 }, { 512, 1 }, { 640, 1 }, { 768, 1 },
	{ 896, 1 }, { 1024, 1 }, { 1280, 1 }, { 1536, 3 }, { 1792, 2 },
	{ 2048, 1 }, { 2560, 2 }, { 3072, 3 }, { 3584, 2 },
};
#define CLASSES ARRAY_SIZE(classes)

struct free_object {
	uint32_t next;			/* as struct page's `free` */
	uint32_t check;			/* of `next` */
	uint64_t mark;
};

struct class_state {
	uint32_t partial;		/* slabs with room; the first one serves */
	uint32_t spare;			/* an empty slab kept, or PAGE_NONE */
	uint32_t capacity;		/* objects of a slab */
};

static struct class_state state[CLASSES];
static uint8_t class_of_units[SLAB_MAX_LEN / UNIT + 1];
static uint64_t secret;			/* 0: the tables are not set up yet */
static struct heap_stats stats[HEAP_OWNERS];
static struct heap_shrinker *shrinkers;

static void heap_init(void)
{
	unsigned c = 0;

	for (unsigned u = 0; u < ARRAY_SIZE(class_of_units); u++) {
		while (classes[c].size < u * UNIT)
			c++;
		class_of_units[u] = (uint8_t)c;
	}
	for (c = 0; c < CLASSES; c++) {
		state[c].partial = state[c].spare = PAGE_NONE;
		state[c].capacity = classes[c].pages * (uint32_t)PAGE_SIZE /
				    classes[c].size;
	}
	if (!arch_hw_random(&secret))
		secret = arch_cycles() * 0x9e3779b97f4a7c15u;
	secret |= 1;
}

static uint64_t mark_of(const void *obj)
{
	return secret ^ (uint64_t)(uintptr_t)obj;
}

static uint32_t check_of(uint32_t next)
{
	return next ^ (uint32_t)(secret >> 32);
}

/* ---- slabs ---- */

static void partial_add(unsigned c, uint32_t id)
{
	struct page *p = page_meta(id);

	p->prev = PAGE_NONE;
	p->next = state[c].partial;
	if (p->next != PAGE_NONE)
		page_meta(p->next)->prev = id;
	state[c].partial = id;
}

static void partial_remove(unsigned c, uint32_t id)
{
	struct page *p = page_meta(id);

	if (p->prev != PAGE_NONE)
		page_meta(p->prev)->next = p->next;
	else
		state[c].partial = p->next;
	if (p->next != PAGE_NONE)
		page_meta(p->next)->prev = p->prev;
}

static bool slab_new(unsigned c)
{
	uint32_t id = state[c].spare;
	struct page *p;

	if (id != PAGE_NONE) {
		state[c].spare = PAGE_NONE;
	} else {
		void *mem = page_alloc(classes[c].pages, PAGE_SIZE);

		if (!mem)
			return state[c].partial != PAGE_NONE; /* shrinkers freed */
		id = page_id((uintptr_t)mem);
	}
	p = page_meta(id);
	*p = (struct page){ .kind = PAGE_SLAB, .class = (uint8_t)c };
	for (uint32_t i = 1; i < classes[c].pages; i++) {
		*page_meta(id + i) = (struct page){
			.kind = PAGE_SLAB_TAIL, .class = (uint8_t)c, .head = id };
	}
	partial_add(c, id);
	return true;
}

static void slab_release(unsigned c, uint32_t id)
{
	for (uint32_t i = 0; i < classes[c].pages; i++)
		page_meta(id + i)->kind = PAGE_USED;
	page_free(page_addr(id), classes[c].pages);
}

static void *slab_alloc(unsigned c)
{
	uint32_t id = state[c].partial;
	struct free_object *obj;
	struct page *p;
	char *base;

	if (id == PAGE_NONE) {
		if (!slab_new(c))
			return NULL;
		id = state[c].partial;
	}
	p = page_meta(id);
	base = page_addr(id);
	if (p->free) {
		obj = (struct free_object *)(void *)(base + (p->free - 1u) * UNIT);
		/* Written after it was freed? */
		ASSERT(obj->mark == mark_of(obj) &&
		       obj->check == check_of(obj->next));
		p->free = (uint16_t)obj->next;
		obj->mark = 0;
	} else {
		obj = (struct free_object *)(void *)
			(base + (uint32_t)p->carved * classes[c].size);
		p->carved++;
		obj->mark = 0;
	}
	if (++p->used == state[c].capacity)
		partial_remove(c, id);
	return obj;
}

static void slab_free(struct page *p, uint32_t id, void *ptr, uint32_t off)
{
	unsigned c = p->class;
	struct free_object *obj = ptr;

	ASSERT(off % classes[c].size == 0);	/* inside an object */
	ASSERT(off < (uint32_t)p->carved * classes[c].size);
	ASSERT(obj->mark != mark_of(obj));	/* freed twice */
	obj->next = p->free;
	obj->check = check_of(obj->next);
	obj->mark = mark_of(obj);
	p->free = (uint16_t)(off / UNIT + 1);
	if (p->used-- == state[c].capacity)
		partial_add(c, id);
	if (p->used)
		return;
	partial_remove(c, id);
	if (state[c].spare == PAGE_NONE)
		state[c].spare = id;
	else
		slab_release(c, id);
}

/* ---- large blocks ---- */

static void *large_alloc(size_t align, size_t len)
{
	size_t n = ALIGN_UP(len, PAGE_SIZE) >> PAGE_SHIFT;
	struct page *p;
	void *mem;

	if (len > SIZE_MAX - PAGE_SIZE || n > UINT32_MAX / 2)
		return NULL;
	mem = page_alloc(n, align < PAGE_SIZE ? PAGE_SIZE : align);
	if (!mem)
		return NULL;
	p = page_meta(page_id((uintptr_t)mem));
	p->kind = PAGE_LARGE;
	p->len = (uint32_t)n;
	return mem;
}

static void large_free(struct page *p, void *ptr)
{
	p->kind = PAGE_USED;
	page_free(ptr, p->len);
}

/* In place: gives the tail back or takes what follows. */
static bool large_resize(struct page *p, void *ptr, size_t len)
{
	size_t n = ALIGN_UP(len, PAGE_SIZE) >> PAGE_SHIFT;

	if (len <= SLAB_MAX_LEN || len > SIZE_MAX - PAGE_SIZE ||
	    n > UINT32_MAX / 2)
		return false;
	if (n < p->len)
		page_free((char *)ptr + (n << PAGE_SHIFT), p->len - n);
	else if (n > p->len && !page_extend(ptr, p->len, n))
		return false;
	p->len = (uint32_t)n;
	return true;
}

/* ---- the interface ---- */

/* The description of the slab or large block that `ptr` is in, its number and
 * the distance of `ptr` from its start. */
static struct page *block_page(const void *ptr, uint32_t *id, uint32_t *off)
{
	struct page *p;

	*id = page_id((uintptr_t)ptr);
	ASSERT(*id != PAGE_NONE);		/* not from the heap */
	*off = (uint32_t)((uintptr_t)ptr & (PAGE_SIZE - 1));
	p = page_meta(*id);
	if (p->kind == PAGE_SLAB_TAIL) {
		*off += (*id - p->head) << PAGE_SHIFT;
		*id = p->head;
		p = page_meta(*id);
	}
	ASSERT(p->kind == PAGE_SLAB || (p->kind == PAGE_LARGE && !*off));
	return p;
}

static size_t block_size(const struct page *p)
{
	return p->kind == PAGE_SLAB ? classes[p->class].size :
	       (size_t)p->len << PAGE_SHIFT;
}

/* The class for an alignment: its size must be a multiple, for slabs start on
 * pages. CLASSES: none. */
static unsigned aligned_class(size_t align, size_t len)
{
	unsigned c = class_of_units[(len + UNIT - 1) / UNIT];

	while (c < CLASSES && classes[c].size % align)
		c++;
	return c;
}

/* `got`: the bytes that the block really has. */
static void *alloc(size_t align, size_t len, size_t *got)
{
	unsigned c;

	if (unlikely(!secret))
		heap_init();
	if (len == 0)
		len = 1;
	c = len > SLAB_MAX_LEN ? CLASSES :
	    align <= UNIT ? class_of_units[(len + UNIT - 1) / UNIT] :
	    aligned_class(align, len);
	if (likely(c < CLASSES)) {
		*got = classes[c].size;
		return slab_alloc(c);
	}
	*got = ALIGN_UP(len, PAGE_SIZE);
	return large_alloc(align, len);
}

static void *alloc_counted(enum heap_owner owner, size_t align, size_t len)
{
	struct heap_stats *st = &stats[owner];
	size_t got;
	void *ptr = alloc(align, len, &got);

	if (unlikely(!ptr)) {
		st->failed++;
		return NULL;
	}
	st->live_bytes += got;
	st->live_blocks++;
	st->total_allocs++;
	return ptr;
}

void *heap_alloc(enum heap_owner owner, size_t len)
{
	return alloc_counted(owner, UNIT, len);
}

void *heap_zalloc(enum heap_owner owner, size_t len)
{
	void *p = heap_alloc(owner, len);

	if (p)
		memset(p, 0, len);
	return p;
}

void *heap_alloc_aligned(enum heap_owner owner, size_t align, size_t len)
{
	ASSERT(align && !(align & (align - 1)));
	return alloc_counted(owner, align, len);
}

void heap_free(enum heap_owner owner, void *ptr)
{
	struct page *p;
	uint32_t id, off;

	if (!ptr)
		return;
	p = block_page(ptr, &id, &off);
	stats[owner].live_bytes -= block_size(p);
	stats[owner].live_blocks--;
	if (likely(p->kind == PAGE_SLAB))
		slab_free(p, id, ptr, off);
	else
		large_free(p, ptr);
}

/* May the block stay where it is? Shrinking to less than half moves. */
static bool resize_in_place(struct page *p, void *ptr, size_t len)
{
	size_t size = block_size(p);

	if (p->kind == PAGE_LARGE)
		return large_resize(p, ptr, len);
	return len <= size && (len > size / 2 || size == UNIT);
}

void *heap_realloc(enum heap_owner owner, void *ptr, size_t len)
{
	struct page *p;
	size_t size;
	uint32_t id, off;
	void *fresh;

	if (!ptr)
		return heap_alloc(owner, len);
	p = block_page(ptr, &id, &off);
	size = block_size(p);
	if (resize_in_place(p, ptr, len)) {
		stats[owner].live_bytes += block_size(p) - size;
		return ptr;
	}
	fresh = heap_alloc(owner, len);
	if (!fresh)
		return len <= size ? ptr : NULL;
	memcpy(fresh, ptr, len < size ? len : size);
	heap_free(owner, ptr);
	return fresh;
}

size_t heap_usable_size(const void *ptr)
{
	uint32_t id, off;

	return ptr ? block_size(block_page(ptr, &id, &off)) : 0;
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
	static const char *const names[HEAP_OWNERS] = {
		"kernel", "driver", "net", "fs", "app",
	};

	return (unsigned)owner < HEAP_OWNERS ? names[owner] : "?";
}

void heap_add_shrinker(struct heap_shrinker *s)
{
	s->next = shrinkers;
	shrinkers = s;
}

int heap_shrink(size_t want_bytes)
{
	static bool busy;
	bool freed = false;

	if (busy || !secret)
		return false;
	busy = true;
	for (unsigned c = 0; c < CLASSES; c++) {
		if (state[c].spare != PAGE_NONE) {
			slab_release(c, state[c].spare);
			state[c].spare = PAGE_NONE;
			freed = true;
		}
	}
	for (struct heap_shrinker *s = shrinkers; s; s = s->next)
		freed |= s->shrink(s->arg, want_bytes) != 0;
	busy = false;
	return freed;
}

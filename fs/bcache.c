/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The block cache, memory side. Two lists of clean blocks: `once` for those
 * seen one time, `hot` for those that came again after another block was asked
 * for. Victims come from `once` first, so that a long file does not push out
 * the directories.
 *
 * The shrinker may run inside any allocation, ours included: it frees clean
 * blocks only, and nothing clean is kept across an allocation.
 */
#include "fs/bcache.h"

#include <errno.h>

#include "fs/bcache_impl.h"
#include "fs/fs.h"
#include "kernel/lib/string.h"

#define MIN_ENTRIES 8u
#define DIRTY_MOST  1024u	/* blocks: 4 MiB take a disk a moment */

_Static_assert(BCACHE_BLOCK == PAGE_SIZE, "a block is a page");

/* Shrinkers cannot be taken back, so one serves all caches. */
static struct bcache *all;

struct entry **bcache_slot(struct bcache *c, uint32_t block)
{
	struct entry **p = &c->bucket[(block * 2654435761u >> 7) & c->mask];

	while (*p && (*p)->block != block)
		p = &(*p)->hash_next;
	return p;
}

/* Out of its bucket and off its list. */
static void entry_remove(struct bcache *c, struct entry *e)
{
	struct entry **p = bcache_slot(c, e->block);

	*p = e->hash_next;
	list_del(&e->lru);
	c->n--;
	c->n_hot -= e->hot;
	c->n_dirty -= e->to != 0 && !e->busy;
}

void bcache_entry_free(struct bcache *c, struct entry *e)
{
	entry_remove(c, e);
	page_free(e->data, 1);
	heap_free(HEAP_FS, e);
}

static struct entry *victim(struct bcache *c)
{
	struct list *l = list_empty(&c->once) ? &c->hot : &c->once;

	return list_empty(l) ? NULL : container_of(l->next, struct entry, lru);
}

static size_t shrink(void *arg, size_t want)
{
	size_t got = 0;

	(void)arg;
	for (struct bcache *c = all; c; c = c->next) {
		while (got < want && victim(c)) {
			bcache_entry_free(c, victim(c));
			got += BCACHE_BLOCK;
		}
	}
	return got;
}

static struct heap_shrinker bcache_shrinker = { .shrink = shrink };

static void set_limits(struct bcache *c, size_t max_bytes)
{
	if (!max_bytes)
		max_bytes = fs_memory_share(8);
	max_bytes /= BCACHE_BLOCK;
	c->max = max_bytes < MIN_ENTRIES ? MIN_ENTRIES :
		 max_bytes > INT32_MAX ? INT32_MAX : (uint32_t)max_bytes;
	c->max_dirty = c->max / 4 < DIRTY_MOST ? c->max / 4 : DIRTY_MOST;
}

struct bcache *bcache_create(struct blkdev *dev, size_t max_bytes)
{
	static bool registered;
	struct bcache *c = heap_zalloc(HEAP_FS, sizeof(*c));
	uint32_t buckets = 16;

	if (!c)
		return NULL;
	c->dev = dev;
	set_limits(c, max_bytes);
	while (buckets < c->max && buckets < 65536)
		buckets *= 2;
	c->mask = buckets - 1;
	c->bucket = heap_zalloc(HEAP_FS, buckets * sizeof(c->bucket[0]));
	if (!c->bucket || bcache_io_init(c) < 0) {
		heap_free(HEAP_FS, c->bucket);
		heap_free(HEAP_FS, c);
		return NULL;
	}
	c->last = c->failed_block = BCACHE_NONE;
	list_init(&c->once);
	list_init(&c->hot);
	list_init(&c->dirty);
	list_init(&c->failed);
	c->next = all;
	all = c;
	if (!registered)
		heap_add_shrinker(&bcache_shrinker);
	registered = true;
	return c;
}

static void free_list(struct bcache *c, struct list *l)
{
	while (!list_empty(l))
		bcache_entry_free(c, container_of(l->next, struct entry, lru));
}

void bcache_destroy(struct bcache *c)
{
	struct bcache **p = &all;

	if (!c)
		return;
	bcache_io_fini(c);
	while (*p != c)
		p = &(*p)->next;
	*p = c->next;
	free_list(c, &c->once);
	free_list(c, &c->hot);
	free_list(c, &c->dirty);
	free_list(c, &c->failed);
	heap_free(HEAP_FS, c->bucket);
	heap_free(HEAP_FS, c);
}

void bcache_make_room(struct bcache *c, uint32_t n)
{
	while (c->n + n > c->max && victim(c))
		bcache_entry_free(c, victim(c));
}

struct entry *bcache_entry_new(struct bcache *c, uint8_t *page)
{
	struct entry *e;

	bcache_make_room(c, 1);
	e = c->n < c->max ? heap_zalloc(HEAP_FS, sizeof(*e)) : NULL;
	if (!e)
		return NULL;
	e->data = page ? page : page_alloc(1, PAGE_SIZE);
	if (!e->data) {
		heap_free(HEAP_FS, e);
		return NULL;
	}
	return e;
}

void bcache_entry_insert(struct bcache *c, struct entry *e, uint32_t block)
{
	struct entry **p = bcache_slot(c, block);

	e->block = block;
	e->hash_next = *p;
	*p = e;
	c->n++;
}

/* From the end: blocks are mostly given out in ascending order. */
void bcache_entry_dirty(struct bcache *c, struct entry *e)
{
	struct list *l = c->dirty.prev;

	while (l != &c->dirty &&
	       container_of(l, struct entry, lru)->block > e->block)
		l = l->prev;
	list_add_before(l->next, &e->lru);
	c->n_dirty++;
}

static void touch(struct bcache *c, struct entry *e)
{
	bool again = c->last != e->block && !e->fresh;

	c->last = e->block;
	if (e->fresh) {
		/* First use of what came ahead: the youngest of `once`. */
		e->fresh = false;
		if (!e->to && !e->busy) {
			list_del(&e->lru);
			list_push(&c->once, &e->lru);
		}
	}
	if (!again || e->to || e->busy)
		return;
	list_del(&e->lru);
	list_push(&c->hot, &e->lru);
	c->n_hot += !e->hot;
	e->hot = true;
	if (c->n_hot <= c->max - c->max / 4)
		return;
	/* The eldest of the hot ones must earn its place again. */
	e = container_of(c->hot.next, struct entry, lru);
	list_del(&e->lru);
	list_push(&c->once, &e->lru);
	e->hot = false;
	c->n_hot--;
}

static int dev_read(struct bcache *c, uint32_t block, uint8_t *buf)
{
	uint64_t off = (uint64_t)block * BCACHE_BLOCK;
	uint64_t end = c->dev->n_sectors * BLK_SECTOR;
	size_t len = BCACHE_BLOCK;

	if (off >= end)
		return -EINVAL;
	if (len > end - off) {
		memset(buf + (end - off), 0, len - (size_t)(end - off));
		len = (size_t)(end - off);
	}
	return blkdev_read(c->dev, off, buf, len);
}

static int miss(struct bcache *c, uint32_t block, uint32_t off, void *buf,
		uint32_t len)
{
	struct entry *e = bcache_entry_new(c, NULL);
	uint8_t *tmp = e ? e->data : page_alloc(1, PAGE_SIZE);
	int r;

	if (!tmp)
		return -ENOMEM;
	r = dev_read(c, block, tmp);
	if (r == 0)
		memcpy(buf, tmp + off, len);
	if (r == 0 && e) {
		bcache_entry_insert(c, e, block);
		list_push(&c->once, &e->lru);
		return 0;
	}
	page_free(tmp, 1);
	heap_free(HEAP_FS, e);
	return r;
}

int bcache_read(struct bcache *c, uint32_t block, uint32_t off, void *buf,
		uint32_t len)
{
	struct entry *e = *bcache_slot(c, block);

	if (off > BCACHE_BLOCK || len > BCACHE_BLOCK - off)
		return -EINVAL;
	/* One that is being written can be read, one being read cannot. */
	if (e && e->busy && !e->to)
		e = bcache_calm(c, block);
	if (!e) {
		c->misses++;
		c->last = block;
		return miss(c, block, off, buf, len);
	}
	c->hits++;
	touch(c, e);
	memcpy(buf, e->data + off, len);
	return 0;
}

bool bcache_has(struct bcache *c, uint32_t block)
{
	return *bcache_slot(c, block) != NULL;
}

int bcache_put(struct bcache *c, uint32_t block, uint8_t **data, uint32_t from,
	       uint32_t to)
{
	struct entry *e;
	uint8_t *fresh;

	bcache_drop(c, block);
	if (to)
		bcache_throttle(c, c->max_dirty - 1);
	e = bcache_entry_new(c, NULL);
	if (!e)
		return -ENOMEM;
	fresh = e->data;
	e->data = *data;
	*data = fresh;
	bcache_entry_insert(c, e, block);
	e->from = (uint16_t)from;
	e->to = (uint16_t)to;
	if (to)
		bcache_entry_dirty(c, e);
	else
		list_push(&c->once, &e->lru);
	/* Half the bound goes on its way while the other half fills up. */
	if (c->n_dirty > c->max_dirty / 2)
		bcache_write_out(c);
	return 0;
}

int bcache_take(struct bcache *c, uint32_t block, uint8_t **data, uint32_t *from,
		uint32_t *to)
{
	struct entry *e = bcache_calm(c, block);
	uint8_t *mine = *data;

	*from = *to = 0;
	if (!e)
		return dev_read(c, block, mine);
	*from = e->from;
	*to = e->to;
	*data = e->data;
	e->data = mine;
	bcache_entry_free(c, e);
	return 0;
}

void bcache_drop(struct bcache *c, uint32_t block)
{
	struct entry *e = bcache_calm(c, block);

	if (e)
		bcache_entry_free(c, e);
}

uint32_t bcache_failed(const struct bcache *c)
{
	return c->failed_block;
}

void bcache_get_stats(const struct bcache *c, struct bcache_stats *out)
{
	out->hits = c->hits;
	out->misses = c->misses;
	out->bytes = (size_t)c->n * BCACHE_BLOCK;
	out->dirty = (size_t)(c->n_dirty + c->n_writing) * BCACHE_BLOCK;
}

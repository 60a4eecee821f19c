/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The block cache. Two lists: `once` for blocks seen one time, `hot` for those
 * that came again after another block was asked for. Victims come from `once`
 * first, so that a long file does not push out the directories. Two
 * misses in sequence fetch RA_BLOCKS at once, through a staging buffer.
 *
 * The shrinker may run inside any allocation, ours included: an entry that is
 * being filled is on no list and nothing is kept across an allocation.
 */
#include "fs/bcache.h"

#include <errno.h>

#include "kernel/heap.h"
#include "kernel/lib/string.h"
#include "fs/fs.h"

#define RA_BLOCKS   16u	/* 64 KiB */
#define MIN_ENTRIES 8u

struct entry {
	struct entry *hash_next;
	struct list lru;
	uint32_t block;
	bool hot;
	uint8_t *data;
};

struct bcache {
	struct blkdev *dev;
	struct entry **bucket;
	uint32_t mask;
	uint32_t n, n_hot, max;
	uint32_t last, last_miss;	/* blocks, for promotion and read-ahead */
	struct list once, hot;
	uint8_t *ra;			/* RA_BLOCKS, or NULL in small machines */
	uint64_t hits, misses;
	struct heap_shrinker shrinker;
	struct bcache *next;
};

/* Shrinkers cannot be taken back, so one serves all caches. */
static struct bcache *all;

static struct entry **slot_of(struct bcache *c, uint32_t block)
{
	struct entry **p = &c->bucket[(block * 2654435761u >> 7) & c->mask];

	while (*p && (*p)->block != block)
		p = &(*p)->hash_next;
	return p;
}

static void entry_free(struct bcache *c, struct entry *e)
{
	struct entry **p = slot_of(c, e->block);

	*p = e->hash_next;
	list_del(&e->lru);
	c->n--;
	c->n_hot -= e->hot;
	heap_free(HEAP_FS, e->data);
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
		while (got < want && c->n > 0) {
			entry_free(c, victim(c));
			got += BCACHE_BLOCK;
		}
	}
	return got;
}

static struct heap_shrinker bcache_shrinker = { .shrink = shrink };

struct bcache *bcache_create(struct blkdev *dev, size_t max_bytes)
{
	static bool registered;
	struct bcache *c = heap_zalloc(HEAP_FS, sizeof(*c));
	uint32_t buckets = 16;

	if (!c)
		return NULL;
	if (!max_bytes)
		max_bytes = fs_memory_share(8);
	c->max = (uint32_t)(max_bytes / BCACHE_BLOCK);
	if (c->max < MIN_ENTRIES)
		c->max = MIN_ENTRIES;
	while (buckets < c->max && buckets < 65536)
		buckets *= 2;
	c->mask = buckets - 1;
	c->bucket = heap_zalloc(HEAP_FS, buckets * sizeof(c->bucket[0]));
	if (!c->bucket) {
		heap_free(HEAP_FS, c);
		return NULL;
	}
	if (c->max >= 16 * RA_BLOCKS)
		c->ra = heap_alloc(HEAP_FS, RA_BLOCKS * BCACHE_BLOCK);
	c->dev = dev;
	c->last = c->last_miss = UINT32_MAX;
	list_init(&c->once);
	list_init(&c->hot);
	c->next = all;
	all = c;
	if (!registered)
		heap_add_shrinker(&bcache_shrinker);
	registered = true;
	return c;
}

void bcache_destroy(struct bcache *c)
{
	struct bcache **p = &all;

	if (!c)
		return;
	while (*p != c)
		p = &(*p)->next;
	*p = c->next;
	while (c->n)
		entry_free(c, victim(c));
	heap_free(HEAP_FS, c->ra);
	heap_free(HEAP_FS, c->bucket);
	heap_free(HEAP_FS, c);
}

/* An entry on no list and in no bucket, or NULL: then go without. */
static struct entry *entry_new(struct bcache *c)
{
	struct entry *e;

	while (c->n >= c->max)
		entry_free(c, victim(c));
	e = heap_alloc(HEAP_FS, sizeof(*e));
	if (!e)
		return NULL;
	e->data = heap_alloc(HEAP_FS, BCACHE_BLOCK);
	if (!e->data) {
		heap_free(HEAP_FS, e);
		return NULL;
	}
	return e;
}

static void entry_insert(struct bcache *c, struct entry *e, uint32_t block)
{
	struct entry **p;

	bcache_drop(c, block);
	p = slot_of(c, block);
	e->block = block;
	e->hot = false;
	e->hash_next = *p;
	*p = e;
	list_push(&c->once, &e->lru);
	c->n++;
}

static int dev_read(struct bcache *c, uint32_t block, uint32_t n, uint8_t *buf)
{
	uint64_t off = (uint64_t)block * BCACHE_BLOCK;
	uint64_t end = c->dev->n_sectors * BLK_SECTOR;
	size_t len = (size_t)n * BCACHE_BLOCK;

	if (off >= end)
		return -EINVAL;
	if (len > end - off) {
		memset(buf + (end - off), 0, len - (size_t)(end - off));
		len = (size_t)(end - off);
	}
	return blkdev_read(c->dev, off, buf, len);
}

/* The aligned run of blocks around `block` comes along: files run upwards,
 * littlefs' list of directory blocks mostly downwards. What is here already
 * stays. Failing is fine: the block alone is read next. */
static void read_around(struct bcache *c, uint32_t block)
{
	uint32_t n_dev = (uint32_t)(c->dev->n_sectors * BLK_SECTOR / BCACHE_BLOCK);
	uint32_t first = ALIGN_DOWN(block, RA_BLOCKS), end = first + RA_BLOCKS;
	struct entry *e;

	if (end > n_dev)
		end = n_dev;
	while (first < block && *slot_of(c, first))
		first++;
	while (end > block + 1 && *slot_of(c, end - 1))
		end--;
	if (end < first + 2 || dev_read(c, first, end - first, c->ra) < 0)
		return;
	for (uint32_t i = first; i < end; i++) {
		e = *slot_of(c, i) ? NULL : entry_new(c);
		if (!e)
			continue;
		memcpy(e->data, c->ra + (i - first) * BCACHE_BLOCK, BCACHE_BLOCK);
		entry_insert(c, e, i);
	}
}

static void touch(struct bcache *c, struct entry *e)
{
	if (c->last == e->block)
		return;
	c->last = e->block;
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

static int miss(struct bcache *c, uint32_t block, uint32_t off, void *buf,
		uint32_t len)
{
	struct entry *e;
	uint8_t *tmp;
	int r;

	e = entry_new(c);
	tmp = e ? e->data : heap_alloc(HEAP_FS, BCACHE_BLOCK);
	if (!tmp)
		return -ENOMEM;
	r = dev_read(c, block, 1, tmp);
	if (r == 0)
		memcpy(buf, tmp + off, len);
	if (r == 0 && e) {
		entry_insert(c, e, block);
		return 0;
	}
	heap_free(HEAP_FS, tmp);
	if (e)
		heap_free(HEAP_FS, e);
	return r;
}

int bcache_read(struct bcache *c, uint32_t block, uint32_t off, void *buf,
		uint32_t len)
{
	struct entry *e = *slot_of(c, block);

	if (off > BCACHE_BLOCK || len > BCACHE_BLOCK - off)
		return -EINVAL;
	if (!e) {
		bool sequential = block == c->last_miss + 1;

		c->misses++;
		c->last_miss = c->last = block;
		if (c->ra && sequential) {
			read_around(c, block);
			e = *slot_of(c, block);
			if (e)
				c->last_miss = block | (RA_BLOCKS - 1);
		}
		if (!e)
			return miss(c, block, off, buf, len);
	} else {
		c->hits++;
		touch(c, e);
	}
	memcpy(buf, e->data + off, len);
	return 0;
}

void bcache_put(struct bcache *c, uint32_t block, const void *data)
{
	struct entry *e = *slot_of(c, block);

	if (!e) {
		e = entry_new(c);
		if (!e)
			return;
		entry_insert(c, e, block);
	}
	memcpy(e->data, data, BCACHE_BLOCK);
}

void bcache_drop(struct bcache *c, uint32_t block)
{
	struct entry *e = *slot_of(c, block);

	if (e)
		entry_free(c, e);
}

void bcache_get_stats(const struct bcache *c, struct bcache_stats *out)
{
	out->hits = c->hits;
	out->misses = c->misses;
	out->bytes = (size_t)c->n * BCACHE_BLOCK;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Hash table, LRU list and accounting of the file cache. Host tests in tests/unit/test_httpd_cache.c.
 */
#include "filecache.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static uint32_t hash_of(const char *p, size_t len, bool gzip)
{
	uint32_t h = 2166136261u + gzip;	/* FNV-1a */

	for (size_t i = 0; i < len; i++)
		h = (h ^ (unsigned char)p[i]) * 16777619u;
	return h;
}

static struct entry **bucket(struct filecache *c, uint32_t hash)
{
	return &c->buckets[(hash ^ hash >> 16) % FILECACHE_BUCKETS];
}

static void lru_remove(struct filecache *c, struct entry *e)
{
	*(e->newer ? &e->newer->older : &c->newest) = e->older;
	*(e->older ? &e->older->newer : &c->oldest) = e->newer;
}

static void lru_add(struct filecache *c, struct entry *e)
{
	e->newer = NULL;
	e->older = c->newest;
	*(c->newest ? &c->newest->newer : &c->oldest) = e;
	c->newest = e;
}

void filecache_init(struct filecache *c, size_t budget)
{
	memset(c, 0, sizeof(*c));
	c->budget = budget;
}

void filecache_clear(struct filecache *c)
{
	while (c->oldest)
		filecache_unlink(c, c->oldest);
}

struct entry *filecache_find(struct filecache *c, const char *path, size_t len, bool gzip)
{
	uint32_t hash = hash_of(path, len, gzip);

	for (struct entry *e = *bucket(c, hash); e; e = e->bucket_next) {
		if (e->hash != hash || e->key_len != len || e->gzip != gzip ||
		    memcmp(e->file + e->root_len, path, len) != 0)
			continue;
		if (c->newest != e) {
			lru_remove(c, e);
			lru_add(c, e);
		}
		c->n_hits++;
		return filecache_ref(e);
	}
	c->n_misses++;
	return NULL;
}

struct entry *filecache_new(struct filecache *c, const char *file, size_t root_len, size_t key_len, bool gzip)
{
	size_t len = strlen(file), size = sizeof(struct entry) + len + 1;
	struct entry *e = malloc(size);

	if (!e)
		return NULL;
	memset(e, 0, sizeof(*e));
	memcpy(e->file, file, len + 1);
	e->fd = -1;
	e->refs = 1;
	e->root_len = root_len;
	e->key_len = key_len;
	e->gzip = gzip;
	e->hash = hash_of(file + root_len, key_len, gzip);
	if (!filecache_charge(c, e, size)) {
		c->used += size;
		e->charge += size;
	}
	return e;
}

void filecache_link(struct filecache *c, struct entry *e)
{
	struct entry **b = bucket(c, e->hash);

	for (struct entry *old = *b; old; old = old->bucket_next) {
		if (old->hash == e->hash && old->key_len == e->key_len && old->gzip == e->gzip &&
		    !memcmp(old->file + old->root_len, e->file + e->root_len, e->key_len)) {
			filecache_unlink(c, old);
			break;
		}
	}
	e->bucket_next = *b;
	*b = e;
	lru_add(c, e);
	e->linked = true;
	c->n_entries++;
	filecache_ref(e);
	if (e->fd >= 0)
		filecache_fd_opened(c, e);
}

void filecache_unlink(struct filecache *c, struct entry *e)
{
	if (!e->linked)
		return;
	struct entry **b = bucket(c, e->hash);

	while (*b != e)
		b = &(*b)->bucket_next;
	*b = e->bucket_next;
	lru_remove(c, e);
	e->linked = false;
	c->n_entries--;
	if (e->fd >= 0)
		c->n_open--;
	filecache_unref(c, e);
}

void filecache_unref(struct filecache *c, struct entry *e)
{
	if (--e->refs)
		return;
	if (e->fd >= 0)
		close(e->fd);
	c->used -= e->charge;
	free(e->image);
	free(e);
}

bool filecache_charge(struct filecache *c, struct entry *e, size_t n)
{
	if (n > c->budget)
		return false;
	struct entry *victim = c->oldest;

	while (c->used + n > c->budget && victim) {
		struct entry *next = victim->newer;

		if (victim != e && victim->refs == 1)	/* evicting one in use would free nothing now */
			filecache_unlink(c, victim);
		victim = next;
	}
	if (c->used + n > c->budget)
		return false;
	c->used += n;
	e->charge += n;
	return true;
}

void filecache_uncharge(struct filecache *c, struct entry *e, size_t n)
{
	c->used -= n;
	e->charge -= n;
}

void filecache_fd_opened(struct filecache *c, struct entry *e)
{
	if (!e->linked)
		return;
	c->n_open++;
	for (struct entry *victim = c->oldest; victim && c->n_open > FILECACHE_OPEN_MAX;) {
		struct entry *next = victim->newer;

		if (victim != e && victim->fd >= 0 && victim->refs == 1)
			filecache_unlink(c, victim);
		victim = next;
	}
}

void filecache_fd_close(struct filecache *c, struct entry *e)
{
	if (e->fd < 0)
		return;
	if (e->linked)
		c->n_open--;
	close(e->fd);
	e->fd = -1;
}

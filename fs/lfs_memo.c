/* SPDX-License-Identifier: BSD-2-Clause
 *
 * See lfs_memo.h. When it is full, only every eighth pair that is missing is
 * taken in: a directory that does not fit, read from end to end again and
 * again, would otherwise always push out what is wanted next.
 */
#include "fs/lfs_memo.h"

#include "fs/fs.h"
#include "kernel/heap.h"
#include "kernel/lib/string.h"

#define SHARE	  32u			/* of the memory */
#define MIN_BYTES 4096u
#define MAX_BYTES (32u << 20)
#define PAIR_COST 512u			/* about, for the hash table's size */
#define TAKE_EVERY 8u

struct lfs_memo {
	struct list lru;		/* longest unused first */
	struct list *first, *second;	/* hash tables by block number */
	uint32_t mask;
	unsigned missed;		/* since one was taken in */
	size_t bytes, limit;
	struct lfs_memo_scratch scratch;
};

struct lfs_memo *lfs_memo_create(void)
{
	size_t limit = fs_memory_share(SHARE);
	struct lfs_memo *m = heap_zalloc(HEAP_FS, sizeof(*m));
	uint32_t n = 16;

	if (!m)
		return NULL;
	m->limit = limit < MIN_BYTES ? MIN_BYTES :
		   limit > MAX_BYTES ? MAX_BYTES : limit;
	while (n < m->limit / PAIR_COST)
		n *= 2;
	m->mask = n - 1;
	m->first = heap_alloc(HEAP_FS, 2 * n * sizeof(m->first[0]));
	if (!m->first) {
		heap_free(HEAP_FS, m);
		return NULL;
	}
	m->second = m->first + n;
	for (uint32_t i = 0; i < 2 * n; i++)
		list_init(&m->first[i]);
	list_init(&m->lru);
	return m;
}

static void drop(struct lfs_memo *m, struct lfs_memo_pair *p)
{
	list_del(&p->lru);
	list_del(&p->by_first);
	list_del(&p->by_second);
	m->bytes -= p->bytes;
	heap_free(HEAP_FS, p);
}

static bool drop_oldest(struct lfs_memo *m)
{
	if (list_empty(&m->lru))
		return false;
	drop(m, container_of(m->lru.next, struct lfs_memo_pair, lru));
	return true;
}

void lfs_memo_purge(struct lfs_memo *m)
{
	while (m && drop_oldest(m))
		;
}

void lfs_memo_destroy(struct lfs_memo *m)
{
	if (!m)
		return;
	lfs_memo_purge(m);
	heap_free(HEAP_FS, m->first);
	heap_free(HEAP_FS, m);
}

size_t lfs_memo_bytes(const struct lfs_memo *m)
{
	return m ? m->bytes : 0;
}

struct lfs_memo_scratch *lfs_memo_scratch(struct lfs_memo *m)
{
	return &m->scratch;
}

struct lfs_memo_pair *lfs_memo_find(struct lfs_memo *m,
				    const lfs2_block_t pair[2])
{
	struct list *l, *head = &m->first[pair[0] & m->mask];

	list_for_each(l, head) {
		struct lfs_memo_pair *p = container_of(l, struct lfs_memo_pair,
						       by_first);

		if (p->asked[0] != pair[0] || p->asked[1] != pair[1])
			continue;
		list_del(&p->lru);
		list_push(&m->lru, &p->lru);
		return p;
	}
	return NULL;
}

void lfs_memo_forget(struct lfs_memo *m, lfs2_block_t block)
{
	struct list *l, *tmp;

	list_for_each_safe(l, tmp, &m->first[block & m->mask]) {
		struct lfs_memo_pair *p = container_of(l, struct lfs_memo_pair,
						       by_first);

		if (p->asked[0] == block)
			drop(m, p);
	}
	list_for_each_safe(l, tmp, &m->second[block & m->mask]) {
		struct lfs_memo_pair *p = container_of(l, struct lfs_memo_pair,
						       by_second);

		if (p->asked[1] == block)
			drop(m, p);
	}
}

/* Room for one more, or is this one better left out? */
static bool make_room(struct lfs_memo *m, size_t bytes)
{
	if (m->bytes + bytes <= m->limit)
		return true;
	if (bytes > m->limit || ++m->missed < TAKE_EVERY)
		return false;
	m->missed = 0;
	while (m->bytes + bytes > m->limit && drop_oldest(m))
		;
	return true;
}

static uint8_t *text_of(struct lfs_memo_pair *p)
{
	return (uint8_t *)&p->name[p->sorted ? p->dir.count : 0];
}

struct lfs_memo_pair *lfs_memo_add(struct lfs_memo *m,
				   const lfs2_block_t asked[2],
				   const lfs2_mdir_t *dir, bool sorted,
				   const struct lfs_memo_name *names,
				   const uint8_t *block)
{
	unsigned n = sorted ? dir->count : 0;
	struct lfs_memo_pair *p;
	size_t bytes = sizeof(*p) + n * sizeof(p->name[0]);
	uint16_t off = 0;

	for (unsigned i = 0; i < n; i++)
		bytes += names[i].len;
	if (!make_room(m, bytes))
		return NULL;
	p = heap_alloc(HEAP_FS, bytes);
	if (!p)
		return NULL;
	p->asked[0] = asked[0];
	p->asked[1] = asked[1];
	p->bytes = (uint32_t)bytes;
	p->dir = *dir;
	p->sorted = sorted;
	for (unsigned i = 0; i < n; i++) {
		memcpy(text_of(p) + off, block + names[i].off, names[i].len);
		p->name[i] = names[i];
		p->name[i].off = off;
		off = (uint16_t)(off + names[i].len);
	}
	m->bytes += bytes;
	list_push(&m->lru, &p->lru);
	list_push(&m->first[asked[0] & m->mask], &p->by_first);
	list_push(&m->second[asked[1] & m->mask], &p->by_second);
	return p;
}

int lfs_memo_compare(const void *a, size_t a_len, const void *b, size_t b_len)
{
	int r = memcmp(a, b, a_len < b_len ? a_len : b_len);

	if (r)
		return r;
	return a_len == b_len ? 0 : a_len > b_len ? -1 : 1;
}

unsigned lfs_memo_search(const struct lfs_memo_pair *p, const void *name,
			 size_t len, bool *found)
{
	const uint8_t *text = (const uint8_t *)&p->name[p->dir.count];
	unsigned lo = p->dir.count && p->name[0].type == LFS_MEMO_HIDDEN;
	unsigned hi = p->dir.count;

	*found = false;
	while (lo < hi) {
		unsigned mid = lo + (hi - lo) / 2;
		int r = lfs_memo_compare(text + p->name[mid].off,
					 p->name[mid].len, name, len);

		if (r == 0) {
			*found = true;
			return mid;
		}
		if (r < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

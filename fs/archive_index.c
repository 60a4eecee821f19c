/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Building and searching the index. Order: by name with '/' below all other
 * characters, so that "a" is followed by "a/..." and only then by "a-b".
 */
#include "fs/archive_index.h"

#include <errno.h>

#include "kernel/heap.h"
#include "kernel/lib/string.h"

#define ENTRIES_MAX 1000000u
#define NAMES_MAX   (64u << 20)		/* bytes */

static const char *name_of(const struct archive_index *ix,
			   const struct archive_entry *e)
{
	return ix->names + e->name;
}

static uint32_t hash_name(const char *s, size_t len)
{
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < len; i++)
		h = (h ^ (uint8_t)s[i]) * 16777619u;
	return h ^ h >> 15;
}

static int grow(void **p, uint32_t *cap, size_t item, uint32_t need,
		uint32_t first)
{
	uint32_t n = *cap ? *cap : first;
	void *q;

	while (n < need)
		n += n / 2;
	if (n == *cap)
		return 0;
	q = heap_realloc(HEAP_FS, *p, n * item);
	if (!q)
		return -ENOMEM;
	*p = q;
	*cap = n;
	return 0;
}

static int add(struct archive_index *ix, const char *name, size_t len,
	       struct archive_entry **out)
{
	void *entries = ix->entry, *names = ix->names;
	struct archive_entry *e;
	int r;

	if (ix->n >= ENTRIES_MAX || ix->names_len + len >= NAMES_MAX)
		return -ENOMEM;
	r = grow(&entries, &ix->cap, sizeof(*e), ix->n + 1, 64);
	ix->entry = entries;
	if (r == 0)
		r = grow(&names, &ix->names_cap, 1,
			 ix->names_len + (uint32_t)len + 1, 2048);
	ix->names = names;
	if (r < 0)
		return r;
	e = &ix->entry[ix->n];
	memset(e, 0, sizeof(*e));
	e->name = ix->names_len;
	e->name_len = (uint16_t)len;
	e->order = ix->n++;
	memcpy(ix->names + e->name, name, len);
	ix->names[e->name + len] = '\0';
	ix->names_len += (uint32_t)len + 1;
	*out = e;
	return 0;
}

static int add_dir(struct archive_index *ix, const char *name, size_t len)
{
	struct archive_entry *e;
	int r = add(ix, name, len, &e);

	if (r < 0)
		return r;
	e->dir = 1;
	e->mode = 0755;
	return 0;
}

static int compare(const struct archive_index *ix, const struct archive_entry *a,
		   const struct archive_entry *b)
{
	const uint8_t *x = (const uint8_t *)name_of(ix, a);
	const uint8_t *y = (const uint8_t *)name_of(ix, b);
	int cx, cy;

	while (*x && *x == *y)
		x++, y++;
	cx = *x == '/' ? 1 : *x ? *x + 1 : 0;
	cy = *y == '/' ? 1 : *y ? *y + 1 : 0;
	if (cx != cy)
		return cx - cy;
	return a->order < b->order ? -1 : a->order > b->order;
}

static void sift(struct archive_index *ix, uint32_t i, uint32_t n)
{
	struct archive_entry t = ix->entry[i];

	for (;;) {
		uint32_t c = 2 * i + 1;

		if (c >= n)
			break;
		if (c + 1 < n && compare(ix, &ix->entry[c],
					 &ix->entry[c + 1]) < 0)
			c++;
		if (compare(ix, &t, &ix->entry[c]) >= 0)
			break;
		ix->entry[i] = ix->entry[c];
		i = c;
	}
	ix->entry[i] = t;
}

static void sort(struct archive_index *ix)
{
	for (uint32_t i = ix->n / 2; i-- > 0;)
		sift(ix, i, ix->n);
	for (uint32_t n = ix->n; n-- > 1;) {
		struct archive_entry t = ix->entry[0];

		ix->entry[0] = ix->entry[n];
		ix->entry[n] = t;
		sift(ix, 0, n);
	}
}

/* Of equal names (they are neighbours) the last stays. */
static void unique(struct archive_index *ix)
{
	uint32_t out = 0;

	for (uint32_t i = 0; i < ix->n; i++) {
		if (i + 1 < ix->n && strcmp(name_of(ix, &ix->entry[i]),
					    name_of(ix, &ix->entry[i + 1])) == 0)
			continue;
		ix->entry[out++] = ix->entry[i];
	}
	ix->n = out;
}

static int make_hash(struct archive_index *ix)
{
	uint32_t n = 16;

	while (n < 2 * ix->n)
		n *= 2;
	heap_free(HEAP_FS, ix->hash);
	ix->hash = heap_zalloc(HEAP_FS, n * sizeof(ix->hash[0]));
	if (!ix->hash)
		return -ENOMEM;
	ix->hash_mask = n - 1;
	for (uint32_t i = 0; i < ix->n; i++) {
		uint32_t h = hash_name(name_of(ix, &ix->entry[i]),
				       ix->entry[i].name_len);

		while (ix->hash[h & ix->hash_mask])
			h++;
		ix->hash[h & ix->hash_mask] = i + 1;
	}
	return 0;
}

static const struct archive_entry *lookup(const struct archive_index *ix,
					  const char *name, size_t len)
{
	uint32_t h = hash_name(name, len), i;

	while ((i = ix->hash[h & ix->hash_mask]) != 0) {
		const struct archive_entry *e = &ix->entry[i - 1];

		if (e->name_len == len && memcmp(name_of(ix, e), name, len) == 0)
			return e;
		h++;
	}
	return NULL;
}

int archive_index_find(const struct archive_index *ix, const char *path,
		       const struct archive_entry **out)
{
	size_t len = strlen(path);

	*out = lookup(ix, path, len);
	if (*out)
		return 0;
	/* Which is missing: the name, or is something on the way a file? */
	while (len > 0) {
		const struct archive_entry *e;

		while (len > 0 && path[len - 1] != '/')
			len--;
		if (len > 0)
			len--;
		e = lookup(ix, path, len);
		if (e)
			return e->dir ? -ENOENT : -ENOTDIR;
	}
	return -ENOENT;
}

/* Directories that only names of others tell of. With `ix` sorted and hashed.
 * A file in a directory's place becomes one. */
static int add_parents(struct archive_index *ix, uint32_t *added)
{
	char path[TAR_NAME_MAX + 1];
	uint32_t n = ix->n;

	for (uint32_t i = 0; i < n; i++) {
		size_t len = ix->entry[i].name_len;
		const struct archive_entry *e;
		int r;

		memcpy(path, name_of(ix, &ix->entry[i]), len + 1);
		while (len > 0 && path[len - 1] != '/')
			len--;
		if (len == 0)
			continue;
		e = lookup(ix, path, len - 1);
		if (e && e->dir)
			continue;
		if (e) {
			struct archive_entry *w = &ix->entry[e - ix->entry];

			w->dir = 1;
			w->size = 0;
			w->mode |= 0111;
			continue;
		}
		r = add_dir(ix, path, len - 1);
		if (r < 0)
			return r;
		++*added;
	}
	return 0;
}

static int finish(struct archive_index *ix)
{
	uint32_t added;
	int r;

	/* Each round adds one level; names have a limited number of them. */
	do {
		added = 0;
		sort(ix);
		unique(ix);
		r = make_hash(ix);
		if (r == 0)
			r = add_parents(ix, &added);
	} while (r == 0 && added);
	return r;
}

static int add_entry(struct archive_index *ix, const struct tar_entry *t)
{
	uint32_t block = (uint32_t)(t->data / TAR_BLOCK), i = ix->n;
	uint32_t size = (uint32_t)t->size;
	struct archive_entry *e;
	int r;

	if (t->type == TAR_OTHER || t->size > UINT32_MAX ||
	    t->data / TAR_BLOCK > UINT32_MAX) {
		ix->n_skipped++;
		return 0;
	}
	/* A hard link's target came before. Links are few: look at all. */
	while (t->type == TAR_HARDLINK && i > 0) {
		e = &ix->entry[--i];
		size = e->size;
		block = e->block;
		if (!e->dir && strcmp(name_of(ix, e), t->target) == 0)
			break;
		if (i == 0) {
			ix->n_skipped++;
			return 0;
		}
	}
	r = add(ix, t->name, strlen(t->name), &e);
	if (r < 0)
		return r;
	e->size = size;
	e->block = block;
	e->dir = t->type == TAR_DIR || !t->name[0];
	e->mode = t->mode & 07777;
	e->mtime = t->mtime > UINT32_MAX ? UINT32_MAX : (uint32_t)t->mtime;
	if (e->dir)
		e->size = 0;
	return 0;
}

int archive_index_build(struct archive_index *ix, const struct tar_source *src,
			uint64_t *where, const char **why)
{
	struct tar_entry *t = heap_alloc(HEAP_FS, sizeof(*t));
	uint64_t off = 0;
	int r = t ? add_dir(ix, "", 0) : -ENOMEM;

	*why = "";
	*where = 0;
	while (r == 0) {
		r = tar_next(src, off, t, why);
		*where = t->next;
		if (r < 0 || t->type == TAR_END)
			break;
		r = add_entry(ix, t);
		off = t->next;
	}
	heap_free(HEAP_FS, t);
	return r < 0 ? r : finish(ix);
}

void archive_index_free(struct archive_index *ix)
{
	heap_free(HEAP_FS, ix->entry);
	heap_free(HEAP_FS, ix->names);
	heap_free(HEAP_FS, ix->hash);
}

/* Below `dir`, or the same. */
static bool below(const struct archive_index *ix, const struct archive_entry *e,
		  const struct archive_entry *dir)
{
	const char *name = name_of(ix, e);

	if (dir->name_len == 0)
		return true;
	return e->name_len > dir->name_len && name[dir->name_len] == '/' &&
	       memcmp(name, name_of(ix, dir), dir->name_len) == 0;
}

uint32_t archive_index_child(const struct archive_index *ix,
			     const struct archive_entry *dir, uint32_t i,
			     char *name)
{
	size_t skip = dir->name_len ? dir->name_len + 1u : 0;
	const struct archive_entry *e = &ix->entry[i];

	if (i >= ix->n || !below(ix, e, dir))
		return 0;
	memcpy(name, name_of(ix, e) + skip, e->name_len - skip + 1);
	for (i++; i < ix->n && below(ix, &ix->entry[i], e); i++)
		;
	return i;
}

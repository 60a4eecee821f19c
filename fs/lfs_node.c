/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Nodes: the name cache and the one handle for each file.
 */
#include "fs/lfs.h"

#include <errno.h>

#include "kernel/clock.h"
#include "kernel/lib/string.h"

#define NODE_COST   256u	/* bytes, about, for the share of memory */
#define HANDLE_COST 1024u

static uint32_t hash_path(const char *path, size_t len)
{
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < len; i++)
		h = (h ^ (uint8_t)path[i]) * 16777619u;
	return h ^ h >> 15;
}

static struct lfs_node *find(struct lfs_volume *v, const char *path, size_t len,
			     uint32_t hash)
{
	struct list *l, *head = &v->bucket[hash & v->mask];

	list_for_each(l, head) {
		struct lfs_node *n = container_of(l, struct lfs_node, hash);

		if (n->hash_val == hash && n->path_len == len &&
		    memcmp(n->path, path, len) == 0)
			return n;
	}
	return NULL;
}

struct lfs_node *lfs_node_find(struct lfs_volume *v, const char *path)
{
	size_t len = strlen(path);

	return find(v, path, len, hash_path(path, len));
}

static void node_hash(struct lfs_volume *v, struct lfs_node *n)
{
	n->hash_val = hash_path(n->path, n->path_len);
	list_push(&v->bucket[n->hash_val & v->mask], &n->hash);
}

uint64_t lfs_node_size(struct lfs_volume *v, const struct lfs_node *n)
{
	lfs2_soff_t size;

	if (!n->h)
		return n->size;
	size = lfs2_file_size(&v->lfs, &n->h->file);
	return size < 0 ? 0 : (uint64_t)size;
}

/* The handle goes; the node keeps what stat() wants. Clean handles only,
 * except for a nameless node's. No I/O, no allocation. */
static void handle_close(struct lfs_volume *v, struct lfs_node *n)
{
	struct lfs_handle *h = n->h;

	if (!h)
		return;
	n->size = (uint32_t)lfs_node_size(v, n);
	v->used_known = false;
	/* What is dirty here has no name or was lost: nothing to commit. */
	h->file.flags |= LFS2_F_ERRED;
	(void)lfs2_file_close(&v->lfs, &h->file);
	if (!list_empty(&h->lru)) {
		list_del(&h->lru);
		v->n_handles--;
	}
	n->h = NULL;
	heap_free(HEAP_FS, h);
}

static void node_free(struct lfs_volume *v, struct lfs_node *n)
{
	handle_close(v, n);
	if (!list_empty(&n->lru)) {
		list_del(&n->lru);
		v->n_idle--;
	}
	list_del(&n->hash);
	heap_free(HEAP_FS, n->path);
	heap_free(HEAP_FS, n);
}

static struct lfs_node *first_idle(struct lfs_volume *v)
{
	return list_empty(&v->idle) ? NULL :
	       container_of(v->idle.next, struct lfs_node, lru);
}

void lfs_nodes_purge(struct lfs_volume *v)
{
	while (first_idle(v))
		node_free(v, first_idle(v));
}

/* Other threads may be inside littlefs, in the middle of its list of handles:
 * then nothing can go. */
static size_t shrink(void *arg, size_t want)
{
	size_t got = 0;
	struct list *l;

	(void)arg;
	list_for_each(l, &lfs_volumes) {
		struct lfs_volume *v = container_of(l, struct lfs_volume, all);

		if (v->m.lock.owner || v->mounting)
			continue;
		while (got < want && first_idle(v)) {
			got += first_idle(v)->h ? HANDLE_COST : NODE_COST;
			node_free(v, first_idle(v));
		}
		if (got < want && v->memo) {
			got += lfs_memo_bytes(v->memo);
			lfs_memo_purge(v->memo);
		}
	}
	return got;
}

static struct heap_shrinker node_shrinker = { .shrink = shrink };

static unsigned clamp(size_t v, unsigned lo, unsigned hi)
{
	return v < lo ? lo : v > hi ? hi : (unsigned)v;
}

int lfs_nodes_init(struct lfs_volume *v)
{
	static bool registered;
	uint32_t n = 64;

	v->max_idle = clamp(fs_memory_share(32) / NODE_COST, 64, 65536);
	/* littlefs walks its list of them at each commit and close. */
	v->max_handles = clamp(fs_memory_share(32) / HANDLE_COST, 16, 64);
	while (n < v->max_idle)
		n *= 2;
	v->mask = n - 1;
	v->bucket = heap_alloc(HEAP_FS, n * sizeof(v->bucket[0]));
	if (!v->bucket)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++)
		list_init(&v->bucket[i]);
	list_init(&v->idle);
	list_init(&v->handles);
	v->memo = lfs_memo_create();
	if (!registered)
		heap_add_shrinker(&node_shrinker);
	registered = true;
	return 0;
}

void lfs_nodes_fini(struct lfs_volume *v)
{
	lfs_nodes_purge(v);
	heap_free(HEAP_FS, v->bucket);
	lfs_memo_destroy(v->memo);
	v->memo = NULL;
}

static void handle_setup(struct lfs_volume *v, struct lfs_node *n,
			 struct lfs_handle *h)
{
	memset(h, 0, sizeof(*h));
	list_init(&h->lru);
	h->node = n;
	h->attrs[0] = (struct lfs2_attr){ LFS_ATTR_MTIME, &n->mtime, 8 };
	h->attrs[1] = (struct lfs2_attr){ LFS_ATTR_MODE, &n->mode, 4 };
	h->cfg.buffer = h->buf;
	h->cfg.attrs = h->attrs;
	h->cfg.attr_count = 2;
	(void)v;
}

/* littlefs' number. Sets kind, mtime, mode for files. */
static int handle_open(struct lfs_volume *v, struct lfs_node *n, int how)
{
	struct lfs_handle *h = heap_alloc(HEAP_FS, sizeof(*h) +
					  v->cfg.cache_size);
	int r;

	if (!h)
		return LFS2_ERR_NOMEM;
	handle_setup(v, n, h);
	n->mode = LFS_MODE_ABSENT;
	n->mtime = 0;
	/* For reading, so that littlefs fetches the attributes; the handle
	 * becomes writable when somebody writes (lfs_may_write). */
	r = lfs2_file_opencfg(&v->lfs, &h->file, n->path, LFS2_O_RDONLY | how,
			      &h->cfg);
	if (r < 0) {
		heap_free(HEAP_FS, h);
		return r;
	}
	h->file.flags &= ~(uint32_t)how;
	n->h = h;
	n->kind = LFS_FILE;
	n->mode_stored = n->mode != LFS_MODE_ABSENT;
	n->mode = n->mode_stored ? n->mode & 07777 : LFS_MODE_FILE;
	h->cfg.attr_count = n->mode_stored ? 2 : 1;
	return 0;
}

static int dir_attrs(struct lfs_volume *v, struct lfs_node *n)
{
	int r;

	n->kind = LFS_DIR;
	n->mtime = 0;
	n->mode = LFS_MODE_DIR;
	r = lfs2_getattr(&v->lfs, n->path, LFS_ATTR_MTIME, &n->mtime, 8);
	if (r < 0 && r != LFS2_ERR_NOATTR)
		return r;
	r = lfs2_getattr(&v->lfs, n->path, LFS_ATTR_MODE, &n->mode, 4);
	if (r == LFS2_ERR_NOATTR)
		n->mode = LFS_MODE_DIR;
	n->mode &= 07777;
	return r < 0 && r != LFS2_ERR_NOATTR ? r : 0;
}

/* Asks the volume what the path is. */
static int node_load(struct lfs_volume *v, struct lfs_node *n)
{
	int r = n->path_len ? handle_open(v, n, 0) : LFS2_ERR_ISDIR;

	if (r == LFS2_ERR_NOENT) {
		n->kind = LFS_ABSENT;
		return 0;
	}
	if (r == LFS2_ERR_ISDIR)
		r = dir_attrs(v, n);
	return lfs_result(v, r, n->path);
}

static struct lfs_node *node_new(const char *path)
{
	struct lfs_node *n = heap_zalloc(HEAP_FS, sizeof(*n));

	if (!n)
		return NULL;
	n->path_len = strlen(path);
	n->path = heap_alloc(HEAP_FS, n->path_len + 1);
	if (!n->path) {
		heap_free(HEAP_FS, n);
		return NULL;
	}
	memcpy(n->path, path, n->path_len + 1);
	n->ino = n->path_len ? fs_path_ino(path, n->path_len) : 1;
	list_init(&n->hash);
	list_init(&n->lru);
	return n;
}

static void take(struct lfs_volume *v, struct lfs_node *n)
{
	if (n->refs++)
		return;
	if (!list_empty(&n->lru)) {
		list_del(&n->lru);
		v->n_idle--;
	}
	if (n->h && !list_empty(&n->h->lru)) {
		list_del(&n->h->lru);
		v->n_handles--;
	}
}

int lfs_node_get(struct lfs_volume *v, const char *path, struct lfs_node **out)
{
	struct lfs_node *n = lfs_node_find(v, path);
	int r;

	if (n) {
		take(v, n);
		*out = n;
		return 0;
	}
	n = node_new(path);
	if (!n)
		return -ENOMEM;
	r = node_load(v, n);
	if (r < 0) {
		node_free(v, n);
		return r;
	}
	node_hash(v, n);
	n->refs = 1;
	*out = n;
	return 0;
}

int lfs_node_open(struct lfs_volume *v, struct lfs_node *n)
{
	return n->h ? 0 : lfs_result(v, handle_open(v, n, 0), n->path);
}

int lfs_node_create(struct lfs_volume *v, struct lfs_node *n, uint32_t mode)
{
	uint64_t now = clock_wall();
	const struct lfs2_attr born[2] = {
		{ LFS_ATTR_MTIME, &now, 8 }, { LFS_ATTR_MODE, &mode, 4 },
	};
	int r = lfs_may_write(v);

	if (r < 0)
		return r;
	v->new_attrs = born;
	v->n_new_attrs = mode == LFS_MODE_FILE ? 1 : 2;
	r = handle_open(v, n, LFS2_O_CREAT | LFS2_O_EXCL);
	v->new_attrs = NULL;
	if (r == 0) {
		lfs_names_changed(v, n->path);
		return 0;
	}
	/* The name is there, perhaps: whoever comes next looks again. */
	list_del(&n->hash);
	/* The name's length was checked; littlefs says this of a full block. */
	return lfs_result(v, r == LFS2_ERR_NAMETOOLONG ? LFS2_ERR_NOSPC : r,
			  n->path);
}

void lfs_node_put(struct lfs_volume *v, struct lfs_node *n)
{
	if (--n->refs)
		return;
	/* A sticky error dies with its last user; the cache would repeat it. */
	if (list_empty(&n->hash) || n->error) {
		node_free(v, n);
		return;
	}
	list_push(&v->idle, &n->lru);
	v->n_idle++;
	if (n->h) {
		list_push(&v->handles, &n->h->lru);
		v->n_handles++;
	}
	if (v->n_handles > v->max_handles)
		handle_close(v, container_of(v->handles.next, struct lfs_handle,
					     lru)->node);
	if (v->n_idle > v->max_idle)
		node_free(v, first_idle(v));
}

void lfs_node_forget(struct lfs_volume *v, const char *path)
{
	struct lfs_node *n = lfs_node_find(v, path);

	if (n && n->refs == 0)
		node_free(v, n);
	else if (n)
		list_del(&n->hash);
}

void lfs_node_unname(struct lfs_volume *v, struct lfs_node *n)
{
	(void)v;
	list_del(&n->hash);
	n->unlinked = true;
}

/* Is `path` `top` or below it? */
static bool is_below(const struct lfs_node *n, const char *top, size_t top_len)
{
	return n->path_len >= top_len && memcmp(n->path, top, top_len) == 0 &&
	       (n->path_len == top_len || n->path[top_len] == '/');
}

int lfs_nodes_prepare_move(struct lfs_volume *v, const char *from,
			   const char *to)
{
	size_t from_len = strlen(from), to_len = strlen(to);
	struct list *l;
	char *p;

	lfs_nodes_purge(v);
	for (uint32_t b = 0; b <= v->mask; b++) {
		list_for_each(l, &v->bucket[b]) {
			struct lfs_node *n = container_of(l, struct lfs_node,
							  hash);

			if (!is_below(n, from, from_len) || to_len <= from_len)
				continue;
			p = heap_realloc(HEAP_FS, n->path,
					 n->path_len + to_len - from_len + 1);
			if (!p)
				return -ENOMEM;
			n->path = p;
		}
	}
	return 0;
}

void lfs_nodes_move(struct lfs_volume *v, const char *from, const char *to)
{
	size_t from_len = strlen(from), to_len = strlen(to);
	struct list moved = LIST_INIT(moved), *l, *tmp;

	for (uint32_t b = 0; b <= v->mask; b++) {
		list_for_each_safe(l, tmp, &v->bucket[b]) {
			struct lfs_node *n = container_of(l, struct lfs_node,
							  hash);

			if (!is_below(n, from, from_len))
				continue;
			list_del(&n->hash);
			list_push(&moved, &n->hash);
		}
	}
	while ((l = list_pop(&moved)) != NULL) {
		struct lfs_node *n = container_of(l, struct lfs_node, hash);

		memmove(n->path + to_len, n->path + from_len,
			n->path_len - from_len + 1);
		memcpy(n->path, to, to_len);
		n->path_len += to_len - from_len;
		node_hash(v, n);
	}
}

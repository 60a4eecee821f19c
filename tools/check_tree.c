/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Checking a volume's tree: from the root on, each directory's pairs, each
 * entry's name, kind, attributes and order. No recursion: directories wait in
 * the list of nodes.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/check_impl.h"

struct dir_at {				/* the directory being read */
	uint32_t node;
	char last[256];			/* the entry before */
	uint32_t last_len;
	bool any;
};

void cv_clean(char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < ' ' || *s == 0x7f)
			*s = '?';
}

const char *cv_path(struct cv *v, uint32_t node)
{
	char *buf = v->path[v->n_paths++ % CV_PATHS];
	char *end = buf + sizeof(v->path[0]) - 1, *p = end;

	*p = '\0';
	/* Parents come first, so this ends. */
	for (uint32_t n = node; n > 1; n = v->node[n].parent) {
		const char *name = v->names + v->node[n].name;
		size_t len = strlen(name);

		if ((size_t)(p - buf) < len + 5) {
			p -= 3;
			memcpy(p, "...", 3);
			break;
		}
		p -= len;
		memcpy(p, name, len);
		*--p = '/';
	}
	return p == end ? "/" : p;
}

/* Node 0 is nobody, 1 the root. CV_NO: no memory. */
static uint32_t add_node(struct cv *v, uint32_t parent, const char *name,
			 uint32_t len)
{
	struct cv_node *n;

	if (!cv_grow(v, (void **)&v->node, v->n_nodes + 1, &v->cap_nodes,
		     sizeof(*v->node)))
		return CV_NO;
	while (v->names_len + len + 1 > v->names_cap)
		if (!cv_grow(v, (void **)&v->names, v->names_cap, &v->names_cap,
			     1))
			return CV_NO;
	if (!v->n_nodes)
		v->n_nodes = 1;
	n = &v->node[v->n_nodes];
	memset(n, 0, sizeof(*n));
	n->parent = parent;
	n->name = v->names_len;
	n->mdir = CV_NO;
	memcpy(v->names + v->names_len, name, len);
	v->names[v->names_len + len] = '\0';
	cv_clean(v->names + v->names_len);
	v->names_len += len + 1;
	return v->n_nodes++;
}

/* littlefs' order: by bytes, a name before its own beginning. */
static int compare_names(const char *a, uint32_t a_len, const char *b,
			 uint32_t b_len)
{
	int r = memcmp(a, b, a_len < b_len ? a_len : b_len);

	return r ? r : a_len > b_len ? -1 : a_len < b_len;
}

static void check_name(struct cv *v, struct dir_at *d, uint32_t node,
		       const char *name, uint32_t len)
{
	const char *path = cv_path(v, node), *why = NULL;
	uint32_t most = v->name_max && v->name_max < 255 ? v->name_max : 255;

	if (len == 0)
		why = "an entry without a name";
	else if (len > most)
		why = "the name is too long";
	else if (memchr(name, '/', len) || memchr(name, '\0', len))
		why = "the name has a character that a name cannot have";
	else if ((len == 1 && name[0] == '.') ||
		 (len == 2 && name[0] == '.' && name[1] == '.'))
		why = "a name that is not one";
	if (why)
		check_problem(v->c, "%s: %s", path, why);
	if (d->any && len <= 255) {
		int r = compare_names(d->last, d->last_len, name, len);

		if (r == 0)
			check_problem(v->c, "%s: the name is there twice", path);
		else if (r > 0)
			check_problem(v->c, "%s: the name is out of order and "
				      "may not be found", path);
	}
	d->any = true;
	d->last_len = len < 255 ? len : 255;
	memcpy(d->last, name, d->last_len);
}

static void check_attrs(struct cv *v, const struct meta_entry *e, uint32_t node)
{
	if (e->mtime.there && e->mtime.len != 8)
		check_problem(v->c, "%s: the modification time has %u bytes, "
			      "not 8", cv_path(v, node), e->mtime.len);
	if (e->mode.there && e->mode.len != 4)
		check_problem(v->c, "%s: the permissions have %u bytes, not 4",
			      cv_path(v, node), e->mode.len);
	else if (e->mode.there && meta_u32(v->m, e->mode.off) > 07777)
		check_problem(v->c, "%s: the permissions are %o", cv_path(v, node),
			      meta_u32(v->m, e->mode.off));
	if (e->other)
		check_note(v->c, "%s: has an attribute that Glint does not know",
			   cv_path(v, node));
}

static void check_body(struct cv *v, const struct meta_entry *e, uint32_t node)
{
	const struct meta_span *s = &e->body;
	uint32_t a = s->len == 8 ? meta_u32(v->m, s->off) : 0;
	uint32_t b = s->len == 8 ? meta_u32(v->m, s->off + 4) : 0;

	if (!s->there) {
		check_problem(v->c, "%s: an entry without content",
			      cv_path(v, node));
	} else if (e->kind == 2 && e->what == 0x200 && s->len == 8) {
		v->c->n_dirs++;
		v->node[node].pair[0] = a;
		v->node[node].pair[1] = b;
		v->node[node].mdir = 0;		/* to be found */
	} else if (e->kind == 1 && e->what == 0x201) {
		v->c->n_files++;
	} else if (e->kind == 1 && e->what == 0x202 && s->len == 8) {
		v->c->n_files++;
		if (v->file_max && b > v->file_max)
			check_problem(v->c, "%s: has %u bytes, more than a file "
				      "of this volume can have (%u)",
				      cv_path(v, node), b, v->file_max);
		else
			cv_check_file(v, node, a, b);
	} else {
		check_problem(v->c, "%s: neither a file nor a directory (kind "
			      "%x, content %x of %u bytes)", cv_path(v, node),
			      e->kind, e->what, s->len);
	}
}

/* The entries of v->m, which is part `at` of the directory. */
static void check_entries(struct cv *v, struct dir_at *d, uint32_t at)
{
	for (unsigned id = 0; id < v->m->n && !v->error; id++) {
		const struct meta_entry *e = &v->m->e[id];
		const char *name = (const char *)v->m->b + e->name.off;
		uint32_t node;

		if (e->kind == 0xff ||
		    cv_move_pending(v, v->mdir[at].pair, id))
			continue;
		if (!e->kind || !e->name.there) {
			check_problem(v->c, "%s: entry %u has no name (metadata "
				      "{%u, %u})", cv_path(v, d->node), id,
				      v->mdir[at].pair[0], v->mdir[at].pair[1]);
			continue;
		}
		node = add_node(v, d->node, name, e->name.len);
		if (node == CV_NO)
			return;
		check_name(v, d, node, name, e->name.len);
		check_attrs(v, e, node);
		check_body(v, e, node);
	}
}

/* The pair that a directory's entry or a pair before it names, as one of the
 * list; else why not, and what can still be read of it. */
static uint32_t resolve(struct cv *v, uint32_t node, const uint32_t pair[2])
{
	uint32_t at = cv_find_mdir(v, pair);
	const char *path = cv_path(v, node);

	if (at == CV_NO) {
		if (!v->list_broken)
			check_problem(v->c, "%s: its metadata {%u, %u} is not in "
				      "the list of directories", path, pair[0],
				      pair[1]);
		at = cv_add_mdir(v, pair, path);
		return at;
	}
	if (v->mdir[at].visited) {
		check_problem(v->c, "%s: its metadata {%u, %u} belongs to "
			      "another directory", path, pair[0], pair[1]);
		return CV_NO;
	}
	if (pair[0] + pair[1] != v->mdir[at].pair[0] + v->mdir[at].pair[1] ||
	    !cv_pair_overlaps(pair, v->mdir[at].pair)) {
		if (cv_orphans(v))
			check_note(v->c, "%s: one of its metadata blocks was "
				   "being moved", path);
		else
			check_problem(v->c, "%s: its metadata is {%u, %u} here "
				      "and {%u, %u} in the list of directories",
				      path, pair[0], pair[1],
				      v->mdir[at].pair[0], v->mdir[at].pair[1]);
	}
	return v->mdir[at].current == CV_NO ? CV_NO : at;
}

static void walk_dir(struct cv *v, uint32_t node, uint32_t at)
{
	struct dir_at d = { .node = node };

	while (at != CV_NO && !v->error) {
		uint32_t tail[2];

		v->mdir[at].visited = true;
		if (cv_fetch(v, v->mdir[at].pair, cv_path(v, node)) == CV_NO)
			return;
		check_entries(v, &d, at);
		if (!v->mdir[at].split || v->error)
			return;
		memcpy(tail, v->mdir[at].tail, sizeof(tail));
		at = resolve(v, node, tail);
		if (at != CV_NO)
			v->mdir[at].inner = true;
	}
}

void cv_walk_tree(struct cv *v)
{
	uint32_t root = add_node(v, 0, "", 0), next = root;

	if (root == CV_NO)
		return;
	v->c->n_dirs++;
	walk_dir(v, root, v->root);
	while (++next < v->n_nodes && !v->error) {
		uint32_t pair[2], at;

		if (v->node[next].mdir == CV_NO)
			continue;
		memcpy(pair, v->node[next].pair, sizeof(pair));
		at = resolve(v, next, pair);
		if (at != CV_NO && v->mdir[at].inner && !v->list_broken)
			check_problem(v->c, "%s: its metadata {%u, %u} is the "
				      "rest of another directory",
				      cv_path(v, next), pair[0], pair[1]);
		else
			walk_dir(v, next, at);
	}
}

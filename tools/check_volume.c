/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Checking a littlefs volume: the superblock, the list of all metadata pairs
 * from {0, 1} on, what is half done; then the tree (check_tree.c).
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/check_impl.h"

#define NAME_MAX_MOST 255u
#define FILE_MAX_MOST 0x7fffffffu
#define FORMAT_VERSION 1u

bool cv_read(struct cv *v, uint32_t block, void *buf, uint32_t len,
	     const char *who)
{
	int r = blkdev_read(v->bd, (uint64_t)block * CV_BLOCK, buf, len);

	if (r < 0)
		check_problem(v->c, "%s: block %u cannot be read: %s", who, block,
			      strerror(-r));
	return r == 0;
}

bool cv_grow(struct cv *v, void **array, uint32_t n, uint32_t *cap, size_t size)
{
	uint32_t want = *cap ? 2 * *cap : 1024;
	void *p;

	if (n < *cap)
		return true;
	p = want > *cap ? realloc(*array, (size_t)want * size) : NULL;
	if (!p) {
		v->error = -ENOMEM;
		return false;
	}
	*array = p;
	*cap = want;
	return true;
}

/* Who has a block already, for a message. */
static const char *owner_name(struct cv *v, uint32_t owner, char *buf,
			      size_t size)
{
	if (owner & CV_META) {
		const struct cv_mdir *d = &v->mdir[owner & ~CV_META];

		snprintf(buf, size, "metadata {%u, %u}", d->pair[0], d->pair[1]);
	} else {
		snprintf(buf, size, "%s", cv_path(v, owner));
	}
	return buf;
}

bool cv_claim(struct cv *v, uint32_t block, uint32_t owner, const char *who)
{
	char other[600];

	if (block >= v->n_blocks) {
		check_problem(v->c, "%s: block %u lies outside the volume of %u",
			      who, block, v->n_blocks);
		return false;
	}
	if (v->owner[block]) {
		check_problem(v->c, "%s: block %u is in use by %s too", who,
			      block, owner_name(v, v->owner[block], other,
						sizeof(other)));
		return false;
	}
	v->owner[block] = owner;
	v->n_used++;
	return true;
}

bool cv_pair_overlaps(const uint32_t a[2], const uint32_t b[2])
{
	return a[0] == b[0] || a[0] == b[1] || a[1] == b[0] || a[1] == b[1];
}

uint32_t cv_find_mdir(const struct cv *v, const uint32_t pair[2])
{
	for (int i = 0; i < 2; i++)
		if (pair[i] < v->n_blocks && (v->owner[pair[i]] & CV_META))
			return v->owner[pair[i]] & ~CV_META;
	return CV_NO;
}

bool cv_move_pending(const struct cv *v, const uint32_t pair[2], unsigned id)
{
	uint32_t tag = v->gstate[0];

	return (tag >> 20 & 0x700) && (tag >> 10 & 0x3ff) == id &&
	       cv_pair_overlaps(v->gstate + 1, pair);
}

bool cv_orphans(const struct cv *v)
{
	return v->gstate[0] >> 31;	/* how many is not on the disk */
}

static void swap_meta(struct cv *v)
{
	struct meta *m = v->m;

	v->m = v->other;
	v->other = m;
}

/* What the blocks of a pair, the current one in v->m, say of their health. */
static void look_at_pair(struct cv *v, uint32_t block, uint32_t other,
			 const char *who)
{
	if (v->m->lost)
		check_problem(v->c, "%s: metadata block %u is damaged at byte "
			      "%u: newer commits behind it are lost", who, block,
			      v->m->end);
	else if (v->m->torn)
		check_note(v->c, "%s: metadata block %u has something unfinished "
			   "at byte %u (a power cut, or damage)", who, block,
			   v->m->end);
	/* The revision is written last of a block: the next one, and nothing
	 * behind it, is no power cut. */
	if (!v->other->good && v->other->rev - v->m->rev == 1)
		check_problem(v->c, "%s: metadata block %u is damaged; an older "
			      "state, in block %u, is in use", who, other, block);
	else if (!v->other->good && v->other->lost)
		check_problem(v->c, "%s: the beginning of metadata block %u is "
			      "damaged; an older state, in block %u, is in use",
			      who, other, block);
}

uint32_t cv_fetch(struct cv *v, const uint32_t pair[2], const char *who)
{
	uint32_t now = 0;

	for (uint32_t i = 0; i < 2; i++) {
		struct meta *m = i ? v->other : v->m;

		memset(m->b, 0, sizeof(m->b));
		if (cv_read(v, pair[i], m->b, CV_BLOCK, who))
			meta_parse(m);
		else
			m->good = m->lost = m->torn = false;
	}
	/* Revisions go round. */
	if (v->other->good && (!v->m->good ||
			       (int32_t)(v->other->rev - v->m->rev) > 0)) {
		swap_meta(v);
		now = 1;
	}
	if (!v->m->good) {
		check_problem(v->c, "%s: neither block of the metadata pair {%u, "
			      "%u} is good", who, pair[0], pair[1]);
		return CV_NO;
	}
	return now;
}

uint32_t cv_add_mdir(struct cv *v, const uint32_t pair[2], const char *who)
{
	uint32_t index = v->n_mdirs, now;
	struct cv_mdir *d;

	if (!cv_grow(v, (void **)&v->mdir, v->n_mdirs, &v->cap_mdirs,
		     sizeof(*v->mdir)))
		return CV_NO;
	d = &v->mdir[v->n_mdirs++];
	memset(d, 0, sizeof(*d));
	memcpy(d->pair, pair, sizeof(d->pair));
	d->tail[0] = d->tail[1] = d->current = CV_NO;
	if (!cv_claim(v, pair[0], CV_META | index, who) ||
	    !cv_claim(v, pair[1], CV_META | index, who))
		return CV_NO;
	now = cv_fetch(v, pair, who);
	if (now == CV_NO)
		return CV_NO;
	d->current = now;
	look_at_pair(v, pair[now], pair[!now], who);
	memcpy(d->tail, v->m->tail, sizeof(d->tail));
	d->split = v->m->split;
	for (int i = 0; i < 3; i++)
		v->gstate[i] ^= v->m->gstate[i];
	return index;
}

static bool in_range(struct cv *v, const char *what, uint32_t value,
		     uint32_t most)
{
	if (value <= most)
		return true;
	check_problem(v->c, "superblock: the limit on %s is %u, this Glint knows "
		      "up to %u", what, value, most);
	return false;
}

/* The superblock entry of the pair at hand. False: nothing more can be done. */
static bool check_super(struct cv *v, uint64_t device_blocks)
{
	const struct meta_entry *e = &v->m->e[0];
	uint32_t off = e->body.off, version, count;

	if (v->m->n == 0 || e->kind != 0xff || e->name.len != 8 ||
	    memcmp(v->m->b + e->name.off, "littlefs", 8) != 0 ||
	    e->what != 0x201 || e->body.len < 24) {
		check_problem(v->c, "superblock: not one of littlefs (block 0)");
		return false;
	}
	version = meta_u32(v->m, off);
	if (version >> 16 != 2 || (version & 0xffff) > 1) {
		check_problem(v->c, "superblock: disk version %u.%u, this Glint "
			      "knows 2.0 and 2.1", version >> 16,
			      version & 0xffff);
		return false;
	}
	if (meta_u32(v->m, off + 4) != CV_BLOCK) {
		check_problem(v->c, "superblock: blocks of %u bytes, this Glint "
			      "knows 4096", meta_u32(v->m, off + 4));
		return false;
	}
	count = meta_u32(v->m, off + 8);
	if (count > device_blocks)
		check_problem(v->c, "superblock: the volume has %u blocks of 4 "
			      "KiB, the disk only %llu: it was cut short", count,
			      (unsigned long long)device_blocks);
	if (count < 2) {
		check_problem(v->c, "superblock: the volume has %u blocks", count);
		return false;
	}
	v->n_blocks = count < device_blocks ? count : (uint32_t)device_blocks;
	v->name_max = meta_u32(v->m, off + 12);
	v->file_max = meta_u32(v->m, off + 16);
	in_range(v, "names", v->name_max, NAME_MAX_MOST);
	in_range(v, "files", v->file_max, FILE_MAX_MOST);
	in_range(v, "attributes", meta_u32(v->m, off + 20), 1022);
	return true;
}

/* The root's own: entry 0 of its pair is the superblock's. */
static void check_root_attrs(struct cv *v)
{
	const struct meta_span *s = &v->m->e[0].version;

	if (!s->there)
		return;
	if (s->len != 4)
		check_problem(v->c, "/: the format version has %u bytes, not 4",
			      s->len);
	else if (meta_u32(v->m, s->off) > FORMAT_VERSION)
		check_problem(v->c, "/: format version %u, this Glint knows up "
			      "to %u", meta_u32(v->m, s->off), FORMAT_VERSION);
}

/* All metadata pairs, one after another. False: not even the first. */
static bool walk_list(struct cv *v, uint64_t device_blocks)
{
	uint32_t pair[2] = { 0, 1 }, at;
	bool inner = false;
	char who[64];

	while (pair[0] != CV_NO && pair[1] != CV_NO) {
		snprintf(who, sizeof(who), "list of directories: {%u, %u}",
			 pair[0], pair[1]);
		if (cv_find_mdir(v, pair) != CV_NO) {
			check_problem(v->c, "%s: it leads back there", who);
			v->list_broken = true;
			return true;
		}
		at = cv_add_mdir(v, pair, v->n_mdirs ? who : "superblock");
		if (at == CV_NO && v->n_mdirs <= 1)
			return false;
		if (at == CV_NO) {
			v->list_broken = true;
			return true;
		}
		if (at == 0 && !check_super(v, device_blocks))
			return false;
		v->mdir[at].inner = inner;
		inner = v->mdir[at].split;
		/* The root is the last one that has a superblock. */
		if (v->m->n && v->m->e[0].kind == 0xff) {
			v->root = at;
			check_root_attrs(v);
		}
		memcpy(pair, v->mdir[at].tail, sizeof(pair));
	}
	return true;
}

static void check_gstate(struct cv *v)
{
	if (cv_orphans(v)) {
		check_note(v->c, "a directory was being made or removed when it "
			   "was cut off; --repair tidies up");
		v->c->unfinished = true;
	}
	if (v->gstate[0] >> 20 & 0x700) {
		check_note(v->c, "a rename was cut off (metadata {%u, %u}, entry "
			   "%u): it is done, and the old name is still to go; "
			   "--repair finishes it", v->gstate[1], v->gstate[2],
			   v->gstate[0] >> 10 & 0x3ff);
		v->c->unfinished = true;
		if (cv_find_mdir(v, v->gstate + 1) == CV_NO &&
		    !v->list_broken)
			check_problem(v->c, "the rename that was cut off names "
				      "metadata {%u, %u}, which there is not",
				      v->gstate[1], v->gstate[2]);
	}
}

/* Pairs that the list has and no directory. */
static void check_orphans(struct cv *v)
{
	for (uint32_t i = 0; i < v->n_mdirs; i++) {
		const struct cv_mdir *d = &v->mdir[i];

		/* Those before the root only carry superblocks. */
		if (d->visited || d->current == CV_NO || i < v->root || d->inner)
			continue;
		if (cv_orphans(v))
			check_note(v->c, "metadata {%u, %u} belongs to no "
				   "directory (yet, or any more)", d->pair[0],
				   d->pair[1]);
		else
			check_problem(v->c, "metadata {%u, %u} belongs to no "
				      "directory", d->pair[0], d->pair[1]);
		v->c->unfinished = true;
	}
}

static void free_all(struct cv *v)
{
	free(v->owner);
	free(v->mdir);
	free(v->node);
	free(v->names);
	free(v->m);
	free(v->other);
	free(v);
}

int check_volume(struct check *c, struct blkdev *bd)
{
	uint64_t blocks = bd->n_sectors / (CV_BLOCK / BLK_SECTOR);
	struct cv *v = calloc(1, sizeof(*v));
	int r;

	if (!v)
		return -ENOMEM;
	v->c = c;
	v->bd = bd;
	v->n_blocks = blocks > INT32_MAX ? INT32_MAX : (uint32_t)blocks;
	v->m = calloc(1, sizeof(*v->m));
	v->other = calloc(1, sizeof(*v->other));
	/* Untouched pages of it cost nothing. */
	v->owner = calloc((size_t)v->n_blocks + 1, sizeof(*v->owner));
	if (!v->m || !v->other || !v->owner) {
		v->error = -ENOMEM;
	} else if (walk_list(v, blocks) && !v->error) {
		check_gstate(v);
		cv_walk_tree(v);
		check_orphans(v);
	}
	c->n_blocks = v->n_blocks;
	c->n_used = v->n_used;
	r = v->error;
	free_all(v);
	return r;
}

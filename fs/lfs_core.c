/* SPDX-License-Identifier: BSD-2-Clause
 *
 * littlefs itself, unpatched, as part of this file; and the places where we
 * stand between its functions. Its lfs2_dir_fetchmatch() reads a metadata
 * pair from end to end, checks its sums and compares its names, for each pair
 * of a directory and each look at a path: 2 ms for 10,000 names. Calls of it
 * are answered from fs/lfs_memo.h where that knows the pair, with exactly what
 * littlefs itself would have said (LFS_MEMO_CHECK compares each answer). The
 * other places are in fs/lfs_fast.inc and fs/lfs_compact.inc.
 *
 * The macros below see a function's name with its arguments, in its definition
 * and in its calls. A definition's begin with the type lfs2_t, a call's with
 * the variable lfs2: what is pasted onto that tells them apart.
 */
#include "fs/lfs.h"
#include "fs/lfs_memo.h"

static int32_t memo_fetchmatch(lfs2_t *lfs2, lfs2_mdir_t *dir,
			       const lfs2_block_t pair[2], uint32_t fmask,
			       uint32_t ftag, uint16_t *id,
			       int (*cb)(void *, uint32_t, const void *),
			       void *data);
static int memo_flush(lfs2_t *lfs2, lfs2_cache_t *pcache, lfs2_cache_t *rcache,
		      bool validate);
static int memo_erase(lfs2_t *lfs2, lfs2_block_t block);
static int commit(lfs2_t *lfs2, lfs2_mdir_t *dir, const void *attrs, int n);
static int traverse(lfs2_t *lfs2, const lfs2_mdir_t *dir, uint32_t off,
		    uint32_t ptag, const void *attrs, int n_attrs,
		    uint32_t tmask, uint32_t ttag, uint16_t begin, uint16_t end,
		    int16_t diff, int (*cb)(void *, uint32_t, const void *),
		    void *data);
static int extend(lfs2_t *lfs2, lfs2_cache_t *pcache, lfs2_cache_t *rcache,
		  lfs2_block_t head, lfs2_size_t size, lfs2_block_t *block,
		  lfs2_off_t *off);
static int read_direct(lfs2_t *lfs2, const lfs2_cache_t *pcache,
		       lfs2_cache_t *rcache, lfs2_size_t hint,
		       lfs2_block_t block, lfs2_off_t off, void *buf,
		       lfs2_size_t size);
static int find(lfs2_t *lfs2, const lfs2_cache_t *pcache, lfs2_cache_t *rcache,
		lfs2_block_t head, lfs2_size_t size, lfs2_size_t pos,
		lfs2_block_t *block, lfs2_off_t *off);

#define lfs2_dir_fetchmatch(a, ...) FETCHMATCH_##a, __VA_ARGS__)
#define FETCHMATCH_lfs2_t	lfs2_dir_fetchmatch(lfs2_t
#define FETCHMATCH_lfs2		memo_fetchmatch(lfs2
#define lfs2_bd_flush(a, ...)	FLUSH_##a, __VA_ARGS__)
#define FLUSH_lfs2_t		lfs2_bd_flush(lfs2_t
#define FLUSH_lfs2		memo_flush(lfs2
#define lfs2_bd_erase(a, ...)	ERASE_##a, __VA_ARGS__)
#define ERASE_lfs2_t		lfs2_bd_erase(lfs2_t
#define ERASE_lfs2		memo_erase(lfs2
#define lfs2_dir_commit(a, ...)	COMMIT_##a, __VA_ARGS__)
#define COMMIT_lfs2_t		lfs2_dir_commit(lfs2_t
#define COMMIT_lfs2		commit(lfs2
#define lfs2_ctz_extend(a, ...)	EXTEND_##a, __VA_ARGS__)
#define EXTEND_lfs2_t		lfs2_ctz_extend(lfs2_t
#define EXTEND_lfs2		extend(lfs2
#define lfs2_bd_read(a, ...)	READ_##a, __VA_ARGS__)
#define READ_lfs2_t		lfs2_bd_read(lfs2_t
#define READ_lfs2		read_direct(lfs2
#define lfs2_ctz_find(a, ...)	FIND_##a, __VA_ARGS__)
#define FIND_lfs2_t		lfs2_ctz_find(lfs2_t
#define FIND_lfs2		find(lfs2
#define lfs2_dir_traverse(a, ...) TRAVERSE_##a, __VA_ARGS__)
#define TRAVERSE_lfs2_t		lfs2_dir_traverse(lfs2_t
#define TRAVERSE_lfs2		traverse(lfs2

#include "lfs2.c"

#undef lfs2_dir_fetchmatch
#undef lfs2_bd_flush
#undef lfs2_bd_erase
#undef lfs2_dir_commit
#undef lfs2_dir_traverse
#undef lfs2_ctz_extend
#undef lfs2_bd_read
#undef lfs2_ctz_find

/* Reads that an answer from memory counts for: a corrupt volume's directories
 * may form a ring, and lfs_bd.c's bound shall end that. */
#define ANSWER_READS 8u

static struct lfs_volume *volume_of(lfs2_t *lfs2)
{
	return container_of(lfs2, struct lfs_volume, lfs);
}

/* ---- what changes a block forgets its pair ---- */

static void changed(lfs2_t *lfs2, lfs2_block_t block)
{
	struct lfs_volume *v = volume_of(lfs2);

	v->used_known = false;
	if (v->memo)
		lfs_memo_forget(v->memo, block);
}

/* The only caller of the device's prog. */
static int memo_flush(lfs2_t *lfs2, lfs2_cache_t *pcache, lfs2_cache_t *rcache,
		      bool validate)
{
	changed(lfs2, pcache->block);
	/* Reading back would only compare lfs_bd's memory with ours. */
	(void)validate;
	lfs2_cache_drop(lfs2, rcache);
	return lfs2_bd_flush(lfs2, pcache, rcache, false);
}

static int memo_erase(lfs2_t *lfs2, lfs2_block_t block)
{
	changed(lfs2, block);
	volume_of(lfs2)->erases++;
	return lfs2_bd_erase(lfs2, block);
}

#include "fs/lfs_fast.inc"
#include "fs/lfs_compact.inc"

/* ---- the names in a block ---- */

/* The names as they are after each tag of the block. Blocks that are not as
 * littlefs writes them, in the order that its search by littlefs' own way of
 * comparing relies on, are left to littlefs. */
struct listing {
	const uint8_t *block;
	struct lfs_memo_name *name;
	unsigned n;
	int pending;			/* created, its name is still to come */
	bool spliced;			/* compacted names may come in any order */
};

static bool in_order(const struct listing *l, unsigned i)
{
	const struct lfs_memo_name *a = &l->name[i], *b = a + 1;

	if (a->type == LFS_MEMO_HIDDEN)
		return i == 0;
	return lfs_memo_compare(l->block + a->off, a->len, l->block + b->off,
				b->len) < 0;
}

static bool all_in_order(const struct listing *l)
{
	for (unsigned i = 0; i < l->n; i++) {
		if (l->name[i].type == LFS_MEMO_UNNAMED ||
		    (i > 0 && l->name[i].type == LFS_MEMO_HIDDEN) ||
		    (i + 1 < l->n && !in_order(l, i)))
			return false;
	}
	return true;
}

static bool list_name(struct listing *l, lfs2_tag_t tag, lfs2_off_t off)
{
	unsigned id = lfs2_tag_id(tag), type = lfs2_tag_type3(tag);
	bool hidden = type & 0x780;

	if (id >= LFS_MEMO_NAMES || lfs2_tag_size(tag) > 255)
		return false;
	if (l->spliced && l->pending != (int)id)
		return false;
	while (id >= l->n)
		l->name[l->n++].type = LFS_MEMO_UNNAMED;
	if (l->name[id].type != LFS_MEMO_UNNAMED)
		return false;
	l->name[id].off = (uint16_t)off;
	l->name[id].len = (uint8_t)lfs2_tag_size(tag);
	l->name[id].type = hidden ? LFS_MEMO_HIDDEN : (uint8_t)type;
	l->pending = -1;
	if (!l->spliced)
		return true;
	return (!hidden || id == 0) && (id == 0 || in_order(l, id - 1)) &&
	       (id + 1 == l->n || in_order(l, id));
}

static bool list_splice(struct listing *l, lfs2_tag_t tag)
{
	unsigned id = lfs2_tag_id(tag);
	struct lfs_memo_name *at = &l->name[id];
	bool create = tag == LFS2_MKTAG(LFS2_TYPE_CREATE, id, 0);

	if (!l->spliced && !all_in_order(l))
		return false;
	l->spliced = true;
	if (l->pending >= 0 || (id < l->n && at->type == LFS_MEMO_HIDDEN))
		return false;
	if (create) {
		if (id > l->n || l->n == LFS_MEMO_NAMES)
			return false;
		memmove(at + 1, at, (l->n++ - id) * sizeof(*at));
		at->type = LFS_MEMO_UNNAMED;
		l->pending = (int)id;
		return true;
	}
	if (tag != LFS2_MKTAG(LFS2_TYPE_DELETE, id, 0) || id >= l->n)
		return false;
	memmove(at, at + 1, (--l->n - id) * sizeof(*at));
	return true;
}

/* Lists the names of a block that a fetch has just accepted up to dir->off. */
static bool list_names(struct listing *l, const lfs2_mdir_t *dir)
{
	lfs2_tag_t tag, ptag = UINT32_MAX;
	lfs2_off_t off = sizeof(dir->rev);

	while (off < dir->off) {
		if (off + sizeof(tag) > LFS_BLOCK)
			return false;
		memcpy(&tag, l->block + off, sizeof(tag));
		tag = lfs2_frombe32(tag) ^ ptag;
		if (!lfs2_tag_isvalid(tag) ||
		    off + lfs2_tag_dsize(tag) > LFS_BLOCK)
			return false;
		if (lfs2_tag_type1(tag) == LFS2_TYPE_NAME &&
		    !list_name(l, tag, off + sizeof(tag)))
			return false;
		if (lfs2_tag_type1(tag) == LFS2_TYPE_SPLICE &&
		    !list_splice(l, tag))
			return false;
		off += lfs2_tag_dsize(tag);
		ptag = tag;
		if (lfs2_tag_type2(tag) == LFS2_TYPE_CCRC)
			ptag ^= (lfs2_tag_t)(lfs2_tag_chunk(tag) & 1u) << 31;
	}
	return off == dir->off && ptag == dir->etag && l->n == dir->count &&
	       l->pending < 0 && all_in_order(l);
}

/* Remembers what a fetch of `asked` has just returned. */
static struct lfs_memo_pair *remember(struct lfs_volume *v,
				      const lfs2_block_t asked[2],
				      const lfs2_mdir_t *dir)
{
	struct lfs_memo_scratch *s = lfs_memo_scratch(v->memo);
	struct listing l = { s->block, s->name, 0, -1, false };

	if (v->cfg.read(&v->cfg, dir->pair[0], 0, s->block, LFS_BLOCK) < 0)
		return NULL;
	return lfs_memo_add(v->memo, asked, dir, list_names(&l, dir), s->name,
			    s->block);
}

/* ---- answers ---- */

/* The pair as it is known, or NULL. */
static struct lfs_memo_pair *recall(struct lfs_volume *v,
				    const lfs2_block_t pair[2])
{
	struct lfs_memo_pair *p = lfs_memo_find(v->memo, pair);

	if (!p || v->bd.reads_left <= ANSWER_READS)
		return NULL;
	v->bd.reads_left -= ANSWER_READS;
	return p;
}

/* What lfs2_dir_fetchmatch() returns for lfs2_dir_find_match(). */
static lfs2_stag_t search(const struct lfs_memo_pair *p,
			  const struct lfs2_dir_find_match *want, uint16_t *id)
{
	bool found;
	unsigned i = lfs_memo_search(p, want->name, want->size, &found);

	if (id)
		*id = (uint16_t)i;
	if (found)
		return (lfs2_stag_t)LFS2_MKTAG(p->name[i].type, i, want->size);
	return i < p->dir.count ? LFS2_ERR_NOENT : 0;
}

static lfs2_stag_t fetch_known(lfs2_t *lfs2, lfs2_mdir_t *dir,
			       const lfs2_block_t pair[2], uint16_t *id,
			       const struct lfs2_dir_find_match *want,
			       bool *known)
{
	struct lfs_volume *v = volume_of(lfs2);
	lfs2_block_t asked[2] = { pair[0], pair[1] };
	struct lfs_memo_pair *p = recall(v, asked);
	lfs2_stag_t r = 0;

	*known = true;
	if (!p) {
		/* lfs2_dir_fetch() itself. */
		r = lfs2_dir_fetchmatch(lfs2, dir, asked, UINT32_MAX, UINT32_MAX,
					NULL, NULL, NULL);
		if (r == 0)
			p = remember(v, asked, dir);
		if (!want || r < 0)
			return r;
	}
	*known = p && (!want || p->sorted);
	if (!*known)
		return 0;
	*dir = p->dir;
	/* A fetch leaves nothing old in littlefs' read cache. */
	lfs2_cache_drop(lfs2, &lfs2->rcache);
	return want ? search(p, want, id) : 0;
}

#ifdef LFS_MEMO_CHECK
unsigned long lfs_memo_checked;

static void check(lfs2_t *lfs2, const lfs2_mdir_t *dir,
		  const lfs2_block_t pair[2], uint32_t fmask, uint32_t ftag,
		  const uint16_t *id,
		  int (*cb)(void *, uint32_t, const void *), void *data,
		  lfs2_stag_t r)
{
	lfs2_mdir_t d = { 0 };
	uint16_t i = 0xaaaa;
	lfs2_stag_t want = lfs2_dir_fetchmatch(lfs2, &d, pair, fmask, ftag,
					       id ? &i : NULL, cb, data);

	if (want == LFS2_ERR_IO || want == LFS2_ERR_NOMEM)
		return;
	lfs_memo_checked++;
	if (want != r || (id && r >= LFS2_ERR_NOENT && i != *id) ||
	    d.pair[0] != dir->pair[0] || d.pair[1] != dir->pair[1] ||
	    d.rev != dir->rev || d.off != dir->off || d.etag != dir->etag ||
	    d.count != dir->count || d.erased != dir->erased ||
	    d.split != dir->split || d.tail[0] != dir->tail[0] ||
	    d.tail[1] != dir->tail[1])
		__builtin_trap();
}
#else
static inline void check(lfs2_t *lfs2, const lfs2_mdir_t *dir,
			 const lfs2_block_t pair[2], uint32_t fmask,
			 uint32_t ftag, const uint16_t *id,
			 int (*cb)(void *, uint32_t, const void *), void *data,
			 lfs2_stag_t r)
{
	(void)lfs2, (void)dir, (void)pair, (void)fmask, (void)ftag, (void)id;
	(void)cb, (void)data, (void)r;
}
#endif

static int32_t memo_fetchmatch(lfs2_t *lfs2, lfs2_mdir_t *dir,
			       const lfs2_block_t pair[2], uint32_t fmask,
			       uint32_t ftag, uint16_t *id,
			       int (*cb)(void *, uint32_t, const void *),
			       void *data)
{
	struct lfs_volume *v = volume_of(lfs2);
	lfs2_block_t asked[2] = { pair[0], pair[1] };
	bool known = false;
	lfs2_stag_t r = 0;

	/* The search for the superblock is another one, and a name that a
	 * move has not left yet is littlefs' own matter. */
	if (v->memo && !v->bd.broken &&
	    (!cb || (cb == lfs2_dir_find_match &&
		     fmask == LFS2_MKTAG(0x780, 0, 0))) &&
	    !lfs2_gstate_hasmovehere(&lfs2->gdisk, asked))
		r = fetch_known(lfs2, dir, asked, id, cb ? data : NULL, &known);
	if (!known)
		return lfs2_dir_fetchmatch(lfs2, dir, asked, fmask, ftag, id,
					   cb, data);
	if (r >= 0 || r == LFS2_ERR_NOENT)
		check(lfs2, dir, asked, fmask, ftag, id, cb, data, r);
	return r;
}

bool lfs_core_unfinished(const lfs2_t *lfs2)
{
	return lfs2_gstate_hasmove(&lfs2->gdisk) ||
	       lfs2_gstate_hasorphans(&lfs2->gdisk);
}

/* ---- an open directory ---- */

/* By name: what littlefs keeps of its place in a directory does not survive
 * that the blocks which follow are given up. */
int lfs_core_seek_after(lfs2_t *lfs2, lfs2_dir_t *dir, const char *last)
{
	struct lfs2_dir_find_match want = { lfs2, last,
					    last ? strlen(last) : 0 };
	lfs2_stag_t tag = lfs2_dir_rawrewind(lfs2, dir);
	lfs2_block_t pair[2] = { dir->head[0], dir->head[1] };

	dir->pos = 2;			/* behind "." and ".." */
	if (tag < 0 || !last)
		return tag;
	while (true) {
		tag = memo_fetchmatch(lfs2, &dir->m, pair,
				      LFS2_MKTAG(0x780, 0, 0),
				      LFS2_MKTAG(LFS2_TYPE_NAME, 0, want.size),
				      &dir->id, lfs2_dir_find_match, &want);
		if (tag < 0 && tag != LFS2_ERR_NOENT)
			return tag;
		if (tag > 0)
			dir->id = (uint16_t)(lfs2_tag_id((lfs2_tag_t)tag) + 1);
		if (tag != 0 || !dir->m.split)
			return 0;
		pair[0] = dir->m.tail[0];
		pair[1] = dir->m.tail[1];
	}
}

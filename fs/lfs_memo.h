/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What littlefs found when it last read a metadata pair: its state and the
 * names in it, so that looking at a path does not read, check and compare all
 * of a directory each time. fs/lfs_core.c fills it and answers from it; any
 * write to a block of a pair forgets the pair. One for each volume, under the
 * mount's mutex; bounded, and emptied by the heap when memory runs short.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/lib/list.h"
#include "lfs2.h"

#define LFS_MEMO_NAMES 512u		/* in a block, at most */
#define LFS_MEMO_TAGS  512u		/* of a block that is compacted fast */

/* A name in a block or, once remembered, in the pair's text. */
struct lfs_memo_name {
	uint16_t off;
	uint8_t len;
	uint8_t type;			/* littlefs' tag type: a file, a directory */
};
#define LFS_MEMO_HIDDEN 0xff		/* the superblock's entry */
#define LFS_MEMO_UNNAMED 0xfe

struct lfs_memo_pair {
	struct list lru;
	struct list by_first, by_second;	/* by the numbers in `asked` */
	lfs2_block_t asked[2];		/* the pair in the order it was asked for */
	uint32_t bytes;
	lfs2_mdir_t dir;		/* what a fetch returns */
	bool sorted;			/* name[] is complete, in littlefs' order */
	struct lfs_memo_name name[];	/* dir.count of them; then the text */
};

struct lfs_memo;

/* NULL: no memory, which is no error (lookups are slow then). */
struct lfs_memo *lfs_memo_create(void);
void lfs_memo_destroy(struct lfs_memo *m);

/* NULL: not known. The pointer is good until the next call. */
struct lfs_memo_pair *lfs_memo_find(struct lfs_memo *m,
				    const lfs2_block_t pair[2]);
/* Notes a block's names (dir->count of them if sorted), copies their text from
 * `block`. NULL: no room or no memory. */
struct lfs_memo_pair *lfs_memo_add(struct lfs_memo *m,
				   const lfs2_block_t asked[2],
				   const lfs2_mdir_t *dir, bool sorted,
				   const struct lfs_memo_name *names,
				   const uint8_t *block);
/* The block's content changes. */
void lfs_memo_forget(struct lfs_memo *m, lfs2_block_t block);
void lfs_memo_purge(struct lfs_memo *m);
size_t lfs_memo_bytes(const struct lfs_memo *m);

/* littlefs' order of names: by bytes, a longer one before its beginning.
 * < 0, 0, > 0. */
int lfs_memo_compare(const void *a, size_t a_len, const void *b, size_t b_len);
/* The place of a name: its index with *found, or of the first that follows. */
unsigned lfs_memo_search(const struct lfs_memo_pair *p, const void *name,
			 size_t len, bool *found);

/* Room to read a block and list its names; the content is the caller's. */
struct lfs_memo_scratch {
	uint8_t block[4096];
	struct lfs_memo_name name[LFS_MEMO_NAMES];
	uint32_t tag[LFS_MEMO_TAGS];
	uint16_t tag_off[LFS_MEMO_TAGS];
};
struct lfs_memo_scratch *lfs_memo_scratch(struct lfs_memo *m);

/* With LFS_MEMO_CHECK: how many answers were compared with littlefs' own. */
extern unsigned long lfs_memo_checked;

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The index of a tar archive: 24 bytes and a name for each entry.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "fs/tar.h"

struct archive_entry {
	uint32_t name;			/* in names[]; ends with a NUL */
	uint32_t size;			/* an archive's file: below 4 GiB */
	uint32_t block;			/* data, in TAR_BLOCKs */
	uint32_t mtime;			/* seconds */
	uint16_t name_len;
	uint16_t mode : 12;
	uint16_t dir : 1;
	uint32_t order;			/* of appearance: the last counts */
};

struct archive_index {
	struct archive_entry *entry;	/* [0] is the root, "" */
	uint32_t n, cap;
	char *names;
	uint32_t names_len, names_cap;
	uint32_t *hash, hash_mask;	/* entry numbers + 1 */
	uint32_t n_skipped;
};

static inline uint64_t archive_entry_data(const struct archive_entry *e)
{
	return (uint64_t)e->block * TAR_BLOCK;
}

/* 0, -ENOMEM, -EILSEQ with *where and *why, or what reading says. */
int archive_index_build(struct archive_index *ix, const struct tar_source *src,
			uint64_t *where, const char **why) MUST_CHECK;
void archive_index_free(struct archive_index *ix);

/* 0, -ENOENT, -ENOTDIR. */
int archive_index_find(const struct archive_index *ix, const char *path,
		       const struct archive_entry **out) MUST_CHECK;

/* Entry `i` if it is a child of `dir`: its last name goes to `name` (256
 * bytes), and the number of the next child is returned. 0: no more. */
uint32_t archive_index_child(const struct archive_index *ix,
			     const struct archive_entry *dir, uint32_t i,
			     char *name);

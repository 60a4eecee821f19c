/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From a decoded request path to a cache entry that can be answered with: opens, looks for index.html and
 * for the precompressed form, reads small files into the cache, and looks again, at most once a second,
 * whether they changed.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "filecache.h"

#define FILES_ROOT_MAX 256
#define FILES_INDEX "index.html"

struct files {
	struct filecache cache;
	char root[FILES_ROOT_MAX];	/* without a trailing slash: "" serves / */
	size_t root_len;
	size_t body_max;		/* larger files are sent from disk */
	uint32_t root_checked_s;
	bool root_ok;
};

/* 0, or -ENAMETOOLONG. The root need not exist yet. */
int files_init(struct files *f, const char *root, size_t cache_bytes);
void files_destroy(struct files *f);

/* Is there a document root? Looks at most once a second. */
bool files_root_ok(struct files *f, uint32_t now_s);

/*
 * 0 and an entry with a reference for the caller (filecache_unref). -ENOENT; -EACCES: not readable, not
 * a file, or a directory without index; -EISDIR: a directory, named without its slash;
 * -ENODEV: the document root is not there; -ENOMEM, -EMFILE: later; others: the disk's.
 */
int files_get(struct files *f, const char *path, size_t len, bool want_gzip, uint32_t now_s, struct entry **entry);

/*
 * Loads the body into e->image if it is small enough and there is room. 1; 0: send it from files_fd; -errno: it cannot
 * be read (-EIO also when it is shorter than it was: the next files_get looks at it afresh).
 */
int files_load(struct files *f, struct entry *e);

/* Can the file be read at this place? For 500 instead of an answer that breaks off. 0 or -errno, as above. */
int files_probe(struct files *f, struct entry *e, uint64_t at);

/* A descriptor to read the body from, owned by the entry; or -errno. */
int files_fd(struct files *f, struct entry *e);

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The cache of files: entries hashed by request path, in LRU order, within a budget of bytes. An
 * entry holds what never changes while the file does not: its headers, and its bytes if it is small
 * enough, else an open descriptor. Entries are counted references: who holds one may use it
 * after it left the cache (a file that is being sent to a slow client, and was replaced meanwhile).
 * No I/O here, that is files.c; so host tests need no files.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "date.h"
#include "text.h"

#define FILECACHE_BUCKETS 256
#define FILECACHE_OPEN_MAX 16	/* descriptors kept by entries that nobody sends from */
#define ENTRY_ETAG_MAX 64

struct entry {
	struct entry *bucket_next;
	struct entry *newer, *older;	/* LRU order, while linked */
	unsigned refs;			/* users; the cache itself counts as one while linked */
	uint32_t hash;
	bool linked;
	bool gzip;			/* the precompressed form of the path */
	bool has_gzip;			/* such a form exists beside this one */
	uint32_t checked_s;		/* second of the last look at the file */
	uint32_t dated_s;		/* second of the Date inside image */

	int fd;				/* or -1 */
	uint64_t size;
	uint64_t inode;
	int64_t mtime;
	uint32_t mtime_ns;
	const char *type;
	char etag[ENTRY_ETAG_MAX];
	uint8_t etag_len;		/* 0: no validator, the file has no time */
	char last_modified[DATE_HTTP_LEN];

	char *image;			/* a whole answer 200: head, Date, body; NULL until the body is loaded */
	uint32_t date_at;		/* where in image the date is */
	uint32_t body_at;
	size_t charge;			/* bytes counted against the budget */

	size_t key_len;			/* the request path is file[root_len..root_len + key_len) */
	size_t root_len;
	char file[];			/* path for open() and stat(), NUL-terminated */
};

struct filecache {
	struct entry *buckets[FILECACHE_BUCKETS];
	struct entry *newest, *oldest;
	size_t budget, used;		/* used counts entries out of the cache too, until their last user leaves */
	unsigned n_open;		/* linked entries with a descriptor */
	uint64_t n_hits, n_misses;
	unsigned n_entries;
};

void filecache_init(struct filecache *c, size_t budget);
void filecache_clear(struct filecache *c);

/* The entry, with a reference for the caller, most recently used from now on; or NULL. */
struct entry *filecache_find(struct filecache *c, const char *path, size_t len, bool gzip);

/*
 * A new entry outside the cache, with one reference for the caller, or NULL for no memory. The budget
 * limits bodies; entries themselves (some 400 bytes) are also made over it, one for each sender at most.
 * file is root_len bytes of root, then the request path, then what was added to it.
 */
struct entry *filecache_new(struct filecache *c, const char *file, size_t root_len, size_t key_len, bool gzip);

/* Puts it in, in place of an older one of the same key. */
void filecache_link(struct filecache *c, struct entry *e);

/* Takes it out, for new lookups; users keep it. */
void filecache_unlink(struct filecache *c, struct entry *e);

static inline struct entry *filecache_ref(struct entry *e)
{
	e->refs++;
	return e;
}

void filecache_unref(struct filecache *c, struct entry *e);

/* Makes room for n more bytes by evicting what is oldest; false when even that is not enough. */
bool filecache_charge(struct filecache *c, struct entry *e, size_t n);
void filecache_uncharge(struct filecache *c, struct entry *e, size_t n);

/* Tells that e->fd was opened or closed (before it is set to -1). Evicts descriptors over FILECACHE_OPEN_MAX. */
void filecache_fd_opened(struct filecache *c, struct entry *e);
void filecache_fd_close(struct filecache *c, struct entry *e);

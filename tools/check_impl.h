/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Between the files of the volume check. littlefs' disk format 2.1 is described
 * in its SPEC.md; numbers below are its own.
 */
#pragma once

#include <stddef.h>

#include "tools/check.h"

#define CV_BLOCK   4096u
#define CV_NO	   UINT32_MAX		/* a block number that means none */
#define CV_IDS	   1024u

/* ---- check_meta.c: one metadata block ---- */
struct meta_span {
	uint16_t off, len;
	bool there;
};

struct meta_entry {
	uint8_t kind;			/* 1 file, 2 directory, 0xff superblock;
					 * 0: it has no name */
	uint16_t what;			/* 0x200 directory, 0x201 inline, 0x202 */
	struct meta_span name, body, mtime, mode, version;
	bool other;			/* an attribute that we do not know */
};

struct meta {
	uint8_t b[CV_BLOCK];
	bool good;			/* at least one commit */
	bool torn;			/* something behind the last commit */
	bool lost;			/* good commits behind a bad one */
	uint32_t rev, end;
	uint32_t tail[2];
	bool split;			/* the tail belongs to this directory */
	uint32_t gstate[3];
	unsigned n;
	struct meta_entry e[CV_IDS];
};

/* Parses m->b. */
void meta_parse(struct meta *m);
uint32_t meta_u32(const struct meta *m, uint32_t off);

/* ---- check_volume.c ---- */
struct cv_mdir {
	uint32_t pair[2], tail[2];
	uint32_t current;		/* which of the pair is in use */
	bool split, visited, inner;	/* inner: continues another */
};

struct cv_node {			/* a file or directory, for its path */
	uint32_t parent, name;		/* name: offset in names */
	uint32_t mdir;			/* of a directory */
	uint32_t pair[2];		/* as the entry says */
};

#define CV_META 0x80000000u		/* owner: | index of an mdir; else node */

#define CV_PATHS 4

struct cv {
	struct check *c;
	struct blkdev *bd;
	uint32_t n_blocks;
	uint32_t name_max, file_max;
	uint32_t *owner;		/* 0: nobody; by block */
	uint64_t n_used;
	struct cv_mdir *mdir;
	uint32_t n_mdirs, cap_mdirs;
	struct cv_node *node;
	uint32_t n_nodes, cap_nodes;
	char *names;
	uint32_t names_len, names_cap;
	uint32_t gstate[3];
	uint32_t root;			/* mdir */
	bool list_broken;		/* the list of all could not be read to
					 * its end */
	struct meta *m, *other;		/* of the pair at hand */
	uint8_t buf[CV_BLOCK];
	char path[CV_PATHS][1600];	/* cv_path()'s, in turn */
	unsigned n_paths;
	int error;			/* -ENOMEM */
};

/* Reads; says if it cannot be. `who`: for the message. */
bool cv_read(struct cv *v, uint32_t block, void *buf, uint32_t len,
	     const char *who);
/* Marks a block as used. Says if it is out of range or taken. */
bool cv_claim(struct cv *v, uint32_t block, uint32_t owner, const char *who);
/* Both blocks of a pair into v->m (the current one) and v->other; CV_NO or
 * which of the two is current. */
uint32_t cv_fetch(struct cv *v, const uint32_t pair[2], const char *who);
/* Adds it, claimed and fetched; CV_NO if it cannot be used. */
uint32_t cv_add_mdir(struct cv *v, const uint32_t pair[2], const char *who);
/* The one that has one of these blocks, or CV_NO. */
uint32_t cv_find_mdir(const struct cv *v, const uint32_t pair[2]);
/* Of global state: is something half done here? */
bool cv_move_pending(const struct cv *v, const uint32_t pair[2], unsigned id);
bool cv_orphans(const struct cv *v);
bool cv_pair_overlaps(const uint32_t a[2], const uint32_t b[2]);
bool cv_grow(struct cv *v, void **array, uint32_t n, uint32_t *cap, size_t size);

/* ---- check_tree.c ---- */
/* All directories from the root on, their entries and files. */
void cv_walk_tree(struct cv *v);
/* "/a/b"; stays for CV_PATHS - 1 further calls. */
const char *cv_path(struct cv *v, uint32_t node);
/* A name from the disk, fit for a terminal. */
void cv_clean(char *s);

/* ---- check_file.c ---- */
void cv_check_file(struct cv *v, uint32_t node, uint32_t head, uint32_t size);

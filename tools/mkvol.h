/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The parts of mkvol: one file for each verb or a few, and what they share.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>

#include "kernel/file.h"

struct blkdev;

/* Exit statuses. */
#define MKVOL_OK	0
#define MKVOL_FAILED	1	/* files, disks, space; check: problems */
#define MKVOL_USAGE	2
#define MKVOL_CANNOT	3	/* check: it could not be done */

/* ---- mkvol_util.c ---- */
/* "mkvol: ..." on stderr. die() exits with die_status (MKVOL_FAILED). */
void warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void die(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));
extern int die_status;
/* Says it with a pointer to the verb's help; MKVOL_USAGE. */
int usage(const char *verb, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* Where to write what shall become `out`: beside it, so that a failure neither
 * leaves half an image nor takes away the old one; devices are written as they
 * are. The old one is locked meanwhile. die() and signals remove it.
 * output_done() puts it in its place. */
const char *output_begin(const char *out);
void output_done(const char *out);
void output_drop(void);
/* From now on a signal only sets `interrupted`: something that exists is being
 * changed, and the change shall end in order. */
void interrupt_later(void);
extern volatile int interrupted;
void catch_signals(void);
/* "12.3 MiB" */
const char *human(uint64_t bytes, char *buf, size_t size);
/* "64M" -> bytes (K, M, G, T or none); false: not a size. */
bool parse_size(const char *s, uint64_t *out);
void *must(void *p);			/* dies if it is NULL */
/* On a terminal: "what: 3 of 20, 1.2 MiB". */
void progress_begin(const char *what, uint64_t n_all);
void progress_step(uint64_t n, uint64_t bytes);
void progress_end(void);

/* ---- mkvol_tree.c: a folder's content, sorted by path, parents first; [0] is
 * the folder. */
struct tree_entry {
	char *path;			/* below the folder: "a/b"; "" */
	char *host;			/* to open it */
	bool dir;
	uint32_t mode;
	uint64_t size, mtime_ns;
};
struct tree {
	struct tree_entry *e;
	size_t n, cap;
	uint64_t bytes;			/* of all files */
	unsigned skipped;		/* links that lead outside, devices, ... */
};
void tree_read(struct tree *t, const char *folder);
void tree_free(struct tree *t);

/* ---- mkvol_volume.c ---- */
#define MNT "/v"			/* where the volume at work is mounted */
/* A size in which the tree fits with a quarter more, in whole MiB. */
uint64_t volume_auto_size(const struct tree *t);
/* Formats and fills; says what went wrong (`out`, `folder`: names for that).
 * The same tree gives the same bytes. */
int volume_fill(struct blkdev *bd, const struct tree *t, const char *out,
		const char *folder, uint64_t *used);
/* One file of the host into an existing, empty one. 0 or -errno. */
int copy_file_in(const struct tree_entry *e, const char *path);

/* -o IMAGE:LABEL names a partition, unless a file is called so. */
bool output_is_part(const char *out);

/* ---- mkvol_archive.c ---- */
uint64_t archive_size(const struct tree *t);
/* Dies with a message. */
void archive_write(const struct tree *t, FILE *f, const char *out);
/* Into a partition. 0 or -errno with a message. */
int archive_fill(struct blkdev *bd, const struct tree *t, const char *out);

/* ---- mkvol_walk.c: through the guest's VFS ---- */
struct target;
/* Mounts what the target holds on MNT, or exits with the reason. */
void walk_mount(struct target *t, bool write);
/* Unmounts and closes. MKVOL_OK or MKVOL_FAILED. */
int walk_finish(struct target *t, int r);
/* A path of the image's under MNT; dies if it is too long. */
void walk_inside(const char *path, char *out, size_t size);
/* Calls fn for all that lies below, directories before their content (after it
 * if `after`). Goes on after an error, which it says. */
typedef int (*visit_fn)(const char *path, const struct file_stat *st, void *arg);
int walk_visit(const char *path, visit_fn fn, void *arg, bool after);
/* 0 or -errno. */
int walk_copy_out(const char *path, FILE *out);
bool is_dir(const struct file_stat *st);

/* ---- one for each verb; argv[0] is the verb ---- */
int verb_volume(int argc, char **argv);
int verb_archive(int argc, char **argv);
int verb_disk(int argc, char **argv);
int verb_parts(int argc, char **argv);
int verb_ls(int argc, char **argv);
int verb_cat(int argc, char **argv);
int verb_extract(int argc, char **argv);
int verb_get(int argc, char **argv);
int verb_put(int argc, char **argv);
int verb_rm(int argc, char **argv);
int verb_mkdir(int argc, char **argv);
int verb_mv(int argc, char **argv);
int verb_check(int argc, char **argv);
int verb_resize(int argc, char **argv);

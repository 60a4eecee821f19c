/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The parts of mkvol.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

/* Exit statuses. */
#define MKVOL_OK	0
#define MKVOL_FAILED	1	/* files, disks, space */
#define MKVOL_USAGE	2

/* "mkvol: ..." on stderr. die() exits with MKVOL_FAILED. */
void warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void die(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));
/* Where to write what shall become `out`: beside it, so that a failure neither
 * leaves half an image nor takes away the old one; devices are written as they
 * are. die() removes it. output_done() puts it in its place. */
const char *output_begin(const char *out);
void output_done(const char *out);
void output_drop(void);
/* "12.3 MiB" */
const char *human(uint64_t bytes, char *buf, size_t size);

/* A folder's content, sorted by path, parents first; [0] is the folder. */
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

bool progress_wanted(void);
void progress(const char *what, size_t done, size_t all);

int volume_make(const char *out, const char *folder, uint64_t size);
int archive_make(const char *out, const char *folder);
/* mkvol_look.c: ls, cat, extract on a volume or an archive. */
int look_ls(const char *image, const char *path);
int look_cat(const char *image, const char *path);
int look_extract(const char *image, const char *folder);

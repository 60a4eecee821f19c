/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Checking disks and littlefs volumes without mounting them: an independent
 * reading of what is on the disk, which nothing of it is trusted for. Every
 * walk is bounded by the volume's size, memory too (about 4 bytes for each
 * block in use, 60 for each file).
 *
 * What littlefs cannot tell, nobody can: file data has no checksum, and of a
 * pair of metadata blocks whose newer one is wholly gone the older one is a
 * state that was once good.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "kernel/blkdev.h"

struct gpt_table;

struct check {
	/* Set by the caller. */
	const char *where;		/* "disk.img:data", in front of all */
	void (*say)(const struct check *c, const char *text);
	bool data;			/* read all data, too */
	void (*step)(uint64_t bytes);	/* progress; may be NULL */
	/* Filled in. */
	unsigned n_problems, n_notes;	/* notes: unfinished, not damaged */
	uint64_t n_files, n_dirs, n_blocks, n_used;
	bool unfinished;		/* a repair would finish something */
};

/* Says one thing that is wrong (or only worth knowing) and counts it. After
 * CHECK_SAY_MAX of them only the count goes on. */
#define CHECK_SAY_MAX 1000u
void check_problem(struct check *c, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void check_note(struct check *c, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* 0: looked at, what is wrong was said; -ENOMEM. */
int check_volume(struct check *c, struct blkdev *bd);
/* The tables of a disk that has one; t: what gpt_read() gave, or NULL with
 * its reason. */
int check_gpt(struct check *c, struct blkdev *bd, const struct gpt_table *t,
	      const char *why);

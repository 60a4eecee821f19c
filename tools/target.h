/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What a command line names: IMAGE, IMAGE:LABEL or IMAGE:2. An argument that
 * is a file's name as a whole is that file, whatever colons it has; else it is
 * split at the last colon that has a file before it. --part LABEL names the
 * partition of IMAGE beyond doubt.
 */
#pragma once

#include "fs/gpt.h"
#include "tools/image_lock.h"

struct target {
	const char *arg;		/* for messages */
	char *path;			/* the image */
	const char *part;		/* label or number; NULL: none was named */
	struct blkdev whole;
	struct gpt_table *table;	/* NULL: no table (or a bad one) */
	char table_why[96];		/* what is wrong with a bad one, or "" */
	const struct gpt_part *p;	/* NULL: the whole image */
	struct blkdev bd;		/* the partition, or the image */
};

/* Says nothing of one bad table of two. */
extern bool target_quiet;
/* Splits only: does a file with this name (or before its colon) exist? */
bool target_split(const char *arg, const char *part, char **path,
		  const char **part_out);
/* All of these die with a message; `use` as in image_lock.h. A reader of an
 * image in use is warned. */
void target_open(struct target *t, const char *arg, const char *part,
		 enum image_use use);
/* Narrows bd to the partition that was named; if none was, to the only one; if
 * the image has no table, the whole. */
void target_choose(struct target *t);
/* Narrows bd to this one. */
void target_take(struct target *t, const struct gpt_part *p);
int target_close(struct target *t);

/* "data", or "2" if it has no label. `buf` is for the number. */
const char *part_name(const struct gpt_part *p, char buf[12]);

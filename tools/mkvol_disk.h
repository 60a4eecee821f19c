/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mkvol disk: the partitions that it was told to make.
 */
#pragma once

#include "fs/gpt.h"
#include "tools/mkvol.h"

enum part_kind { PART_LITTLEFS, PART_RAW, PART_ARCHIVE };

struct part {
	const char *label, *source;	/* source: NULL, a folder, a file */
	enum part_kind kind;
	bool rest;
	uint64_t first, size;		/* bytes */
	uint64_t content;		/* of a raw one's file */
	struct tree tree;		/* if there is a folder */
};

struct disk {
	struct part part[GPT_ENTRIES];
	unsigned n;
};

/* 0, or -errno with a message. */
int part_fill(struct part *p, struct blkdev *disk, const char *out);
/* `len` bytes of a descriptor (0: to its end) into a partition; what is beyond
 * becomes zeros if `clear`. 0, -ENOSPC (more than fits), -errno. */
int raw_fill(struct blkdev *bd, int fd, bool clear, uint64_t *len);

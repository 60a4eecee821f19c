/* SPDX-License-Identifier: BSD-2-Clause
 *
 * For tests of damaged volumes: a small good one with some of everything, what
 * a volume holds as a few numbers, checksums put right after an edit.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "tests/host/ram_blkdev.h"

/* What a mounted volume holds. */
struct volume_sum {
	uint64_t names;			/* paths, kinds, sizes, modes, times */
	uint64_t data;			/* all files' content */
	unsigned n, errors;		/* entries; what could not be read */
};

/* Formats and fills `d`: files of all shapes, directories, a long one, things
 * removed, renamed and written again. Deterministic. */
void volume_make(struct ram_disk *d);
/* Mounts d on /v read-only and reads all of it; false: it does not mount. */
bool volume_sum(struct ram_disk *d, struct volume_sum *s);
/* Makes the checksums of a metadata block's commits right. */
void volume_fix_sums(uint8_t block[4096]);

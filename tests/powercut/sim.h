/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The power-cut simulator: runs a workload on a recording disk, then makes
 * the disks that a cut at every moment could have left, mounts each, and
 * compares it with the model.
 */
#pragma once

#include "tests/powercut/load.h"

/* Test of the test: what is done wrong while the workload runs. */
enum mutant {
	MUTANT_NONE,
	NO_FLUSH_BEFORE,		/* sync writes the held block at once */
	NO_FLUSH_AFTER,			/* sync does not flush it */
	FLUSH_MOVED,			/* both flushes after the held block */
	NO_HOLD_BACK,			/* each block goes to the disk at once */
	NO_FLUSH,
	NO_REST_FIRST,			/* an erased block is written in one go */
	NO_WRITE_OUT,			/* data still in the cache at a commit */
	NO_SETTLE,			/* the flush overtakes the writes */
	ONE_FLUSH_LOST,			/* cut_options.lost_flush only */
	MUTANTS
};
extern const char *const mutant_names[];

struct cut_options {
	enum mutant mutant;
	size_t lost_flush;		/* of the log: the device ignored it */
	int extra;			/* random images for each cut, besides */
	long max_images;		/* 0: all */
	bool stop;			/* at the first failure */
	bool quiet;
};

struct cut_result {
	long images, failures;
	size_t entries, flushes;	/* of the log */
	bool lost_between;		/* the lost flush parted one block, */
	bool lost_end;			/* or was a call's last */
	char why[300];			/* the first failure */
};

void cut_run(const struct load *load, uint64_t seed,
	     const struct cut_options *opt, struct cut_result *out);

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Is what is on a mounted disk what the model allows?
 */
#pragma once

#include "tests/powercut/model.h"

#define CHECK_SEEN (M_NAMES + 8)

struct check_entry {
	char path[M_PATH];
	uint64_t path_hash, hash;
	uint64_t mtime;
	uint32_t len, mode;
	bool dir;
};

struct check_tree {
	struct check_entry e[CHECK_SEEN];
	int n;
	char why[200];			/* what was wrong with it */
};

/* Reads all of /v, every name and every byte. False: why says. */
bool check_read(struct check_tree *t);
/* Is it what the state says? False: why says. */
bool check_matches(struct check_tree *t, const struct model *m,
		   const struct m_state *s);
bool check_equal(struct check_tree *t, const struct check_tree *other);
/* New files can be written, synced, read and removed; space comes back.
 * `max_used` blocks are in use at most. */
bool check_writable(struct check_tree *t, uint64_t max_used,
		    struct cut_rng *r);

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The workloads of the power-cut simulator.
 */
#pragma once

#include "tests/powercut/model.h"

struct load {
	const char *name;
	uint32_t blocks;		/* of the volume, 4 KiB each */
	void (*prepare)(struct model *m);	/* certain before the first cut */
	void (*run)(struct model *m);
};

extern const struct load loads[];
extern const int n_loads;

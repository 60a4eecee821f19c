/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The guest's clock record (struct hv_clock): what the TSC's rate is, found by
 * comparing it with CLOCK_MONOTONIC between two moments, however short; later
 * comparisons over a longer time correct it while the guest runs. No global
 * data: used by the monitor and inside the guest's process.
 */
#pragma once

#include <stdint.h>

#include "pv/hv/abi.h"

struct clock_moment {
	uint64_t tsc, ns;
};

/* The two read together: the best of a few tries. */
struct clock_moment clock_now_pair(void);

/* Fills the record from two moments, by its version protocol. Keeps the old
 * rate where they are too near to tell one. Flags stay. */
void clock_set(struct hv_clock *c, struct clock_moment from, struct clock_moment now);

/* Nanoseconds by the record. Only for the one who writes it. */
uint64_t clock_read(const struct hv_clock *c, uint64_t tsc);

static inline uint64_t clock_rdtsc(void)
{
	return __builtin_ia32_rdtsc();
}

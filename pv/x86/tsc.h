/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Nanoseconds from the time stamp counter. The rate may come from the
 * hypervisor or from comparing the counter with a clock of known rate while
 * booting goes on: a first short comparison makes it usable, longer ones
 * refine it. A new rate holds from the moment it is set, so that the clock
 * never jumps and never goes back. Pure arithmetic; no privileged code.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct tsc_clock {
	uint64_t base_tsc, base_ns;	/* the current rate holds from here */
	uint64_t ns_per_tick;		/* 32.32 fixed point; 0: no rate yet */
	uint64_t window_ns;		/* length of the best comparison */
	uint64_t last_ns;		/* what was handed out last */
};

/* Time 0 is at this value of the counter. */
void tsc_clock_start(struct tsc_clock *c, uint64_t tsc);

/* A rate from somebody who knows. `tsc` is the counter now. */
void tsc_clock_set_hz(struct tsc_clock *c, uint64_t tsc, uint64_t hz);

/* A comparison: `ticks` of the counter took `ns`. Taken if it is at least
 * twice as long as the best before; whether it was. */
bool tsc_clock_compare(struct tsc_clock *c, uint64_t tsc, uint64_t ticks,
		       uint64_t ns);

uint64_t tsc_clock_ns(struct tsc_clock *c, uint64_t tsc);

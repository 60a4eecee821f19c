/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The clock over the time stamp counter; see tsc.h.
 */
#include "pv/x86/tsc.h"

#define NS_PER_S	1000000000ull
#define COMPARE_MAX	(1ull << 31)	/* ticks and ns; keeps 32.32 exact */

__extension__ typedef unsigned __int128 wide_t;

static uint64_t scale(uint64_t v, uint64_t factor)
{
	wide_t r = (wide_t)v * factor >> 32;

	return r > UINT64_MAX ? UINT64_MAX : (uint64_t)r;
}

void tsc_clock_start(struct tsc_clock *c, uint64_t tsc)
{
	*c = (struct tsc_clock){ .base_tsc = tsc };
}

/* What passed so far is settled at the old rate. Before there was one, it is
 * valued at the new one. */
static void set_rate(struct tsc_clock *c, uint64_t tsc, uint64_t ns_per_tick)
{
	if (c->ns_per_tick && tsc > c->base_tsc) {
		c->base_ns += scale(tsc - c->base_tsc, c->ns_per_tick);
		c->base_tsc = tsc;
	}
	c->ns_per_tick = ns_per_tick;
}

void tsc_clock_set_hz(struct tsc_clock *c, uint64_t tsc, uint64_t hz)
{
	/* Below 1 MHz or above 1 THz nobody means it. */
	if (hz < 1000000 || hz > 1000 * NS_PER_S)
		return;
	c->window_ns = UINT64_MAX;
	set_rate(c, tsc, (NS_PER_S << 32) / hz);
}

bool tsc_clock_compare(struct tsc_clock *c, uint64_t tsc, uint64_t ticks,
		       uint64_t ns)
{
	if (!ticks || !ns || ticks > COMPARE_MAX || ns > COMPARE_MAX)
		return false;
	if (c->window_ns > UINT64_MAX / 2 || ns < 2 * c->window_ns)
		return false;
	c->window_ns = ns;
	set_rate(c, tsc, (ns << 32) / ticks);
	return true;
}

uint64_t tsc_clock_ns(struct tsc_clock *c, uint64_t tsc)
{
	uint64_t ns = c->base_ns;

	if (tsc > c->base_tsc)
		ns += scale(tsc - c->base_tsc, c->ns_per_tick);
	if (ns > c->last_ns)
		c->last_ns = ns;
	return c->last_ns;
}

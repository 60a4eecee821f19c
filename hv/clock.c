/* SPDX-License-Identifier: BSD-2-Clause
 *
 * See clock.h.
 */
#include "hv/clock.h"

#include "hv/sys.h"

#define CLOCK_MONOTONIC_ID 1
#define TRIES		   3
#define LEAST_BASE_NS	   20000u	/* nearer moments tell no rate */

struct clock_moment clock_now_pair(void)
{
	struct clock_moment best = { 0, 0 };
	uint64_t width = UINT64_MAX;

	for (int i = 0; i < TRIES; i++) {
		int64_t ts[2] = { 0, 0 };
		uint64_t before = clock_rdtsc(), after;

		sys_raw(__NR_clock_gettime, CLOCK_MONOTONIC_ID, (long)ts, 0, 0, 0, 0);
		after = clock_rdtsc();
		if (after - before < width) {
			width = after - before;
			best.tsc = before + width / 2;
			best.ns = (uint64_t)ts[0] * 1000000000u + (uint64_t)ts[1];
		}
	}
	return best;
}

/* ns = (ticks << shift or >> -shift) * mul >> 32, mul with its top bit set.
 * A division of 64 bits is enough: 32 of them are left of each number. */
static void set_rate(struct hv_clock *c, uint64_t ticks, uint64_t ns)
{
	int shift = 0;
	uint64_t mul;

	while ((ticks | ns) >> 32) {
		ticks >>= 1;
		ns >>= 1;
	}
	while (ns > ticks) {
		ticks <<= 1;
		shift++;
	}
	while (ns <= ticks >> 1) {
		ns <<= 1;
		shift--;
	}
	mul = (ns << 32) / ticks;
	c->tsc_to_system_mul = mul > UINT32_MAX ? UINT32_MAX : (uint32_t)mul;
	c->tsc_shift = (int8_t)shift;
}

void clock_set(struct hv_clock *c, struct clock_moment from, struct clock_moment now)
{
	uint32_t version = c->version;

	/* Pairs with the reader in pv/hv: odd while it changes. x86 keeps
	 * stores in order; the compiler is told to. */
	__atomic_store_n(&c->version, version | 1, __ATOMIC_RELAXED);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	if (now.ns > from.ns && now.tsc > from.tsc && now.ns - from.ns >= LEAST_BASE_NS)
		set_rate(c, now.tsc - from.tsc, now.ns - from.ns);
	c->tsc_timestamp = now.tsc;
	c->system_time = now.ns;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	__atomic_store_n(&c->version, (version | 1) + 1, __ATOMIC_RELEASE);
}

uint64_t clock_read(const struct hv_clock *c, uint64_t tsc)
{
	uint64_t ticks = tsc - c->tsc_timestamp;

	if ((int64_t)ticks < 0)
		ticks = 0;
	ticks = c->tsc_shift < 0 ? ticks >> -c->tsc_shift : ticks << c->tsc_shift;
	return c->system_time +
	       (uint64_t)((unsigned __int128)ticks * c->tsc_to_system_mul >> 32);
}

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Clock arithmetic: pvclock's records and the counter clock's rates.
 * SOURCES: pv/x86/pvclock.c pv/x86/tsc.c kernel/lib/shared.c
 */
#include "pv/x86/pvclock.h"
#include "pv/x86/tsc.h"

#include <string.h>

#include "tests/unit/tap.h"

static uint64_t counter;
static struct pvclock_time rec;

static uint64_t read_counter(void)
{
	return counter;
}

/* A hypervisor that updates the record in the middle of the copy, once. */
static uint64_t update_while_reading(void)
{
	if (rec.version == 2) {
		rec.version = 4;
		rec.system_time = 5000;
	}
	return counter;
}

static uint64_t update_always(void)
{
	rec.version += 2;
	return counter;
}

static void scaling(void)
{
	/* 2.6 GHz: ticks / 2.6 */
	uint32_t mul = (uint32_t)((1ull << 32) / 2.6);

	ok(pvclock_scale(2600000000ull, mul, 0) / 10 == 99999999, "a second");
	ok(pvclock_scale(1000, 1u << 31, 1) == 1000, "shift left");
	ok(pvclock_scale(1000, 1u << 31, -1) == 250, "shift right");
	ok(pvclock_scale(UINT64_MAX, UINT32_MAX, 31) == UINT64_MAX,
	   "saturates instead of wrapping");
	ok(pvclock_scale(UINT64_MAX, UINT32_MAX, 0) == UINT64_MAX - (1ull << 32),
	   "no overflow at shift 0");
	ok(pvclock_scale(5, 1, 127) == UINT64_MAX &&
	   pvclock_scale(UINT64_MAX, UINT32_MAX, -128) == 0, "absurd shifts");
	ok(pvclock_scale(2600000000ull * 86400 * 365 * 100, mul, 0) > 0x2bc00000000,
	   "a century");
}

static void reading(void)
{
	uint64_t ns = 7;

	memset(&rec, 0, sizeof(rec));
	ok(!pvclock_read(&rec, read_counter, &ns) && ns == 7,
	   "a record that was never written");
	rec = (struct pvclock_time){ .version = 2, .tsc_timestamp = 100,
				     .system_time = 1000, .mul = 1u << 31,
				     .shift = 1 };
	counter = 150;
	ok(pvclock_read(&rec, read_counter, &ns) && ns == 1050, "extrapolates");
	counter = 50;
	ok(pvclock_read(&rec, read_counter, &ns) && ns == 1000,
	   "a counter behind the stamp does not go back");
	counter = 150;
	ok(pvclock_read(&rec, update_while_reading, &ns) && ns == 5050,
	   "an update during the copy is seen");
	rec.version = 2;
	ns = 7;
	ok(!pvclock_read(&rec, update_always, &ns) && ns == 7,
	   "endless updates give up");
	rec.version = 3;
	ok(!pvclock_read(&rec, read_counter, &ns), "an update for ever gives up");
	rec.version = 4;
	rec.system_time = UINT64_MAX - 10;
	ok(pvclock_read(&rec, read_counter, &ns) && ns == UINT64_MAX,
	   "the sum saturates");
}

static void walls(void)
{
	struct pvclock_wall w = { 2, 1700000000, 5 };

	ok(pvclock_wall_base(&w) == 1700000000000000005ull, "wall clock");
	w.version = 3;
	ok(pvclock_wall_base(&w) == 0, "never finished");
}

static void rates(void)
{
	struct tsc_clock c;
	uint64_t at = 1000000, ns, last;

	tsc_clock_start(&c, at);
	ok(tsc_clock_ns(&c, at + 1000) == 0, "without a rate time stands still");
	/* 1 % too fast at first: 2.6 GHz taken for 2.574 */
	ok(tsc_clock_compare(&c, at + 52000, 51480, 20000), "a first comparison");
	last = tsc_clock_ns(&c, at + 26000000);
	ok(last > 10050000 && last < 10150000, "10 ms, one per cent off");
	ok(!tsc_clock_compare(&c, at + 26000000, 60000, 30000),
	   "one that is not twice as long is refused");
	ok(tsc_clock_compare(&c, at + 26000000, 26000000, 10000000),
	   "a better one is taken");
	ns = tsc_clock_ns(&c, at + 26000000);
	ok(ns >= last && ns < last + 3, "no jump");
	ok(tsc_clock_ns(&c, at + 26000000 + 2600000000ull) - ns < 1000000002 &&
	   tsc_clock_ns(&c, at + 26000000 + 2600000000ull) - ns > 999999998,
	   "the new rate is right");
	last = tsc_clock_ns(&c, at + 26000000 + 2600000000ull);
	ok(tsc_clock_ns(&c, at) == last &&
	   tsc_clock_ns(&c, at + 26000000 + 1000000000ull) == last,
	   "a counter that goes back stops time");
	ok(!tsc_clock_compare(&c, at, 0, 100) && !tsc_clock_compare(&c, at, 100, 0) &&
	   !tsc_clock_compare(&c, at, 1ull << 40, 1ull << 40),
	   "comparisons that mean nothing");
	tsc_clock_start(&c, 0);
	tsc_clock_set_hz(&c, 0, 0);
	ok(!c.ns_per_tick, "0 Hz is nobody's word");
	tsc_clock_set_hz(&c, 0, 2000000000);
	ok(tsc_clock_ns(&c, 2000000000ull * 3600) == 3600000000000ull,
	   "a named rate, after an hour");
	ok(!tsc_clock_compare(&c, 0, 1000, 1000000000), "and nothing replaces it");
	ok(tsc_clock_ns(&c, UINT64_MAX) > 1ull << 62, "the counter's end");
}

static void never_back(void)
{
	struct tsc_clock c;
	uint64_t last = 0, tsc = 12345, ns = 20000;
	bool good = true;

	tsc_clock_start(&c, tsc);
	for (unsigned i = 0; i < 20; i++, ns *= 2) {
		uint64_t noise = i % 3 ? ns / 50 : 0;

		if (ns < 1u << 30)
			tsc_clock_compare(&c, tsc, ns * 26 / 10 + noise, ns);
		for (unsigned j = 0; j < 1000; j++) {
			uint64_t t = tsc_clock_ns(&c, tsc += 977);

			good &= t >= last;
			last = t;
		}
	}
	ok(good, "time never goes back while rates change");
}

int main(void)
{
	scaling();
	reading();
	walls();
	rates();
	never_back();
	return done_testing();
}

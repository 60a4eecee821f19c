/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Timers against a sorted model; cancelling, moving, re-arming; shortage.
 *
 * SOURCES: tests/host/fake_pv.c kernel/page.c kernel/heap.c kernel/thread.c
 * SOURCES: kernel/event.c kernel/timer.c kernel/clock.c kernel/log.c
 * SOURCES: kernel/console.c kernel/trace.c kernel/panic.c kernel/backtrace.c
 * SOURCES: kernel/symbols.c kernel/watchdog.c kernel/cmdline.c
 * SOURCES: kernel/device.c kernel/lib/fmt.c kernel/arch/x86_64/switch.S
 */
#include "tests/unit/tap.h"

#include <errno.h>
#include <stdlib.h>

#include "kernel/clock.h"
#include "kernel/event.h"
#include "kernel/heap.h"
#include "kernel/timer.h"
#include "tests/host/fake_pv.h"

#define N 500

static struct timer timer[N];
static nsec_t want[N];			/* NSEC_NEVER: idle */
static nsec_t last;
static bool in_order = true, right = true;
static int fired;

static void expire(void *arg)
{
	int i = (int)(intptr_t)arg;

	in_order &= want[i] >= last;
	right &= want[i] <= clock_now() && !timer_armed(&timer[i]);
	last = want[i];
	want[i] = NSEC_NEVER;
	fired++;
}

static nsec_t earliest(void)
{
	nsec_t first = NSEC_NEVER;

	for (int i = 0; i < N; i++)
		first = want[i] < first ? want[i] : first;
	return first;
}

static void test_model(void)
{
	for (int i = 0; i < N; i++) {
		timer[i].fn = expire;
		timer[i].arg = (void *)(intptr_t)i;
		want[i] = NSEC_NEVER;
	}
	for (int k = 0; k < 20000; k++) {
		int i = rand() % N;

		if (rand() % 3) {
			want[i] = clock_now() + (nsec_t)(rand() % 1000);
			right &= timer_set(&timer[i], want[i]) == 0;
		} else {
			timer_cancel(&timer[i]);
			want[i] = NSEC_NEVER;
		}
		right &= timer_next_deadline() == earliest();
		if (rand() % 20 == 0) {
			fake_pv_advance((nsec_t)(rand() % 400));
			last = 0;
			timer_run_due();
			right &= earliest() > clock_now();
		}
	}
	ok(right && in_order && fired > 1000, "20,000 random steps, %d expired",
	   fired);
	for (int i = 0; i < N; i++)
		timer_cancel(&timer[i]);
	ok(timer_next_deadline() == NSEC_NEVER && !timer_run_due(), "all cancelled");
}

static struct timer self;
static int self_runs;

static void rearm(void *arg)
{
	(void)arg;
	self_runs++;
	ok(timer_set(&self, clock_now() - 1) == 0, "re-armed in the past");
}

static void test_rearm(void)
{
	self.fn = rearm;
	ok(timer_set(&self, clock_now()) == 0, "set");
	event_poll();
	ok(self_runs == 1, "a timer that re-arms itself runs once a round");
	timer_cancel(&self);
}

static struct timer victim;

static void cancel_other(void *arg)
{
	(void)arg;
	timer_cancel(&victim);
}

static void test_cancel_in_callback(void)
{
	struct timer t = { .fn = cancel_other };

	fired = 0;
	victim.fn = expire;
	victim.arg = (void *)(intptr_t)0;
	ok(!timer_set(&t, 1) && !timer_set(&victim, 2), "set");
	event_poll();
	ok(fired == 0 && !timer_armed(&victim), "cancelled by an earlier one");
}

/* The heap is used up: ordinary timers fail, reserved ones never do. */
static void test_shortage(void)
{
	static struct timer more[4096], kept[3];
	struct { void *next; } *chain = NULL, *p;
	static const size_t sizes[] = { 1 << 20, 4096, 1024, 256, 64, 16 };
	int n = 0;

	for (int i = 0; i < 3; i++) {
		kept[i].reserved = true;
		kept[i].fn = expire;
		right &= timer_reserve() == 0;
	}
	for (unsigned s = 0; s < ARRAY_SIZE(sizes); s++) {
		while ((p = heap_alloc(HEAP_APP, sizes[s]))) {
			p->next = chain;
			chain = (void *)p;
		}
	}
	while (n < 4096 && timer_set(&more[n], 1000000000000ull + (nsec_t)n) == 0)
		n++;
	ok(n < 4096 && n >= 13, "ordinary timers fail with no memory: %d", n);
	ok(!timer_set(&kept[0], 5) && !timer_set(&kept[1], 6) &&
	   !timer_set(&kept[2], 7), "reserved ones do not");
	ok(timer_next_deadline() == 5, "and are in the heap");
	for (int i = 0; i < 3; i++) {
		timer_cancel(&kept[i]);
		timer_unreserve();
	}
	ok(timer_set(&more[n], 1) == 0, "an unreserved place is free for others");
}

static void test_clock(void)
{
	fake_pv_wall = 0;
	ok(clock_wall() == clock_now(), "no platform clock: from 1970 up");
	fake_pv_wall = 1700000000 * NSEC_PER_SEC;
	ok(clock_wall() == fake_pv_wall, "the platform's");
	clock_set_wall(5 * NSEC_PER_SEC);
	ok(clock_wall() == 5 * NSEC_PER_SEC, "settimeofday, backwards");
	fake_pv_wall += 7;
	ok(clock_wall() == 5 * NSEC_PER_SEC + 7, "goes on");
}

int main(void)
{
	fake_pv_init(8u << 20);
	test_model();
	test_rearm();
	test_cancel_in_callback();
	test_clock();
	test_shortage();
	return done_testing();
}

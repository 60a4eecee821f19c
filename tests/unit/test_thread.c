/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Threads, wait queues, sleep, mutexes, stacks and their guards.
 *
 * SOURCES: tests/host/fake_pv.c kernel/page.c kernel/heap.c kernel/thread.c
 * SOURCES: kernel/event.c kernel/timer.c kernel/clock.c kernel/log.c
 * SOURCES: kernel/console.c kernel/trace.c kernel/panic.c kernel/backtrace.c
 * SOURCES: kernel/symbols.c kernel/watchdog.c kernel/cmdline.c
 * SOURCES: kernel/device.c kernel/lib/fmt.c kernel/arch/x86_64/switch.S
 * FLAGS: -Wl,--no-as-needed -lm -fno-omit-frame-pointer
 */
#include "tests/unit/tap.h"

#include <errno.h>
#include <fenv.h>
#include <xmmintrin.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>

#include "kernel/clock.h"
#include "kernel/console.h"
#include "kernel/event.h"
#include "kernel/heap.h"
#include "kernel/page.h"
#include "kernel/thread.h"
#include "tests/host/fake_pv.h"

static char trail[256];

static void mark(const char *s)
{
	strncat(trail, s, sizeof(trail) - strlen(trail) - 1);
}

static void say_twice(void *arg)
{
	mark(arg);
	sched_yield_cpu();
	mark(arg);
}

static void test_order(void)
{
	struct thread *a = thread_create("a", say_twice, "a", 0);
	struct thread *b = thread_create("b", say_twice, "b", 0);

	trail[0] = 0;
	thread_join(a);
	thread_join(b);
	ok(!strcmp(trail, "abab"), "threads take turns: %s", trail);
}

static void sleeper(void *arg)
{
	thread_sleep_until(*(nsec_t *)arg);
	mark(*(nsec_t *)arg % 2 ? "1" : "0");
}

static void test_sleep(void)
{
	nsec_t start = clock_now(), d1 = start + 2001, d0 = start + 1000;
	struct thread *late = thread_create("late", sleeper, &d1, 0);
	struct thread *soon = thread_create("soon", sleeper, &d0, 0);

	d1 |= 1, d0 &= ~1ull;
	trail[0] = 0;
	thread_join(late);
	thread_join(soon);
	ok(!strcmp(trail, "01"), "sleepers wake in the order of time: %s", trail);
	ok(clock_now() == d1, "exactly then");
}

static struct wait_queue q = WAIT_QUEUE_INIT(q);
static int woken;

static void waiter(void *arg)
{
	(void)arg;
	if (wait_queue_sleep(&q, NSEC_NEVER) == 0)
		woken++;
}

static void test_wake(void)
{
	struct thread *t[3];
	nsec_t before;

	for (int i = 0; i < 3; i++)
		t[i] = thread_create("w", waiter, NULL, 0);
	sched_yield_cpu();
	wait_queue_wake_one(&q);
	sched_yield_cpu();
	ok(woken == 1, "wake_one wakes one");
	wait_queue_wake_all(&q);
	sched_yield_cpu();
	ok(woken == 3, "wake_all wakes the rest");
	for (int i = 0; i < 3; i++)
		thread_join(t[i]);
	before = clock_now();
	ok(wait_queue_sleep(&q, before + 500) == -ETIMEDOUT &&
	   clock_now() == before + 500, "time-out on the boot thread");
	ok(list_empty(&q.waiters), "a time-out leaves the queue");
}

static void wake_from_event(void *arg)
{
	wait_queue_wake_one(arg);
}

static void test_event_wakes(void)
{
	struct event_handler h = { .fn = wake_from_event, .arg = &q };
	nsec_t start = clock_now();

	ok(event_bind(7, &h) == 0, "bind");
	fake_pv_event_at(start + 300, 7);
	ok(wait_queue_sleep(&q, start + 900) == 0 && clock_now() == start + 300,
	   "an event wakes before the time-out");
	ok(timer_next_deadline() == NSEC_NEVER, "and the time-out is gone");
	event_unbind(&h);
	fake_pv_event_at(clock_now(), 7);
	ok(wait_queue_sleep(&q, start + 900) == -ETIMEDOUT, "unbound: masked");
}

/* Both woken and timed out in one poll round: counts as one or the other, and
 * the thread runs once. */
static void test_wake_and_timeout(void)
{
	struct event_handler h = { .fn = wake_from_event, .arg = &q };
	nsec_t when = clock_now() + 100;

	ok(event_bind(8, &h) == 0, "bind");
	fake_pv_event_at(when, 8);
	ok(wait_queue_sleep(&q, when) == 0, "woken and late at once: woken");
	sched_yield_cpu();
	ok(!timer_armed(&thread_current()->sleep_timer), "no timer left");
	event_unbind(&h);
}

static struct mutex m = MUTEX_INIT(m);
static int inside, most;

static void critical(void *arg)
{
	(void)arg;
	mutex_lock(&m);
	if (++inside > most)
		most = inside;
	sched_yield_cpu();
	sched_yield_cpu();
	inside--;
	mutex_unlock(&m);
}

static void test_mutex(void)
{
	struct thread *t[4];

	for (int i = 0; i < 4; i++)
		t[i] = thread_create("m", critical, NULL, 0);
	sched_yield_cpu();
	ok(!mutex_try_lock(&m), "try_lock of a held mutex");
	for (int i = 0; i < 4; i++)
		thread_join(t[i]);
	ok(most == 1, "one at a time");
	ok(mutex_try_lock(&m), "try_lock of a free one");
	mutex_unlock(&m);
	ok(FAKE_PV_PANICS(mutex_unlock(&m), "owner == current"),
	   "unlocking what is not locked is our bug");
	mutex_lock(&m);
	ok(FAKE_PV_PANICS(mutex_lock(&m), "owner != current"),
	   "locking twice is our bug");
}

static void change_rounding(void *arg)
{
	(void)arg;
	fesetround(FE_TOWARDZERO);
	sched_yield_cpu();
	/* fegetround reads the x87 control word only. */
	ok(fegetround() == FE_TOWARDZERO && (_mm_getcsr() & 0x6000) == 0x6000,
	   "rounding mode kept over a switch");
}

static void test_fpu(void)
{
	struct thread *t = thread_create("fpu", change_rounding, NULL, 0);

	sched_yield_cpu();
	ok(fegetround() == FE_TONEAREST && !(_mm_getcsr() & 0x6000), "a thread's rounding mode is its own");
	thread_join(t);
}

static void nothing(void *arg)
{
	(void)arg;
}

static void test_leaks(void)
{
	struct heap_stats before, after;
	size_t pages;

	for (int i = 0; i < 3; i++)
		thread_join(thread_create("x", nothing, NULL, 0));
	heap_stats(HEAP_KERNEL, &before);
	pages = page_free_count();
	for (int i = 0; i < 2000; i++) {
		struct thread *t = thread_create("x", nothing, NULL,
						 i % 2 ? 0 : 100000);

		if (i % 4 < 2)
			thread_detach(t);
		sched_yield_cpu();
		if (i % 4 >= 2)
			thread_join(t);
	}
	sched_yield_cpu();
	heap_stats(HEAP_KERNEL, &after);
	ok(before.live_blocks == after.live_blocks, "threads leak no heap");
	ok(pages == page_free_count(), "nor pages: %zu, %zu", pages,
	   page_free_count());
}

static sigjmp_buf fault_jmp;
static void *fault_addr;

static void on_fault(int sig, siginfo_t *info, void *ctx)
{
	(void)sig;
	(void)ctx;
	fault_addr = info->si_addr;
	siglongjmp(fault_jmp, 1);
}

static void test_guard(void)
{
	struct thread *t = thread_create("g", nothing, NULL, 0);
	struct sigaction sa = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO };
	volatile char *below = (volatile char *)t->stack - 1;

	sigaction(SIGSEGV, &sa, NULL);
	sigaction(SIGBUS, &sa, NULL);
	if (!sigsetjmp(fault_jmp, 1))
		*below = 1;
	signal(SIGSEGV, SIG_DFL);
	signal(SIGBUS, SIG_DFL);
	ok(fault_addr == below, "a byte below the stack faults");
	ok(thread_of_stack((uintptr_t)t->stack) == t &&
	   !thread_of_stack((uintptr_t)below), "thread_of_stack knows the stack");
	thread_join(t);
}

static void test_absurd_stacks(void)
{
	static const size_t len[] = {
		SIZE_MAX, SIZE_MAX - PAGE_SIZE + 1, SIZE_MAX - PAGE_SIZE, SIZE_MAX / 2,
		(size_t)1 << 44,
	};

	for (unsigned i = 0; i < ARRAY_SIZE(len); i++)
		ok(!thread_create("huge", nothing, NULL, len[i]),
		   "no stack of %zu bytes", len[i]);
}

static void test_failures(void)
{
	size_t pages = page_free_count();
	struct heap_stats before, after;

	heap_stats(HEAP_KERNEL, &before);
	fake_pv_fail_protect = 1;
	/* Not a cached stack: another size. */
	ok(!thread_create("x", nothing, NULL, 200000), "no guard: no thread");
	ok(!thread_create("x", nothing, NULL, (size_t)1 << 40), "too large");
	heap_stats(HEAP_KERNEL, &after);
	ok(before.live_blocks == after.live_blocks && pages == page_free_count(),
	   "and nothing is lost");
}

static void sleep_in_timer(void *arg)
{
	(void)arg;
	wait_queue_sleep(&q, NSEC_NEVER);
}

static void test_no_sleep_in_events(void)
{
	static struct timer t = { .fn = sleep_in_timer };

	ok(timer_set(&t, 0) == 0, "set");
	ok(FAKE_PV_PANICS(sched_yield_cpu(), "event_running"), "blocking in a timer is our bug");
}

static void hog(void *arg)
{
	(void)arg;
	fake_pv_advance(1500 * NSEC_PER_MSEC);
	sched_yield_cpu();
}

static void test_watchdog(void)
{
	console_use_platform();
	fake_pv_output_clear();
	thread_join(thread_create("hog", hog, NULL, 0));
	ok(fake_pv_output_has("(hog) ran 1500 ms without yielding"),
	   "the watchdog names who ran long");
	ok(fake_pv_output_has("#0 0x") && fake_pv_output_has("#1 0x"),
	   "with a backtrace");
	fake_pv_output_clear();
	thread_sleep_until(clock_now() + 5 * NSEC_PER_SEC);
	sched_yield_cpu();
	ok(!fake_pv_output_has("without"), "sleeping is not running");
}

int main(void)
{
	fake_pv_init(32u << 20);
	test_order();
	test_sleep();
	test_wake();
	test_event_wakes();
	test_wake_and_timeout();
	test_fpu();
	test_leaks();
	test_guard();
	test_absurd_stacks();
	test_failures();
	test_watchdog();
	test_mutex();
	test_no_sleep_in_events();
	return done_testing();
}

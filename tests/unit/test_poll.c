/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Files and poll(2) over them: references, readiness, waiting, many entries.
 *
 * SOURCES: kernel/file.c kernel/poll.c kernel/epoll.c tests/host/fake_heap.c
 * SOURCES: tests/host/fake_pv.c kernel/page.c kernel/thread.c kernel/event.c
 * SOURCES: kernel/timer.c kernel/clock.c kernel/log.c kernel/console.c kernel/trace.c
 * SOURCES: kernel/panic.c kernel/backtrace.c kernel/symbols.c kernel/watchdog.c
 * SOURCES: kernel/cmdline.c kernel/device.c kernel/lib/fmt.c
 * SOURCES: kernel/arch/x86_64/switch.S
 */
#include <errno.h>
#include <stdlib.h>

#include "kernel/clock.h"
#include "kernel/thread.h"
#include "kernel/timer.h"
#include "tests/host/fake_file.h"
#include "tests/host/fake_heap.h"
#include "tests/host/fake_pv.h"
#include "tests/unit/tap.h"

static struct fake_file *later_file;
static unsigned later_bits;

static void later(void *arg)
{
	(void)arg;
	fake_file_set(later_file, later_bits);
}

static void test_refs(void)
{
	struct fake_file *f = fake_file(0);
	static const struct file_ops plain = { .release = fake_file_release };

	file_get(&f->file);
	file_put(&f->file);
	ok(fake_file_alive == 1, "one reference left");
	f->file.ops = &plain;
	ok(file_poll(&f->file) == (FILE_IN | FILE_OUT), "without poll: always ready");
	file_put(&f->file);
	ok(fake_file_alive == 0, "released");
}

static void test_now(void)
{
	struct fake_file *f = fake_file(FILE_IN | FILE_OUT), *g = fake_file(FILE_HUP);
	struct poll_entry e[] = {
		{ &f->file, FILE_IN, 99 }, { NULL, FILE_IN, 99 },
		{ &f->file, FILE_PRI, 99 }, { &g->file, 0, 99 },
		{ &f->file, FILE_OUT, 99 },
	};

	ok(poll_files(e, 5, 0) == 3, "three of five");
	ok(e[0].revents == FILE_IN && e[1].revents == 0 && e[2].revents == 0 &&
	   e[3].revents == FILE_HUP && e[4].revents == FILE_OUT, "and what they are");
	ok(poll_files(NULL, 0, 0) == 0, "nothing at all");
	file_put(&f->file);
	file_put(&g->file);
}

static void test_wait(void)
{
	struct fake_file *f = fake_file(0), *g = fake_file(0);
	struct poll_entry e[] = { { &f->file, FILE_IN, 0 }, { &g->file, FILE_OUT, 0 },
				  { &f->file, FILE_IN | FILE_OUT, 0 } };
	struct timer t = { .fn = later };
	nsec_t start = clock_now();

	ok(poll_files(e, 2, start + 7 * NSEC_PER_MSEC) == 0 &&
	   clock_now() == start + 7 * NSEC_PER_MSEC, "a time-out");
	ok(poll_files(NULL, 0, clock_now() + NSEC_PER_MSEC) == 0, "as a sleep");
	later_file = f;
	later_bits = FILE_IN;
	if (timer_set(&t, clock_now() + NSEC_PER_MSEC))
		abort();
	ok(poll_files(e, 3, NSEC_NEVER) == 2 && e[0].revents == FILE_IN &&
	   e[2].revents == FILE_IN && !e[1].revents, "woken; one file twice");
	f->bits = 0;
	later_bits = FILE_PRI;
	start = clock_now();
	if (timer_set(&t, start + NSEC_PER_MSEC))
		abort();
	ok(poll_files(e, 2, start + 5 * NSEC_PER_MSEC) == 0, "not by what nobody asked for");
	ok(list_empty(&f->file.watches) && list_empty(&g->file.watches), "no watch stays");
	fake_heap_fail_after = 1;
	ok(poll_files(e, 2, clock_now() + NSEC_PER_MSEC) == -ENOMEM, "ENOMEM");
	fake_heap_fail_after = 0;
	file_put(&f->file);
	file_put(&g->file);
}

struct poller {
	struct poll_entry e;
	int got;
};

static void poller(void *arg)
{
	struct poller *p = arg;

	p->got = poll_files(&p->e, 1, NSEC_NEVER);
}

static void test_threads(void)
{
	struct fake_file *f = fake_file(0);
	struct poller p[5];
	struct thread *th[5];
	int good = 0;

	for (int i = 0; i < 5; i++) {
		p[i] = (struct poller){ { &f->file, FILE_IN, 0 }, -1 };
		th[i] = thread_create("poller", poller, &p[i], 256 << 10);
	}
	sched_yield_cpu();
	fake_file_set(f, FILE_IN);
	for (int i = 0; i < 5; i++) {
		thread_join(th[i]);
		good += p[i].got == 1;
	}
	ok(good == 5, "all of five pollers see it");
	file_put(&f->file);
}

int main(void)
{
	struct heap_stats s;

	fake_pv_init(64 << 20);
	test_refs();
	test_now();
	test_wait();
	test_threads();
	heap_stats(HEAP_KERNEL, &s);
	ok(s.live_blocks <= 1, "nothing left but the table of timers: %llu",
	   (unsigned long long)s.live_blocks);
	return done_testing();
}

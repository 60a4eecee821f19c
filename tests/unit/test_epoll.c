/* SPDX-License-Identifier: BSD-2-Clause
 *
 * epoll: level and edge, one-shot, close, duplicates, fairness, threads, ten
 * thousand descriptors at the cost of the few that are ready.
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
#include "kernel/event.h"
#include "kernel/thread.h"
#include "kernel/timer.h"
#include "tests/host/fake_file.h"
#include "tests/host/fake_heap.h"
#include "tests/host/fake_pv.h"
#include "tests/unit/tap.h"

static struct epoll_ready r[64];

static struct file *new_epoll(void)
{
	struct file *ep;

	if (epoll_file_create(&ep))
		abort();
	return ep;
}

static int now(struct file *ep, int max)
{
	return epoll_file_wait(ep, r, max, 0);
}

static void test_errors(void)
{
	struct file *ep = new_epoll(), *ep2 = new_epoll();
	struct fake_file *f = fake_file(0);
	static const struct file_ops no_poll = { .release = fake_file_release };

	ok(epoll_file_add(ep, 1, &f->file, FILE_IN, 0) == 0, "add");
	ok(epoll_file_add(ep, 1, &f->file, FILE_IN, 0) == -EEXIST, "EEXIST");
	ok(epoll_file_add(ep, 2, &f->file, FILE_IN, 0) == 0, "a duplicate is another");
	ok(epoll_file_add(ep2, 1, &f->file, FILE_IN, 0) == 0, "another set, too");
	ok(epoll_file_mod(ep, 3, &f->file, FILE_IN, 0) == -ENOENT, "ENOENT");
	ok(epoll_file_del(ep, 3, &f->file) == -ENOENT, "ENOENT");
	ok(epoll_file_add(ep, 1, ep, FILE_IN, 0) == -EINVAL, "itself");
	ok(epoll_file_add(ep, 1, ep2, FILE_IN, 0) == -ELOOP, "sets of sets");
	ok(epoll_file_add(&f->file, 1, ep, FILE_IN, 0) == -EINVAL, "not a set");
	ok(epoll_file_wait(ep, r, 0, 0) == -EINVAL, "room for none");
	f->file.ops = &no_poll;
	ok(epoll_file_add(ep, 9, &f->file, FILE_IN, 0) == -EPERM, "EPERM");
	f->file.ops = &fake_file_ops;
	ok(epoll_file_del(ep, 1, &f->file) == 0 && epoll_file_del(ep, 2, &f->file) == 0,
	   "delete");
	file_put(ep);
	file_put(ep2);
	file_put(&f->file);
	fake_heap_fail_after = 1;
	ok(epoll_file_create(&ep) == -ENOMEM, "ENOMEM");
	ep = new_epoll();
	f = fake_file(FILE_IN);
	fake_heap_fail_after = 1;
	ok(epoll_file_add(ep, 1, &f->file, FILE_IN, 0) == -ENOMEM && now(ep, 1) == 0,
	   "ENOMEM of add");
	fake_heap_fail_after = 0;
	file_put(ep);
	file_put(&f->file);
}

static void test_level(void)
{
	struct file *ep = new_epoll();
	struct fake_file *f = fake_file(FILE_IN | FILE_OUT);

	epoll_file_add(ep, 1, &f->file, FILE_IN, 77);
	ok(now(ep, 8) == 1 && r[0].events == FILE_IN && r[0].data == 77, "ready when added");
	ok(now(ep, 8) == 1, "told again");
	fake_file_set(f, FILE_OUT);
	ok(now(ep, 8) == 0, "until it is not");
	fake_file_set(f, FILE_IN);
	ok(now(ep, 8) == 1, "and again");
	epoll_file_mod(ep, 1, &f->file, FILE_OUT, 78);
	ok(now(ep, 8) == 0, "other events");
	fake_file_set(f, FILE_IN | FILE_OUT);
	ok(now(ep, 8) == 1 && r[0].events == FILE_OUT && r[0].data == 78, "of the new kind");
	epoll_file_mod(ep, 1, &f->file, 0, 79);
	ok(now(ep, 8) == 0, "none");
	fake_file_set(f, FILE_IN | FILE_ERR | FILE_HUP);
	ok(now(ep, 8) == 1 && r[0].events == (FILE_ERR | FILE_HUP), "ERR and HUP always");
	ok(file_poll(ep) == FILE_IN, "the set itself is readable");
	f->bits = 0;
	ok(file_poll(ep) == 0, "not when what was ready is over");
	fake_file_set(f, FILE_HUP);
	epoll_file_del(ep, 1, &f->file);
	ok(now(ep, 8) == 0 && file_poll(ep) == 0, "deleted while ready");
	file_put(&f->file);
	file_put(ep);
}

static void test_edge(void)
{
	struct file *ep = new_epoll();
	struct fake_file *f = fake_file(FILE_IN);

	epoll_file_add(ep, 1, &f->file, FILE_IN | FILE_OUT | EPOLL_ET, 0);
	ok(now(ep, 8) == 1 && now(ep, 8) == 0, "once");
	file_notify(&f->file, FILE_IN);
	ok(now(ep, 8) == 1 && now(ep, 8) == 0, "more of the same is an edge");
	fake_file_set(f, FILE_IN | FILE_OUT);
	ok(now(ep, 8) == 1 && r[0].events == (FILE_IN | FILE_OUT), "both are told");
	file_notify(&f->file, FILE_PRI);
	ok(now(ep, 8) == 0, "not what was not asked for");
	epoll_file_mod(ep, 1, &f->file, FILE_IN | EPOLL_ET, 0);
	ok(now(ep, 8) == 1 && now(ep, 8) == 0, "a change looks anew");
	file_notify(&f->file, FILE_IN);
	f->bits = 0;
	ok(now(ep, 8) == 0, "an edge that has passed is not told");
	file_put(&f->file);
	file_put(ep);
}

static void test_oneshot(void)
{
	struct file *ep = new_epoll();
	struct fake_file *f = fake_file(FILE_IN);

	epoll_file_add(ep, 1, &f->file, FILE_IN | EPOLL_ONESHOT, 0);
	ok(now(ep, 8) == 1 && now(ep, 8) == 0, "once");
	file_notify(&f->file, FILE_IN);
	fake_file_set(f, FILE_IN | FILE_ERR | FILE_HUP);
	ok(now(ep, 8) == 0, "silent, also for ERR and HUP");
	epoll_file_mod(ep, 1, &f->file, FILE_IN | EPOLL_ONESHOT, 5);
	ok(now(ep, 8) == 1 && r[0].data == 5 && now(ep, 8) == 0, "until it is changed");
	file_put(&f->file);
	file_put(ep);
}

static void test_gone(void)
{
	struct file *ep = new_epoll();
	struct fake_file *f = fake_file(FILE_IN);

	epoll_file_add(ep, 1, &f->file, FILE_IN, 1);
	epoll_file_add(ep, 2, &f->file, FILE_IN, 2);
	ok(now(ep, 8) == 2, "both descriptors of one file");
	file_get(&f->file);
	file_put(&f->file);
	ok(now(ep, 8) == 2, "closing one leaves both (as Linux does)");
	file_put(&f->file);
	ok(now(ep, 8) == 0 && fake_file_alive == 0, "closing the last removes them");
	f = fake_file(FILE_IN);
	epoll_file_add(ep, 1, &f->file, FILE_IN, 1);
	file_put(ep);
	ok(file_poll(&f->file) == FILE_IN, "the set goes first");
	file_notify(&f->file, FILE_IN);
	file_put(&f->file);
}

static void test_fairness(void)
{
	struct file *ep = new_epoll();
	struct fake_file *f[20];
	unsigned told[20] = { 0 };
	bool even = true;

	for (int i = 0; i < 20; i++) {
		f[i] = fake_file(FILE_IN);
		epoll_file_add(ep, i, &f[i]->file, FILE_IN, (uint64_t)i);
	}
	for (int k = 0; k < 40; k++) {
		int n = now(ep, 3);

		for (int i = 0; i < n; i++)
			told[r[i].data]++;
		even &= n == 3;
	}
	for (int i = 0; i < 20; i++)
		even &= told[i] == 6;
	ok(even, "twenty ready ones, three at a time: each has its turn");
	for (int i = 0; i < 20; i++)
		file_put(&f[i]->file);
	file_put(ep);
}

/* ---- blocking ---- */
static struct fake_file *later_file;

static void later(void *arg)
{
	(void)arg;
	fake_file_set(later_file, FILE_IN);
}

struct waiter {
	struct file *ep;
	int got;
	nsec_t at;
};

static void waiter(void *arg)
{
	struct waiter *w = arg;
	struct epoll_ready one;

	w->got = epoll_file_wait(w->ep, &one, 1, NSEC_NEVER);
	w->at = clock_now();
}

static void test_blocking(void)
{
	struct file *ep = new_epoll();
	struct fake_file *f = fake_file(0), *g = fake_file(0);
	struct timer t = { .fn = later };
	struct waiter w[2] = { { ep, -1, 0 }, { ep, -1, 0 } };
	struct thread *th[2];
	nsec_t start = clock_now();

	epoll_file_add(ep, 1, &f->file, FILE_IN | EPOLL_ET, 0);
	epoll_file_add(ep, 2, &g->file, FILE_IN | EPOLL_ET, 0);
	ok(epoll_file_wait(ep, r, 8, start + 5 * NSEC_PER_MSEC) == 0 &&
	   clock_now() == start + 5 * NSEC_PER_MSEC, "a time-out");
	later_file = f;
	if (timer_set(&t, clock_now() + NSEC_PER_MSEC))
		abort();
	ok(epoll_file_wait(ep, r, 8, NSEC_NEVER) == 1, "woken");
	f->bits = 0;
	for (int i = 0; i < 2; i++)
		th[i] = thread_create("waiter", waiter, &w[i], 256 << 10);
	sched_yield_cpu();
	if (timer_set(&t, clock_now() + NSEC_PER_MSEC))
		abort();
	thread_sleep_until(clock_now() + 2 * NSEC_PER_MSEC);
	ok((w[0].got == 1) + (w[1].got == 1) == 1, "one of two waiters has it");
	fake_file_set(g, FILE_IN);
	thread_join(th[0]);
	thread_join(th[1]);
	ok(w[0].got == 1 && w[1].got == 1, "the other gets the next");
	file_put(&f->file);
	file_put(&g->file);
	file_put(ep);
}

static void test_many(void)
{
	enum { N = 10000 };
	struct file *ep = new_epoll();
	struct fake_file **f = calloc(N, sizeof(*f));
	unsigned asked = 0;

	for (int i = 0; i < N; i++) {
		f[i] = fake_file(0);
		epoll_file_add(ep, i, &f[i]->file, FILE_IN, (uint64_t)i);
		f[i]->polled = 0;
	}
	for (int k = 0; k < 100; k++) {
		fake_file_set(f[k * 97], FILE_IN);
		if (now(ep, 8) != 1 || r[0].data != (uint64_t)(k * 97))
			abort();
		fake_file_set(f[k * 97], 0);
		now(ep, 8);
	}
	for (int i = 0; i < N; i++)
		asked += f[i]->polled;
	ok(asked == 200, "100 events among 10,000 files: %u looks", asked);
	for (int i = 0; i < N; i++) {
		if (i % 2)
			epoll_file_del(ep, i, &f[i]->file);
		file_put(&f[i]->file);
	}
	ok(fake_file_alive == 0, "all gone");
	free(f);
	file_put(ep);
}

/* ---- devices ---- */
static unsigned heard;

static void device(void *arg)
{
	(void)arg;
	heard++;
}

static void test_devices(void)
{
	struct file *ep = new_epoll();
	struct fake_file *f = fake_file(FILE_IN);
	struct event_handler h = { .fn = device };
	struct timer t = { .fn = device };
	struct poll_entry e = { &f->file, FILE_IN, 0 };

	epoll_file_add(ep, 1, &f->file, FILE_IN, 0);
	if (event_bind(9, &h))
		abort();
	fake_pv_event_at(clock_now(), 9);
	ok(now(ep, 8) == 1 && heard == 1, "epoll_wait hears a device without sleeping");
	fake_pv_event_at(clock_now(), 9);
	ok(poll_files(&e, 1, NSEC_NEVER) == 1 && heard == 2, "so does poll");
	if (timer_set(&t, clock_now()))
		abort();
	now(ep, 8);
	ok(heard == 3, "and timers run");
	event_unbind(&h);
	file_put(&f->file);
	file_put(ep);
}

int main(void)
{
	struct heap_stats s;

	fake_pv_init(64 << 20);
	test_errors();
	test_level();
	test_edge();
	test_oneshot();
	test_gone();
	test_fairness();
	test_blocking();
	test_many();
	test_devices();
	heap_stats(HEAP_KERNEL, &s);
	ok(s.live_blocks <= 1, "nothing left but the table of timers: %llu",
	   (unsigned long long)s.live_blocks);
	return done_testing();
}

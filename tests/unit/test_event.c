/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Event lines, shared handlers, unbinding from handlers, deferred work.
 *
 * SOURCES: tests/host/fake_pv.c kernel/page.c kernel/heap.c kernel/thread.c
 * SOURCES: kernel/event.c kernel/timer.c kernel/clock.c kernel/log.c
 * SOURCES: kernel/console.c kernel/trace.c kernel/panic.c kernel/backtrace.c
 * SOURCES: kernel/symbols.c kernel/watchdog.c kernel/cmdline.c
 * SOURCES: kernel/device.c kernel/lib/fmt.c kernel/arch/x86_64/switch.S
 */
#include "tests/unit/tap.h"

#include <errno.h>
#include <string.h>

#include "kernel/event.h"
#include "tests/host/fake_pv.h"

static char trail[64];
static struct event_handler a, b, c;

static void mark(void *arg)
{
	strcat(trail, arg);
}

static void unbind_b(void *arg)
{
	(void)arg;
	strcat(trail, "u");
	event_unbind(&b);
}

static void unbind_self(void *arg)
{
	strcat(trail, "s");
	event_unbind(arg);
}

static void test_lines(void)
{
	a = (struct event_handler){ .fn = mark, .arg = "a" };
	b = (struct event_handler){ .fn = mark, .arg = "b" };
	ok(event_bind(EVENT_LINES, &a) == -EINVAL, "no such line");
	ok(!fake_pv_line_on(255) && event_bind(255, &a) == 0 && fake_pv_line_on(255),
	   "binding unmasks");
	ok(event_bind(255, &b) == 0, "shared");
	event_set_pending(255);
	event_set_pending(255);
	event_set_pending(EVENT_LINES + 5);
	event_set_pending(3);
	ok(event_pending(), "pending");
	ok(event_poll() && strlen(trail) == 2 && strchr(trail, 'a') &&
	   strchr(trail, 'b'), "every handler, once: %s", trail);
	ok(!event_pending() && !event_poll(), "then none");
	event_unbind(&a);
	ok(fake_pv_line_on(255), "still bound: unmasked");
	event_unbind(&b);
	event_unbind(&b);
	ok(!fake_pv_line_on(255), "the last one masks");
	trail[0] = 0;
	event_set_pending(255);
	event_poll();
	ok(!trail[0], "unbound handlers do not run");
}

static void test_unbind_while_running(void)
{
	/* The newest handler of a line runs first: c, then b, then a. */
	c = (struct event_handler){ .fn = unbind_b };
	ok(!event_bind(9, &a) && !event_bind(9, &b) && !event_bind(9, &c), "bind");
	trail[0] = 0;
	event_set_pending(9);
	event_poll();
	ok(!strcmp(trail, "ua"), "the next one was unbound: %s", trail);
	event_unbind(&c);
	c = (struct event_handler){ .fn = unbind_self, .arg = &c };
	ok(!event_bind(9, &c), "bind");
	trail[0] = 0;
	event_set_pending(9);
	event_poll();
	event_set_pending(9);
	event_poll();
	ok(!strcmp(trail, "saa"), "a handler unbinds itself: %s", trail);
	event_unbind(&a);
}

static struct event_deferred d1, d2;

static void again(void *arg)
{
	strcat(trail, arg);
	event_defer(&d2);
}

static void test_deferred(void)
{
	d1 = (struct event_deferred){ .fn = mark, .arg = "1" };
	d2 = (struct event_deferred){ .fn = again, .arg = "2" };
	trail[0] = 0;
	event_defer(&d1);
	event_defer(&d2);
	event_defer(&d1);
	ok(event_pending(), "deferred work keeps wait() from sleeping");
	ok(event_poll() && !strcmp(trail, "12"), "once, in order: %s", trail);
	ok(event_pending() && event_poll() && !strcmp(trail, "122"),
	   "deferred again while running: the next round");
}

static void poll_inside(void *arg)
{
	(void)arg;
	event_poll();
}

static void test_nesting(void)
{
	static struct event_deferred n = { .fn = poll_inside };

	event_defer(&n);
	ok(FAKE_PV_PANICS(event_poll(), "running"), "polling from a handler is our bug");
}

int main(void)
{
	fake_pv_init(4u << 20);
	test_lines();
	test_unbind_while_running();
	test_deferred();
	test_nesting();
	return done_testing();
}

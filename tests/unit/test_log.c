/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Log lines, levels, the console: early text, several consoles, input.
 *
 * SOURCES: tests/host/fake_pv.c kernel/page.c kernel/heap.c kernel/thread.c
 * SOURCES: kernel/event.c kernel/timer.c kernel/clock.c kernel/log.c
 * SOURCES: kernel/console.c kernel/trace.c kernel/panic.c kernel/backtrace.c
 * SOURCES: kernel/symbols.c kernel/watchdog.c kernel/cmdline.c
 * SOURCES: kernel/device.c kernel/lib/fmt.c kernel/arch/x86_64/switch.S
 * FLAGS: -Wl,-T,tests/host/tables.ld
 */
#include "tests/unit/tap.h"

#include <string.h>

#include "kernel/cmdline.h"
#include "kernel/console.h"
#include "kernel/log.h"
#include "kernel/thread.h"
#include "tests/host/fake_pv.h"

static char text[32768], panic_text[1024];

static void con_write(struct console *c, const char *s, size_t len)
{
	(void)c;
	strncat(text, s, len);
}

static void con_panic_write(struct console *c, const char *s, size_t len)
{
	(void)c;
	strncat(panic_text, s, len);
}

static void con_logs(struct console *c, const char *s, size_t len)
{
	(void)c, (void)s, (void)len;
	log_err(LOG_DEV, "from inside a console");
}

static struct console first = { "first", con_write, con_panic_write, NULL };
static struct console second = { "second", con_write, con_panic_write, NULL };
static struct console chatty = { "chatty", con_logs, con_logs, NULL };

static void test_early(void)
{
	log_info(LOG_NET, "early %d", 1);
	ok(!fake_pv_output_len, "buffered while there is no console");
	console_register(&first);
	ok(!strcmp(text, "[    1.000] net: early 1\n"), "replayed: %s", text);
	console_register(&second);
	ok(strlen(text) == 25, "once");
	console_use_platform();
	ok(!fake_pv_output_len, "the platform is not used beside a console");
	text[0] = 0;
	log_warn(LOG_MEM, "w");
	ok(!strcmp(text, "[    1.000] mem: warning: w\n[    1.000] mem: warning: w\n"),
	   "to all consoles, with the level");
	console_unregister(&second);
	console_panic_write("p", 1);
	ok(!strcmp(panic_text, "p") && fake_pv_output_has("p"),
	   "panic goes to consoles and platform");
	console_unregister(&first);
	fake_pv_output_clear();
	console_write("x", 1);
	ok(fake_pv_output_has("x"), "the last console gone: the platform");
}

static void test_levels(void)
{
	char longer[600];

	fake_pv_output_clear();
	log_debug(LOG_NET, "hidden");
	ok(!cmdline_init("log=net:debug,app:err") && !cmdline_parse_options(),
	   "log=net:debug,app:err");
	log_debug(LOG_NET, "shown");
	log_debug(LOG_BLK, "hidden");
	log_warn(LOG_APP, "hidden");
	ok(fake_pv_output_has("net: shown") && !fake_pv_output_has("hidden"),
	   "levels by area");
	ok(!cmdline_init("log=debug") && !cmdline_parse_options(), "log=debug");
	log_debug(LOG_BLK, "now");
	ok(fake_pv_output_has("blk: now"), "for all areas");
	ok(!cmdline_init("log=net:") && cmdline_parse_options() &&
	   !cmdline_init("log=nix:debug") && cmdline_parse_options() &&
	   !cmdline_init("log=debug,") && cmdline_parse_options(), "wrong values");
	memset(longer, 'l', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = 0;
	fake_pv_output_clear();
	log_info(LOG_APP, "%s", longer);
	ok(fake_pv_output_len == 255 && fake_pv_output[254] == '\n',
	   "a long line is cut, with its end: %zu", fake_pv_output_len);
}

static void test_recursion(void)
{
	console_register(&chatty);
	log_info(LOG_APP, "x");
	console_unregister(&chatty);
	ok(true, "a console that logs does not recurse");
}

/* It breaks in the middle of a line and says so, then is gone. */
static struct console leaving;

static void leave(struct console *c, const char *text, size_t len)
{
	(void)text, (void)len;
	log_err(LOG_DEV, "%s failed", c->name);
	console_unregister(c);
}

static struct console leaving = { "leaving", leave, leave, NULL };

static void test_last_words(void)
{
	console_register(&leaving);
	fake_pv_output_clear();
	log_info(LOG_APP, "y");
	ok(fake_pv_output_has("dev: error: leaving failed\n"),
	   "why the last console failed is said on the platform's");
}

static size_t got;

static void reader(void *arg)
{
	char buf[16];

	(void)arg;
	while (!console_readable())
		wait_queue_sleep(console_read_queue(), NSEC_NEVER);
	got = console_read(buf, sizeof(buf));
}

static void test_input(void)
{
	struct thread *t = thread_create("reader", reader, NULL, 0);
	static char big[5000], back[5000];

	sched_yield_cpu();
	console_input("abc", 3);
	thread_join(t);
	ok(got == 3 && !console_readable(), "input wakes a reader");
	for (int i = 0; i < 5000; i++)
		big[i] = (char)(i % 251);
	console_input(big, 5000);
	ok(console_read(back, 5000) == 4096 && !memcmp(big, back, 4096),
	   "4 KiB are kept, in order");
	ok(console_read(back, 10) == 0, "the rest is lost");
}

int main(void)
{
	fake_pv_init(4u << 20);
	test_early();
	test_levels();
	test_recursion();
	test_last_words();
	test_input();
	return done_testing();
}

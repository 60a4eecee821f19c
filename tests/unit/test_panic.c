/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The panic report: reason, thread, registers, backtrace (also by scanning
 * when frame pointers are gone), trace events, devices; a panic in a panic.
 *
 * SOURCES: tests/host/fake_pv.c kernel/page.c kernel/heap.c kernel/thread.c
 * SOURCES: kernel/event.c kernel/timer.c kernel/clock.c kernel/log.c
 * SOURCES: kernel/console.c kernel/trace.c kernel/panic.c kernel/backtrace.c
 * SOURCES: kernel/symbols.c kernel/watchdog.c kernel/cmdline.c
 * SOURCES: kernel/device.c kernel/lib/fmt.c kernel/arch/x86_64/switch.S
 * FLAGS: -fno-omit-frame-pointer -fno-optimize-sibling-calls
 */
#include "tests/unit/tap.h"

#include <string.h>

#include "kernel/console.h"
#include "kernel/device.h"
#include "kernel/panic.h"
#include "kernel/thread.h"
#include "kernel/trace.h"
#include "tests/host/fake_pv.h"

static struct device dev = { .bus = "none", .name = "disk@4" };

static void broken_console(struct console *c, const char *s, size_t len)
{
	(void)c, (void)s, (void)len;
	panic("the console is broken too");
}

static void no_write(struct console *c, const char *s, size_t len)
{
	(void)c, (void)s, (void)len;
}

static void test_report(void)
{
	trace_event("ring full", 0xab, 0xcd);
	dev.errors = 3;
	dev_fail(&dev, "bad index");
	ok(FAKE_PV_PANICS(panic("reason %d", 7), "panic: reason 7\n"), "reason");
	ok(FAKE_PV_PANICS(panic("x"), "in thread 0 (boot)"), "thread");
	ok(FAKE_PV_PANICS(panic("x"), "ring full ab cd"), "trace events");
	ok(FAKE_PV_PANICS(panic("x"), "disk@4 - failed: bad index events 0 errors 4"),
	   "devices");
	ok(FAKE_PV_PANICS(ASSERT(1 == 2), "test_panic.c"), "assertions say where");
}

static void test_twice(void)
{
	static struct console c = { "bad", no_write, broken_console, NULL };

	console_register(&c);
	ok(FAKE_PV_EXIT_OF(panic("first")) == PV_EXIT_PANIC &&
	   fake_pv_output_has("panic: first") && fake_pv_output_has("panic: again"),
	   "a console that panics: both are said, and it ends");
}

static unsigned depth, deepest;

/* As a panic in there: the platform's exit writes its last line. */
static void recursing_console(struct console *c, const char *s, size_t len)
{
	(void)c, (void)s, (void)len;
	if (++depth > deepest)
		deepest = depth;
	if (depth < 10)
		console_panic_write("exit status\n", 12);
	depth--;
}

static void test_exit_line(void)
{
	static struct console c = { "deep", no_write, recursing_console, NULL };

	console_register(&c);
	fake_pv_output_clear();
	console_panic_write("x", 1);
	console_unregister(&c);
	ok(deepest == 1 && fake_pv_output_has("exit status"),
	   "what a broken console says in turn goes to the platform only (%u)", deepest);
}

static void test_long(void)
{
	static char text[400];

	memset(text, 'l', sizeof(text) - 1);
	ok(FAKE_PV_PANICS(panic("%s", text), "lll\n  at "),
	   "a long reason is cut, with its end");
}

static struct trap_regs regs;

static void fault_at(uintptr_t ip, uintptr_t sp, uintptr_t fp, uintptr_t addr)
{
	regs = (struct trap_regs){ .rip = ip, .rsp = sp, .rbp = fp, .rax = 0x1234,
				   .vector = 14, .error = 2 };
	panic_trap(&regs, addr, "page fault");
}

static void in_thread(void *arg)
{
	uintptr_t ip = (uintptr_t)in_thread, fp = (uintptr_t)__builtin_frame_address(0);
	uintptr_t sp = (uintptr_t)&ip & ~7ull;
	struct thread *me = thread_current();

	(void)arg;
	ok(FAKE_PV_PANICS(fault_at(ip, sp, fp, 0x10),
			  "vector 14, error 2, address 10\n"), "trap");
	ok(FAKE_PV_PANICS(fault_at(ip, sp, fp, 0x10), "rax 0000000000001234"),
	   "registers");
	ok(FAKE_PV_PANICS(fault_at(ip, sp, fp, 0x10), "  #2 0x"), "frames");
	ok(FAKE_PV_PANICS(fault_at(ip, sp, 0x1000, 0x10), "#0 0x"),
	   "a wild frame pointer is not followed");
	ok(FAKE_PV_PANICS(fault_at(ip, sp, 8, 0x10), " ?\n"),
	   "then the stack is searched");
	ok(FAKE_PV_PANICS(fault_at(ip, 0x1000, 0x1001, 0x10), "last events"),
	   "and with a wild stack pointer the report still ends");
	ok(FAKE_PV_PANICS(fault_at(ip, sp, fp, (uintptr_t)me->stack - 8),
			  "stack overflow"), "a fault in the guard page says so");
}

int main(void)
{
	fake_pv_init(8u << 20);
	console_use_platform();
	device_announce(&dev);
	test_report();
	test_long();
	test_exit_line();
	thread_join(thread_create("t", in_thread, NULL, 0));
	test_twice();
	return done_testing();
}

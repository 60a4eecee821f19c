/* SPDX-License-Identifier: BSD-2-Clause
 *
 * See panic.h. Order: the reason first, in case the rest fails; then registers,
 * backtrace, trace events, devices.
 */
#include "kernel/panic.h"

#include <stdbool.h>

#include "kernel/arch/arch.h"
#include "kernel/backtrace.h"
#include "kernel/clock.h"
#include "kernel/console.h"
#include "kernel/device.h"
#include "kernel/lib/fmt.h"
#include "kernel/lib/string.h"
#include "kernel/thread.h"
#include "kernel/trace.h"

static unsigned n_panics;

static void emit(const char *line)
{
	console_panic_write(line, strlen(line));
}

static void emitf(const char *fmt, ...) PRINTF_LIKE(1, 2);
static void emitf(const char *fmt, ...)
{
	char line[160];
	va_list ap;

	va_start(ap, fmt);
	fmt_vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	emit(line);
}

/* A second panic, from inside the report, ends at once. It is said through the
 * platform only: a console may be what broke. */
static void begin(void)
{
	static const char again[] = "\npanic: again, while reporting the first\n";

	if (++n_panics == 1)
		return;
	if (n_panics == 2)
		pv->puts(again, sizeof(again) - 1);
	pv->exit(PV_EXIT_PANIC);
}

static void report_device(struct device *dev, void *arg)
{
	static const char *const states[] = { "new", "live", "failed", "gone" };

	(void)arg;
	emitf("  %s %s %s%s%s events %llu errors %llu\n", dev->name,
	      dev->driver ? dev->driver->name : "-", states[dev->state],
	      dev->fail_reason ? ": " : "",
	      dev->fail_reason ? dev->fail_reason : "",
	      (unsigned long long)dev->events, (unsigned long long)dev->errors);
}

static void end(void) NORETURN;
static void end(void)
{
	emit("last events:\n");
	trace_print_last(emit);
	emit("devices:\n");
	device_for_each(report_device, NULL);
	pv->exit(PV_EXIT_PANIC);
}

static void print_where(void)
{
	const struct thread *t = thread_current();

	emitf("  at %u ms in thread %u (%s)\n",
	      (unsigned)(clock_now() / NSEC_PER_MSEC), t->id, t->name);
}

void panic(const char *fmt, ...)
{
	char text[160];
	va_list ap;

	begin();
	va_start(ap, fmt);
	fmt_vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	emitf("\npanic: %.150s\n", text);	/* so that its end fits too */
	print_where();
	emit("backtrace:\n");
	backtrace_print((uintptr_t)arch_frame_pointer(), emit);
	end();
}

static void print_registers(const struct trap_regs *r)
{
	static const char names[][4] = {
		"rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp", "r8",
		"r9", "r10", "r11", "r12", "r13", "r14", "r15",
	};
	const uint64_t values[] = {
		r->rax, r->rbx, r->rcx, r->rdx, r->rsi, r->rdi, r->rbp, r->rsp,
		r->r8, r->r9, r->r10, r->r11, r->r12, r->r13, r->r14, r->r15,
	};

	emitf("  rip %016llx cs %llx rflags %llx ss %llx\n",
	      (unsigned long long)r->rip, (unsigned long long)r->cs,
	      (unsigned long long)r->rflags, (unsigned long long)r->ss);
	for (unsigned i = 0; i < ARRAY_SIZE(values); i++)
		emitf("  %3s %016llx%s", names[i],
		      (unsigned long long)values[i], i % 4 == 3 ? "\n" : "");
}

/* A fault just below a stack is its overflow into the guard page. */
static bool hit_guard_page(uintptr_t addr)
{
	return !thread_of_stack(addr) && thread_of_stack(addr + PAGE_SIZE);
}

void panic_trap(const struct trap_regs *regs, uint64_t fault_addr,
		const char *what)
{
	begin();
	emitf("\npanic: %s, vector %llu, error %llx, address %llx%s\n", what,
	      (unsigned long long)regs->vector, (unsigned long long)regs->error,
	      (unsigned long long)fault_addr,
	      hit_guard_page(fault_addr) ? ": stack overflow" : "");
	print_where();
	print_registers(regs);
	emit("backtrace:\n");
	backtrace_print_trap(regs->rip, regs->rsp, regs->rbp, emit);
	end();
}

void assert_failed(const char *expr, const char *file, int line)
{
	panic("%s:%d: ASSERT(%s)", file, line, expr);
}

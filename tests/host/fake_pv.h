/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A platform for host tests: RAM from mmap, a clock that stands still unless
 * moved, events by script, text and exit status captured. Threads work, with
 * the sanitizers' annotations. A test that uses it has these head lines:
 *
 *  * SOURCES: tests/host/fake_pv.c kernel/page.c kernel/heap.c kernel/thread.c
 *  * SOURCES: kernel/event.c kernel/timer.c kernel/clock.c kernel/log.c
 *  * SOURCES: kernel/console.c kernel/trace.c kernel/panic.c kernel/backtrace.c
 *  * SOURCES: kernel/symbols.c kernel/watchdog.c kernel/cmdline.c
 *  * SOURCES: kernel/device.c kernel/lib/fmt.c kernel/arch/x86_64/switch.S
 *
 * and, where options, drivers or init hooks must be found in their tables,
 *  * FLAGS: -Wl,-T,tests/host/tables.ld
 */
#pragma once

#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>

#include "kernel/boot_info.h"
#include "pv/pv.h"

/* Once a process: RAM, pages, `pv`. The clock starts at 1 s; the caller is
 * thread 0 ("boot") and may block like any other. */
void fake_pv_init(size_t ram_bytes);

/* The boot_info that fake_pv_init made; and only the mapping, for page tests. */
extern struct boot_info fake_pv_boot_info;
void *fake_pv_map(size_t bytes);

/* The clock. It moves by these and by wait(), which jumps to its deadline or
 * to the next scripted event. */
void fake_pv_advance(nsec_t by);
extern nsec_t fake_pv_clock;
extern nsec_t fake_pv_wall;		/* what wall() says; 0 at first */

/* Line `line` becomes pending at clock time `when`. Up to 64 in flight. */
void fake_pv_event_at(nsec_t when, unsigned line);

/* Called by wait() before it looks for events: a peer's turn. It may set
 * events pending, move the clock, and so on. wait() with nothing pending, no
 * script and no deadline is a deadlock: it says so and aborts, unless
 * the hook made something pending. */
extern void (*fake_pv_wait_hook)(nsec_t deadline);
extern unsigned fake_pv_waits;		/* calls of wait() that wanted to sleep */

bool fake_pv_line_on(unsigned line);

/* protect() fails with -ENOMEM while this is > 0, counting down. */
extern unsigned fake_pv_fail_protect;

/* What puts() got. NUL-terminated; the oldest half goes when it is full. */
extern char fake_pv_output[65536];
extern size_t fake_pv_output_len;
void fake_pv_output_clear(void);
bool fake_pv_output_has(const char *text);

/* The status with which `statement` ends the machine (power_exit, panic), or
 * -1 if it does not. What it left behind (threads, locks) stays as it is. */
#define FAKE_PV_EXIT_OF(statement)					\
	(fake_pv_arm_exit(),						\
	 _setjmp(fake_pv_exit_jmp) == 0 ?				\
	 ({ statement; fake_pv_exit_armed = false; -1; }) :		\
	 fake_pv_after_exit())
extern jmp_buf fake_pv_exit_jmp;
extern int fake_pv_exit_status;
extern bool fake_pv_exit_armed;
void fake_pv_arm_exit(void);
int fake_pv_after_exit(void);

/* Whether `statement` panics with `text` in the report. It runs in a forked
 * child, so nothing of it stays. */
#define FAKE_PV_PANICS(statement, text)					\
	({								\
		int fpv_pid = fake_pv_fork();				\
		if (fpv_pid == 0) {					\
			int fpv_st = FAKE_PV_EXIT_OF(statement);	\
			fake_pv_child_end(fpv_st, (text));		\
		}							\
		fake_pv_child_ok(fpv_pid);				\
	})
int fake_pv_fork(void);
void fake_pv_child_end(int status, const char *text) __attribute__((noreturn));
bool fake_pv_child_ok(int pid);

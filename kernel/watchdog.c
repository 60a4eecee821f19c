/* SPDX-License-Identifier: BSD-2-Clause
 *
 * See watchdog.h. It sees a thread only when that thread gives way: one that
 * never does is beyond any check without interrupts.
 */
#include "kernel/watchdog.h"

#include <errno.h>

#include "kernel/arch/arch.h"
#include "kernel/backtrace.h"
#include "kernel/clock.h"
#include "kernel/cmdline.h"
#include "kernel/console.h"
#include "kernel/lib/fmt.h"
#include "kernel/lib/string.h"
#include "kernel/log.h"

static nsec_t limit = NSEC_PER_SEC;

static void emit(const char *line)
{
	console_write(line, strlen(line));
}

void watchdog_check(const struct thread *t)
{
	nsec_t ran;

	if (!t->running_since || limit == NSEC_NEVER)
		return;
	ran = clock_now() - t->running_since;
	if (ran < limit)
		return;
	log_warn(LOG_KERNEL, "thread %u (%s) ran %u ms without yielding",
		 t->id, t->name, (unsigned)(ran / NSEC_PER_MSEC));
	backtrace_print((uintptr_t)arch_frame_pointer(), emit);
}

static int parse_watchdog(const char *value, unsigned index)
{
	uint64_t ms;
	int err = fmt_parse_u64(value, 10, &ms);

	(void)index;
	if (err)
		return err;
	if (ms > 3600000)
		return -ERANGE;
	limit = ms ? ms * NSEC_PER_MSEC : NSEC_NEVER;
	return 0;
}

static const struct cmdline_option watchdog_option CMDLINE_OPTION = {
	"watchdog", "milliseconds, 0: off", parse_watchdog,
};

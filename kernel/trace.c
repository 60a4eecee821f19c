/* SPDX-License-Identifier: BSD-2-Clause
 *
 * See trace.h.
 */
#include "kernel/trace.h"

#include <errno.h>
#include <stdbool.h>

#include "kernel/arch/arch.h"
#include "kernel/clock.h"
#include "kernel/cmdline.h"
#include "kernel/lib/fmt.h"
#include "kernel/lib/string.h"
#include "kernel/log.h"

static struct {
	const char *what;
	uint64_t tsc, a, b;
} events[TRACE_EVENTS];
static unsigned n_events;		/* ever; the slot is modulo TRACE_EVENTS */

static struct trace_phase phases[TRACE_PHASES];
static unsigned n_phases;
static nsec_t clock_since;		/* its reading at the end of the second phase */
static bool print_boot;

void trace_event(const char *what, uint64_t a, uint64_t b)
{
	unsigned i = n_events++ % TRACE_EVENTS;

	events[i].what = what;
	events[i].tsc = arch_cycles();
	events[i].a = a;
	events[i].b = b;
}

void trace_boot_phase(const char *what)
{
	if (n_phases == TRACE_PHASES)
		return;
	phases[n_phases].what = what;
	phases[n_phases++].tsc = arch_cycles();
	if (n_phases == 2)		/* the platform is up */
		clock_since = clock_now();
}

unsigned trace_phases(const struct trace_phase **out)
{
	*out = phases;
	return n_phases;
}

/* The first phase is the entry; cycles become time by the clock's own rate
 * between the second and now: its time 0 need not be the entry. */
void trace_print_boot(void)
{
	uint64_t cycles = arch_cycles() - phases[1].tsc;
	uint64_t us = (clock_now() - clock_since) / NSEC_PER_USEC;
	uint64_t mhz = us ? cycles / us : 0;

	if (!print_boot || !n_phases)
		return;
	for (unsigned i = 1; i < n_phases; i++) {
		uint64_t c = phases[i].tsc - phases[i - 1].tsc;

		log_info(LOG_KERNEL, "boot: %s %u us", phases[i].what,
			 (unsigned)(c / (mhz ? mhz : 1)));
	}
}

void trace_print_last(void (*emit)(const char *line))
{
	unsigned n = n_events < TRACE_EVENTS ? n_events : TRACE_EVENTS;
	uint64_t now = arch_cycles();
	char line[96];

	for (unsigned i = n_events - n; i != n_events; i++) {
		unsigned s = i % TRACE_EVENTS;

		fmt_snprintf(line, sizeof(line), "  -%llu cycles %s %llx %llx\n",
			     (unsigned long long)(now - events[s].tsc),
			     events[s].what, (unsigned long long)events[s].a,
			     (unsigned long long)events[s].b);
		emit(line);
	}
}

static int parse_boot_trace(const char *value, unsigned index)
{
	(void)index;
	if (strcmp(value, "0") && strcmp(value, "1"))
		return -EINVAL;
	print_boot = value[0] == '1';
	return 0;
}

static const struct cmdline_option boot_trace_option CMDLINE_OPTION = {
	"boot-trace", "0 or 1", parse_boot_trace,
};

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A small ring of events for the panic report, and the stamps of the boot
 * phases that `boot-chart` draws. Recording costs a few instructions.
 */
#pragma once

#include <stdint.h>

#include "pv/pv.h"

#define TRACE_EVENTS	64
#define TRACE_PHASES	24

/* `what` must be a string constant. */
void trace_event(const char *what, uint64_t a, uint64_t b);
void trace_boot_phase(const char *what);	/* the phase ends now */

struct trace_phase {
	const char *what;
	uint64_t tsc;			/* cycle counter at its end */
};
unsigned trace_phases(const struct trace_phase **out);
/* Prints `boot: PHASE N us` lines (option `boot-trace=1`). */
void trace_print_boot(void);
void trace_print_last(void (*emit)(const char *line));

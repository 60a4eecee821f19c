/* SPDX-License-Identifier: BSD-2-Clause
 *
 * One-shot timers in a heap, run from event_poll() in ordinary context: the
 * functions must not block. The structure belongs to the caller.
 */
#pragma once

#include <stdbool.h>

#include "pv/pv.h"

struct timer {
	void (*fn)(void *arg);
	void *arg;
	nsec_t deadline;		/* of clock_now() */
	unsigned slot;			/* timer.c: place in the heap + 1, 0: idle */
	bool reserved;			/* uses a place of timer_reserve() */
};

/* Sets or moves the timer. -ENOMEM only when more timers are armed than ever
 * before and the heap cannot grow. */
int timer_set(struct timer *t, nsec_t deadline) MUST_CHECK;
void timer_cancel(struct timer *t);	/* harmless when idle */
bool timer_armed(const struct timer *t);

nsec_t timer_next_deadline(void);	/* NSEC_NEVER: none */
bool timer_run_due(void);		/* event_poll's; whether any ran */

/* One place more, or one less, for a timer marked `reserved`: setting it never
 * fails. -ENOMEM. */
int timer_reserve(void) MUST_CHECK;
void timer_unreserve(void);

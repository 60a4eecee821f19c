/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Event lines, polled. A platform marks a line pending (from an interrupt
 * handler inside pv->wait, or from wait itself); event_poll() runs the
 * handlers bound to pending lines in ordinary context. Handlers run on
 * whichever thread polls: they must not block.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "kernel/lib/compiler.h"
#include "pv/pv.h"

/* Binds a handler and unmasks the line. Lines may be shared: every handler of
 * a line runs. The structure belongs to the caller and stays linked until
 * event_unbind(). 0, -EINVAL (no such line). */
struct event_handler {
	void (*fn)(void *arg);
	void *arg;
	unsigned line;
	struct event_handler *next;
};
int event_bind(unsigned line, struct event_handler *h) MUST_CHECK;
void event_unbind(struct event_handler *h);

/* For platforms; the one function callable from an interrupt handler. */
void event_set_pending(unsigned line);

/* Any line pending? For pv->wait's check with interrupts off. */
bool event_pending(void);

/* Runs the handlers of pending lines and the timers that are due, then the
 * deferred work. Returns whether anything ran. */
bool event_poll(void);

/* Work to be done at the end of the current (or next) poll round, once however
 * often it is asked for: batches notifications (kicks), netif output. */
struct event_deferred {
	void (*fn)(void *arg);
	void *arg;
	bool queued;
	struct event_deferred *next;
};
void event_defer(struct event_deferred *d);

/* Inside event_poll(): what runs now must not block. */
bool event_running(void);

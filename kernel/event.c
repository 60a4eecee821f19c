/* SPDX-License-Identifier: BSD-2-Clause
 *
 * See event.h. Pending lines are bits that an interrupt handler may set at any
 * instruction inside pv->wait; everything else runs on the one flow of control.
 */
#include "kernel/event.h"

#include <errno.h>
#include <stddef.h>

#include "kernel/panic.h"
#include "kernel/timer.h"

#define WORD_BITS 64
#define WORDS (EVENT_LINES / WORD_BITS)

static uint64_t pending[WORDS];
static struct event_handler *handlers[EVENT_LINES];
static struct event_handler *cursor;	/* next to run; event_unbind moves it */
static struct event_deferred *deferred, **deferred_end = &deferred;
static bool running;

int event_bind(unsigned line, struct event_handler *h)
{
	if (line >= EVENT_LINES)
		return -EINVAL;
	h->line = line;
	h->next = handlers[line];
	handlers[line] = h;
	if (!h->next)
		pv->line(line, true);
	return 0;
}

void event_unbind(struct event_handler *h)
{
	struct event_handler **p = &handlers[h->line];

	while (*p && *p != h)
		p = &(*p)->next;
	if (!*p)
		return;
	if (cursor == h)
		cursor = h->next;
	*p = h->next;
	if (!handlers[h->line])
		pv->line(h->line, false);
}

void event_set_pending(unsigned line)
{
	if (line < EVENT_LINES)
		__atomic_fetch_or(&pending[line / WORD_BITS],
				  (uint64_t)1 << line % WORD_BITS,
				  __ATOMIC_RELAXED);
}

bool event_pending(void)
{
	uint64_t any = 0;

	for (unsigned i = 0; i < WORDS; i++)
		any |= __atomic_load_n(&pending[i], __ATOMIC_RELAXED);
	return any || deferred;
}

static void run_line(unsigned line)
{
	for (struct event_handler *h = handlers[line]; h; h = cursor) {
		cursor = h->next;
		h->fn(h->arg);
	}
	cursor = NULL;
}

static bool run_pending(void)
{
	bool ran = false;

	for (unsigned i = 0; i < WORDS; i++) {
		uint64_t bits;

		if (!__atomic_load_n(&pending[i], __ATOMIC_RELAXED))
			continue;
		bits = __atomic_exchange_n(&pending[i], 0, __ATOMIC_RELAXED);
		for (; bits; bits &= bits - 1) {
			run_line(i * WORD_BITS + (unsigned)__builtin_ctzll(bits));
			ran = true;
		}
	}
	return ran;
}

/* What is deferred meanwhile waits for the next round: no endless loop. */
static bool run_deferred(void)
{
	struct event_deferred *d = deferred, *next;
	bool ran = d != NULL;

	deferred = NULL;
	deferred_end = &deferred;
	for (; d; d = next) {
		next = d->next;
		d->queued = false;
		d->fn(d->arg);
	}
	return ran;
}

bool event_poll(void)
{
	bool ran;

	ASSERT(!running);
	running = true;
	ran = run_pending();
	ran |= timer_run_due();
	ran |= run_deferred();
	running = false;
	return ran;
}

bool event_running(void)
{
	return running;
}

void event_defer(struct event_deferred *d)
{
	if (d->queued)
		return;
	d->queued = true;
	d->next = NULL;
	*deferred_end = d;
	deferred_end = &d->next;
}

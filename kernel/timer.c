/* SPDX-License-Identifier: BSD-2-Clause
 *
 * See timer.h. A binary heap by deadline. Sleeping threads have places of
 * their own (timer_reserve), so that a sleep cannot fail for want of memory.
 */
#include "kernel/timer.h"

#include <errno.h>

#include "kernel/clock.h"
#include "kernel/heap.h"

#define FIRST_CAPACITY 16

static struct timer **slots;
static unsigned n_timers, capacity;
static unsigned n_reserved;		/* places that only `reserved` timers use */
static unsigned n_reserved_used;

static void place(unsigned i, struct timer *t)
{
	slots[i] = t;
	t->slot = i + 1;
}

static void sift_up(unsigned i, struct timer *t)
{
	while (i > 0) {
		unsigned parent = (i - 1) / 2;

		if (slots[parent]->deadline <= t->deadline)
			break;
		place(i, slots[parent]);
		i = parent;
	}
	place(i, t);
}

static void sift_down(unsigned i, struct timer *t)
{
	for (;;) {
		unsigned child = 2 * i + 1;

		if (child >= n_timers)
			break;
		if (child + 1 < n_timers &&
		    slots[child + 1]->deadline < slots[child]->deadline)
			child++;
		if (t->deadline <= slots[child]->deadline)
			break;
		place(i, slots[child]);
		i = child;
	}
	place(i, t);
}

static int grow(unsigned at_least)
{
	unsigned want = capacity ? capacity * 2 : FIRST_CAPACITY;
	struct timer **more;

	while (want < at_least)
		want *= 2;
	more = heap_realloc(HEAP_KERNEL, slots, want * sizeof(*slots));
	if (!more)
		return -ENOMEM;
	slots = more;
	capacity = want;
	return 0;
}

static int make_room(const struct timer *t)
{
	unsigned kept = t->reserved ? 0 : n_reserved - n_reserved_used;

	if (n_timers + 1 + kept <= capacity)
		return 0;
	return grow(n_timers + 1 + kept);
}

int timer_reserve(void)
{
	unsigned need = n_timers + n_reserved - n_reserved_used + 1;

	if (need > capacity && grow(need))
		return -ENOMEM;
	n_reserved++;
	return 0;
}

void timer_unreserve(void)
{
	n_reserved--;
}

int timer_set(struct timer *t, nsec_t deadline)
{
	if (t->slot) {
		unsigned i = t->slot - 1;
		nsec_t old = t->deadline;

		t->deadline = deadline;
		if (deadline < old)
			sift_up(i, t);
		else
			sift_down(i, t);
		return 0;
	}
	if (make_room(t))
		return -ENOMEM;
	t->deadline = deadline;
	n_reserved_used += t->reserved;
	sift_up(n_timers++, t);
	return 0;
}

void timer_cancel(struct timer *t)
{
	unsigned i = t->slot - 1;
	struct timer *last;

	if (!t->slot)
		return;
	t->slot = 0;
	n_reserved_used -= t->reserved;
	last = slots[--n_timers];
	if (last == t)
		return;
	/* The last one may belong above or below the gap. */
	if (i > 0 && last->deadline < slots[(i - 1) / 2]->deadline)
		sift_up(i, last);
	else
		sift_down(i, last);
}

bool timer_armed(const struct timer *t)
{
	return t->slot != 0;
}

nsec_t timer_next_deadline(void)
{
	return n_timers ? slots[0]->deadline : NSEC_NEVER;
}

/* At most as many as were armed at the start: one that re-arms itself in the
 * past must not keep the rest of the guest from running. */
bool timer_run_due(void)
{
	unsigned budget = n_timers;
	nsec_t now;

	if (!n_timers)
		return false;
	now = clock_now();
	if (slots[0]->deadline > now)
		return false;
	while (budget-- && n_timers && slots[0]->deadline <= now) {
		struct timer *t = slots[0];

		timer_cancel(t);
		t->fn(t->arg);
	}
	return true;
}

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Readiness and poll(2); see poll.h. epoll is in epoll.c.
 */
#include "kernel/poll.h"

#include <errno.h>

#include "kernel/clock.h"
#include "kernel/event.h"
#include "kernel/heap.h"
#include "kernel/thread.h"

void file_notify(struct file *f, unsigned events)
{
	struct list *pos, *tmp;

	list_for_each_safe(pos, tmp, &f->watches) {
		struct poll_watch *w = container_of(pos, struct poll_watch, link);
		unsigned hit = events & (w->events | FILE_ERR | FILE_HUP);

		if (hit)
			w->fn(w, hit);
	}
}

void poll_watch_add(struct poll_watch *w, struct file *f)
{
	w->file = f;
	list_push(&f->watches, &w->link);
}

void poll_watch_del(struct poll_watch *w)
{
	if (!w->file)
		return;
	list_del(&w->link);
	w->file = NULL;
}

unsigned file_poll(struct file *f)
{
	return f->ops->poll ? f->ops->poll(f) : FILE_IN | FILE_OUT;
}

void poll_service_devices(void)
{
	sched_yield_cpu();	/* collects events; other threads have their turn */
}

struct poll_slot {
	struct poll_watch watch;
	struct wait_queue *queue;
};

static void poll_woken(struct poll_watch *w, unsigned events)
{
	struct poll_slot *s = container_of(w, struct poll_slot, watch);

	(void)events;
	wait_queue_wake_all(s->queue);
}

/* Fills revents; the number of entries that have any. */
static int poll_scan(struct poll_entry *e, size_t n)
{
	int ready = 0;

	for (size_t i = 0; i < n; i++) {
		e[i].revents = 0;
		if (!e[i].file)
			continue;
		e[i].revents = file_poll(e[i].file) &
			       (e[i].events | FILE_ERR | FILE_HUP);
		ready += e[i].revents != 0;
	}
	return ready;
}

int poll_files(struct poll_entry *e, size_t n, nsec_t deadline)
{
	struct wait_queue queue = WAIT_QUEUE_INIT(queue);
	struct poll_slot *slots;
	int ready, timed_out = 0;

	poll_service_devices();
	ready = poll_scan(e, n);
	if (ready || deadline <= clock_now())
		return ready;
	slots = heap_zalloc(HEAP_KERNEL, (n ? n : 1) * sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		if (!e[i].file)
			continue;
		slots[i].queue = &queue;
		slots[i].watch.events = e[i].events;
		slots[i].watch.fn = poll_woken;
		poll_watch_add(&slots[i].watch, e[i].file);
	}
	while (!(ready = poll_scan(e, n)) && !timed_out)
		timed_out = wait_queue_sleep(&queue, deadline) != 0;
	for (size_t i = 0; i < n; i++)
		poll_watch_del(&slots[i].watch);
	heap_free(HEAP_KERNEL, slots);
	return ready;
}

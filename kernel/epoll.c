/* SPDX-License-Identifier: BSD-2-Clause
 *
 * epoll(7): a set of watches and a list of those that may be ready. Waiting
 * costs what is ready, not what is watched. An item is found again through
 * its file's few watches, so add, change and remove cost the same whatever
 * the size of the set.
 */
#include <errno.h>

#include "kernel/clock.h"
#include "kernel/heap.h"
#include "kernel/poll.h"

struct epoll {
	struct file file;
	struct list items;
	struct list ready;		/* may be ready: checked before told */
	struct wait_queue waiters;
};

struct epoll_item {
	struct poll_watch watch;
	struct epoll *ep;
	struct list link;		/* in ep->items */
	struct list ready;		/* in ep->ready, or alone */
	uint32_t events;		/* as registered, with EPOLL_* */
	uint64_t data;
	int fd;
	bool disabled;			/* one-shot, told: until EPOLL_MOD */
};

#define EPOLL_BITS 0xffffu		/* FILE_* within the event word */

static const char kind[] = "epoll";

static struct epoll *epoll_of(struct file *f)
{
	return f->kind == kind ? container_of(f, struct epoll, file) : NULL;
}

static void item_free(struct epoll_item *it)
{
	poll_watch_del(&it->watch);
	list_del(&it->link);
	list_del(&it->ready);
	heap_free(HEAP_KERNEL, it);
}

static void item_make_ready(struct epoll_item *it)
{
	struct epoll *ep = it->ep;

	if (!list_empty(&it->ready))
		return;
	list_push(&ep->ready, &it->ready);
	wait_queue_wake_one(&ep->waiters);
	file_notify(&ep->file, FILE_IN);
}

static void item_notified(struct poll_watch *w, unsigned events)
{
	struct epoll_item *it = container_of(w, struct epoll_item, watch);

	if (events & FILE_GONE)
		item_free(it);
	else if (!it->disabled)
		item_make_ready(it);
}

static unsigned item_hit(const struct epoll_item *it)
{
	return file_poll(it->watch.file) &
	       (it->watch.events | FILE_ERR | FILE_HUP);
}

/* What is no longer ready leaves the list on the way: each leaves once. */
static unsigned epoll_poll(struct file *f)
{
	struct epoll *ep = epoll_of(f);

	while (!list_empty(&ep->ready)) {
		struct list *l = ep->ready.next;

		if (item_hit(container_of(l, struct epoll_item, ready)))
			return FILE_IN;
		list_del(l);
	}
	return 0;
}

static void epoll_release(struct file *f)
{
	struct epoll *ep = epoll_of(f);
	struct list *pos, *tmp;

	list_for_each_safe(pos, tmp, &ep->items)
		item_free(container_of(pos, struct epoll_item, link));
	heap_free(HEAP_KERNEL, ep);
}

static const struct file_ops epoll_ops = {
	.poll = epoll_poll,
	.release = epoll_release,
};

int epoll_file_create(struct file **out)
{
	struct epoll *ep = heap_zalloc(HEAP_KERNEL, sizeof(*ep));

	if (!ep)
		return -ENOMEM;
	file_init(&ep->file, &epoll_ops, kind);
	list_init(&ep->items);
	list_init(&ep->ready);
	wait_queue_init(&ep->waiters);
	*out = &ep->file;
	return 0;
}

static struct epoll_item *item_find(struct epoll *ep, int fd, struct file *f)
{
	struct list *pos;

	list_for_each(pos, &f->watches) {
		struct poll_watch *w = container_of(pos, struct poll_watch, link);
		struct epoll_item *it = container_of(w, struct epoll_item, watch);

		if (w->fn == item_notified && it->ep == ep && it->fd == fd)
			return it;
	}
	return NULL;
}

static void item_arm(struct epoll_item *it, uint32_t events, uint64_t data)
{
	it->events = events;
	it->data = data;
	it->disabled = false;
	it->watch.events = events & EPOLL_BITS;
	if (item_hit(it))
		item_make_ready(it);
}

int epoll_file_add(struct file *epf, int fd, struct file *f, uint32_t events,
		   uint64_t data)
{
	struct epoll *ep = epoll_of(epf);
	struct epoll_item *it;

	if (!ep || epf == f)
		return -EINVAL;
	if (epoll_of(f))
		return -ELOOP;		/* sets of sets are not supported */
	if (!f->ops->poll)
		return -EPERM;
	if (item_find(ep, fd, f))
		return -EEXIST;
	it = heap_zalloc(HEAP_KERNEL, sizeof(*it));
	if (!it)
		return -ENOMEM;
	it->ep = ep;
	it->fd = fd;
	it->watch.fn = item_notified;
	list_init(&it->ready);
	list_push(&ep->items, &it->link);
	poll_watch_add(&it->watch, f);
	item_arm(it, events, data);
	return 0;
}

int epoll_file_mod(struct file *epf, int fd, struct file *f, uint32_t events,
		   uint64_t data)
{
	struct epoll *ep = epoll_of(epf);
	struct epoll_item *it = ep ? item_find(ep, fd, f) : NULL;

	if (!ep)
		return -EINVAL;
	if (!it)
		return -ENOENT;
	list_del(&it->ready);
	item_arm(it, events, data);
	return 0;
}

int epoll_file_del(struct file *epf, int fd, struct file *f)
{
	struct epoll *ep = epoll_of(epf);
	struct epoll_item *it = ep ? item_find(ep, fd, f) : NULL;

	if (!ep)
		return -EINVAL;
	if (!it)
		return -ENOENT;
	item_free(it);
	return 0;
}

/* Tells what is ready now, at most `max`. Level-triggered items go to the end
 * of the list again, so that a busy few cannot starve the rest. */
static int epoll_take(struct epoll *ep, struct epoll_ready *out, int max)
{
	struct list again = LIST_INIT(again), *l;
	int n = 0;

	while (n < max && (l = list_pop(&ep->ready)) != NULL) {
		struct epoll_item *it = container_of(l, struct epoll_item, ready);
		unsigned hit = item_hit(it);

		if (!hit)
			continue;
		out[n].events = hit;
		out[n++].data = it->data;
		if (it->events & EPOLL_ONESHOT) {
			it->disabled = true;
		} else if (!(it->events & EPOLL_ET)) {
			list_push(&again, &it->ready);
		}
	}
	while ((l = list_pop(&again)) != NULL)
		list_push(&ep->ready, l);
	return n;
}

int epoll_file_wait(struct file *epf, struct epoll_ready *out, int max,
		    nsec_t deadline)
{
	struct epoll *ep = epoll_of(epf);
	int n;

	if (!ep || max <= 0)
		return -EINVAL;
	/* A program that always finds work here must not starve the devices. */
	poll_service_devices();
	while ((n = epoll_take(ep, out, max)) == 0) {
		if (deadline <= clock_now() ||
		    wait_queue_sleep(&ep->waiters, deadline) != 0)
			return epoll_take(ep, out, max);
	}
	return n;
}

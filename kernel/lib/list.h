/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Circular doubly linked list with the links inside the element. An empty
 * list and an unlinked element both point to themselves, so list_del() twice
 * is harmless.
 */
#pragma once

#include <stdbool.h>

#include "kernel/lib/compiler.h"

struct list {
	struct list *prev, *next;
};

#define LIST_INIT(name) { &(name), &(name) }

static inline void list_init(struct list *l)
{
	l->prev = l->next = l;
}

static inline bool list_empty(const struct list *l)
{
	return l->next == l;
}

/* Links `e` before `pos`; with the head as `pos`, that is at the end. */
static inline void list_add_before(struct list *pos, struct list *e)
{
	e->prev = pos->prev;
	e->next = pos;
	pos->prev->next = e;
	pos->prev = e;
}

static inline void list_push(struct list *head, struct list *e)
{
	list_add_before(head, e);
}

static inline void list_push_front(struct list *head, struct list *e)
{
	list_add_before(head->next, e);
}

static inline void list_del(struct list *e)
{
	e->prev->next = e->next;
	e->next->prev = e->prev;
	list_init(e);
}

/* The first element, unlinked, or NULL. */
static inline struct list *list_pop(struct list *head)
{
	struct list *e = head->next;

	if (e == head)
		return NULL;
	list_del(e);
	return e;
}

#define list_for_each(pos, head) \
	for ((pos) = (head)->next; (pos) != (head); (pos) = (pos)->next)

/* `pos` may be unlinked in the body. */
#define list_for_each_safe(pos, tmp, head) \
	for ((pos) = (head)->next, (tmp) = (pos)->next; (pos) != (head); \
	     (pos) = (tmp), (tmp) = (pos)->next)

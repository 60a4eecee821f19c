/* SPDX-License-Identifier: BSD-2-Clause
 *
 * References to open files; see file.h.
 */
#include "kernel/file.h"

#include "kernel/panic.h"
#include "kernel/poll.h"

void file_init(struct file *f, const struct file_ops *ops, const void *kind)
{
	*f = (struct file){ .ops = ops, .refs = 1, .kind = kind };
	list_init(&f->watches);
}

struct file *file_get(struct file *f)
{
	ASSERT(f->refs > 0);
	f->refs++;
	return f;
}

void file_put(struct file *f)
{
	struct list *l;

	ASSERT(f->refs > 0);
	if (--f->refs > 0)
		return;
	/* Watches hold no reference: tell each that its file is gone. */
	while ((l = list_pop(&f->watches)) != NULL) {
		struct poll_watch *w = container_of(l, struct poll_watch, link);

		w->file = NULL;
		w->fn(w, FILE_GONE);
	}
	f->ops->release(f);
}

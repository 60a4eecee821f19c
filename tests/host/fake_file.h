/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A file whose readiness a test sets; for tests of poll and epoll. Include it
 * in the one file of the test.
 */
#pragma once

#include <stdlib.h>

#include "kernel/poll.h"

struct fake_file {
	struct file file;
	unsigned bits;
	unsigned polled;		/* times that it was asked */
};

static unsigned fake_file_alive;

static unsigned fake_file_poll(struct file *f)
{
	((struct fake_file *)f)->polled++;
	return ((struct fake_file *)f)->bits;
}

static void fake_file_release(struct file *f)
{
	fake_file_alive--;
	free(f);
}

static const struct file_ops fake_file_ops = {
	.poll = fake_file_poll, .release = fake_file_release,
};

static struct fake_file *fake_file(unsigned bits)
{
	struct fake_file *f = calloc(1, sizeof(*f));

	file_init(&f->file, &fake_file_ops, NULL);
	f->bits = bits;
	fake_file_alive++;
	return f;
}

/* As a driver or a socket would: the state, then the news. */
static void fake_file_set(struct fake_file *f, unsigned bits)
{
	unsigned more = bits & ~f->bits;

	f->bits = bits;
	file_notify(&f->file, more);
}

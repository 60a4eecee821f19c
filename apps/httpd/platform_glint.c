/* SPDX-License-Identifier: BSD-2-Clause */
/* httpd as the one program of a Glint guest: it runs until the guest is switched off. */
#include "platform.h"

#include <glint.h>

void platform_init(volatile bool *stop)
{
	(void)stop;
}

size_t platform_memory(void)
{
	return glint_memory_total();
}

static void add(void *arg, const char *name, const char *label, uint64_t value)
{
	struct text *t = arg;

	text_str(t, name);
	if (label[0]) {
		text_char(t, '{');
		text_str(t, label);
		text_char(t, '}');
	}
	text_char(t, ' ');
	text_u64(t, value);
	text_char(t, '\n');
}

void platform_metrics(struct text *t)
{
	glint_metrics(add, t);
}

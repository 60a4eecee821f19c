/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What a check says.
 */
#include "tools/check.h"

#include <stdarg.h>
#include <stdio.h>

static void say(struct check *c, const char *kind, const char *fmt, va_list ap)
{
	char text[2600], line[2700];

	if (c->n_problems + c->n_notes > CHECK_SAY_MAX)
		return;
	vsnprintf(text, sizeof(text), fmt, ap);
	snprintf(line, sizeof(line), "%s%s", kind, text);
	c->say(c, line);
	if (c->n_problems + c->n_notes == CHECK_SAY_MAX)
		c->say(c, "(and more)");
}

void check_problem(struct check *c, const char *fmt, ...)
{
	va_list ap;

	c->n_problems++;
	va_start(ap, fmt);
	say(c, "", fmt, ap);
	va_end(ap);
}

void check_note(struct check *c, const char *fmt, ...)
{
	va_list ap;

	c->n_notes++;
	va_start(ap, fmt);
	say(c, "note: ", fmt, ap);
	va_end(ap);
}

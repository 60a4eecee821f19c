/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One byte range out of a Range header. Several ranges are answered with the
 * whole file, which the RFC allows: multipart answers cost more than they save.
 * Pure function; host tests in tests/unit/test_httpd_range.c.
 */
#include "range.h"

#include <stdbool.h>

#include "text.h"

/* Digits at s, saturating; false when there is none. */
static bool number(struct slice *s, uint64_t *v)
{
	uint64_t n = 0;
	size_t i = 0;

	for (; i < s->len && s->p[i] >= '0' && s->p[i] <= '9'; i++) {
		uint64_t digit = (uint64_t)(s->p[i] - '0');

		n = n > (UINT64_MAX - digit) / 10 ? UINT64_MAX : n * 10 + digit;
	}
	s->p += i;
	s->len -= i;
	*v = n;
	return i > 0;
}

enum range_result range_parse(const char *p, size_t len, uint64_t size, uint64_t *first, uint64_t *last)
{
	struct slice s = text_trim((struct slice){ p, len });
	uint64_t from, to;

	if (s.len < 6 || !text_equal_nocase(s.p, 6, "bytes=", 6))
		return RANGE_IGNORE;
	s = text_trim((struct slice){ s.p + 6, s.len - 6 });
	bool has_from = number(&s, &from);

	if (!s.len || *s.p != '-')
		return RANGE_IGNORE;
	s.p++;
	s.len--;
	bool has_to = number(&s, &to);

	if (s.len || (!has_from && !has_to) || (has_from && has_to && to < from))
		return RANGE_IGNORE;
	if (!has_from) {	/* the last `to` bytes */
		if (!to || !size)
			return RANGE_UNSATISFIABLE;
		*first = to < size ? size - to : 0;
		*last = size - 1;
		return RANGE_PART;
	}
	if (from >= size)
		return RANGE_UNSATISFIABLE;
	*first = from;
	*last = has_to && to < size ? to : size - 1;
	return RANGE_PART;
}

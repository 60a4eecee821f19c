/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Conditional requests and the choice of the content coding.
 * Pure functions; host tests in tests/unit/test_httpd_cond.c.
 */
#include "cond.h"

#include <string.h>

#include "date.h"

static bool same(struct slice a, struct slice b)
{
	return a.len == b.len && !memcmp(a.p, b.p, a.len);
}

static struct slice without_weak_mark(struct slice tag)
{
	if (tag.len >= 2 && tag.p[0] == 'W' && tag.p[1] == '/') {
		tag.p += 2;
		tag.len -= 2;
	}
	return tag;
}

bool cond_etag_in_list(struct slice list, struct slice etag)
{
	struct slice tag;

	while (text_next_element(&list, &tag)) {
		if (tag.len == 1 && tag.p[0] == '*')
			return true;
		if (etag.len && same(without_weak_mark(tag), etag))
			return true;
	}
	return false;
}

bool cond_not_modified_since(struct slice date, int64_t mtime)
{
	int64_t since;

	date = text_trim(date);
	return mtime > 0 && date_parse(date.p, date.len, &since) && mtime <= since;
}

bool cond_if_range(struct slice value, struct slice etag, int64_t mtime)
{
	int64_t date;

	value = text_trim(value);
	if (value.len && value.p[0] == '"')
		return etag.len && same(value, etag);
	return mtime > 0 && date_parse(value.p, value.len, &date) && date == mtime;
}

/* The weight behind a coding, in thousandths: ";q=0.5" is 500. Nonsense counts as 0: do not use it. */
static int weight(struct slice params)
{
	params = text_trim(params);
	if (!params.len)
		return 1000;
	if (params.p[0] != ';')
		return 0;
	params = text_trim((struct slice){ params.p + 1, params.len - 1 });
	if (params.len < 3 || (params.p[0] | 0x20) != 'q' || params.p[1] != '=')
		return 0;
	if (params.p[2] != '0' && params.p[2] != '1')
		return 0;
	int q = (params.p[2] - '0') * 1000, unit = 100;

	for (size_t i = 4; i < params.len && i < 7; i++, unit /= 10) {
		if (params.p[3] != '.' || params.p[i] < '0' || params.p[i] > '9')
			return 0;
		q += (params.p[i] - '0') * unit;
	}
	return q > 1000 ? 1000 : q;
}

bool cond_prefers_gzip(struct slice rest)
{
	int gzip = -1, identity = -1, any = -1;	/* -1: not named */
	struct slice element;

	while (text_next_element(&rest, &element)) {
		size_t n = 0;

		while (n < element.len && element.p[n] != ';' && element.p[n] != ' ' && element.p[n] != '\t')
			n++;
		int q = weight((struct slice){ element.p + n, element.len - n });

		if (text_equal_nocase(element.p, n, "gzip", 4) || text_equal_nocase(element.p, n, "x-gzip", 6))
			gzip = q;
		else if (text_equal_nocase(element.p, n, "identity", 8))
			identity = q;
		else if (n == 1 && element.p[0] == '*')
			any = q;
	}
	if (gzip < 0)
		gzip = any;
	return gzip > 0 && gzip >= identity;
}

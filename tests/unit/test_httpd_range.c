/* SPDX-License-Identifier: BSD-2-Clause
 *
 * httpd: the Range header.
 * SOURCES: apps/httpd/range.c apps/httpd/text.c
 */
#include <string.h>

#include "apps/httpd/range.h"
#include "tap.h"

static void one(const char *value, uint64_t size, enum range_result want, uint64_t first, uint64_t last)
{
	uint64_t f = 0, l = 0;
	enum range_result r = range_parse(value, strlen(value), size, &f, &l);

	ok(r == want && (r != RANGE_PART || (f == first && l == last)), "\"%s\" of %llu", value, (unsigned long long)size);
}

int main(void)
{
	one("bytes=0-0", 10, RANGE_PART, 0, 0);
	one("bytes=0-", 10, RANGE_PART, 0, 9);
	one("bytes=9-", 10, RANGE_PART, 9, 9);
	one("bytes=2-5", 10, RANGE_PART, 2, 5);
	one("bytes=2-50", 10, RANGE_PART, 2, 9);
	one(" Bytes= 2-5 ", 10, RANGE_PART, 2, 5);
	one("bytes=-3", 10, RANGE_PART, 7, 9);
	one("bytes=-30", 10, RANGE_PART, 0, 9);
	one("bytes=0-18446744073709551615", 10, RANGE_PART, 0, 9);
	one("bytes=0-18446744073709551616", 10, RANGE_PART, 0, 9);
	one("bytes=0-99999999999999999999999999", UINT64_MAX, RANGE_PART, 0, UINT64_MAX - 1);
	one("bytes=-99999999999999999999999999", 10, RANGE_PART, 0, 9);
	one("bytes=10-", 10, RANGE_UNSATISFIABLE, 0, 0);
	one("bytes=10-20", 10, RANGE_UNSATISFIABLE, 0, 0);
	one("bytes=18446744073709551616-", 10, RANGE_UNSATISFIABLE, 0, 0);
	one("bytes=-0", 10, RANGE_UNSATISFIABLE, 0, 0);
	one("bytes=-5", 0, RANGE_UNSATISFIABLE, 0, 0);
	one("bytes=0-", 0, RANGE_UNSATISFIABLE, 0, 0);
	one("bytes=5-4", 10, RANGE_IGNORE, 0, 0);
	one("bytes=", 10, RANGE_IGNORE, 0, 0);
	one("bytes=-", 10, RANGE_IGNORE, 0, 0);
	one("bytes=1", 10, RANGE_IGNORE, 0, 0);
	one("bytes=1-2,3-4", 10, RANGE_IGNORE, 0, 0);
	one("bytes=1 - 2", 10, RANGE_IGNORE, 0, 0);
	one("bytes=--2", 10, RANGE_IGNORE, 0, 0);
	one("bytes=1-2x", 10, RANGE_IGNORE, 0, 0);
	one("items=1-2", 10, RANGE_IGNORE, 0, 0);
	one("", 10, RANGE_IGNORE, 0, 0);
	return done_testing();
}

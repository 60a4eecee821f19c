/* SPDX-License-Identifier: BSD-2-Clause
 *
 * httpd: dates, against the C library's calendar for every day until 2400.
 * SOURCES: apps/httpd/date.c
 */
#include <string.h>
#include <time.h>

#include "apps/httpd/date.h"
#include "tap.h"

static void against_libc(void)
{
	int64_t wrong = 0, n = 0;

	for (int64_t t = 86399; t < 13569465600; t += 86400 - 7, n++) {
		char mine[DATE_HTTP_LEN], libc[64];
		time_t tt = (time_t)t;
		struct tm tm;
		int64_t back = -1;

		date_format_http(t, mine);
		strftime(libc, sizeof(libc), "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&tt, &tm));
		wrong += memcmp(mine, libc, DATE_HTTP_LEN) != 0 || !date_parse(mine, DATE_HTTP_LEN, &back) || back != t;
		strftime(libc, sizeof(libc), "%a %b %e %H:%M:%S %Y", &tm);
		wrong += !date_parse(libc, strlen(libc), &back) || back != t;
		date_format_log(t, mine);
		strftime(libc, sizeof(libc), "%d/%b/%Y:%H:%M:%S +0000", &tm);
		wrong += memcmp(mine, libc, DATE_LOG_LEN) != 0;
	}
	ok(!wrong && n > 150000, "%lld days are formatted and read back as the C library does", (long long)n);
}

static void parsing(void)
{
	static const struct {
		const char *text;
		int64_t want;	/* -1: refused */
	} cases[] = {
		{ "Sun, 06 Nov 1994 08:49:37 GMT", 784111777 },
		{ "Sunday, 06-Nov-94 08:49:37 GMT", 784111777 },
		{ "Sun Nov  6 08:49:37 1994", 784111777 },
		{ "Thu, 01 Jan 1970 00:00:00 GMT", 0 },
		{ "Tuesday, 01-Jan-69 00:00:00 GMT", 3124224000 },
		{ "Fri, 31 Dec 9999 23:59:59 GMT", 253402300799 },
		{ "Tue, 29 Feb 2000 00:00:00 GMT", 951782400 },
		{ "Sun, 06 Nov 1994 08:49:37 CET", -1 },
		{ "Sun, 06 Nov 1994 24:49:37 GMT", -1 },
		{ "Sun, 06 Nov 1994 08:60:37 GMT", -1 },
		{ "Sun, 32 Nov 1994 08:49:37 GMT", -1 },
		{ "Sun, 00 Nov 1994 08:49:37 GMT", -1 },
		{ "Sun, 06 Now 1994 08:49:37 GMT", -1 },
		{ "Sun, 06 Nov 1969 08:49:37 GMT", -1 },
		{ "Sun, 06 Nov 1x94 08:49:37 GMT", -1 },
		{ "", -1 }, { ",", -1 }, { "Sun,", -1 }, { "yesterday", -1 },
		{ "Sun, 06 Nov 1994 08:49:37 GMT ", -1 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int64_t t = -1;
		bool good = date_parse(cases[i].text, strlen(cases[i].text), &t);

		ok(good == (cases[i].want >= 0) && (!good || t == cases[i].want), "\"%s\" is %lld", cases[i].text,
		   (long long)cases[i].want);
	}
}

static void clamped(void)
{
	char s[DATE_HTTP_LEN];

	date_format_http(-5, s);
	ok(!memcmp(s, "Thu, 01 Jan 1970 00:00:00 GMT", DATE_HTTP_LEN), "before 1970 is 1970");
	date_format_http(INT64_MAX, s);
	ok(!memcmp(s, "Fri, 31 Dec 9999 23:59:59 GMT", DATE_HTTP_LEN), "after 9999 is 9999");
}

int main(void)
{
	against_libc();
	parsing();
	clamped();
	return done_testing();
}

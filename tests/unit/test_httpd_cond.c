/* SPDX-License-Identifier: BSD-2-Clause
 *
 * httpd: conditions and the choice of the content coding.
 * SOURCES: apps/httpd/cond.c apps/httpd/date.c apps/httpd/text.c
 */
#include <string.h>

#include "apps/httpd/cond.h"
#include "tap.h"

#define S(s) ((struct slice){ (s), strlen(s) })
#define T 784111777	/* Sun, 06 Nov 1994 08:49:37 GMT */

static void etags(void)
{
	struct slice tag = S("\"abc\""), none = { NULL, 0 };

	ok(cond_etag_in_list(S("\"abc\""), tag), "the tag itself");
	ok(cond_etag_in_list(S("W/\"abc\""), tag), "compared weakly");
	ok(cond_etag_in_list(S("\"x\", \"abc\""), tag), "in a list");
	ok(cond_etag_in_list(S("*"), tag) && cond_etag_in_list(S("*"), none), "any");
	ok(!cond_etag_in_list(S("\"ab\""), tag) && !cond_etag_in_list(S("abc"), tag), "another, or without quotes");
	ok(!cond_etag_in_list(S(""), tag) && !cond_etag_in_list(S("\"\""), none), "none");
	ok(!cond_etag_in_list(S("\"x,\"abc\""), tag), "a comma in quotes does not split");
}

static void dates(void)
{
	ok(cond_not_modified_since(S("Sun, 06 Nov 1994 08:49:37 GMT"), T), "the same second: not modified");
	ok(!cond_not_modified_since(S("Sun, 06 Nov 1994 08:49:36 GMT"), T), "a second later: modified");
	ok(cond_not_modified_since(S("Sun, 06 Nov 1994 08:49:38 GMT"), T), "before");
	ok(!cond_not_modified_since(S("never"), T) && !cond_not_modified_since(S("Sun, 06 Nov 1994 08:49:37 GMT"), 0), "unknown");
	ok(cond_if_range(S("\"a\""), S("\"a\""), T) && !cond_if_range(S("W/\"a\""), S("\"a\""), T), "If-Range: strong tags only");
	ok(cond_if_range(S("Sun, 06 Nov 1994 08:49:37 GMT"), S("\"a\""), T), "If-Range: the date");
	ok(!cond_if_range(S("Sun, 06 Nov 1994 08:49:38 GMT"), S("\"a\""), T), "exactly");
	ok(!cond_if_range(S(""), S("\"a\""), T) && !cond_if_range(S("\""), S("\"a\""), T), "or nothing");
}

static void codings(void)
{
	static const char *const yes[] = { "gzip", "GZip", "deflate, gzip", "gzip;q=1.0", "gzip ; q=0.5", "*", "*;q=0.1", "x-gzip",
					   "gzip;q=0.5, identity;q=0.5", "gzip;Q=0.001", "identity;q=0, gzip" };
	static const char *const no[] = { "", "identity", "gzip;q=0", "gzip;q=0.0", "gzip;q=0.000", "*;q=0", "gz", "gzipp", "br",
					  "gzip;q=0, *", "identity, gzip;q=0.9", "gzip;q=x", "gzip;q=0.0001", "gzip;level=9",
					  "gzip;q=", "gzip q=1" };

	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++)
		ok(cond_prefers_gzip(S(yes[i])), "gzip for \"%s\"", yes[i]);
	for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++)
		ok(!cond_prefers_gzip(S(no[i])), "no gzip for \"%s\"", no[i]);
}

int main(void)
{
	etags();
	dates();
	codings();
	return done_testing();
}

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * httpd: bounded text, list headers, media types.
 * SOURCES: apps/httpd/text.c apps/httpd/mime.c
 */
#include <string.h>

#include "apps/httpd/mime.h"
#include "apps/httpd/text.h"
#include "tap.h"

static bool holds(const struct text *t, const char *s)
{
	return t->len == strlen(s) && !memcmp(t->buf, s, t->len);
}

static void building(void)
{
	char buf[32];
	struct text t;

	text_init(&t, buf, sizeof(buf));
	text_u64(&t, 0);
	text_char(&t, ' ');
	text_u64(&t, UINT64_MAX);
	ok(holds(&t, "0 18446744073709551615") && !t.overflow, "numbers");
	text_init(&t, buf, sizeof(buf));
	text_hex(&t, 0);
	text_hex(&t, UINT64_MAX);
	ok(holds(&t, "0ffffffffffffffff"), "hexadecimal");
	text_init(&t, buf, 4);
	text_put(&t, "abc", 3);
	text_put(&t, "de", 2);
	ok(holds(&t, "abc") && t.overflow, "what does not fit is left out, and said");
	text_put(&t, "d", 1);
	ok(holds(&t, "abcd"), "what fits is put");
	text_put(&t, NULL, 0);
	ok(holds(&t, "abcd"), "nothing may be NULL");
	text_init(&t, buf, sizeof(buf));
	text_escaped(&t, "a\"\\\n\x80\x1b", 6);
	ok(holds(&t, "a\\x22\\x5c\\x0a\\x80\\x1b"), "escapes for the console");
}

static void elements(void)
{
	const char *list = "a, \"b,c\" ,,\td";
	const char *want[] = { "a", "\"b,c\"", "", "d" };
	struct slice rest = { list, strlen(list) }, e;
	size_t n = 0;
	bool good = true;

	for (; text_next_element(&rest, &e); n++)
		good = good && n < 4 && e.len == strlen(want[n]) && !memcmp(e.p, want[n], e.len);
	ok(good && n == 4, "elements of a list");
	ok(text_equal_nocase("Host", 4, "hOST", 4), "case");
	ok(!text_equal_nocase("Hos[", 4, "hos{", 4) && !text_equal_nocase("a", 1, "ab", 2), "but only of letters");
}

static void types(void)
{
	static const char *cases[][2] = {
		{ "/a.html", "text/html" }, { "/a.b/c.CSS", "text/css" }, { "/a.html/README", "text/plain; charset=utf-8" },
		{ "/x.", "application/octet-stream" }, { "/x.tar.gz", "application/gzip" }, { "/.html", "text/html" },
		{ "/x.htmlx", "application/octet-stream" }, { "x", "text/plain; charset=utf-8" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		ok(!strcmp(mime_type(cases[i][0], strlen(cases[i][0])), cases[i][1]), "%s is %s", cases[i][0], cases[i][1]);
}

int main(void)
{
	building();
	elements();
	types();
	return done_testing();
}

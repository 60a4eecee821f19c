/* SPDX-License-Identifier: BSD-2-Clause
 *
 * httpd: decoding of request paths, what must never come out of it, and encoding for Location.
 * SOURCES: apps/httpd/urlpath.c apps/httpd/text.c
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "apps/httpd/urlpath.h"
#include "tap.h"

static const struct {
	const char *raw, *want;	/* NULL: refused */
} cases[] = {
	{ "/", "/" }, { "/a", "/a" }, { "/a/", "/a/" }, { "/a/b.html", "/a/b.html" },
	{ "/%41%2e", "/A." }, { "/%7e%7E", "/~~" }, { "/a%20b", "/a b" }, { "/%25", "/%" }, { "/%c3%bc", "/\xc3\xbc" },
	{ "//", "/" }, { "//a//b//", "/a/b/" }, { "/.", "/" }, { "/./", "/" }, { "/a/.", "/a/" }, { "/a/./b", "/a/b" },
	{ "/a/..", "/" }, { "/a/../", "/" }, { "/a/../b", "/b" }, { "/a/b/..", "/a/" }, { "/a/b/../../c", "/c" },
	{ "/a//../b", "/b" }, { "/%2e/a", "/a" }, { "/a/%2e%2E/b", "/b" }, { "/...", "/..." }, { "/..a", "/..a" },
	{ "/a..", "/a.." }, { "/.a/", "/.a/" }, { "/a+b", "/a+b" }, { "/%0a", "/\n" },
	{ "", NULL }, { "a", NULL }, { "*", NULL }, { "/..", NULL }, { "/../", NULL }, { "/a/../..", NULL },
	{ "/./..", NULL }, { "//..", NULL }, { "/%2e.", NULL }, { "/a/%2e%2e/%2e%2e/b", NULL }, { "/%2f", NULL },
	{ "/a%2Fb", NULL }, { "/%5c", NULL }, { "/a\\b", NULL }, { "/%00", NULL }, { "/%", NULL }, { "/%4", NULL },
	{ "/%zz", NULL }, { "/%4g", NULL }, { "/%%41", NULL }, { "/a/../b/../../c", NULL },
};

static void known(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t n = strlen(cases[i].raw), len = 0;
		char *raw = malloc(n + 1), out[64];	/* exact size, so that reading beyond it is seen */

		raw = realloc(raw, n ? n : 1);
		memcpy(raw, cases[i].raw, n);
		int r = urlpath_decode(raw, n, out, sizeof(out), &len);

		ok(cases[i].want ? !r && len == strlen(cases[i].want) && !strcmp(out, cases[i].want) : r == -EINVAL,
		   "\"%s\" is %s", cases[i].raw, cases[i].want ? cases[i].want : "refused");
		free(raw);
	}
	size_t len;
	char small[4];

	ok(!urlpath_decode("/ab", 3, small, 4, &len) && urlpath_decode("/abc", 4, small, 4, &len) == -ENAMETOOLONG,
	   "too long for the buffer");
	ok(urlpath_decode("/\0a", 3, small, 4, &len) == -EINVAL, "a raw NUL");
}

static bool harmless(const char *out, size_t len)
{
	if (out[0] != '/' || strlen(out) != len || strchr(out, '\\') || strstr(out, "//") || strstr(out, "/../"))
		return false;
	return len < 3 || strcmp(out + len - 3, "/..") != 0;
}

static void random_paths(void)
{
	static const char *const parts[] = { "/", "..", ".", "a", "%2e", "%2E", "%2f", "%5c", "%00", "//", "%", "b", "\\", "%25" };
	unsigned wrong = 0, accepted = 0;

	srand(1);
	for (int i = 0; i < 300000; i++) {
		char raw[128] = "/", out[40];
		size_t len;

		for (int n = rand() % 12; n > 0; n--)
			strcat(raw, parts[rand() % (int)(sizeof(parts) / sizeof(parts[0]))]);
		if (urlpath_decode(raw, strlen(raw), out, sizeof(out), &len))
			continue;
		accepted++;
		wrong += !harmless(out, len);
	}
	ok(!wrong && accepted > 1000, "of 300000 nasty paths %u are accepted, and none is dangerous", accepted);
}

static void encoding(void)
{
	char buf[64];
	struct text t;

	text_init(&t, buf, sizeof(buf));
	urlpath_encode(&t, "/a b?#%\"<\r\n\xc3:@", 14);
	ok(t.len == 32 && !memcmp(buf, "/a%20b%3F%23%25%22%3C%0D%0A%C3:@", 32), "what could be mistaken in a URL is escaped");
}

int main(void)
{
	known();
	random_paths();
	encoding();
	return done_testing();
}

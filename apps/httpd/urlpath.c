/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Decoding and normalising of request paths (RFC 3986, 2.1 and 5.2.4), stricter
 * than the RFC where leniency has been an attack elsewhere: encoded slashes, NUL
 * and backslashes are refused, not passed on.
 * Pure functions; host tests in tests/unit/test_httpd_path.c, fuzzed by fuzz_http.
 */
#include "urlpath.h"

#include <errno.h>
#include <string.h>

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The character at raw[*i], which moves on; -EINVAL for what no path may contain. */
static int next_char(const char *raw, size_t len, size_t *i)
{
	char c = raw[(*i)++];

	if (c == '%') {
		if (len - *i < 2)
			return -EINVAL;
		int high = hex_value(raw[*i]), low = hex_value(raw[*i + 1]);

		if (high < 0 || low < 0)
			return -EINVAL;
		c = (char)(high << 4 | low);
		*i += 2;
		if (c == '/')
			return -EINVAL;
	}
	if (c == '\0' || c == '\\')
		return -EINVAL;
	return (unsigned char)c;
}

/*
 * Called when a segment ends: out[start..len) is the segment, out[start - 1] its slash.
 * The new length, with "." and empty segments dropped and ".." having removed its parent.
 */
static int end_segment(const char *out, size_t start, size_t len)
{
	size_t n = len - start;

	if (n == 1 && out[start] == '.')
		return (int)start;
	if (n == 2 && out[start] == '.' && out[start + 1] == '.') {
		if (start == 1)
			return -EINVAL;
		for (start--; out[start - 1] != '/'; start--)
			;
		return (int)start;
	}
	return (int)len;
}

int urlpath_decode(const char *raw, size_t raw_len, char *out, size_t cap, size_t *out_len)
{
	size_t i = 1, len = 1, start = 1;

	if (!raw_len || raw[0] != '/')
		return -EINVAL;
	if (cap < 2)
		return -ENAMETOOLONG;
	out[0] = '/';
	while (i < raw_len) {
		bool slash = raw[i] == '/';
		int c = next_char(raw, raw_len, &i);

		if (c < 0)
			return c;
		if (slash) {
			int n = end_segment(out, start, len);

			if (n < 0)
				return n;
			len = (size_t)n;
			if (out[len - 1] == '/') {	/* an empty or removed segment: its slash is there */
				start = len;
				continue;
			}
		}
		if (len + 1 >= cap)
			return -ENAMETOOLONG;
		out[len++] = (char)c;
		if (slash)
			start = len;
	}
	int n = end_segment(out, start, len);

	if (n < 0)
		return n;
	*out_len = (size_t)n;
	out[n] = '\0';
	return 0;
}

void urlpath_encode(struct text *t, const char *path, size_t len)
{
	static const char hex[] = "0123456789ABCDEF";

	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)path[i];
		bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
			     (c && memchr("/-_.~!$&'()*+,;=:@", c, 18));

		if (plain) {
			text_char(t, (char)c);
		} else {
			char esc[3] = { '%', hex[c >> 4], hex[c & 15] };

			text_put(t, esc, sizeof(esc));
		}
	}
}

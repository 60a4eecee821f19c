/* SPDX-License-Identifier: BSD-2-Clause
 *
 * httpd: parsing, judging and recalling request heads.
 * SOURCES: apps/httpd/request.c apps/httpd/memo.c apps/httpd/text.c third_party/picohttpparser/picohttpparser.c
 * FLAGS: -isystem third_party/picohttpparser
 */
#include <stdlib.h>
#include <string.h>

#include "apps/httpd/memo.h"
#include "apps/httpd/request.h"
#include "tap.h"

#define H "Host: a\r\n"

static const struct {
	const char *text;
	int error;
	bool keep_alive;
	enum request_method method;
	const char *path;
} cases[] = {
	{ "GET / HTTP/1.1\r\n" H "\r\n", 0, true, REQUEST_GET, "/" },
	{ "HEAD /a?b HTTP/1.1\r\n" H "\r\n", 0, true, REQUEST_HEAD, "/a" },
	{ "POST / HTTP/1.1\r\n" H "\r\n", 0, true, REQUEST_NOT_ALLOWED, NULL },
	{ "OPTIONS * HTTP/1.1\r\n" H "\r\n", 0, true, REQUEST_NOT_ALLOWED, NULL },
	{ "CONNECT a:80 HTTP/1.1\r\n" H "\r\n", 0, true, REQUEST_NOT_ALLOWED, NULL },
	{ "FROB / HTTP/1.1\r\n" H "\r\n", 0, true, REQUEST_UNKNOWN, NULL },
	{ "POST / HTTP/1.1\r\n" H "Content-Length: 3\r\n\r\n", 0, false, REQUEST_NOT_ALLOWED, NULL },
	{ "GET / HTTP/1.0\r\n\r\n", 0, false, REQUEST_GET, "/" },
	{ "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", 0, true, REQUEST_GET, "/" },
	{ "GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n", 0, false, REQUEST_GET, "/" },
	{ "GET / HTTP/1.1\r\n" H "Connection: close\r\n\r\n", 0, false, REQUEST_GET, "/" },
	{ "GET / HTTP/1.1\r\n" H "Connection: x\r\nConnection: y,close\r\n\r\n", 0, false, REQUEST_GET, "/" },
	{ "GET / HTTP/1.7\r\n" H "\r\n", 0, true, REQUEST_GET, "/" },
	{ "GET http://x HTTP/1.1\r\n" H "\r\n", 0, true, REQUEST_GET, "/" },
	{ "GET https://x/y?z HTTP/1.1\r\n" H "\r\n", 0, true, REQUEST_GET, "/y" },
	{ "GET / HTTP/1.1\nHost:\n\n", 0, true, REQUEST_GET, "/" },
	{ "GET / HTTP/1.1\r\n" H "Content-Length: 000\r\n\r\n", 0, true, REQUEST_GET, "/" },
	{ "GET / HTTP/1.1\r\n" H "Expect: 100-Continue\r\n\r\n", 0, true, REQUEST_GET, "/" },
	{ "GET / HTTP/1.1\r\n\r\n", 400, false, 0, NULL },
	{ "GET / HTTP/1.1\r\n" H H "\r\n", 400, false, 0, NULL },
	{ "GET / HTTP/1.0\r\n" H H "\r\n", 400, false, 0, NULL },
	{ "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400, false, 0, NULL },
	{ "GET / HTTP/1.1\r\n" H "A: b\r\n c\r\n\r\n", 400, false, 0, NULL },
	{ "GET / HTTP/1.1\r\n" H "Content-Length: 1\r\n\r\n", 413, false, 0, NULL },
	{ "GET / HTTP/1.1\r\n" H "Content-Length: 99999999999999999999999\r\n\r\n", 413, false, 0, NULL },
	{ "GET / HTTP/1.1\r\n" H "Content-Length: 1, 1\r\n\r\n", 400, false, 0, NULL },
	{ "GET / HTTP/1.1\r\n" H "Content-Length: +1\r\n\r\n", 400, false, 0, NULL },
	{ "GET / HTTP/1.1\r\n" H "Content-Length: 0\r\nContent-Length: 0\r\n\r\n", 400, false, 0, NULL },
	{ "GET / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n", 413, false, 0, NULL },
	{ "GET / HTTP/1.1\r\n" H "Transfer-Encoding: chunked, identity\r\n\r\n", 501, false, 0, NULL },
	{ "GET / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n", 400, false, 0, NULL },
	{ "GET / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n", 400, false, 0, NULL },
	{ "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n", 400, false, 0, NULL },
	{ "GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400, false, 0, NULL },
	{ "GET / HTTP/1.1\r\n" H "Expect: x\r\n\r\n", 417, false, 0, NULL },
	{ "GET / HTTP/2.0\r\n" H "\r\n", 505, false, 0, NULL },
	{ "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, false, 0, NULL },
	{ "GET / HTTP/1.10\r\n" H "\r\n", 400, false, 0, NULL },
	{ "GET /\r\n\r\n", 400, false, 0, NULL },
	{ "\x16\x03\x01\x02\r\n", 400, false, 0, NULL },
	{ "GET x HTTP/1.1\r\n" H "\r\n", 400, false, 0, NULL },
	{ "GET /#a HTTP/1.1\r\n" H "\r\n", 400, false, 0, NULL },
	{ "GET  / HTTP/1.1\r\n" H "\r\n", 400, false, 0, NULL },
};

static size_t parse(const char *text, size_t len, size_t seen, struct request *r)
{
	static char *copy;	/* exact size: reading beyond it is seen; kept, as r points into it */

	free(copy);
	copy = malloc(len ? len : 1);
	memcpy(copy, text, len);
	return request_parse(copy, len, seen, r);
}

static void known(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct request r;
		size_t len = strlen(cases[i].text), n = parse(cases[i].text, len, 0, &r);
		bool good = n == len && r.error == cases[i].error && r.keep_alive == cases[i].keep_alive;

		if (good && !r.error)
			good = r.method == cases[i].method &&
			       (!cases[i].path ||
				(r.path.len == strlen(cases[i].path) && !memcmp(r.path.p, cases[i].path, r.path.len)));
		ok(good, "%d for %.*s (got %d)", cases[i].error, (int)strcspn(cases[i].text, "\r\n"), cases[i].text, r.error);
	}
}

/* However a request is cut, the outcome is the same, and no prefix is taken for the whole. */
static void in_pieces(void)
{
	unsigned wrong = 0, n_cuts = 0;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t len = strlen(cases[i].text);
		struct request r;

		for (size_t cut = 1; cut < len; cut++, n_cuts++) {
			size_t n = parse(cases[i].text, cut, 0, &r);

			if (n && (!cases[i].error || !r.error))
				wrong++;
			if (n)
				continue;	/* refused early */
			n = parse(cases[i].text, len, cut, &r);
			wrong += n != len || r.error != cases[i].error;
		}
	}
	ok(!wrong, "the same outcome for %u ways to cut them", n_cuts);
}

static void fields(void)
{
	static const char text[] = "GET /x?q=1 HTTP/1.1\r\n" H "If-None-Match:  \"a\" \r\nRANGE: bytes=0-\r\nIf-Range: x\r\n"
				   "If-Modified-Since: y\r\nAccept-Encoding: gzip\r\n\r\nGET";
	struct request r;
	size_t n = parse(text, sizeof(text) - 1, 0, &r);

	ok(n == sizeof(text) - 4 && !r.error && !r.plain, "the head ends where it ends");
	ok(r.query.len == 4 && !memcmp(r.query.p, "?q=1", 4), "the query");
	ok(r.if_none_match.len == 3 && r.range.len == 8 && r.if_range.len == 1 && r.if_modified_since.len == 1 &&
	   r.accept_encoding.len == 4, "the headers, trimmed");
	static const char twice[] = "GET / HTTP/1.1\r\n" H "Range: bytes=0-\r\nRange: bytes=1-\r\n\r\n";

	parse(twice, sizeof(twice) - 1, 0, &r);
	ok(!r.error && !r.range.p, "two ranges are none");
}

static bool same_slice(struct slice a, struct slice b)
{
	return a.p == b.p && a.len == b.len;
}

static bool same_request(const struct request *a, const struct request *b)
{
	return a->method == b->method && a->minor == b->minor && a->error == b->error && a->keep_alive == b->keep_alive &&
	       a->plain == b->plain && same_slice(a->method_text, b->method_text) && same_slice(a->target, b->target) &&
	       same_slice(a->path, b->path) && same_slice(a->query, b->query) &&
	       same_slice(a->if_none_match, b->if_none_match) && same_slice(a->if_modified_since, b->if_modified_since) &&
	       same_slice(a->if_range, b->if_range) && same_slice(a->range, b->range) &&
	       same_slice(a->accept_encoding, b->accept_encoding);
}

/* The memo must be invisible: whatever was parsed before, and whatever follows a head, the result is the parser's. */
static void recalled(void)
{
	static const char full[] = "GET /x?q HTTP/1.1\r\n" H "If-None-Match: a\r\nRange: b\r\nIf-Range: c\r\n"
				   "If-Modified-Since: d\r\nAccept-Encoding: e\r\n\r\nGET / HTTP/1.1\r\n";
	static struct memo memo;
	unsigned wrong = 0;

	for (size_t i = 0; i < 3000; i++) {
		size_t k = i * 7919 % (sizeof(cases) / sizeof(cases[0]) + 1), repeat = i % 3;
		const char *text = k < sizeof(cases) / sizeof(cases[0]) ? cases[k].text : full;

		for (size_t j = 0; j <= repeat; j++) {
			struct request a, b;
			size_t len = strlen(text);
			size_t n = request_parse(text, len, 0, &a);

			wrong += memo_parse(&memo, text, len, 0, &b) != n || !same_request(&a, &b);
		}
	}
	ok(!wrong, "the memo changes nothing");
}

static void limits(void)
{
	static char text[100000];
	struct request r;

	strcpy(text, "GET / HTTP/1.1\r\n" H);
	for (int i = 0; i < 70; i++)
		strcat(text, "A: b\r\n");
	strcat(text, "\r\n");
	parse(text, strlen(text), 0, &r);
	ok(r.error == 431, "too many headers");
	strcpy(text, "GET /");
	memset(text + 5, 'x', 4096);
	strcpy(text + 5 + 4096, " HTTP/1.1\r\n" H "\r\n");
	parse(text, strlen(text), 0, &r);
	ok(r.error == 414, "a long target");
	strcpy(text, "GET / HTTP/1.1\r\n" H "A: ");
	memset(text + strlen(text), 'x', 9000);
	strcpy(text + 9000, "\r\n\r\n");
	parse(text, strlen(text), 0, &r);
	ok(r.error == 431, "a head over the limit");
	memset(text, 'x', 9000);
	request_too_long(text, 9000, &r);
	ok(r.error == 414 && !r.keep_alive, "a line without end");
	memcpy(text, "GET / HTTP/1.1\r\n", 16);
	request_too_long(text, 9000, &r);
	ok(r.error == 431 && r.method_text.len == 3 && r.target.len == 1, "headers without end; the log learns what it was");
	ok(!parse("", 0, 0, &r), "nothing is incomplete");
}

int main(void)
{
	known();
	in_pieces();
	fields();
	recalled();
	limits();
	return done_testing();
}

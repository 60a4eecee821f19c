/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Parsing and validating of request heads (RFC 9112). Bodies are never taken: a request that announces
 * one is refused and its connection closed, so that no two parties can disagree about where it ends.
 * Pure functions; host tests in tests/unit/test_httpd_request.c, fuzzed by tests/fuzz/fuzz_http.c.
 */
#include "request.h"

#include <stdint.h>
#include <string.h>

#include "picohttpparser.h"

const char request_root_path[] = "/";

/* What the headers said about the body and the connection, gathered before it is judged. */
struct framing {
	unsigned n_host, n_length, n_encoding, n_range;
	struct slice length, encoding, expect, host;
	bool close, keep_alive;
};

static bool is(struct slice s, const char *literal, size_t len)
{
	return text_equal_nocase(s.p, s.len, literal, len);
}

#define IS(s, literal) is((s), (literal), sizeof(literal) - 1)

/* Printable ASCII characters, a bit for each. */
static const uint64_t token_chars[2] = { 0x03ff6cfa00000000, 0x57ffffffc7fffffe };	/* all but "(),/:;<=>?@[\]{} */
static const uint64_t host_chars[2] = { 0x2fff7ff200000000, 0x7fffffffeffffffe };	/* all but "#/<>?@\ */

static bool only(struct slice s, const uint64_t allowed[2])
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c > 127 || !(allowed[c >> 6] >> (c & 63) & 1))
			return false;
	}
	return true;
}

static bool is_token(struct slice s)
{
	return s.len > 0 && only(s, token_chars);
}

static enum request_method method_of(struct slice m)
{
	static const char known[][8] = { "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "CONNECT", "TRACE" };

	if (m.len == 3 && !memcmp(m.p, "GET", 3))
		return REQUEST_GET;
	if (m.len == 4 && !memcmp(m.p, "HEAD", 4))
		return REQUEST_HEAD;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (m.len == strlen(known[i]) && !memcmp(m.p, known[i], m.len))
			return REQUEST_NOT_ALLOWED;
	return REQUEST_UNKNOWN;
}

static void connection_options(struct slice value, struct framing *f)
{
	struct slice option;

	while (text_next_element(&value, &option)) {
		if (IS(option, "close"))
			f->close = true;
		else if (IS(option, "keep-alive"))
			f->keep_alive = true;
	}
}

/* The first of several equal headers counts, as for lists; a repeated range is not served at all. */
static void keep(struct request *r, struct slice *field, struct slice value)
{
	if (!field->p)
		*field = value;
	r->plain = false;
}

static void header(struct request *r, struct framing *f, struct slice name, struct slice value)
{
	switch (name.len) {
	case 4:
		if (IS(name, "host")) {
			f->n_host++;
			f->host = value;
		}
		break;
	case 5:
		if (IS(name, "range")) {
			f->n_range++;
			keep(r, &r->range, value);
		}
		break;
	case 6:
		if (IS(name, "expect"))
			f->expect = value;
		break;
	case 8:
		if (IS(name, "if-range"))
			keep(r, &r->if_range, value);
		break;
	case 10:
		if (IS(name, "connection"))
			connection_options(value, f);
		break;
	case 13:
		if (IS(name, "if-none-match"))
			keep(r, &r->if_none_match, value);
		break;
	case 14:
		if (IS(name, "content-length")) {
			f->n_length++;
			f->length = value;
		}
		break;
	case 15:
		if (IS(name, "accept-encoding"))
			keep(r, &r->accept_encoding, value);
		break;
	case 17:
		if (IS(name, "if-modified-since")) {
			keep(r, &r->if_modified_since, value);
		} else if (IS(name, "transfer-encoding")) {
			f->n_encoding++;
			f->encoding = value;
		}
		break;
	}
}

static bool all_digits(struct slice s, bool *zero)
{
	*zero = true;
	for (size_t i = 0; i < s.len; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
		if (s.p[i] != '0')
			*zero = false;
	}
	return s.len > 0;
}

/* Is there a body, and is it announced in exactly one way? RFC 9112, 6.3. */
static int judge_body(const struct request *r, const struct framing *f)
{
	bool zero;

	if (f->n_encoding) {
		if (f->n_length || f->n_encoding > 1 || r->minor == 0)
			return 400;
		return IS(f->encoding, "chunked") ? 413 : 501;
	}
	if (f->n_length > 1)
		return 400;
	if (f->n_length) {
		if (!all_digits(f->length, &zero))
			return 400;
		if (!zero)
			return 413;
	}
	return 0;
}

static int judge(struct request *r, struct framing *f)
{
	int body = judge_body(r, f);

	if (f->n_host > 1 || (r->minor && !f->n_host) || !only(f->host, host_chars))
		return 400;
	if (body == 400)
		return 400;
	if (f->expect.p && !IS(f->expect, "100-continue"))
		return 417;
	/* Of a request with a method we refuse anyway, the refusal of the method says more than that of the body. */
	if (body && r->method < REQUEST_NOT_ALLOWED)
		return body;
	if (body)
		r->keep_alive = false;
	return 0;
}

/* Finds path and query in the target: "/path?query" or "http://host/path?query". RFC 9112, 3.2. */
static int split_target(struct request *r)
{
	struct slice t = r->target;

	if (t.len > REQUEST_TARGET_MAX)
		return 414;
	if (t.len > 7 && t.p[0] != '/') {
		size_t scheme = text_equal_nocase(t.p, 7, "http://", 7) ? 7 :
				t.len > 8 && text_equal_nocase(t.p, 8, "https://", 8) ? 8 : 0;
		const char *slash;

		if (!scheme)
			return 400;
		slash = memchr(t.p + scheme, '/', t.len - scheme);
		if (!slash) {
			r->path = (struct slice){ request_root_path, 1 };
			return 0;
		}
		t.len -= (size_t)(slash - t.p);
		t.p = slash;
	}
	if (!t.len || t.p[0] != '/')
		return 400;
	size_t end = t.len;

	for (size_t i = t.len; i-- > 0;) {	/* backwards, so that the first question mark is found last */
		if (t.p[i] == '#')
			return 400;
		if (t.p[i] == '?')
			end = i;
	}
	r->path = (struct slice){ t.p, end };
	r->query = (struct slice){ t.p + end, t.len - end };
	return 0;
}

/*
 * Why did the parser refuse it? "GET / HTTP/2.0" is a version we lack; the rest is malformed. Also finds
 * method and target, as far as they are there, for the log.
 */
static int refused(const char *buf, size_t len, struct request *r, size_t n_headers)
{
	const char *eol = memchr(buf, '\n', len);
	size_t line = eol ? (size_t)(eol - buf) : len;

	if (line && buf[line - 1] == '\r')
		line--;
	const char *space = memchr(buf, ' ', line);

	r->target = (struct slice){ buf, line };
	if (!space || !is_token((struct slice){ buf, (size_t)(space - buf) }))
		return 400;
	r->method_text = (struct slice){ buf, (size_t)(space - buf) };
	r->target = (struct slice){ space + 1, line - r->method_text.len - 1 };
	space = memchr(r->target.p, ' ', r->target.len);
	if (!space)
		return 400;
	struct slice version = { space + 1, r->target.len - (size_t)(space - r->target.p) - 1 };

	r->target.len = (size_t)(space - r->target.p);
	if (version.len == 8 && !memcmp(version.p, "HTTP/", 5) && version.p[6] == '.' && version.p[5] >= '0' &&
	    version.p[5] <= '9' && version.p[5] != '1' && version.p[7] >= '0' && version.p[7] <= '9')
		return 505;
	return n_headers == REQUEST_HEADERS_MAX ? 431 : 400;
}

static int gather(struct request *r, const struct phr_header *h, size_t n, struct framing *f)
{
	for (size_t i = 0; i < n; i++) {
		if (!h[i].name)		/* a folded line: obsolete, and a way to smuggle */
			return 400;
		header(r, f, (struct slice){ h[i].name, h[i].name_len },
		       text_trim((struct slice){ h[i].value, h[i].value_len }));
	}
	if (f->n_range > 1)
		r->range = (struct slice){ NULL, 0 };
	return 0;
}

size_t request_parse(const char *buf, size_t len, size_t seen_len, struct request *r)
{
	struct phr_header headers[REQUEST_HEADERS_MAX];
	size_t n_headers = REQUEST_HEADERS_MAX;
	struct framing f = { 0 };
	int minor = 0;

	memset(r, 0, sizeof(*r));
	r->plain = true;
	int n = phr_parse_request(buf, len, &r->method_text.p, &r->method_text.len, &r->target.p, &r->target.len,
				  &minor, headers, &n_headers, seen_len);

	if (n == -2)
		return 0;
	if (n < 0) {
		memset(r, 0, sizeof(*r));
		r->error = refused(buf, len, r, n_headers);
		return len;
	}
	r->minor = minor > 0;
	r->method = method_of(r->method_text);
	bool token = r->method != REQUEST_UNKNOWN || is_token(r->method_text);

	r->error = token ? gather(r, headers, n_headers, &f) : 400;
	if (!r->error) {
		r->keep_alive = r->minor ? !f.close : f.keep_alive && !f.close;
		r->error = judge(r, &f);
	}
	if (!r->error && r->method < REQUEST_NOT_ALLOWED)
		r->error = split_target(r);
	if (!r->error && (size_t)n > REQUEST_HEAD_MAX)
		r->error = 431;
	if (r->error) {
		r->keep_alive = false;
		return len;
	}
	return (size_t)n;
}

void request_too_long(const char *buf, size_t len, struct request *r)
{
	memset(r, 0, sizeof(*r));
	refused(buf, len, r, 0);
	r->error = memchr(buf, '\n', len) ? 431 : 414;
}

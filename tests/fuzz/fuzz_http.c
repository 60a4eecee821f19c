/* SPDX-License-Identifier: BSD-2-Clause
 *
 * httpd: everything that looks at bytes of a request. Input: a stream of requests. What must hold: no
 * slice leaves the input; a decoded path never climbs; a request cut in two is taken or refused as the whole is.
 * SOURCES: apps/httpd/request.c apps/httpd/urlpath.c apps/httpd/range.c apps/httpd/cond.c apps/httpd/date.c
 * SOURCES: apps/httpd/mime.c apps/httpd/text.c third_party/picohttpparser/picohttpparser.c
 * FLAGS: -isystem third_party/picohttpparser
 */
#include <stdlib.h>
#include <string.h>

#include "apps/httpd/cond.h"
#include "apps/httpd/mime.h"
#include "apps/httpd/range.h"
#include "apps/httpd/request.h"
#include "apps/httpd/urlpath.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(cond)	do { if (!(cond)) abort(); } while (0)

static void within(struct slice s, const char *buf, size_t len)
{
	REQUIRE(!s.len || (s.p >= buf && s.p + s.len <= buf + len));
}

static void look_at_path(struct slice raw)
{
	char path[URLPATH_MAX], encoded[3 * URLPATH_MAX], again[URLPATH_MAX];
	size_t len, again_len;
	struct text t;

	if (urlpath_decode(raw.p, raw.len, path, sizeof(path), &len))
		return;
	REQUIRE(len && len < sizeof(path) && path[0] == '/' && strlen(path) == len);
	REQUIRE(!strstr(path, "/../") && !strstr(path, "//") && !strstr(path, "/./") && !strchr(path, '\\'));
	REQUIRE(len < 3 || strcmp(path + len - 3, "/..") != 0);
	REQUIRE(mime_type(path, len));
	text_init(&t, encoded, sizeof(encoded));
	urlpath_encode(&t, path, len);
	REQUIRE(!t.overflow && !urlpath_decode(encoded, t.len, again, sizeof(again), &again_len));
	REQUIRE(again_len == len && !memcmp(again, path, len));
}

static void look_at_headers(const struct request *r, uint64_t file_size)
{
	static const char tag[] = "\"abc-1\"";
	struct slice etag = { tag, sizeof(tag) - 1 };
	uint64_t first, last;

	if (r->range.p && range_parse(r->range.p, r->range.len, file_size, &first, &last) == RANGE_PART)
		REQUIRE(first <= last && last < file_size);
	cond_etag_in_list(r->if_none_match, etag);
	cond_not_modified_since(r->if_modified_since, 784111777);
	cond_if_range(r->if_range, etag, 784111777);
	cond_prefers_gzip(r->accept_encoding);
}

static void same_in_pieces(const char *buf, size_t len, size_t cut, const struct request *whole, size_t n)
{
	struct request r;

	if (request_parse(buf, cut, 0, &r))
		return;	/* refused early, or ends before the cut */
	size_t again = request_parse(buf, len, cut, &r);

	if (!again && whole->error)
		return;	/* bad already, but it says so only at the end of the head */
	REQUIRE(again == n && !r.error == !whole->error);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *buf = malloc(size ? size : 1);	/* exact size, so that reading beyond it is seen */
	size_t pos = 0, n;

	memcpy(buf, data, size);

	while (pos < size) {
		struct request r;

		n = request_parse(buf + pos, size - pos, 0, &r);
		if (!n) {
			request_too_long(buf + pos, size - pos, &r);
			REQUIRE(r.error == 414 || r.error == 431);
			break;
		}
		REQUIRE(n <= size - pos && (!r.error || (!r.keep_alive && n == size - pos)));
		within(r.method_text, buf + pos, n);
		within(r.target, buf + pos, n);
		if (!r.error && r.method < REQUEST_NOT_ALLOWED) {
			REQUIRE(r.path.len && r.path.p[0] == '/');
			look_at_path(r.path);
			look_at_headers(&r, n * 3);
		}
		same_in_pieces(buf + pos, size - pos, n / 2, &r, n);
		pos += n;
	}
	free(buf);
	return 0;
}

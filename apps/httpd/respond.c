/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Answers. The common one, a whole file that is in the cache to a client that keeps its connection, is one
 * prepared piece of memory whose Date is brought up to date; every other is put together in the arena.
 * Order of the checks: RFC 9110, 13.2.2.
 */
#include "respond.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cond.h"
#include "head.h"
#include "status.h"
#include "urlpath.h"
#include "range.h"
#include "server.h"

static const char *explain(unsigned status)
{
	switch (status) {
	case 403: return "This page may not be read, or is a folder without an index.";
	case 404: return "There is no such page.";
	case 405: return "Only GET and HEAD are served.";
	case 408: return "The request took too long to arrive.";
	case 413: return "Requests with a body are not served.";
	case 503: return "The document root is not available (is its volume mounted?), or memory is short. Try again later.";
	default: return "";
	}
}

/* Date, what HTTP/1.0 clients must be told about the connection, and the empty line. */
static void end_head(struct server *s, struct text *t, const struct request *r, bool close)
{
	TEXT_LIT(t, "Date: ");
	text_put(t, s->now.date, sizeof(s->now.date));
	if (close)
		TEXT_LIT(t, "\r\nConnection: close\r\n\r\n");
	else if (r && !r->minor)
		TEXT_LIT(t, "\r\nConnection: keep-alive\r\n\r\n");
	else
		TEXT_LIT(t, "\r\n\r\n");
}

static void set_head(struct response *out, const struct text *t, size_t from)
{
	out->head = t->buf + from;
	out->head_len = t->len - from;
}

/* A short page made here. extra is a header line, or NULL. */
static void page(struct server *s, const struct request *r, unsigned status, const char *extra, struct text *t,
		 struct response *out)
{
	const char *reason = head_reason(status), *why = explain(status);
	size_t from = t->len;
	struct text body;
	char buf[512];

	text_init(&body, buf, sizeof(buf));
	TEXT_LIT(&body, "<!doctype html>\n<title>");
	text_u64(&body, status);
	text_char(&body, ' ');
	text_str(&body, reason);
	TEXT_LIT(&body, "</title>\n<h1>");
	text_u64(&body, status);
	text_char(&body, ' ');
	text_str(&body, reason);
	TEXT_LIT(&body, "</h1>\n<p>");
	text_str(&body, why);
	TEXT_LIT(&body, "</p>\n");

	out->status = status;
	head_begin(t, status);
	TEXT_LIT(t, "Content-Type: text/html; charset=utf-8\r\nContent-Length: ");
	text_u64(t, body.len);
	TEXT_LIT(t, "\r\n");
	if (extra)
		text_str(t, extra);
	end_head(s, t, r, out->close);
	if (!r || r->method != REQUEST_HEAD) {
		text_put(t, body.buf, body.len);
		out->log_bytes = body.len;
	}
	set_head(out, t, from);
}

static void redirect_to_folder(struct server *s, const struct request *r, const char *path, size_t len, struct text *t,
			       struct response *out)
{
	size_t from = t->len;

	out->status = 301;
	head_begin(t, 301);
	TEXT_LIT(t, "Location: ");
	urlpath_encode(t, path, len);
	text_char(t, '/');
	text_put(t, r->query.p, r->query.len);
	TEXT_LIT(t, "\r\nContent-Length: 0\r\n");
	end_head(s, t, r, out->close);
	set_head(out, t, from);
}

static void fail(struct server *s, const struct request *r, int error, struct text *t, struct response *out)
{
	switch (error) {
	case -ENOENT:
		page(s, r, 404, NULL, t, out);
		break;
	case -EACCES:
		page(s, r, 403, NULL, t, out);
		break;
	case -ENODEV:
	case -ENOMEM:
	case -EMFILE:
		page(s, r, 503, "Retry-After: 5\r\n", t, out);
		break;
	default:
		page(s, r, 500, NULL, t, out);
	}
}

/* The prepared answer, if its Date can be written without changing what another connection is sending. */
static bool respond_image(struct server *s, struct entry *e, struct response *out)
{
	if (e->dated_s != s->now.second) {
		if (e->refs > 2)	/* the cache and we */
			return false;
		memcpy(e->image + e->date_at, s->now.date, DATE_HTTP_LEN);
		e->dated_s = s->now.second;
	}
	out->head = e->image;
	out->head_len = e->body_at + (size_t)e->size;
	out->log_bytes = e->size;
	return true;
}

static void not_modified(struct server *s, const struct request *r, struct text *t, struct response *out)
{
	size_t from = t->len;

	out->status = 304;
	head_begin(t, 304);
	head_validators(t, out->e);
	end_head(s, t, r, out->close);
	set_head(out, t, from);
}

static void unsatisfiable(struct server *s, const struct request *r, struct text *t, struct response *out)
{
	char line[64];
	struct text extra;

	text_init(&extra, line, sizeof(line) - 1);
	TEXT_LIT(&extra, "Content-Range: bytes */");
	text_u64(&extra, out->e->size);
	TEXT_LIT(&extra, "\r\n");
	line[extra.len] = '\0';
	page(s, r, 416, line, t, out);
}

static bool is_not_modified(const struct request *r, const struct entry *e)
{
	if (r->if_none_match.p)
		return cond_etag_in_list(r->if_none_match, (struct slice){ e->etag, e->etag_len });
	return r->if_modified_since.p && cond_not_modified_since(r->if_modified_since, e->mtime);
}

static enum range_result range_of(const struct request *r, const struct entry *e, uint64_t *first, uint64_t *last)
{
	if (!r->range.p || r->method != REQUEST_GET)
		return RANGE_IGNORE;
	if (r->if_range.p && !cond_if_range(r->if_range, (struct slice){ e->etag, e->etag_len }, e->mtime))
		return RANGE_IGNORE;
	return range_parse(r->range.p, r->range.len, e->size, first, last);
}

/* out->e is the file. 200 or 206, from memory or from disk. */
static void whole_or_part(struct server *s, const struct request *r, struct text *t, struct response *out)
{
	struct entry *e = out->e;
	uint64_t first = 0, last = 0, size = e->size;
	enum range_result range = range_of(r, e, &first, &last);
	size_t from = t->len;

	if (range == RANGE_UNSATISFIABLE) {
		unsatisfiable(s, r, t, out);
		return;
	}
	int in_memory = r->method == REQUEST_GET ? files_load(&s->files, e) : 0;

	if (r->method == REQUEST_GET && !in_memory && size)
		in_memory = files_probe(&s->files, e, first) < 0 ? -EIO : 0;
	if (in_memory < 0) {
		fail(s, r, in_memory, t, out);
		return;
	}
	if (range == RANGE_PART)
		size = last - first + 1;
	else if (in_memory && r->minor && !out->close && respond_image(s, e, out))
		return;
	out->status = range == RANGE_PART ? 206 : 200;
	head_begin(t, out->status);
	head_entity(t, e, size);
	if (range == RANGE_PART) {
		TEXT_LIT(t, "Content-Range: bytes ");
		text_u64(t, first);
		text_char(t, '-');
		text_u64(t, last);
		text_char(t, '/');
		text_u64(t, e->size);
		TEXT_LIT(t, "\r\n");
	}
	end_head(s, t, r, out->close);
	set_head(out, t, from);
	if (r->method != REQUEST_GET)
		return;
	out->log_bytes = size;
	if (in_memory) {
		out->body = e->image + e->body_at + first;
		out->body_len = (size_t)size;
	} else {
		out->file_at = first;
		out->file_len = size;
	}
}

static void respond_metrics(struct server *s, const struct request *r, struct text *t, struct response *out)
{
	size_t from = t->len;

	out->owned = status_metrics(s, &out->body_len);
	if (!out->owned) {
		fail(s, r, -ENOMEM, t, out);
		return;
	}
	head_begin(t, 200);
	TEXT_LIT(t, "Content-Type: text/plain; version=0.0.4; charset=utf-8\r\nCache-Control: no-store\r\nContent-Length: ");
	text_u64(t, out->body_len);
	TEXT_LIT(t, "\r\n");
	end_head(s, t, r, out->close);
	set_head(out, t, from);
	if (r->method == REQUEST_HEAD)
		out->body_len = 0;
	else
		out->body = out->owned;
	out->log_bytes = out->body_len;
}

static void respond_status_page(struct server *s, const struct request *r, struct text *t, struct response *out)
{
	size_t from = t->len, len = strlen(status_page);

	head_begin(t, 200);
	TEXT_LIT(t, "Content-Type: text/html; charset=utf-8\r\nContent-Length: ");
	text_u64(t, len);
	TEXT_LIT(t, "\r\n");
	end_head(s, t, r, out->close);
	set_head(out, t, from);
	if (r->method == REQUEST_GET) {
		out->body = status_page;
		out->body_len = out->log_bytes = len;
	}
}

static bool path_is(const char *path, size_t len, const char *name)
{
	return len == strlen(name) && !memcmp(path, name, len);
}

/* The paths under /_glint, which no file hides. False: not one of ours. */
static bool respond_reserved(struct server *s, const struct request *r, const char *path, size_t len, struct text *t,
			     struct response *out)
{
	if (s->options.no_status || len < 8 || memcmp(path, "/_glint/", 8) != 0)
		return false;
	if (path_is(path, len, "/_glint/metrics"))
		respond_metrics(s, r, t, out);
	else if (path_is(path, len, "/_glint/status"))
		respond_status_page(s, r, t, out);
	else
		page(s, r, 404, NULL, t, out);
	return true;
}

static void respond_path(struct server *s, const struct request *r, const char *path, size_t len, struct text *t,
			 struct response *out)
{
	bool gzip = r->accept_encoding.p && cond_prefers_gzip(r->accept_encoding);
	int error = files_get(&s->files, path, len, gzip, s->now.second, &out->e);

	if (error == -EISDIR)
		redirect_to_folder(s, r, path, len, t, out);
	else if (error && !s->options.no_status && path_is(path, len, "/metrics"))
		respond_metrics(s, r, t, out);
	else if (error)
		fail(s, r, error, t, out);
	else if (!r->plain && is_not_modified(r, out->e))
		not_modified(s, r, t, out);
	else
		whole_or_part(s, r, t, out);
}

void respond(struct server *s, const struct request *r, struct text *t, struct response *out)
{
	char path[URLPATH_MAX];
	size_t len;

	memset(out, 0, sizeof(*out));
	out->status = 200;
	out->close = !r->keep_alive;
	if (r->error) {
		page(s, r, (unsigned)r->error, NULL, t, out);
		return;
	}
	if (r->method == REQUEST_NOT_ALLOWED) {
		page(s, r, 405, "Allow: GET, HEAD\r\n", t, out);
		return;
	}
	if (r->method == REQUEST_UNKNOWN) {
		page(s, r, 501, NULL, t, out);
		return;
	}
	int error = urlpath_decode(r->path.p, r->path.len, path, sizeof(path), &len);

	if (error)
		page(s, r, error == -ENAMETOOLONG ? 414 : 400, NULL, t, out);
	else if (!respond_reserved(s, r, path, len, t, out))
		respond_path(s, r, path, len, t, out);
}

void respond_error(struct server *s, unsigned status, struct text *t, struct response *out)
{
	memset(out, 0, sizeof(*out));
	out->close = true;
	page(s, NULL, status, NULL, t, out);
}

void respond_release(struct server *s, struct response *r)
{
	if (r->e)
		filecache_unref(&s->files.cache, r->e);
	free(r->owned);
	r->e = NULL;
	r->owned = NULL;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One request head: parsed by picohttpparser, then held against RFC 9112 more strictly
 * than a parser can (framing, Host, version, sizes). Slices point into the caller's buffer.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "text.h"

#define REQUEST_HEAD_MAX 8192	/* a request line and its headers */
#define REQUEST_TARGET_MAX 4096
#define REQUEST_HEADERS_MAX 64

enum request_method {
	REQUEST_GET,
	REQUEST_HEAD,
	REQUEST_NOT_ALLOWED,	/* a method that exists, but not here: 405 */
	REQUEST_UNKNOWN,	/* 501 */
};

struct request {
	enum request_method method;
	int minor;		/* of HTTP/1.x: 0, or 1 for everything above */
	int error;		/* status that refuses it, after which the connection closes; 0: serve it */
	bool keep_alive;
	bool plain;		/* none of the headers below is there: the fast way will do */
	struct slice method_text;
	struct slice target;	/* as sent; for the log */
	struct slice path;	/* as sent, without query, scheme and authority */
	struct slice query;	/* with its question mark; empty when there is none */
	struct slice if_none_match;
	struct slice if_modified_since;
	struct slice if_range;
	struct slice range;
	struct slice accept_encoding;
};

/* The path of a target without one, "http://host": the only slice outside the caller's buffer. */
extern const char request_root_path[];

/*
 * Bytes that the head takes; 0 while it is incomplete, when the caller reads on, up to
 * REQUEST_HEAD_MAX (and fails as request_too_long says). seen_len of the bytes were there when an
 * earlier call said incomplete: they are not parsed again until the end is in sight.
 * With r->error set the result is len: nothing behind a bad request can be trusted.
 */
size_t request_parse(const char *buf, size_t len, size_t seen_len, struct request *r);

/* The status for a head that does not end within REQUEST_HEAD_MAX: 414 or 431. Fills what the log needs. */
void request_too_long(const char *buf, size_t len, struct request *r);

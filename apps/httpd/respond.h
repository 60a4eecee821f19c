/* SPDX-License-Identifier: BSD-2-Clause */
/* From a request to an answer: which file, which status, which part of it. No socket is touched here. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "filecache.h"
#include "request.h"
#include "text.h"

struct server;

struct response {
	unsigned status;
	bool close;		/* end the connection after it */
	const char *head;	/* with the body behind it, if it is short: in the arena, or e->image */
	size_t head_len;
	const char *body;	/* or NULL: more bytes, in memory that e or owned keeps */
	size_t body_len;
	uint64_t file_at, file_len;	/* and bytes from e's file */
	struct entry *e;	/* a reference, or NULL */
	char *owned;		/* malloc'd, or NULL */
	uint64_t log_bytes;	/* of body, for the log */
};

/* Room that respond may need in the arena for one answer. */
#define RESPOND_ARENA 12288

/* Decides. Always makes an answer; the caller gives it back with respond_release. */
void respond(struct server *s, const struct request *r, struct text *arena, struct response *out);

/* An answer that no request asked for, and the end of the connection: 408, 503. */
void respond_error(struct server *s, unsigned status, struct text *arena, struct response *out);

void respond_release(struct server *s, struct response *r);

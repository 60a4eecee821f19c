/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The answers to requests that arrived together go out in one write. There is one batch for the whole server: it is
 * filled and flushed within one event. What the socket does not take is not kept as bytes: an answer that
 * went out in part becomes a sender, and the requests after it are answered again later, from their text.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <sys/uio.h>

#include "request.h"
#include "respond.h"
#include "text.h"

#define BATCH_MAX 32
#define BATCH_BYTES_MAX 65536	/* flush when more than this waits */

struct server;
struct conn;

struct batch_item {
	size_t start;		/* where its request begins in the input */
	size_t bytes;		/* in memory, to write; a file's bytes come on top */
	struct request request;
	struct response response;
};

struct batch {
	unsigned n_items, n_iov;
	size_t bytes;
	struct text arena;
	struct iovec iov[BATCH_MAX * 2];
	struct batch_item items[BATCH_MAX];
	char arena_buf[RESPOND_ARENA * 2];
};

enum batch_result { BATCH_SENT, BATCH_BLOCKED, BATCH_BROKEN };

void batch_reset(struct batch *b);

/* The next item, to be filled by request_parse and respond. There is room: see batch_full. */
struct batch_item *batch_next(struct batch *b);

/* Takes the item in. */
void batch_add(struct batch *b, struct batch_item *item);

/* Must it be flushed before another request is answered? */
bool batch_full(const struct batch *b);

/*
 * Writes. BATCH_SENT: all of it, the batch is empty again. BATCH_BLOCKED: the socket took a part; c->out may hold the
 * answer in progress, and *pos is set back to the first request that is to be answered again.
 * BATCH_BROKEN: the connection is to be closed.
 */
enum batch_result batch_flush(struct server *s, struct conn *c, size_t *pos);

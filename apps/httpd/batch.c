/* SPDX-License-Identifier: BSD-2-Clause */
/* Gathering answers and writing them at once. */
#define _GNU_SOURCE 1
#include "batch.h"

#include <errno.h>
#include <limits.h>

#include "sender.h"
#include "server.h"

_Static_assert(BATCH_MAX * 2 <= IOV_MAX, "a batch is one writev");

void batch_reset(struct batch *b)
{
	b->n_items = 0;
	b->n_iov = 0;
	b->bytes = 0;
	text_init(&b->arena, b->arena_buf, sizeof(b->arena_buf));
}

struct batch_item *batch_next(struct batch *b)
{
	return &b->items[b->n_items];
}

static void add_iov(struct batch *b, const char *p, size_t len)
{
	/* iov_base is not const, though writev only reads */
	b->iov[b->n_iov++] = (struct iovec){ (void *)(uintptr_t)p, len };
}

void batch_add(struct batch *b, struct batch_item *item)
{
	const struct response *r = &item->response;

	item->bytes = r->head_len + r->body_len;
	add_iov(b, r->head, r->head_len);
	if (r->body_len)
		add_iov(b, r->body, r->body_len);
	b->bytes += item->bytes;
	b->n_items++;
}

bool batch_full(const struct batch *b)
{
	return b->n_items == BATCH_MAX || b->bytes >= BATCH_BYTES_MAX ||
	       b->arena.cap - b->arena.len < RESPOND_ARENA || b->items[b->n_items - 1].response.file_len;
}

static void finish_item(struct server *s, struct conn *c, struct batch_item *item)
{
	struct response *r = &item->response;

	s->stats.n_responses[r->status / 100]++;
	accesslog_request(&s->log, (struct slice){ c->peer, c->peer_len }, &s->now, &item->request, r->status, r->log_bytes);
	respond_release(s, r);
}

/* The items from i on go back: their requests will be parsed again. */
static void rewind_items(struct server *s, struct conn *c, unsigned i, size_t *pos)
{
	if (i >= s->batch.n_items)
		return;
	*pos = s->batch.items[i].start;
	c->closing = false;	/* whoever asked for it is among them */
	for (; i < s->batch.n_items; i++)
		respond_release(s, &s->batch.items[i].response);
}

static void release_items(struct server *s, unsigned i)
{
	for (; i < s->batch.n_items; i++)
		respond_release(s, &s->batch.items[i].response);
}

static enum batch_result write_out(struct server *s, struct conn *c, size_t *sent)
{
	ssize_t n = conn_writev(s, c, s->batch.iov, s->batch.n_iov);

	*sent = n > 0 ? (size_t)n : 0;
	return n < 0 && n != -EAGAIN ? BATCH_BROKEN : BATCH_SENT;
}

enum batch_result batch_flush(struct server *s, struct conn *c, size_t *pos)
{
	struct batch *b = &s->batch;
	enum batch_result result = BATCH_SENT;
	size_t sent;
	unsigned i = 0;

	if (!b->n_items)
		return BATCH_SENT;
	if (write_out(s, c, &sent) == BATCH_BROKEN) {
		result = BATCH_BROKEN;
		goto out;
	}
	for (; i < b->n_items; i++) {
		struct batch_item *item = &b->items[i];

		if (sent < item->bytes || item->response.file_len)
			break;
		sent -= item->bytes;
		finish_item(s, c, item);
	}
	if (i == b->n_items)
		goto out;
	result = BATCH_BLOCKED;
	if (!sent && !b->items[i].response.file_len) {
		rewind_items(s, c, i, pos);
		goto reset;
	}
	c->out = sender_new(s, c, &b->items[i].request, &b->items[i].response, sent);
	if (!c->out) {
		result = BATCH_BROKEN;
		goto out;
	}
	bool last = i + 1 == b->n_items;

	rewind_items(s, c, i + 1, pos);
	if (last && b->items[i].bytes == sent) {	/* a file, and the socket is still taking */
		result = sender_run(s, c);
	}
	goto reset;
out:
	release_items(s, i);
reset:
	batch_reset(b);
	return result;
}

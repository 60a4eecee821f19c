/* SPDX-License-Identifier: BSD-2-Clause */
/* Sending answers in parts. */
#define _GNU_SOURCE 1
#include "sender.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "server.h"

#define CHUNK_MIN 4096
#define TURN_BYTES (4 * SERVER_FILE_CHUNK)	/* of one client, before the others are looked at */

struct sender {
	struct response r;
	size_t head_at;		/* sent of the head */
	size_t body_at;		/* sent of the body in memory */
	uint64_t file_at;	/* sent of the file's part */
	size_t chunk;		/* as much of the file as the socket seems to take at once */
	size_t line_len;	/* of the log line */
	char text[];		/* the log line so far, then the rest of the head */
};

struct sender *sender_new(struct server *s, struct conn *c, const struct request *r, struct response *rsp, size_t sent)
{
	char line[ACCESSLOG_LINE_MAX];
	struct text t;
	bool head_is_kept = rsp->e && rsp->head == rsp->e->image;
	size_t head_sent = sent < rsp->head_len ? sent : rsp->head_len;
	size_t head_left = head_is_kept ? 0 : rsp->head_len - head_sent;

	text_init(&t, line, sizeof(line));
	accesslog_format(&t, (struct slice){ c->peer, c->peer_len }, &s->now, r, rsp->status);
	struct sender *o = malloc(sizeof(*o) + t.len + head_left);

	if (!o)
		return NULL;
	o->r = *rsp;
	o->line_len = t.len;
	memcpy(o->text, line, t.len);
	o->head_at = head_sent;
	if (!head_is_kept) {
		memcpy(o->text + t.len, rsp->head + head_sent, head_left);
		o->r.head = o->text + t.len;
		o->r.head_len = head_left;
		o->head_at = 0;
	}
	o->body_at = sent - head_sent;
	o->file_at = 0;
	o->chunk = SERVER_FILE_CHUNK;
	s->stats.n_sending++;
	s->stats.n_responses[rsp->status / 100]++;
	return o;
}

void sender_free(struct server *s, struct conn *c)
{
	struct sender *o = c->out;
	uint64_t left = (o->r.body_len - o->body_at) + (o->r.file_len - o->file_at);

	/* a short page's body lies in head: it is not split for the log */
	accesslog_add(&s->log, o->text, o->line_len, o->r.log_bytes > left ? o->r.log_bytes - left : 0);
	respond_release(s, &o->r);
	free(o);
	c->out = NULL;
	s->stats.n_sending--;
}

static bool is_done(const struct sender *o)
{
	return o->head_at == o->r.head_len && o->body_at == o->r.body_len && o->file_at == o->r.file_len;
}

static void advance(struct sender *o, size_t n)
{
	size_t head = o->r.head_len - o->head_at, body = o->r.body_len - o->body_at;

	if (head > n)
		head = n;
	o->head_at += head;
	n -= head;
	if (body > n)
		body = n;
	o->body_at += body;
	o->file_at += n - body;
}

/* The next bytes of the file, into the shared buffer. 0 bytes or an error: it is not what it was, give up. */
static ssize_t read_chunk(struct server *s, struct sender *o)
{
	uint64_t left = o->r.file_len - o->file_at;
	size_t want = left < o->chunk ? (size_t)left : o->chunk;
	int fd = files_fd(&s->files, o->r.e);

	return fd < 0 ? fd : pread(fd, s->file_chunk, want, (off_t)(o->r.file_at + o->file_at));
}

/* Bytes read for a socket that takes fewer are read again: follow what it takes. */
static void adapt_chunk(struct sender *o, size_t offered, size_t taken)
{
	if (taken == offered) {
		if (o->chunk < SERVER_FILE_CHUNK)
			o->chunk *= 2;
	} else {
		while (o->chunk > CHUNK_MIN && o->chunk / 2 >= taken)
			o->chunk /= 2;
	}
}

enum batch_result sender_run(struct server *s, struct conn *c)
{
	struct sender *o = c->out;

	for (size_t total = 0; !is_done(o);) {
		struct iovec iov[3];
		int n_iov = 0;
		size_t offered = (o->r.head_len - o->head_at) + (o->r.body_len - o->body_at);

		if (total >= TURN_BYTES)
			return BATCH_BLOCKED;
		if (o->head_at < o->r.head_len)
			iov[n_iov++] = (struct iovec){ (void *)(uintptr_t)(o->r.head + o->head_at),
						       o->r.head_len - o->head_at };
		if (o->body_at < o->r.body_len)
			iov[n_iov++] = (struct iovec){ (void *)(uintptr_t)(o->r.body + o->body_at),
						       o->r.body_len - o->body_at };
		if (o->file_at < o->r.file_len) {
			ssize_t n = read_chunk(s, o);

			if (n <= 0)
				return BATCH_BROKEN;
			iov[n_iov++] = (struct iovec){ s->file_chunk, (size_t)n };
			offered += (size_t)n;
		}
		ssize_t sent = conn_writev(s, c, iov, n_iov);

		if (sent == -EAGAIN)
			return BATCH_BLOCKED;
		if (sent < 0)
			return BATCH_BROKEN;
		advance(o, (size_t)sent);
		adapt_chunk(o, offered, (size_t)sent);
		total += (size_t)sent;
		if ((size_t)sent < offered)
			return BATCH_BLOCKED;
	}
	sender_free(s, c);
	return BATCH_SENT;
}

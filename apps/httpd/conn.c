/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The life of a connection: input is read, answered and written in one event; if the socket takes less, nothing more is
 * read from this client until it did. Slow clients thus cost a kept request each, and nobody's time.
 */
#define _GNU_SOURCE 1
#include "conn.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "sender.h"
#include "server.h"

#define KEPT_STEP 512	/* kept input is allocated in steps of this */

static void timer_remove(struct server *s, struct conn *c)
{
	struct conn_timer *t = &s->timers[c->wait];

	*(c->prev ? &c->prev->next : &t->first) = c->next;
	*(c->next ? &c->next->prev : &t->last) = c->prev;
}

static void timer_add(struct server *s, struct conn *c, enum conn_wait wait)
{
	struct conn_timer *t = &s->timers[wait];

	c->wait = (uint8_t)wait;
	c->since_ms = s->now.mono_ms;
	c->next = NULL;
	c->prev = t->last;
	*(t->last ? &t->last->next : &t->first) = c;
	t->last = c;
}

static void timer_restart(struct server *s, struct conn *c, enum conn_wait wait)
{
	timer_remove(s, c);
	timer_add(s, c, wait);
}

int conn_next_timeout(const struct server *s)
{
	int64_t least = -1;

	for (int i = 0; i < CONN_TIMERS; i++) {
		const struct conn_timer *t = &s->timers[i];

		if (!t->first)
			continue;
		int64_t left = (int64_t)(t->first->since_ms + t->timeout_ms) - (int64_t)s->now.mono_ms;

		if (left < 0)
			left = 0;
		if (least < 0 || left < least)
			least = left;
	}
	return (int)least;
}

static void wait_for(struct server *s, struct conn *c, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data = { .ptr = c } };

	if (c->events == events)
		return;
	c->events = events;
	epoll_ctl(s->epoll_fd, EPOLL_CTL_MOD, c->fd, &ev);
}

int conn_reserve(struct server *s)
{
	if (s->free_conns)
		return 0;
	s->free_conns = calloc(1, sizeof(struct conn));
	return s->free_conns ? 0 : -ENOMEM;
}

int conn_open(struct server *s, int fd, const char *peer)
{
	struct conn *c = s->free_conns;

	s->free_conns = c->next;
	memset(c, 0, sizeof(*c));
	c->fd = fd;
	c->events = EPOLLIN;
	c->peer_len = (uint8_t)strnlen(peer, sizeof(c->peer));
	memcpy(c->peer, peer, c->peer_len);

	struct epoll_event ev = { .events = EPOLLIN, .data = { .ptr = c } };

	if (epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, fd, &ev) < 0) {
		c->next = s->free_conns;
		s->free_conns = c;
		return -ENOMEM;
	}
	timer_add(s, c, CONN_WAIT_HEADER);
	s->stats.n_connections++;
	s->stats.n_accepted++;
	return 0;
}

static void keep_nothing(struct server *s, struct conn *c)
{
	s->kept_bytes -= c->kept_cap;
	free(c->kept);
	c->kept = NULL;
	c->kept_len = c->kept_cap = 0;
}

/* Keeps input for later; -ENOMEM when the connection, or all together, have too much of it. */
static int keep(struct server *s, struct conn *c, const char *p, size_t len)
{
	if (len > c->kept_cap || !len)
		keep_nothing(s, c);
	if (!len)
		return 0;
	if (!c->kept) {
		size_t cap = (len + KEPT_STEP - 1) / KEPT_STEP * KEPT_STEP;

		if (s->kept_bytes + cap > (size_t)s->options.max_conns * 2 * KEPT_STEP + SERVER_RX_SIZE)
			return -ENOMEM;
		c->kept = malloc(cap);
		if (!c->kept)
			return -ENOMEM;
		c->kept_cap = (uint16_t)cap;
		s->kept_bytes += cap;
	}
	memcpy(c->kept, p, len);
	c->kept_len = (uint16_t)len;
	return 0;
}

void conn_close(struct server *s, struct conn *c)
{
	if (c->out)
		sender_free(s, c);
	keep_nothing(s, c);
	timer_remove(s, c);
	close(c->fd);	/* also leaves epoll */
	s->stats.n_connections--;
	c->next = s->free_conns;
	s->free_conns = c;
}

/*
 * The last answer is out. Closing a socket with unread input resets the connection, and the client may
 * lose the answer: so say that we are done, and wait a little for the client to be.
 */
static void finish(struct server *s, struct conn *c)
{
	if (!c->linger || shutdown(c->fd, SHUT_WR) < 0) {
		conn_close(s, c);
		return;
	}
	keep_nothing(s, c);
	c->blocked = false;
	timer_restart(s, c, CONN_WAIT_CLOSE);
	wait_for(s, c, EPOLLIN);
}

static void discard_input(struct server *s, struct conn *c)
{
	ssize_t n = read(c->fd, s->rx, sizeof(s->rx));

	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		conn_close(s, c);
}

ssize_t conn_writev(struct server *s, struct conn *c, const struct iovec *iov, int n_iov)
{
	ssize_t n = n_iov == 1 ? write(c->fd, iov->iov_base, iov->iov_len) : writev(c->fd, iov, n_iov);

	if (n > 0)
		s->stats.n_bytes_sent += (uint64_t)n;
	else
		n = n < 0 && errno != EWOULDBLOCK && errno != EINTR ? -errno : -EAGAIN;
	return n;
}

/* Answers what lies in buf, of which `seen` bytes were looked at before. True: *pos says how far it came. */
static bool answer(struct server *s, struct conn *c, const char *buf, size_t len, size_t seen, size_t *pos)
{
	struct batch *b = &s->batch;
	enum batch_result result = BATCH_SENT;

	batch_reset(b);
	while (!c->closing && result == BATCH_SENT) {
		while (*pos < len && (buf[*pos] == '\r' || buf[*pos] == '\n'))
			(*pos)++;	/* some clients put an empty line between requests */
		if (*pos == len)
			break;
		struct batch_item *item = batch_next(b);
		size_t n = memo_parse(&s->memo, buf + *pos, len - *pos, seen > *pos ? seen - *pos : 0, &item->request);

		if (!n) {
			if (len - *pos < REQUEST_HEAD_MAX)
				break;
			request_too_long(buf + *pos, len - *pos, &item->request);
			n = len - *pos;
		}
		respond(s, &item->request, &b->arena, &item->response);
		item->start = *pos;
		*pos += n;
		c->closing = item->response.close;
		c->linger = c->closing && (item->request.error || item->request.method >= REQUEST_NOT_ALLOWED ||
					   *pos < len);
		batch_add(b, item);
		if (batch_full(b))
			result = batch_flush(s, c, pos);
	}
	if (result == BATCH_SENT)
		result = batch_flush(s, c, pos);
	c->blocked = result == BATCH_BLOCKED;
	return result != BATCH_BROKEN;
}

/* Sets what the connection waits for next, after its input was answered as far as possible. */
static void settle(struct server *s, struct conn *c, bool answered)
{
	if (c->blocked) {
		timer_restart(s, c, CONN_WAIT_SEND);
		wait_for(s, c, EPOLLOUT);
		return;
	}
	if (c->closing) {
		finish(s, c);
		return;
	}
	if (c->kept_len && (answered || c->wait != CONN_WAIT_HEADER))
		timer_restart(s, c, CONN_WAIT_HEADER);	/* from its first byte, however slowly the rest comes */
	else if (!c->kept_len && answered)
		timer_restart(s, c, CONN_WAIT_IDLE);
	wait_for(s, c, EPOLLIN);
}

/* s->rx holds len bytes of input, of which `seen` are old. */
static void process(struct server *s, struct conn *c, size_t len, size_t seen)
{
	size_t pos = 0;

	if (!answer(s, c, s->rx, len, seen, &pos)) {
		conn_close(s, c);
		return;
	}
	if (c->closing)
		pos = len;
	if (keep(s, c, s->rx + pos, len - pos) < 0) {
		conn_close(s, c);
		return;
	}
	settle(s, c, pos > 0);
}

static void input(struct server *s, struct conn *c)
{
	size_t have = c->kept_len;
	ssize_t n;

	if (have)
		memcpy(s->rx, c->kept, have);
	n = read(c->fd, s->rx + have, sizeof(s->rx) - have);
	if (n > 0) {
		s->stats.n_bytes_received += (uint64_t)n;
		process(s, c, have + (size_t)n, have);
	} else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
		conn_close(s, c);
	}
}

/* The socket takes bytes again. */
static void resume(struct server *s, struct conn *c)
{
	size_t have = c->kept_len;

	if (c->out) {
		enum batch_result result = sender_run(s, c);

		if (result == BATCH_BROKEN) {
			conn_close(s, c);
			return;
		}
		if (result == BATCH_BLOCKED) {
			timer_restart(s, c, CONN_WAIT_SEND);
			return;
		}
	}
	c->blocked = false;
	if (c->closing || !have) {
		settle(s, c, true);
		return;
	}
	memcpy(s->rx, c->kept, have);
	process(s, c, have, 0);
}

void conn_event(struct server *s, struct conn *c, uint32_t events)
{
	if (c->wait == CONN_WAIT_CLOSE)
		discard_input(s, c);
	else if (c->blocked)
		resume(s, c);
	else if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		input(s, c);
}

/* A request that never ended is told so; an idle connection just ends. */
static void expire(struct server *s, struct conn *c)
{
	struct response rsp;
	struct iovec iov;
	struct text t;

	s->stats.n_timeouts++;
	if (c->wait != CONN_WAIT_HEADER || !c->kept_len) {
		conn_close(s, c);
		return;
	}
	struct request r;

	request_too_long(c->kept, c->kept_len, &r);
	text_init(&t, s->batch.arena_buf, sizeof(s->batch.arena_buf));
	respond_error(s, 408, &t, &rsp);
	iov = (struct iovec){ (void *)(uintptr_t)rsp.head, rsp.head_len };
	s->stats.n_responses[4]++;
	accesslog_request(&s->log, (struct slice){ c->peer, c->peer_len }, &s->now, &r, 408, rsp.log_bytes);
	c->closing = c->linger = true;
	if (conn_writev(s, c, &iov, 1) == (ssize_t)rsp.head_len)
		finish(s, c);
	else
		conn_close(s, c);
}

void conn_expire(struct server *s)
{
	for (int i = 0; i < CONN_TIMERS; i++) {
		struct conn_timer *t = &s->timers[i];

		while (t->first && s->now.mono_ms - t->first->since_ms >= t->timeout_ms)
			expire(s, t->first);
	}
}

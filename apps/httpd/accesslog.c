/* SPDX-License-Identifier: BSD-2-Clause */
/* Formatting, gathering and writing of request log lines. */
#define _GNU_SOURCE 1
#include "accesslog.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "text.h"

#define ACCESSLOG_SHARE 20		/* one part in 20 of the time may go into writing */
#define ACCESSLOG_WRITE_MAX 4096	/* a pipe that polls writable takes this much without blocking */

void accesslog_init(struct accesslog *l, int fd, bool quiet)
{
	memset(l, 0, sizeof(*l));
	l->fd = fd;
	l->quiet = quiet;
}

void accesslog_format(struct text *t, struct slice peer, const struct now *now, const struct request *r, unsigned status)
{
	size_t target = r->target.len;

	text_put(t, peer.p, peer.len);
	TEXT_LIT(t, " - - [");
	text_put(t, now->log_date, sizeof(now->log_date));
	TEXT_LIT(t, "] \"");
	if (r->method_text.len) {
		text_escaped(t, r->method_text.p, r->method_text.len < 16 ? r->method_text.len : 16);
		text_char(t, ' ');
	}
	text_escaped(t, r->target.p, target < ACCESSLOG_TARGET_MAX / 2 ? target : ACCESSLOG_TARGET_MAX / 2);
	if (target >= ACCESSLOG_TARGET_MAX / 2)
		TEXT_LIT(t, "...");
	if (!r->error)
		text_put(t, r->minor ? " HTTP/1.1" : " HTTP/1.0", 9);
	TEXT_LIT(t, "\" ");
	text_u64(t, status);
	text_char(t, ' ');
}

/* Room for n bytes, if need be by writing at once; else the line is lost and counted. */
static bool has_room(struct accesslog *l, size_t n)
{
	if (sizeof(l->buf) - l->len < n)
		accesslog_flush(l);
	if (sizeof(l->buf) - l->len >= n)
		return true;
	l->n_dropped++;
	return false;
}

void accesslog_add(struct accesslog *l, const char *start, size_t start_len, uint64_t n_bytes)
{
	struct text t;

	if (l->quiet || !has_room(l, start_len + 22))
		return;
	text_init(&t, l->buf + l->len, sizeof(l->buf) - l->len);
	text_put(&t, start, start_len);
	text_u64(&t, n_bytes);
	text_char(&t, '\n');
	l->len += t.len;
}

void accesslog_request(struct accesslog *l, struct slice peer, const struct now *now, const struct request *r, unsigned status,
		 uint64_t n_bytes)
{
	struct text t;

	if (l->quiet)
		return;
	if (!has_room(l, ACCESSLOG_LINE_MAX))
		return;
	text_init(&t, l->buf + l->len, sizeof(l->buf) - l->len);
	accesslog_format(&t, peer, now, r, status);
	text_u64(&t, n_bytes);
	text_char(&t, '\n');
	if (!t.overflow)
		l->len += t.len;
}

static void report_dropped(struct accesslog *l)
{
	struct text t;

	if (l->n_dropped == l->n_dropped_reported || sizeof(l->buf) - l->len < 128)
		return;
	text_init(&t, l->buf + l->len, sizeof(l->buf) - l->len);
	TEXT_LIT(&t, "httpd: ");
	text_u64(&t, l->n_dropped - l->n_dropped_reported);
	TEXT_LIT(&t, " requests not logged: the console is too slow\n");
	l->len += t.len;
	l->n_dropped_reported = l->n_dropped;
}

/* Writes up to ACCESSLOG_WRITE_MAX, whole lines as far as possible; what the console does not take stays. */
static void write_some(struct accesslog *l)
{
	size_t n = l->len < ACCESSLOG_WRITE_MAX ? l->len : ACCESSLOG_WRITE_MAX;
	ssize_t done = write(l->fd, l->buf, n);

	if (done < 0 && errno != EAGAIN && errno != EINTR)
		done = (ssize_t)n;	/* a log that is gone must not hold up the server */
	if (done <= 0)
		return;
	l->len -= (size_t)done;
	memmove(l->buf, l->buf + done, l->len);
}

unsigned accesslog_flush(struct accesslog *l)
{
	struct pollfd p = { .fd = l->fd, .events = POLLOUT };

	if (!l->len)
		return 0;
	uint64_t start = now_mono_ns();

	if (start < l->write_not_before_ns)
		return (unsigned)((l->write_not_before_ns - start) / 1000000) + 1;
	if (poll(&p, 1, 0) == 0) {
		l->write_not_before_ns = start + 10000000;
		return 10;
	}
	write_some(l);
	report_dropped(l);
	uint64_t end = now_mono_ns();

	l->write_not_before_ns = end + (end - start) * ACCESSLOG_SHARE;
	return l->len ? (unsigned)((end - start) * ACCESSLOG_SHARE / 1000000) + 1 : 0;
}

void accesslog_drain(struct accesslog *l)
{
	struct pollfd p = { .fd = l->fd, .events = POLLOUT };

	for (int tries = 0; l->len && tries < 100; tries++)
		if (poll(&p, 1, 10) != 0)
			write_some(l);
}

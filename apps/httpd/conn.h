/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One connection. While idle it is this struct and nothing else: requests are read into the server's
 * buffer, and only what is left over (a request that has not wholly arrived, or that waits until the client took
 * earlier answers) is kept, in a piece of memory of its size.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct server;
struct sender;
struct iovec;
struct conn;

/* What a connection waits for, each with its own time-out. Lists are in order of time: the first is the next due. */
enum conn_wait { CONN_WAIT_HEADER, CONN_WAIT_IDLE, CONN_WAIT_SEND, CONN_WAIT_CLOSE, CONN_TIMERS };

struct conn_timer {
	struct conn *first, *last;
	uint32_t timeout_ms;
};

struct conn {
	struct conn *next, *prev;	/* in the timer's list; next also in the free list */
	uint64_t since_ms;		/* when it was put there */
	struct sender *out;		/* an answer that is not wholly sent */
	char *kept;			/* input that is not answered yet */
	int fd;
	uint32_t events;		/* epoll's mask */
	uint16_t kept_len, kept_cap;
	uint8_t wait;			/* enum conn_wait */
	bool blocked;			/* the socket takes no more: nothing is read until it does */
	bool closing;			/* no further request is answered */
	bool linger;			/* unread input may be there: a plain close would destroy our answer */
	uint8_t peer_len;
	char peer[46];
};

/* Memory for one more connection, taken before it is accepted. 0 or -ENOMEM. */
int conn_reserve(struct server *s);

/* Takes over an accepted, non-blocking socket, after conn_reserve. 0, or -ENOMEM: the socket is still the caller's. */
int conn_open(struct server *s, int fd, const char *peer);

/* Handles epoll's events. The connection may be gone afterwards. */
void conn_event(struct server *s, struct conn *c, uint32_t events);

/* Closes at once. */
void conn_close(struct server *s, struct conn *c);

/* Deals with those whose time is over. */
void conn_expire(struct server *s);

/* Milliseconds until the next one is due, at least 0; -1: none. */
int conn_next_timeout(const struct server *s);

/* For batch and sender: bytes taken, 0 never; -EAGAIN, or another error after which it must be closed. */
ssize_t conn_writev(struct server *s, struct conn *c, const struct iovec *iov, int n_iov);

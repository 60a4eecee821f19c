/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A TCP socket, shared by sock_tcp.c (its life) and sock_tcp_io.c (its data).
 *
 *	NEW -> LISTENING
 *	NEW -> CONNECTING -> OPEN -> CLOSED
 *	              \-> CLOSED (failed), told by connect(): -> NEW
 *
 * `pcb` is NULL when lwIP has none for us: before the first bind, listen or
 * connect; after a reset; and when the peer's FIN comes after ours, because
 * lwIP then frees the PCB, in TIME-WAIT, without a word.
 *
 * Readiness, as Linux' tcp_poll() has it:
 *	IN	data, or the peer's FIN, or shutdown(RD), or dead; listener:
 *		somebody to accept
 *	OUT	a third of the send buffer is free, or shutdown(WR), or dead;
 *		not while connecting
 *	RDHUP	the peer's FIN, or shutdown(RD), or dead
 *	HUP	both directions are shut, or dead, or never connected
 *	ERR	SO_ERROR is not 0
 */
#pragma once

#include "net/sock_impl.h"

enum tcp_sock_state { ST_NEW, ST_LISTENING, ST_CONNECTING, ST_OPEN, ST_CLOSED };

struct tcp_sock {
	struct sock s;			/* first */
	struct tcp_pcb *pcb;
	/* Received and not read: pbufs by `next`, their tot_len meaningless. */
	struct pbuf *rcv_head, *rcv_tail;
	uint32_t rcv_len;		/* bytes */
	uint16_t tail_room;		/* bytes that fit behind rcv_tail's */
	uint8_t state;			/* enum tcp_sock_state */
	bool fin_rcvd : 1, shut_rd : 1, shut_wr : 1;
	bool nospace : 1;		/* somebody was told: no room to send */
	bool lingering : 1;		/* close() waits */
	bool connect_untold : 1;	/* connected, connect() has not said so */
	bool connect_failed : 1;	/* connect() has not said so */
	/* LISTENING: head of its accept queue. Accepted, not taken: link in
	 * there. Open: link in the list of those that wait for memory. */
	struct list queue;
	struct tcp_sock *listener;	/* whose queue this one is in */
	uint16_t queued;		/* of a listener */
};

static inline struct tcp_sock *tcp_sock_of(struct sock *s)
{
	return (struct tcp_sock *)s;
}

/* net/sock_tcp.c: both FINs have passed, ours first. */
void sock_tcp_detach(struct tcp_sock *t);

/* net/sock_opt.c */
void sock_tcp_apply(struct sock *s);
void sock_inherit(struct sock *to, const struct sock *from);

/* net/sock_tcp_io.c */
long sock_tcp_send(struct sock *s, const struct sock_msg *m,
		   const ip_addr_t *to, uint16_t port);
long sock_tcp_recv(struct sock *s, struct sock_msg *m);
unsigned sock_tcp_poll(struct sock *s);
void sock_tcp_attach(struct tcp_sock *t);	/* callbacks for data */
void sock_tcp_purge(struct tcp_sock *t);	/* what was not read */
void sock_tcp_not_starved(struct tcp_sock *t);
/* A connection was closed with data unsent: from now on it is looked after. */
void sock_tcp_watch_orphans(void);

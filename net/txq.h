/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Frames on their way from lwIP to a device: queued until the end of the poll
 * round, then handed over with one notification. Consecutive full segments of
 * one TCP connection leave as one frame where the device can split it (TSO).
 */
#pragma once

#include <stdbool.h>

#include "kernel/event.h"
#include "kernel/netdev.h"
#include "lwip/pbuf.h"

#define TXQ_LEN_MIN	64u		/* slots to begin with; doubled by need */
#define TXQ_LEN_TCP	8192u		/* frames; TCP's windows are below this */
#define TXQ_LEN_OTHER	256u		/* beyond, other senders are refused */
#define TXQ_GROUPS	48u		/* merged frames under way */

/* The frame as it was when lwIP handed it over: lwIP moves `payload` of a pbuf
 * that it means to send again. */
struct txq_slot {
	struct pbuf *p;			/* one reference is ours */
	uint8_t *head;			/* Ethernet header */
	uint16_t head_len;		/* bytes in the first pbuf */
	uint16_t len;			/* bytes of the frame */
};

struct txq_group {
	struct txq_group *next;
	unsigned n;
	struct pbuf *p[NET_TX_SEGS_MAX];
};

struct txq {
	struct netdev *nd;
	struct txq_slot *slot;		/* `len` of them, a power of two */
	unsigned len;
	unsigned first, n;		/* slot[first] is the oldest of n */
	bool blocked;			/* ring full: until txq_ready() */
	bool dead;
	bool flushing;
	struct event_deferred flush;
	struct txq_group *groups;	/* free ones; none without TSO */
};

/* 0 or -ENOMEM. */
int txq_init(struct txq *q, struct netdev *nd);

/* Takes a reference. ERR_OK, ERR_MEM (queue full), ERR_IF (device gone). Segments
 * of TCP are held here as long as there is memory: lwIP tries one that was
 * refused again only after a timer's tick, and an acknowledgement never. */
err_t txq_push(struct txq *q, struct pbuf *p);

void txq_done(struct txq *q, void *cookie);	/* netdev_client.tx_done */
void txq_ready(struct txq *q);			/* netdev_client.tx_ready */
void txq_kill(struct txq *q);			/* drops what waits, for good */

/* Deepest a frame can be looked at; for the glue and for tests. */
struct txq_tcp {
	uint8_t *ip, *tcp;
	bool v6;
	uint16_t tcp_off;		/* bytes from the frame's start */
	uint16_t hdr_len;		/* bytes of all headers */
	uint32_t payload;		/* bytes behind them */
};
bool txq_parse_tcp(const struct txq_slot *s, struct txq_tcp *out);

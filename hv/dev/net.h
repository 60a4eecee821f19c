/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Private to the network device: what net.c and net_rx.c share.
 */
#pragma once

#include "hv/dev/dev_impl.h"

#define RXQ		0u
#define TXQ		1u
#define BATCH		128u	/* frames for one sweep or kick */

static inline struct net *net_of(struct devs *d, struct dev *v)
{
	return &d->u[v->index].net;
}

/* Writes `len` bytes of the list from `off` to the capture. One that cannot be
 * written ends; the network goes on. */
void net_capture(struct devs *d, struct dev *v, struct net *n, const struct iovec *iov,
		 unsigned n_iov, size_t off, size_t len);
/* There is no other side any more: the link goes down. */
void net_gone(struct devs *d, struct dev *v, const char *why);
/* Of a call on the descriptor: 1 go on, 0 not now, -1 this frame is lost. */
int net_outcome(struct devs *d, struct dev *v, long ret);
bool net_receive(struct devs *d, struct dev *v);	/* net_rx.c */
/* Takes receive buffers until the longest frame has room; false: there are too few. */
bool net_fill(struct devs *d, struct dev *v, struct net *n);

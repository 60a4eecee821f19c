/* SPDX-License-Identifier: BSD-2-Clause
 *
 * See wire.h.
 */
#include "tests/host/wire.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/clock.h"
#include "kernel/event.h"
#include "kernel/timer.h"
#include "tests/host/fake_pv.h"

static int transmit(struct netdev *nd, const struct net_tx *tx)
{
	struct wire *w = (struct wire *)nd;
	struct wire_frame *f;
	uint32_t len = 0;

	if (w->dead)
		return -EIO;
	if (w->n_cookies >= w->tx_room || w->n_cookies == 4096)
		return -EAGAIN;
	for (unsigned i = 0; i < tx->n_segs; i++)
		len += tx->seg[i].len;
	f = malloc(sizeof(*f) + len);
	*f = (struct wire_frame){
		.needs_csum = tx->needs_csum, .csum_start = tx->csum_start,
		.csum_offset = tx->csum_offset, .gso_size = tx->gso_size,
		.hdr_len = tx->hdr_len, .gso_v6 = tx->gso_v6,
	};
	for (unsigned i = 0; i < tx->n_segs; i++) {
		memcpy(f->data + f->len, tx->seg[i].base, tx->seg[i].len);
		f->len += tx->seg[i].len;
	}
	*w->sent_tail = f;
	w->sent_tail = &f->next;
	w->cookie[w->n_cookies++] = tx->cookie;
	nd->tx_frames++;
	return 0;
}

static void give_back(struct wire *w)
{
	unsigned n = w->n_cookies;

	w->n_cookies = 0;
	for (unsigned i = 0; i < n; i++)
		w->nd.client->tx_done(w->nd.client_arg, w->cookie[i]);
}

static void kick(struct netdev *nd)
{
	struct wire *w = (struct wire *)nd;

	w->kicks++;
	if (!w->hold)
		give_back(w);
}

void wire_complete(struct wire *w)
{
	give_back(w);
	w->nd.client->tx_ready(w->nd.client_arg);
	wire_settle();
}

void wire_fail(struct wire *w)
{
	w->dead = true;
	give_back(w);
	w->nd.client->failed(w->nd.client_arg);
}

static void release(struct netdev *nd, struct net_rx_buf *chain)
{
	struct wire *w = (struct wire *)nd;

	while (chain) {
		struct net_rx_buf *next = chain->next;

		w->rx_lent--;
		free(chain->data);
		free(chain);
		chain = next;
	}
}

static unsigned rx_free(struct netdev *nd, unsigned *total)
{
	struct wire *w = (struct wire *)nd;

	*total = w->rx_total;
	return w->rx_lent < w->rx_total ? w->rx_total - w->rx_lent : 0;
}

static void no_poll(struct netdev *nd)
{
	(void)nd;
}

static const struct netdev_ops ops = {
	.transmit = transmit, .kick = kick, .release = release,
	.rx_free = rx_free, .poll = no_poll,
};

void wire_init(struct wire *w, unsigned features)
{
	memset(w, 0, sizeof(*w));
	w->sent_tail = &w->sent;
	w->tx_room = UINT32_MAX;
	w->rx_total = 256;
	w->nd.mtu = 1500;
	w->nd.features = features;
	w->nd.link_up = true;
	w->nd.ops = &ops;
	memcpy(w->nd.mac, "\x52\x54\x00\x12\x34\x56", 6);
	if (netdev_register(&w->nd) != 0)
		abort();
}

void wire_deliver(struct wire *w, const void *frame, size_t len, unsigned flags,
		  size_t piece)
{
	struct net_rx_buf *head = NULL, **tail = &head;
	const uint8_t *from = frame;

	if (piece == 0)
		piece = len ? len : 1;
	do {
		struct net_rx_buf *b = aligned_alloc(16, (sizeof(*b) + 15) & ~(size_t)15);
		size_t n = len < piece ? len : piece;

		memset(b, 0xa5, sizeof(*b));
		/* ASan guards the end. One byte of slack: lwIP's tcp_parseopt
		 * reads the length of an option that begins with the header's
		 * last byte; a driver's buffers are never the last memory. */
		b->data = malloc(n + 1);
		memcpy(b->data, from, n);
		b->len = b->capacity = (uint32_t)n;
		b->nd = &w->nd;
		b->next = NULL;
		*tail = b;
		tail = &b->next;
		from += n;
		len -= n;
		w->rx_lent++;
	} while (len);
	w->nd.rx_frames++;
	w->nd.client->rx(w->nd.client_arg, head, flags);
	w->nd.client->rx_end(w->nd.client_arg);
	wire_settle();
}

struct wire_frame *wire_take(struct wire *w)
{
	struct wire_frame *f = w->sent;

	if (f) {
		w->sent = f->next;
		if (!w->sent)
			w->sent_tail = &w->sent;
	}
	return f;
}

void wire_settle(void)
{
	for (int i = 0; i < 1000 && event_poll(); i++)
		;
}

void wire_run(unsigned ms)
{
	nsec_t end = clock_now() + ms * NSEC_PER_MSEC;

	for (wire_settle(); clock_now() < end; wire_settle()) {
		nsec_t next = timer_next_deadline(), now = clock_now();

		if (next > end)
			next = end;
		fake_pv_advance(next > now ? next - now : 1);
	}
}

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * See ring_peer.h. The fences pair with those in drivers/virtio/virtq.c.
 */
#include "tests/peer/ring_peer.h"

#include <stdio.h>
#include <stdlib.h>

#define LOAD(p)		__atomic_load_n((p), __ATOMIC_RELAXED)
#define STORE(p, v)	__atomic_store_n((p), (v), __ATOMIC_RELAXED)

static void malformed(const char *what)
{
	fprintf(stderr, "ring_peer: the driver's chain is malformed: %s\n", what);
	abort();
}

static uint16_t *used_event(struct ring_peer *r)
{
	return &r->avail->ring[r->num];
}

static uint16_t *avail_event(struct ring_peer *r)
{
	return (uint16_t *)&r->used->ring[r->num];
}

static void add_seg(struct ring_chain *c, const struct virtq_desc *d)
{
	unsigned n = c->n_out + c->n_in;
	uint16_t flags = LOAD(&d->flags);

	if (n == RING_SEGS)
		malformed("too long");
	c->seg[n].base = (uint8_t *)(uintptr_t)LOAD(&d->addr);
	c->seg[n].len = LOAD(&d->len);
	if (c->seg[n].len == 0)
		malformed("empty segment");
	if (flags & VIRTQ_DESC_F_WRITE) {
		c->n_in++;
		c->in_len += c->seg[n].len;
	} else {
		if (c->n_in)
			malformed("readable after writable");
		c->n_out++;
		c->out_len += c->seg[n].len;
	}
}

bool ring_take(struct ring_peer *r, struct ring_chain *c)
{
	const struct virtq_desc *table = r->desc;
	uint32_t limit = r->num;
	uint16_t i;

	if (__atomic_load_n(&r->avail->idx, __ATOMIC_ACQUIRE) == r->last_avail)
		return false;
	*c = (struct ring_chain){ 0 };
	c->head = i = LOAD(&r->avail->ring[r->last_avail++ & (r->num - 1)]);
	if (i >= r->num)
		malformed("head out of range");
	if (LOAD(&table[i].flags) & VIRTQ_DESC_F_INDIRECT) {
		limit = LOAD(&table[i].len) / sizeof(*table);
		table = (const void *)(uintptr_t)LOAD(&table[i].addr);
		i = 0;
	}
	for (uint32_t n = 0;; n++) {
		if (n == limit || i >= limit)
			malformed("loop or index out of range");
		add_seg(c, &table[i]);
		if (!(LOAD(&table[i].flags) & VIRTQ_DESC_F_NEXT))
			return true;
		i = LOAD(&table[i].next);
	}
}

void ring_put(struct ring_peer *r, uint16_t at, uint32_t id, uint32_t len)
{
	STORE(&r->used->ring[at & (r->num - 1)].id, id);
	STORE(&r->used->ring[at & (r->num - 1)].len, len);
}

void ring_set_idx(struct ring_peer *r, uint16_t idx)
{
	__atomic_store_n(&r->used->idx, idx, __ATOMIC_RELEASE);
}

void ring_give(struct ring_peer *r, uint16_t head, uint32_t len)
{
	ring_put(r, r->used_idx++, head, len);
}

bool ring_publish(struct ring_peer *r)
{
	uint16_t old = r->signalled, now = r->used_idx;

	if (old == now)
		return false;
	ring_set_idx(r, now);
	r->signalled = now;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (r->event_idx)
		return (uint16_t)(now - LOAD(used_event(r)) - 1) < (uint16_t)(now - old);
	return !(LOAD(&r->avail->flags) & VIRTQ_AVAIL_F_NO_INTERRUPT);
}

bool ring_ask(struct ring_peer *r)
{
	if (r->event_idx)
		STORE(avail_event(r), LOAD(&r->avail->idx));
	else
		STORE(&r->used->flags, 0);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return __atomic_load_n(&r->avail->idx, __ATOMIC_ACQUIRE) != r->last_avail;
}

void ring_dont_ask(struct ring_peer *r)
{
	if (!r->event_idx)
		STORE(&r->used->flags, VIRTQ_USED_F_NO_NOTIFY);
}

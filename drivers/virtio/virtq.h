/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Split virtqueues (Virtio 1.2 section 2.7), the driver's side, for every
 * transport. The device is hostile: whatever it can write is copied, checked,
 * then used; the free list, what is in flight and our own indices live in
 * private memory and are never read back from the ring.
 *
 *	virtq_add() ... virtq_add(), virtq_kick()	produce a batch
 *	do {						consume
 *		while (virtq_get(vq, &cookie, &len))
 *			...;
 *	} while (virtq_arm(vq, 1));
 *
 * A violation calls dev_fail() for the queue's device from within virtq_get() or
 * virtq_arm():
 * the driver's quiesce() runs there, the queue is `broken` afterwards, gets
 * nothing and takes nothing.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "drivers/virtio/abi.h"
#include "kernel/lib/compiler.h"
#include "kernel/lib/shared.h"

#define VIRTQ_MAX	1024u		/* entries: bounds our own memory */

struct virtio_dev;

struct virtq_seg {
	const void *base;		/* RAM; the device writes only n_in ones */
	uint32_t len;			/* bytes, not 0 */
};

/* Private, one for each descriptor. */
struct virtq_slot {
	void *cookie;
	uint32_t in_len;		/* head: bytes that the device may write */
	uint16_t n_desc;		/* head in flight: its chain; else 0 */
	uint16_t next;			/* of the chain, or of the free list */
};

struct virtq {
	struct virtio_dev *vd;
	void (*event)(struct virtq *vq);	/* driver's; NULL: none */
	void *arg;			/* driver's */
	uint16_t index;			/* of the queue in its device */
	uint16_t num;			/* entries, a power of two */
	bool event_idx, broken;
	uint16_t n_free, free_head;
	uint16_t prod;			/* chains added */
	uint16_t published;		/* chains that the device may know of */
	uint16_t cons;			/* used entries taken */
	uint16_t peer_prod;		/* device's used index, last checked value */
	struct virtq_slot *slot;
	struct virtq_desc SHARED *desc;
	struct virtq_avail SHARED *avail;
	struct virtq_used SHARED *used;
	struct virtq_desc SHARED *tables;	/* indirect: table_len for each */
	uint16_t table_len;		/* 0: no indirect descriptors */
	uint16_t n_pages, n_table_pages;
};

/* Memory for `num` entries (a power of two up to VIRTQ_MAX) and, if table_len,
 * an indirect table of that many descriptors for each. NULL: no memory. */
struct virtq *virtq_create(struct virtio_dev *vd, unsigned index, unsigned num,
			   bool event_idx, unsigned table_len);
/* Only after the device was reset: it could write into reused memory. */
void virtq_destroy(struct virtq *vq);

/* One chain: n_out segments that the device reads, then n_in that it writes.
 * 0; -EAGAIN: no room now; -EIO: broken. Seen by the device after the kick. */
int virtq_add(struct virtq *vq, const struct virtq_seg *seg, unsigned n_out,
	      unsigned n_in, void *cookie) MUST_CHECK;

/* How many more descriptors fit, and the head that the next chain will get
 * (below num; for data kept by slot). */
static inline unsigned virtq_room(const struct virtq *vq)
{
	return vq->n_free;
}

static inline unsigned virtq_next_head(const struct virtq *vq)
{
	return vq->free_head;
}

/* Chains that the device still holds. */
static inline unsigned virtq_in_flight(const struct virtq *vq)
{
	return (uint16_t)(vq->prod - vq->cons);
}

/* Publishes what was added; notifies the device if it wants that. */
void virtq_kick(struct virtq *vq);

/* The next completion. `len`: bytes written by the device, at most what the
 * chain offered. False: none (or broken). */
bool virtq_get(struct virtq *vq, void **cookie, uint32_t *len) MUST_CHECK;

/* Asks for an event when `after` more chains are done (1: the next one; more
 * only counts with event indices). True: they are done already, and no event
 * may come for them: consume again; virtq_get() has one. */
bool virtq_arm(struct virtq *vq, unsigned after) MUST_CHECK;

/* No events wanted; one may still come. */
void virtq_disarm(struct virtq *vq);

/* After the device was stopped: takes back a chain in flight. False: none. */
bool virtq_drain(struct virtq *vq, void **cookie) MUST_CHECK;

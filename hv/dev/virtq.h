/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The device's side of a split virtqueue (Virtio 1.2 section 2.7). Everything that
 * the driver writes is checked here and nowhere else: addresses become pointers,
 * descriptors are copied once, chains end. What leaves this file as struct vq_chain
 * can be used as it is; the bytes behind its pointers can change at any time.
 *
 *	while (vq_peek(q, m, c) > 0) {		1: a chain; 0: none; -EPROTO: broken
 *		... use c->iov ...		(-EAGAIN of a back end: leave it there)
 *		vq_take(q);
 *		vq_push(q, c->head, bytes_written);	now or later, in any order
 *	}
 *	if (vq_publish(q))			the driver wants to know
 *		tell it
 *	if (vq_want_kicks(q))			sleep only if there is nothing new
 *		again
 */
#pragma once

#include <linux/uio.h>
#include <stdbool.h>
#include <stdint.h>

#include "drivers/virtio/abi.h"
#include "pv/hv/abi.h"

#define VQ_CHAIN_MAX	128u	/* segments of a chain; blk says so (seg_max) */

/* Guest memory as seen from here. */
struct vq_mem {
	uint8_t *base;		/* of HV_MEM_BASE */
	uint64_t size;		/* bytes that may be read */
	uint64_t rw_size;	/* and, of these, written */
};

/* The range as a pointer, or NULL. A length of 0 has to be inside as well. */
uint8_t *vq_range(const struct vq_mem *m, uint64_t addr, uint64_t len, bool write);

struct vq {
	struct virtq_desc *desc;	/* all three checked for `num` entries */
	struct virtq_avail *avail;
	struct virtq_used *used;
	uint16_t num;			/* 0: not set up */
	bool event_idx, indirect;
	bool off;			/* not started, or broken */
	uint16_t next_avail, avail_seen;	/* taken; the driver's index when we looked */
	uint16_t next_used, published;	/* written; told */
	const char *error;		/* why it is broken */
};

struct vq_chain {
	uint16_t head;
	uint16_t n_out, n_in;		/* iov[0..n_out) to read, then n_in to write */
	uint64_t out_len, in_len;
	struct iovec iov[VQ_CHAIN_MAX];
};

/* Sets up a queue as the driver describes it; it stays off. 0 or -HV_E*. */
int vq_set(struct vq *q, const struct vq_mem *m, const struct hv_queue *desc, unsigned max);

int vq_peek(struct vq *q, const struct vq_mem *m, struct vq_chain *c);
void vq_take(struct vq *q);
void vq_push(struct vq *q, uint16_t head, uint32_t len);
bool vq_publish(struct vq *q);
/* Asks for a kick with the next buffer; true: there is one already. */
bool vq_want_kicks(struct vq *q);
void vq_no_kicks(struct vq *q);
/* Buffers not taken, by the driver's index; 0 also for a broken queue. */
unsigned vq_waiting(struct vq *q);

/* Copies between a list of segments and a buffer, from offset `off` of the list; how
 * many bytes there were. */
size_t iov_read(const struct iovec *iov, unsigned n, size_t off, void *buf, size_t len);
size_t iov_write(const struct iovec *iov, unsigned n, size_t off, const void *buf, size_t len);
/* The same bytes without the first `off`, into dst (room for n): segments, 0: none left. */
unsigned iov_skip(struct iovec *dst, const struct iovec *iov, unsigned n, size_t off);

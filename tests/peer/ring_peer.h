/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The device's side of a split virtqueue over plain memory, honest: it reads
 * what the driver wrote and checks that it is well-formed. Tests lie by writing
 * to the ring themselves (ring_put, ring_set_idx).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "drivers/virtio/abi.h"

#define RING_SEGS 32

struct ring_peer {
	struct virtq_desc *desc;
	struct virtq_avail *avail;
	struct virtq_used *used;
	uint16_t num;
	bool event_idx;
	uint16_t last_avail;		/* next to take */
	uint16_t used_idx;		/* next to give */
	uint16_t signalled;		/* used_idx at the last ring_publish() */
};

struct ring_chain {
	uint16_t head;
	unsigned n_out, n_in;		/* segments */
	struct { uint8_t *base; uint32_t len; } seg[RING_SEGS];
	uint32_t out_len, in_len;
};

/* The next chain of the driver; false: none. Aborts on a malformed one. */
bool ring_take(struct ring_peer *r, struct ring_chain *c);
/* Gives a chain back; visible after ring_publish(). */
void ring_give(struct ring_peer *r, uint16_t head, uint32_t len);
/* Makes it visible; whether the driver wants an interrupt. */
bool ring_publish(struct ring_peer *r);
/* Asks for notifications; true: chains came meanwhile, look again. */
bool ring_ask(struct ring_peer *r);
void ring_dont_ask(struct ring_peer *r);

/* Lies: an element at any index, an index. */
void ring_put(struct ring_peer *r, uint16_t at, uint32_t id, uint32_t len);
void ring_set_idx(struct ring_peer *r, uint16_t idx);

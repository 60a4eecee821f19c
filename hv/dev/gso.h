/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What a network card would do for frames whose receiver cannot: completes a checksum
 * and cuts a large TCP frame into segments (virtio-net's NEEDS_CSUM and GSO_TCPV4/6,
 * Virtio 1.2 section 5.1.6.2). The frame lies in a buffer of ours and is changed in
 * place. Frames that are not what their header says are refused.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "drivers/virtio/abi.h"

#define GSO_FRAME_MAX	65550u		/* 64 KiB and an Ethernet header, 5.1.6.3.1 */
#define GSO_HEAD_MAX	160u		/* Ethernet 18, IPv4 60 or IPv6 40, TCP 60 */

/* What the receiver takes as it is. */
#define GSO_MAY_CSUM	1u
#define GSO_MAY_TSO4	2u
#define GSO_MAY_TSO6	4u

struct gso {
	struct virtio_net_hdr out;	/* header of the frame, or of each piece */
	uint8_t *frame;
	uint32_t len;			/* of the frame */
	uint32_t at;			/* payload given out so far; len: done */
	uint32_t mss;			/* 0: goes out in one piece */
	uint32_t head_len, l3, l4;	/* length of the headers; offsets in them */
	bool v6;
	uint32_t piece;			/* bytes of payload in `head`'s piece; 0: none made */
	uint8_t head[GSO_HEAD_MAX];
};

/* One piece: the two parts make a frame. Valid until gso_advance(). */
struct gso_piece {
	struct virtio_net_hdr hdr;
	const uint8_t *head, *data;
	uint32_t head_len, data_len;
};

/* 0, or -EINVAL: drop it. `frame` stays in use until gso_next() says false. */
int gso_begin(struct gso *g, const struct virtio_net_hdr *h, uint8_t *frame, uint32_t len,
	      unsigned may);
/* The piece whose turn it is (the same again until gso_advance); false: no more. */
bool gso_next(struct gso *g, struct gso_piece *p);
void gso_advance(struct gso *g);

/* Ones' complement sum of RFC 1071 over a range, big endian, not folded. */
uint64_t gso_sum(const uint8_t *p, uint32_t len);

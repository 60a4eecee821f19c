/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A network device for host tests: what the stack sends is kept and checked,
 * what the test sends arrives in lent buffers. See peer.h for the other end.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/netdev.h"

struct wire_frame {
	struct wire_frame *next;
	uint32_t len;
	bool needs_csum;
	uint16_t csum_start, csum_offset, gso_size, hdr_len;
	bool gso_v6;
	uint8_t data[];
};

struct wire {
	struct netdev nd;		/* first */
	/* behaviour, set by the test at any time */
	unsigned tx_room;		/* frames the ring takes; UINT32_MAX: any */
	bool hold;			/* completions wait for wire_complete() */
	unsigned rx_total;		/* what rx_free() reports */
	bool dead;			/* transmit says -EIO */
	/* state */
	unsigned rx_lent, kicks, completions_due;
	struct wire_frame *sent, **sent_tail;
	void *cookie[4096];
	unsigned n_cookies;
};

/* Registers and describes the device; the stack attaches it later. */
void wire_init(struct wire *w, unsigned features);

/* One frame to the stack, cut into buffers of at most `piece` bytes (0: one),
 * then the end of a batch and a poll round. */
void wire_deliver(struct wire *w, const void *frame, size_t len, unsigned flags,
		  size_t piece);

/* The oldest frame that the stack sent and nobody looked at, or NULL. Free it. */
struct wire_frame *wire_take(struct wire *w);

/* With `hold`: gives back every cookie and says that there is room. */
void wire_complete(struct wire *w);

/* The device breaks: cookies come back, the stack is told. */
void wire_fail(struct wire *w);

/* Lets `ms` pass: timers and poll rounds at their times. */
void wire_run(unsigned ms);
/* Poll rounds until nothing more happens, without time passing. */
void wire_settle(void);

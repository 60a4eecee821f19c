/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Private to the network driver: what virtio_net.c (transmission, start, end)
 * and virtio_rx_net.c (reception) share.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "drivers/virtio/virtio.h"
#include "kernel/event.h"
#include "kernel/netdev.h"

#define RXQ		0u
#define TXQ		1u
#define RX_BUF_LEN	2048u		/* header and a frame of 1500 bytes; two a page */
#define VNET_OVERHEAD	18u		/* Ethernet header and one VLAN tag */

enum vnet_buf_state { BUF_DRIVER, BUF_DEVICE, BUF_LENT };

/* A receive buffer. Its data lie apart from this: the device can write there. */
struct vnet_buf {
	struct net_rx_buf rb;
	uint8_t *base;			/* RX_BUF_LEN bytes */
	enum vnet_buf_state state;
};

struct vnet {
	struct virtio_dev *vd;
	struct netdev nd;
	bool mergeable;
	bool tx_owed;			/* the stack waits for tx_ready() */
	struct virtio_net_hdr *tx_hdr;	/* by head; the device reads it */
	struct vnet_buf *buf;
	unsigned n_bufs, n_lent;
	struct event_deferred refill;	/* tells the device of returned buffers */
	/* The frame being put together, NULL between frames. */
	struct net_rx_buf *frame, *last;
	unsigned missing;		/* its buffers still to come */
	uint32_t frame_len;
	unsigned frame_flags;
};

/* Receive buffers for a queue of at most `most`, by the machine's memory. */
unsigned vnet_rx_count(unsigned most);
int vnet_rx_init(struct vnet *n);	/* 0 or -ENOMEM */
void vnet_rx_start(struct vnet *n);	/* posts all buffers */
void vnet_rx_event(struct virtq *vq);
void vnet_release(struct netdev *nd, struct net_rx_buf *chain);
unsigned vnet_rx_free(struct netdev *nd, unsigned *total);

void vnet_tx_service(struct vnet *n);	/* virtio_net.c */

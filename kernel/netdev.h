/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Network devices: frames between a driver and the stack's glue (net/netif.c),
 * neither knowing the other's types. Event context throughout: nothing here
 * blocks. Offsets and flags follow virtio 1.2 section 5.1.6.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/lib/list.h"

/* Features that the driver negotiated with the device. */
#define NETDEV_TX_CSUM	(1u << 0)	/* device completes TCP/UDP checksums */
#define NETDEV_RX_CSUM	(1u << 1)	/* frames may come with NET_RX_CSUM_* */
#define NETDEV_TSO4	(1u << 2)
#define NETDEV_TSO6	(1u << 3)

#define NET_TX_SEGS_MAX 18

struct net_seg {
	const void *base;
	uint32_t len;
};

/* One frame to send: Ethernet header first. The data stay valid until
 * tx_done(cookie). */
struct net_tx {
	struct net_seg seg[NET_TX_SEGS_MAX];
	unsigned n_segs;
	bool needs_csum;		/* csum_start/offset are set */
	uint16_t csum_start, csum_offset;	/* bytes from the frame's start */
	uint16_t gso_size;		/* 0: none; else the MSS */
	uint16_t hdr_len;		/* GSO: bytes of all headers */
	bool gso_v6;
	void *cookie;
};

/* A received buffer, the driver's memory, lent to the stack. `priv` is the
 * stack's while it holds the buffer (its pbuf lives there: no allocation). */
#define NET_RX_PRIV 96
struct net_rx_buf {
	uint8_t priv[NET_RX_PRIV] __attribute__((aligned(16)));
	struct net_rx_buf *next;	/* the following buffer of the same frame */
	uint8_t *data;
	uint32_t len;			/* bytes of the frame in this buffer */
	uint32_t capacity;		/* bytes of memory behind data */
	struct netdev *nd;
};

#define NET_RX_CSUM_VALID	(1u << 0)	/* checked by the device */
#define NET_RX_CSUM_PARTIAL	(1u << 1)	/* blank: trust the path, do not check */

struct netdev;
struct netdev_ops {
	/* 0: queued, tx_done(cookie) follows. -EAGAIN: ring full, tx_ready()
	 * follows. -EIO: failed for good. Not notified before kick(). */
	int (*transmit)(struct netdev *nd, const struct net_tx *tx);
	void (*kick)(struct netdev *nd);	/* notify, once per batch */
	void (*release)(struct netdev *nd, struct net_rx_buf *chain);
	/* How many receive buffers the device still has, of how many. */
	unsigned (*rx_free)(struct netdev *nd, unsigned *total);
	/* Services the rings without waiting for an event. */
	void (*poll)(struct netdev *nd);
};

/* Upcalls to the stack. */
struct netdev_client {
	/* One frame; ownership of the chain passes until release(). */
	void (*rx)(void *arg, struct net_rx_buf *chain, unsigned flags);
	void (*rx_end)(void *arg);	/* a batch of rx() is over */
	void (*tx_done)(void *arg, void *cookie);
	void (*tx_ready)(void *arg);	/* room again after -EAGAIN */
	void (*link)(void *arg, bool up);
	void (*failed)(void *arg);	/* device is gone; cookies were all returned */
};

struct netdev {
	char name[16];			/* "net0", in order of registration */
	uint8_t mac[6];
	uint16_t mtu;			/* payload bytes, e.g. 1500 */
	unsigned features;		/* NETDEV_* */
	bool link_up;
	const struct netdev_ops *ops;
	void *driver;
	const struct netdev_client *client;	/* NULL until attached */
	void *client_arg;
	struct list all;
	uint64_t rx_frames, rx_bytes, rx_dropped, tx_frames, tx_bytes, tx_dropped;
};

int netdev_register(struct netdev *nd);	/* driver; must stay valid */
struct netdev *netdev_next(struct netdev *after);	/* NULL: the first */
/* The stack takes the device; frames flow from here on. */
void netdev_attach(struct netdev *nd, const struct netdev_client *client,
		   void *arg);

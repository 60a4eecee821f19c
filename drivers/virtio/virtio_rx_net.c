/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Reception of the virtio network device (Virtio 1.2 section 5.1.6.4). Frames
 * go to the stack as chains of the buffers that the device filled; the stack
 * gives them back in its own time. A frame may come in pieces, even over
 * several events; what the device says of it is checked piece by piece.
 */
#include <errno.h>

#include "drivers/virtio/virtio_net.h"
#include "kernel/heap.h"
#include "kernel/page.h"
#include "kernel/panic.h"

#define HDR_LEN		((uint32_t)sizeof(struct virtio_net_hdr))
#define ETH_HLEN	14u
#define FRAME_MAX	(65535u + VNET_OVERHEAD)	/* 5.1.6.3.1: 65550 and a tag */
#define MEMORY_SHARE	16u	/* buffers take at most this part of memory */
#define BUFS_MIN	16u

unsigned vnet_rx_count(unsigned most)
{
	size_t fit = page_total() / MEMORY_SHARE * (PAGE_SIZE / RX_BUF_LEN);

	if (fit < BUFS_MIN)
		fit = BUFS_MIN;
	return fit < most ? (unsigned)fit : most;
}

int vnet_rx_init(struct vnet *n)
{
	unsigned count = vnet_rx_count(n->vd->vq[RXQ]->num);
	size_t n_pages = (count * RX_BUF_LEN + PAGE_SIZE - 1) >> PAGE_SHIFT;
	uint8_t *data = page_alloc(n_pages, PAGE_SIZE);

	n->buf = heap_zalloc(HEAP_DRIVER, count * sizeof(*n->buf));
	if (!data || !n->buf) {
		if (data)
			page_free(data, n_pages);
		return -ENOMEM;
	}
	n->n_bufs = count;
	for (unsigned i = 0; i < count; i++) {
		n->buf[i].base = data + i * RX_BUF_LEN;
		n->buf[i].rb.nd = &n->nd;
	}
	return 0;
}

static struct vnet_buf *buf_of(struct net_rx_buf *rb)
{
	return container_of(rb, struct vnet_buf, rb);
}

/* There is always room: the queue is at least as long as the buffers are many. */
static void post(struct vnet *n, struct vnet_buf *b)
{
	struct virtq_seg seg = { b->base, RX_BUF_LEN };

	b->state = BUF_DRIVER;
	if (virtq_add(n->vd->vq[RXQ], &seg, 0, 1, b) == 0)
		b->state = BUF_DEVICE;
}

static void post_chain(struct vnet *n, struct net_rx_buf *chain)
{
	while (chain) {
		struct net_rx_buf *next = chain->next;

		post(n, buf_of(chain));
		chain = next;
	}
	event_defer(&n->refill);
}

static void kick_refill(void *arg)
{
	struct vnet *n = arg;

	if (!n->vd->stopped)
		virtq_kick(n->vd->vq[RXQ]);
}

void vnet_release(struct netdev *nd, struct net_rx_buf *chain)
{
	struct vnet *n = nd->driver;

	for (struct net_rx_buf *rb = chain; rb; rb = rb->next) {
		ASSERT(buf_of(rb)->state == BUF_LENT);
		buf_of(rb)->state = BUF_DRIVER;
		n->n_lent--;
	}
	if (!n->vd->stopped)
		post_chain(n, chain);
}

unsigned vnet_rx_free(struct netdev *nd, unsigned *total)
{
	struct vnet *n = nd->driver;

	*total = n->n_bufs;
	return n->n_bufs - n->n_lent;
}

/* ---- frames ---------------------------------------------------------------------- */

static bool violation(struct vnet *n, const char *what)
{
	dev_fail(&n->vd->dev, what);
	return false;
}

/* Reads the header in front of a frame's first buffer. */
static bool begin_frame(struct vnet *n, struct vnet_buf *b, uint32_t len)
{
	struct virtio_net_hdr hdr;

	if (len < HDR_LEN)
		return violation(n, "received frame is shorter than its header");
	shared_copy_in(&hdr, (const uint8_t SHARED *)b->base, HDR_LEN);
	n->missing = n->mergeable ? hdr.num_buffers : 1;
	if (n->missing == 0 || n->missing > n->n_bufs)
		return violation(n, "received frame has an impossible number of buffers");
	n->frame_flags = 0;
	if (n->nd.features & NETDEV_RX_CSUM && hdr.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM)
		n->frame_flags = NET_RX_CSUM_PARTIAL;
	else if (n->nd.features & NETDEV_RX_CSUM && hdr.flags & VIRTIO_NET_HDR_F_DATA_VALID)
		n->frame_flags = NET_RX_CSUM_VALID;
	b->rb.data = b->base + HDR_LEN;
	b->rb.len = len - HDR_LEN;
	b->rb.capacity = RX_BUF_LEN - HDR_LEN;
	n->frame = n->last = &b->rb;
	n->frame_len = b->rb.len;
	return true;
}

/* `len` was checked against the buffer by virtq_get(). */
static bool take_buffer(struct vnet *n, struct vnet_buf *b, uint32_t len)
{
	b->state = BUF_DRIVER;
	b->rb.next = NULL;
	if (!n->frame) {
		if (!begin_frame(n, b, len))
			return false;
	} else {
		if (len == 0)
			return violation(n, "received frame has an empty buffer");
		b->rb.data = b->base;
		b->rb.len = len;
		b->rb.capacity = RX_BUF_LEN;
		n->last->next = &b->rb;
		n->last = &b->rb;
		n->frame_len += len;
	}
	n->missing--;
	if (n->frame_len > FRAME_MAX)
		return violation(n, "received frame is too long");
	return true;
}

static void deliver(struct vnet *n)
{
	struct net_rx_buf *frame = n->frame;

	n->frame = NULL;
	/* a stub of a frame, or nobody listens yet */
	if (frame->len < ETH_HLEN || !n->nd.client) {
		n->nd.rx_dropped++;
		post_chain(n, frame);
		return;
	}
	n->nd.rx_frames++;
	n->nd.rx_bytes += n->frame_len;
	for (struct net_rx_buf *rb = frame; rb; rb = rb->next) {
		buf_of(rb)->state = BUF_LENT;
		n->n_lent++;
	}
	n->nd.client->rx(n->nd.client_arg, frame, n->frame_flags);
}

void vnet_rx_event(struct virtq *vq)
{
	struct vnet *n = vq->arg;
	bool any = false;
	void *cookie;
	uint32_t len;

	do {
		while (virtq_get(vq, &cookie, &len)) {
			if (!take_buffer(n, cookie, len))
				return;
			if (n->missing == 0)
				deliver(n);
			any = true;
		}
	} while (virtq_arm(vq, 1));
	vnet_tx_service(n);
	if (any && n->nd.client && !n->vd->stopped)
		n->nd.client->rx_end(n->nd.client_arg);
}

void vnet_rx_start(struct vnet *n)
{
	n->refill.fn = kick_refill;
	n->refill.arg = n;
	for (unsigned i = 0; i < n->n_bufs; i++)
		post(n, &n->buf[i]);
	virtq_kick(n->vd->vq[RXQ]);
	vnet_rx_event(n->vd->vq[RXQ]);	/* arms the event */
}

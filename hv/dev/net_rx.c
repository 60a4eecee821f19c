/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Reception of the network device (net.c): a window of buffers taken from the queue,
 * long enough for the longest frame, into which frames are read or cut.
 */
#include <asm/errno.h>
#include <string.h>

#include "hv/dev/net.h"
#include "hv/sys.h"

/* ---- receive: the guest's buffers ------------------------------------------------- */

bool net_fill(struct devs *d, struct dev *v, struct net *n)
{
	const struct vq_chain *c = &d->chain;

	while (n->rx_room < n->rx_need && n->rx_n < (n->mergeable ? NET_RX_CHAINS : 1u)) {
		if (!dev_peek(d, v, RXQ))
			return false;
		if (n->rx_first + n->rx_n == NET_RX_CHAINS) {
			memmove(n->rx, n->rx + n->rx_first, n->rx_n * sizeof(n->rx[0]));
			n->rx_first = 0;
		}
		if (n->iov_first + n->iov_n + c->n_in > NET_RX_IOV) {
			memmove(n->iov, n->iov + n->iov_first, n->iov_n * sizeof(n->iov[0]));
			n->iov_first = 0;
			if (n->iov_n + c->n_in > NET_RX_IOV)
				break;
		}
		if (c->in_len > UINT32_MAX / NET_RX_CHAINS) {
			dev_fail(d, v, "receive buffer is too long");
			return false;
		}
		vq_take(&v->vq[RXQ]);
		n->rx[n->rx_first + n->rx_n].head = c->head;
		n->rx[n->rx_first + n->rx_n].n_iov = c->n_in;
		n->rx[n->rx_first + n->rx_n].len = (uint32_t)c->in_len;
		n->rx_n++;
		memcpy(n->iov + n->iov_first + n->iov_n, c->iov + c->n_out,
		       c->n_in * sizeof(struct iovec));
		n->iov_n += c->n_in;
		n->rx_room += (uint32_t)c->in_len;
	}
	if (!n->mergeable && n->rx_room < n->rx_need && n->rx_n) {
		dev_fail(d, v, "receive buffer is too short for a frame");
		return false;
	}
	return n->rx_room >= n->rx_need;
}

/* `len` bytes, header included, lie in the first buffers: these go to the driver. */
static void consume(struct dev *v, struct net *n, uint32_t len)
{
	uint16_t n_buffers = 0;
	uint32_t first_iov = n->iov_first, room = 0;

	for (uint32_t i = n->rx_first; room < len; i++) {
		room += n->rx[i].len;
		n_buffers++;
	}
	iov_write(n->iov + first_iov, n->iov_n, offsetof(struct virtio_net_hdr, num_buffers),
		  &n_buffers, sizeof(n_buffers));
	while (n_buffers--) {
		uint32_t i = n->rx_first++, part = n->rx[i].len < len ? n->rx[i].len : len;

		vq_push(&v->vq[RXQ], n->rx[i].head, part);
		len -= part;
		n->rx_n--;
		n->rx_room -= n->rx[i].len;
		n->iov_first += n->rx[i].n_iov;
		n->iov_n -= n->rx[i].n_iov;
	}
}

/* Most frames fit the first buffer. As long as they do, the kernel is handed that one
 * and a place of ours for what is longer, not the dozens that the longest could need:
 * it looks at each. */
static long read_frame(struct net *n)
{
	const struct iovec *iov = n->iov + n->iov_first;
	struct iovec two[2] = { iov[0], { n->in, NET_FRAME_MAX } };
	size_t room = iov[0].iov_len;
	long len;

	if (n->rx_long || n->iov_n <= 2) {
		len = sys_readv(n->fd, iov, n->iov_n);
		n->rx_long = len > (long)room;
		return len;
	}
	len = sys_readv(n->fd, two, 2);
	n->rx_long = len > (long)room;
	if (n->rx_long)
		iov_write(iov, n->iov_n, room, n->in, (size_t)len - room);
	return len;
}

/* One frame straight into the guest's buffers. As net_outcome(). */
static int receive_direct(struct devs *d, struct dev *v, struct net *n)
{
	long len = read_frame(n);
	int what = net_outcome(d, v, len);

	if (what <= 0)
		return what;
	/* what there was no room for is lost with the frame's end */
	if ((uint64_t)len > n->rx_room)
		len = (long)n->rx_room;
	if (len > NET_HDR) {
		if (n->pcap_fd >= 0)
			net_capture(d, v, n, n->iov + n->iov_first, n->iov_n, NET_HDR,
				(size_t)len - NET_HDR);
		consume(v, n, (uint32_t)len);
	}
	return 1;
}

/* ---- receive: through our buffer ---------------------------------------------------- */

/* The pieces of the frame in hand, as far as there is room; true: all of them. */
static bool deliver(struct devs *d, struct dev *v, struct net *n)
{
	struct gso_piece p;

	while (gso_next(&n->rx_gso, &p)) {
		const struct iovec *iov = n->iov + n->iov_first;
		uint32_t len = NET_HDR + p.head_len + p.data_len;

		if (!net_fill(d, v, n) || n->rx_room < len) {
			n->rx_starved = true;
			return false;
		}
		iov = n->iov + n->iov_first;
		iov_write(iov, n->iov_n, 0, &p.hdr, NET_HDR);
		iov_write(iov, n->iov_n, NET_HDR, p.head, p.head_len);
		iov_write(iov, n->iov_n, NET_HDR + p.head_len, p.data, p.data_len);
		if (n->pcap_fd >= 0)
			net_capture(d, v, n, iov, n->iov_n, NET_HDR, len - NET_HDR);
		consume(v, n, len);
		gso_advance(&n->rx_gso);
	}
	n->rx_cutting = false;
	return true;
}

static void begin_deliver(struct net *n, const struct virtio_net_hdr *h, uint8_t *frame,
			  uint32_t len)
{
	/* a piece that would not fit the driver's buffers would wait for ever */
	if (gso_begin(&n->rx_gso, h, frame, len, n->may) == 0 &&
	    (n->rx_gso.mss ? n->rx_gso.mss + n->rx_gso.head_len : len) + NET_HDR <= n->rx_need)
		n->rx_cutting = true;
}

static int receive_message(struct devs *d, struct dev *v, struct net *n)
{
	struct virtio_net_hdr h = { 0 };
	struct iovec iov[2] = { { &h, NET_HDR }, { n->in, NET_FRAME_MAX } };
	long len = n->vnet_hdr ? sys_readv(n->fd, iov, 2) : sys_readv(n->fd, iov + 1, 1);
	int what = net_outcome(d, v, len);

	if (what <= 0)
		return what;
	if (n->vnet_hdr)
		len -= NET_HDR;
	if (len > 0)
		begin_deliver(n, &h, n->in, (uint32_t)len);
	return 1;
}

/* The next frame out of a stream's bytes, or more bytes. */
static int receive_stream(struct devs *d, struct dev *v, struct net *n)
{
	static const struct virtio_net_hdr none;
	uint32_t have = n->in_len - n->in_at, len;
	struct iovec rest;
	long ret;
	int what;

	if (have >= 4) {
		memcpy(&len, n->in + n->in_at, 4);
		len = __builtin_bswap32(len);
		if (len > NET_FRAME_MAX) {
			net_gone(d, v, "the other side does not send frames");
			return -1;
		}
		if (have >= 4 + len) {
			n->in_at += 4 + len;
			begin_deliver(n, &none, n->in + n->in_at - len, len);
			return 1;
		}
	}
	memmove(n->in, n->in + n->in_at, have);
	n->in_at = 0;
	n->in_len = have;
	rest = (struct iovec){ n->in + have, sizeof(n->in) - have };
	ret = sys_readv(n->fd, &rest, 1);
	what = net_outcome(d, v, ret);
	if (what > 0)
		n->in_len += (uint32_t)ret;
	return what;
}

bool net_receive(struct devs *d, struct dev *v)
{
	struct net *n = net_of(d, v);
	unsigned i;
	int what = 1;

	n->rx_starved = false;
	for (i = 0; i < BATCH && what && v->running; i++) {
		if (n->rx_cutting) {
			if (!deliver(d, v, n))
				break;
			continue;
		}
		if (n->gone)
			break;
		if (!net_fill(d, v, n)) {
			n->rx_starved = true;
			break;
		}
		if (n->direct)
			what = receive_direct(d, v, n);
		else if (n->kind == DEV_NET_STREAM)
			what = receive_stream(d, v, n);
		else
			what = receive_message(d, v, n);
	}
	v->again |= i == BATCH;
	dev_publish(d, v, RXQ);
	return i > 1 || (i == 1 && what);
}

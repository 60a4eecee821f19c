/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Network device (Virtio 1.2 section 5.1) on a tap or a socket.
 *
 * Where the other side understands virtio-net's header and everything that the
 * driver accepted, a frame is one readv into the guest's buffers or one writev from
 * them. Everything else goes through a buffer of ours and gso.c: streams, peers
 * without that header, and large frames for a driver that does not take them. Order
 * is kept throughout: what finds no room stays in front. This file: sending, start,
 * end; net_rx.c: receiving.
 */
#include <asm/errno.h>
#include <linux/time_types.h>
#include <string.h>

#include "hv/dev/net.h"
#include "hv/sys.h"

#define QUEUE_MAX	1024u
#define MTU_DEFAULT	1500u
#define VLAN_ETH	18u	/* Ethernet header with a tag */

#define TUNSETOFFLOAD	0x400454d0u	/* linux/if_tun.h brings too much */
#define TUN_F_CSUM	1u
#define TUN_F_TSO4	2u
#define TUN_F_TSO6	4u

/* ---- capture ------------------------------------------------------------------- */

struct pcap_record {
	uint32_t sec, nsec, caplen, len;
};

static int pcap_begin(int fd)
{
	/* magic for nanoseconds, version 2.4, zone, accuracy, longest, Ethernet */
	static const uint32_t head[6] = { 0xa1b23c4d, 4u << 16 | 2, 0, 0, 262144, 1 };
	long n = sys_write(fd, head, sizeof(head));

	return n == sizeof(head) ? 0 : n < 0 ? (int)n : -EIO;
}

void net_capture(struct devs *d, struct dev *v, struct net *n, const struct iovec *iov,
		    unsigned n_iov, size_t off, size_t len)
{
	struct iovec out[VQ_CHAIN_MAX + 1];
	struct __kernel_timespec now = { 0, 0 };
	struct pcap_record r;
	size_t left = len;
	unsigned k;

	sys_clock_gettime(SYS_CLOCK_REALTIME, &now);
	r = (struct pcap_record){ (uint32_t)now.tv_sec, (uint32_t)now.tv_nsec, (uint32_t)len,
				  (uint32_t)len };
	out[0] = (struct iovec){ &r, sizeof(r) };
	k = 1 + iov_skip(out + 1, iov, n_iov < VQ_CHAIN_MAX ? n_iov : VQ_CHAIN_MAX, off);
	for (unsigned i = 1; i < k; i++) {
		if (out[i].iov_len > left)
			out[i].iov_len = left;
		left -= out[i].iov_len;
	}
	if (sys_writev(n->pcap_fd, out, k) == (long)(sizeof(r) + len - left))
		return;
	dev_log(d, v, "the capture cannot be written, and ends");
	n->pcap_fd = -1;
}

/* ---- the other side ------------------------------------------------------------- */

static void set_link(struct devs *d, struct dev *v, bool up)
{
	uint16_t status = up ? VIRTIO_NET_S_LINK_UP : 0;

	dev_config(d, v, VIRTIO_NET_CFG_STATUS, &status, 2);
	dev_config_changed(d, v);
}

void net_gone(struct devs *d, struct dev *v, const char *why)
{
	struct net *n = net_of(d, v);

	n->gone = true;
	n->tx_blocked = false;
	dev_log(d, v, why);
	set_link(d, v, false);
}

int net_outcome(struct devs *d, struct dev *v, long ret)
{
	if (ret > 0)
		return 1;
	if (ret == -EAGAIN || ret == -EINTR)
		return 0;
	if (ret == 0 || ret == -EPIPE || ret == -ECONNRESET || ret == -ENOTCONN)
		net_gone(d, v, "the other side has ended the connection");
	else if (ret == -EBADFD || ret == -ENODEV || ret == -EBADF)
		net_gone(d, v, "the network interface is gone");
	return -1;	/* too long, interface down, no memory: as on a wire */
}

/* ---- send --------------------------------------------------------------------------- */

/* Writes the piece with what its kind of peer wants in front; as net_outcome(). */
static int send_piece(struct devs *d, struct dev *v, struct net *n, const struct gso_piece *p)
{
	uint32_t frame_len = p->head_len + p->data_len, be = __builtin_bswap32(frame_len);
	struct virtio_net_hdr h = p->hdr;
	struct iovec part[3] = {
		{ &be, 0 },
		{ (void *)(uintptr_t)p->head, p->head_len },
		{ (void *)(uintptr_t)p->data, p->data_len },
	}, rest[3];
	uint32_t total;
	long ret;
	int what;

	if (n->kind == DEV_NET_STREAM)
		part[0].iov_len = 4;
	else if (n->vnet_hdr)
		part[0] = (struct iovec){ &h, NET_HDR };
	total = (uint32_t)part[0].iov_len + frame_len;
	if (n->pcap_fd >= 0 && !n->tx_sent)
		net_capture(d, v, n, part + 1, 2, 0, frame_len);
	ret = sys_writev(n->fd, rest, iov_skip(rest, part, 3, n->tx_sent));
	what = net_outcome(d, v, ret);
	if (what > 0 && n->kind == DEV_NET_STREAM) {
		n->tx_sent += (uint32_t)ret;
		if (n->tx_sent < total)
			return 0;
	}
	if (what)
		n->tx_sent = 0;
	return what;
}

/* The frame in `out`, piece by piece; false: the peer is full. */
static bool send_pieces(struct devs *d, struct dev *v, struct net *n)
{
	struct gso_piece p;

	while (gso_next(&n->tx_gso, &p)) {
		if (!n->gone && send_piece(d, v, n, &p) == 0) {
			n->tx_blocked = true;
			return false;
		}
		gso_advance(&n->tx_gso);
	}
	n->tx_cutting = false;
	return true;
}

static void begin_send(struct devs *d, struct net *n)
{
	const struct vq_chain *c = &d->chain;
	struct virtio_net_hdr h;
	uint32_t len = (uint32_t)(c->out_len - NET_HDR);

	iov_read(c->iov, c->n_out, 0, &h, NET_HDR);
	iov_read(c->iov, c->n_out, NET_HDR, n->out, len);
	h.num_buffers = 0;
	n->tx_sent = 0;
	n->tx_cutting = gso_begin(&n->tx_gso, &h, n->out, len, 0) == 0;
}

static bool transmit(struct devs *d, struct dev *v)
{
	struct net *n = net_of(d, v);
	const struct vq_chain *c = &d->chain;
	unsigned i;

	for (i = 0; i < BATCH && !n->tx_blocked; i++) {
		if (n->tx_cutting && !send_pieces(d, v, n))
			break;
		if (!dev_peek(d, v, TXQ))
			break;
		/* what is no frame is lost, as on a wire */
		if (c->out_len > NET_HDR && c->out_len <= NET_HDR + NET_FRAME_MAX && !n->gone) {
			if (!n->vnet_hdr) {
				begin_send(d, n);
			} else {
				long ret = sys_writev(n->fd, c->iov, c->n_out);

				if (net_outcome(d, v, ret) == 0) {
					n->tx_blocked = true;
					break;
				}
				if (n->pcap_fd >= 0)
					net_capture(d, v, n, c->iov, c->n_out, NET_HDR,
						c->out_len - NET_HDR);
			}
		}
		vq_take(&v->vq[TXQ]);
		vq_push(&v->vq[TXQ], c->head, 0);
	}
	if (n->tx_cutting && !n->tx_blocked)
		send_pieces(d, v, n);
	if (!n->tx_blocked)
		v->again |= dev_more(d, v, TXQ);
	dev_publish(d, v, TXQ);
	return i > 0;
}

/* ---- what dev.c calls ------------------------------------------------------------------ */

bool net_kick(struct devs *d, struct dev *v, unsigned q)
{
	return q == TXQ ? transmit(d, v) : net_receive(d, v);
}

bool net_work(struct devs *d, struct dev *v)
{
	bool any = net_receive(d, v);

	if (v->running)
		any |= transmit(d, v);
	return any;
}

bool net_prepare(struct devs *d, struct dev *v, struct pollfd *p)
{
	struct net *n = net_of(d, v);
	short events = 0;

	if (n->rx_starved) {
		uint32_t before;

		/* again after each buffer taken: the wish is for the one after it */
		do {
			before = n->rx_n;
			if (vq_want_kicks(&v->vq[RXQ]) && net_fill(d, v, n)) {
				n->rx_starved = false;
				return true;
			}
		} while (n->rx_n != before);
	} else {
		vq_no_kicks(&v->vq[RXQ]);
		events |= POLLIN;
	}
	if (n->tx_blocked)
		events |= POLLOUT;
	if (!n->gone)
		*p = (struct pollfd){ .fd = n->fd, .events = events };
	return false;
}

void net_ready(struct devs *d, struct dev *v, unsigned events)
{
	struct net *n = net_of(d, v);

	if (events & (POLLOUT | POLLERR | POLLHUP))
		n->tx_blocked = false;
}

static unsigned may(const struct dev *v)
{
	unsigned flags = 0;

	if (dev_has(v, VIRTIO_NET_F_GUEST_CSUM))
		flags |= GSO_MAY_CSUM;
	if (dev_has(v, VIRTIO_NET_F_GUEST_TSO4))
		flags |= GSO_MAY_TSO4;
	if (dev_has(v, VIRTIO_NET_F_GUEST_TSO6))
		flags |= GSO_MAY_TSO6;
	return flags;
}

void net_start(struct devs *d, struct dev *v)
{
	struct net *n = net_of(d, v);
	uint16_t mtu;

	n->may = may(v);
	n->mergeable = dev_has(v, VIRTIO_NET_F_MRG_RXBUF);
	memcpy(&mtu, d->start->device[v->index].config + VIRTIO_NET_CFG_MTU, 2);
	n->rx_need = NET_HDR + VLAN_ETH + mtu;
	if (n->may & (GSO_MAY_TSO4 | GSO_MAY_TSO6) && n->vnet_hdr)
		n->rx_need = NET_HDR + GSO_FRAME_MAX;
	/* the kernel cuts and completes what the driver does not take; a socket's
	 * other end does not know */
	if (n->kind == DEV_NET_TAP && n->vnet_hdr) {
		long err = sys_ioctl(n->fd, TUNSETOFFLOAD,
				     (n->may & GSO_MAY_CSUM ? TUN_F_CSUM : 0) |
				     (n->may & GSO_MAY_TSO4 ? TUN_F_TSO4 : 0) |
				     (n->may & GSO_MAY_TSO6 ? TUN_F_TSO6 : 0));

		if (err < 0)
			dev_log(d, v, "the tap does not take the offloads");
		n->direct = err == 0;
	} else {
		n->direct = n->vnet_hdr && n->kind == DEV_NET_SEQPACKET &&
			    n->may == (GSO_MAY_CSUM | GSO_MAY_TSO4 | GSO_MAY_TSO6);
	}
}

/* What was read but not delivered is lost, as at the end of a cable; a stream keeps
 * its place between two frames. */
void net_reset(struct devs *d, struct dev *v)
{
	struct net *n = net_of(d, v);

	n->rx_n = n->rx_first = n->iov_n = n->iov_first = n->rx_room = 0;
	n->rx_cutting = n->rx_starved = false;
	if (!n->tx_sent)
		n->tx_cutting = n->tx_blocked = false;
}

int devs_add_net(struct devs *d, const char *name, const struct dev_net_param *p)
{
	uint64_t features = VIRTIO_NET_F_CSUM | VIRTIO_NET_F_HOST_TSO4 | VIRTIO_NET_F_HOST_TSO6 |
			    VIRTIO_NET_F_MTU | VIRTIO_NET_F_MAC | VIRTIO_NET_F_STATUS |
			    VIRTIO_NET_F_MRG_RXBUF;
	uint16_t up = VIRTIO_NET_S_LINK_UP, pairs = 1, mtu = p->mtu ? p->mtu : MTU_DEFAULT;
	struct dev *v;
	struct net *n;
	int err;

	if (p->vnet_hdr && p->kind == DEV_NET_STREAM)
		return -EINVAL;
	if (p->vnet_hdr)
		features |= VIRTIO_NET_F_GUEST_CSUM | VIRTIO_NET_F_GUEST_TSO4 |
			    VIRTIO_NET_F_GUEST_TSO6;
	if (p->pcap_fd >= 0) {
		err = pcap_begin(p->pcap_fd);
		if (err)
			return err;
	}
	v = dev_new(d, name, VIRTIO_ID_NET, 2, QUEUE_MAX, features);
	if (!v)
		return -ENOSPC;
	n = net_of(d, v);
	n->fd = p->fd;
	n->kind = (uint8_t)p->kind;
	n->vnet_hdr = p->vnet_hdr;
	n->pcap_fd = p->pcap_fd;
	dev_config(d, v, VIRTIO_NET_CFG_MAC, p->mac, 6);
	dev_config(d, v, VIRTIO_NET_CFG_STATUS, &up, 2);
	dev_config(d, v, 8, &pairs, 2);		/* max_virtqueue_pairs */
	dev_config(d, v, VIRTIO_NET_CFG_MTU, &mtu, 2);
	return v->index;
}

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * virtio network device (Virtio 1.2 section 5.1): one pair of queues, checksum
 * and segmentation offload, mergeable receive buffers lent to the stack without
 * a copy. This file: transmission, start, end; virtio_rx_net.c: reception.
 *
 * Completions of transmission raise no event while there is room: they are
 * collected by the next transmission, by poll() and with each reception. When
 * the ring was full, an event is armed (and the ring looked at again, so that
 * none gets lost) until the stack has been told of the room.
 */
#include <errno.h>

#include "drivers/virtio/virtio_net.h"
#include "kernel/entropy.h"
#include "kernel/heap.h"
#include "kernel/lib/string.h"
#include "kernel/log.h"
#include "kernel/page.h"
#include "kernel/panic.h"

#define QUEUE_LEN	1024u		/* a burst of 1,000 clients; QEMU's PCI device has 256 */
#define CHAIN_MAX	(NET_TX_SEGS_MAX + 1)
#define MTU_DEFAULT	1500u
#define MTU_MIN		68u		/* 5.1.4.1 */
/* The stack leaves a third of the buffers to the device (net/netif.c): the longest
 * frame must fit there. Else it waits in the device for ever, in front of the
 * acknowledgements that would make the stack give the others back. */
#define BUFS_PER_FRAME	33u		/* 65,550 bytes, a tag and a header */
#define TSO_BUFS_MIN	(3 * BUFS_PER_FRAME)

/* ---- transmission --------------------------------------------------------------- */

static void tx_reclaim(struct vnet *n)
{
	struct virtq *tx = n->vd->vq[TXQ];
	void *cookie;
	uint32_t len;

	while (virtq_get(tx, &cookie, &len))
		if (n->nd.client)
			n->nd.client->tx_done(n->nd.client_arg, cookie);
}

/* Makes room for `need` descriptors. 0; -EAGAIN: an event follows; -EIO. */
static int tx_make_room(struct vnet *n, unsigned need)
{
	struct virtq *tx = n->vd->vq[TXQ];

	if (virtq_room(tx) < tx->num / 2)
		tx_reclaim(n);
	while (virtq_room(tx) < need && !n->vd->stopped) {
		/* the device must know of the frames that fill the ring */
		virtq_kick(tx);
		if (!virtq_arm(tx, virtq_in_flight(tx) / 2)) {
			if (n->vd->stopped)
				return -EIO;
			n->tx_owed = true;
			return -EAGAIN;
		}
		tx_reclaim(n);
	}
	return n->vd->stopped ? -EIO : 0;
}

static void fill_hdr(struct virtio_net_hdr *h, const struct net_tx *tx)
{
	memset(h, 0, sizeof(*h));
	if (tx->needs_csum) {
		h->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
		h->csum_start = tx->csum_start;
		h->csum_offset = tx->csum_offset;
	}
	if (tx->gso_size) {
		h->gso_type = tx->gso_v6 ? VIRTIO_NET_HDR_GSO_TCPV6 : VIRTIO_NET_HDR_GSO_TCPV4;
		h->gso_size = tx->gso_size;
		h->hdr_len = tx->hdr_len;
	}
}

static int vnet_transmit(struct netdev *nd, const struct net_tx *tx)
{
	struct vnet *n = nd->driver;
	struct virtq_seg seg[CHAIN_MAX];
	unsigned n_segs = 1;
	int err;

	ASSERT(tx->n_segs > 0 && tx->n_segs <= NET_TX_SEGS_MAX);
	ASSERT(!tx->needs_csum || nd->features & NETDEV_TX_CSUM);
	ASSERT(!tx->gso_size || nd->features & (tx->gso_v6 ? NETDEV_TSO6 : NETDEV_TSO4));
	if (n->vd->stopped)
		return -EIO;
	err = tx_make_room(n, tx->n_segs + 1);
	if (err)
		return err;
	for (unsigned i = 0; i < tx->n_segs; i++)
		if (tx->seg[i].len) {
			seg[n_segs++] = (struct virtq_seg){ tx->seg[i].base, tx->seg[i].len };
			nd->tx_bytes += tx->seg[i].len;
		}
	seg[0] = (struct virtq_seg){ &n->tx_hdr[virtq_next_head(n->vd->vq[TXQ])],
				     sizeof(struct virtio_net_hdr) };
	fill_hdr(&n->tx_hdr[virtq_next_head(n->vd->vq[TXQ])], tx);
	nd->tx_frames++;
	return virtq_add(n->vd->vq[TXQ], seg, n_segs, 0, tx->cookie);
}

static void vnet_kick(struct netdev *nd)
{
	struct vnet *n = nd->driver;

	if (!n->vd->stopped)
		virtq_kick(n->vd->vq[TXQ]);
}

/* From events and polls only, never from within transmit(): the stack may
 * transmit in its tx_ready(). */
void vnet_tx_service(struct vnet *n)
{
	struct virtq *tx = n->vd->vq[TXQ];

	if (n->vd->stopped)
		return;
	tx_reclaim(n);
	while (n->tx_owed && !n->vd->stopped) {
		if (virtq_room(tx) >= tx->num / 4 && virtq_room(tx) >= CHAIN_MAX) {
			n->tx_owed = false;
			virtq_disarm(tx);
			if (n->nd.client)
				n->nd.client->tx_ready(n->nd.client_arg);
			break;
		}
		if (!virtq_arm(tx, virtq_in_flight(tx) / 2))
			break;
		tx_reclaim(n);
	}
}

static void tx_event(struct virtq *vq)
{
	vnet_tx_service(vq->arg);
}

static void vnet_poll(struct netdev *nd)
{
	struct vnet *n = nd->driver;

	if (n->vd->stopped)
		return;
	virtq_kick(n->vd->vq[TXQ]);
	vnet_rx_event(n->vd->vq[RXQ]);
}

static const struct netdev_ops vnet_ops = {
	.transmit = vnet_transmit,
	.kick = vnet_kick,
	.release = vnet_release,
	.rx_free = vnet_rx_free,
	.poll = vnet_poll,
};

/* ---- configuration ---------------------------------------------------------------- */

static void choose_mac(struct vnet *n)
{
	static const uint8_t none[6];
	uint8_t *mac = n->nd.mac;

	if (virtio_has(n->vd, VIRTIO_NET_F_MAC) && !(mac[0] & 1) && memcmp(mac, none, 6))
		return;
	entropy_bytes(mac, 6);
	mac[0] = (uint8_t)((mac[0] & 0xfc) | 2);	/* local, unicast */
}

static unsigned rx_bufs(struct virtio_dev *vd)
{
	unsigned len = virtio_queue_size(QUEUE_LEN), max = vd->ops->queue_max(vd, RXQ);

	while (len > max)
		len /= 2;
	return vnet_rx_count(len);
}

/* The longest frame without offloads that always finds room. */
static unsigned mtu_most(struct vnet *n)
{
	unsigned bufs = n->mergeable ? rx_bufs(n->vd) / 3 : 1;
	unsigned room = bufs * RX_BUF_LEN - (unsigned)sizeof(struct virtio_net_hdr);

	return (room < 65535 ? room : 65535) - VNET_OVERHEAD;
}

static int read_config(struct vnet *n)
{
	uint16_t status = 0, mtu = 0;
	const struct virtio_field f[] = {
		{ n->nd.mac, VIRTIO_NET_CFG_MAC, 1, 6 },
		{ &status, VIRTIO_NET_CFG_STATUS, 2, 1 },
		{ &mtu, VIRTIO_NET_CFG_MTU, 2, 1 },
	};
	unsigned fits = mtu_most(n);

	if (virtio_config_fields(n->vd, f, ARRAY_SIZE(f)))
		return virtio_give_up(n->vd, -EIO, "configuration does not hold still");
	if (!virtio_has(n->vd, VIRTIO_NET_F_MTU))
		mtu = MTU_DEFAULT;
	if (mtu < MTU_MIN)
		return virtio_give_up(n->vd, -EIO, "MTU is out of range");
	n->nd.mtu = mtu < fits ? mtu : (uint16_t)fits;
	n->nd.link_up = !virtio_has(n->vd, VIRTIO_NET_F_STATUS) ||
			status & VIRTIO_NET_S_LINK_UP;
	choose_mac(n);
	return 0;
}

static void vnet_config_changed(struct virtio_dev *vd)
{
	struct vnet *n = vd->dev.driver_data;
	uint16_t status = 0;
	const struct virtio_field f = { &status, VIRTIO_NET_CFG_STATUS, 2, 1 };
	bool up;

	if (!virtio_has(vd, VIRTIO_NET_F_STATUS))
		return;
	if (virtio_config_fields(vd, &f, 1)) {
		dev_fail(&vd->dev, "configuration does not hold still");
		return;
	}
	up = status & VIRTIO_NET_S_LINK_UP;
	if (up == n->nd.link_up)
		return;
	n->nd.link_up = up;
	if (n->nd.client)
		n->nd.client->link(n->nd.client_arg, up);
}

/* Offers that depend on others which are missing are not taken (5.1.3.1), and
 * large frames only come in with enough buffers to spread them over. */
static uint64_t wanted_features(struct virtio_dev *vd)
{
	uint64_t offered = vd->ops->features(vd), f;

	f = VIRTIO_NET_F_CSUM | VIRTIO_NET_F_GUEST_CSUM | VIRTIO_NET_F_MRG_RXBUF |
	    VIRTIO_NET_F_MAC | VIRTIO_NET_F_STATUS | VIRTIO_NET_F_MTU | VIRTIO_F_EVENT_IDX;
	if (offered & VIRTIO_NET_F_CSUM)
		f |= VIRTIO_NET_F_HOST_TSO4 | VIRTIO_NET_F_HOST_TSO6;
	if (offered & VIRTIO_NET_F_GUEST_CSUM && offered & VIRTIO_NET_F_MRG_RXBUF &&
	    rx_bufs(vd) >= TSO_BUFS_MIN)
		f |= VIRTIO_NET_F_GUEST_TSO4 | VIRTIO_NET_F_GUEST_TSO6;
	return f;
}

static void set_netdev(struct vnet *n)
{
	static const struct { uint64_t feature; unsigned flag; } map[] = {
		{ VIRTIO_NET_F_CSUM, NETDEV_TX_CSUM },
		{ VIRTIO_NET_F_GUEST_CSUM, NETDEV_RX_CSUM },
		{ VIRTIO_NET_F_HOST_TSO4, NETDEV_TSO4 },
		{ VIRTIO_NET_F_HOST_TSO6, NETDEV_TSO6 },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(map); i++)
		if (virtio_has(n->vd, map[i].feature))
			n->nd.features |= map[i].flag;
	n->nd.ops = &vnet_ops;
	n->nd.driver = n;
}

/* ---- start and end ------------------------------------------------------------------ */

static int vnet_start(struct vnet *n)
{
	struct virtio_dev *vd = n->vd;
	unsigned num = virtio_queue_size(QUEUE_LEN);
	int err = virtio_begin(vd, wanted_features(vd), 2);

	if (err)
		return err;
	n->mergeable = virtio_has(vd, VIRTIO_NET_F_MRG_RXBUF);
	err = read_config(n);
	if (!err)
		err = virtio_queue(vd, RXQ, num, 2, 0, vnet_rx_event, n);
	if (!err)
		err = virtio_queue(vd, TXQ, num, 2 * CHAIN_MAX, 0, tx_event, n);
	if (err)
		return err;
	n->tx_hdr = heap_zalloc(HEAP_DRIVER, vd->vq[TXQ]->num * sizeof(*n->tx_hdr));
	if (!n->tx_hdr || vnet_rx_init(n))
		return virtio_give_up(vd, -ENOMEM, "gets no memory");
	vd->config_changed = vnet_config_changed;
	set_netdev(n);
	virtio_ready(vd);
	vnet_rx_start(n);
	if (vd->stopped || vd->vq[RXQ]->broken)
		return virtio_give_up(vd, -EIO, NULL);
	return netdev_register(&n->nd);
}

static int vnet_probe(struct device *dev)
{
	struct virtio_dev *vd = virtio_of(dev);
	struct vnet *n;

	if (vd->id != VIRTIO_ID_NET)
		return -ENODEV;
	n = heap_zalloc(HEAP_DRIVER, sizeof(*n));
	if (!n)
		return -ENOMEM;
	n->vd = vd;
	dev->driver_data = n;
	return vnet_start(n);
}

/* The receive buffers stay set aside: the stack may hold some, and a device
 * that does not reset may write the others. */
static void vnet_quiesce(struct device *dev)
{
	struct vnet *n = dev->driver_data;
	const struct netdev_client *client = n->nd.client;
	void *cookie;

	virtio_stop(n->vd);
	n->nd.link_up = false;
	while (virtq_drain(n->vd->vq[TXQ], &cookie))
		if (client)
			client->tx_done(n->nd.client_arg, cookie);
	if (client)
		client->failed(n->nd.client_arg);
}

static void vnet_shutdown(struct device *dev)
{
	struct vnet *n = dev->driver_data;

	virtio_stop(n->vd);
}

static const struct driver vnet_driver DRIVER = {
	.name = "virtio-net",
	.bus = BUS_VIRTIO,
	.probe = vnet_probe,
	.quiesce = vnet_quiesce,
	.shutdown = vnet_shutdown,
};

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A device that does anything it likes with used rings, buffers, interrupts and
 * configuration while the driver works: the input is the list of its deeds.
 * Whatever happens, the driver neither leaves its memory nor asserts.
 *
 * SOURCES: drivers/virtio/virtq.c drivers/virtio/virtio.c drivers/virtio/virtio_mmio.c drivers/virtio/virtio_rng.c
 * SOURCES: drivers/virtio/virtio_net.c drivers/virtio/virtio_rx_net.c drivers/virtio/virtio_blk.c drivers/virtio/virtio_console.c
 * SOURCES: kernel/lib/shared.c tests/peer/ring_peer.c tests/peer/virtio_peer.c tests/peer/peer_kernel.c drivers/pci.c
 * FLAGS: -include tests/peer/mmio_hook.h -Wl,-T,tests/peer/tables.ld
 */
#include <stdlib.h>
#include <string.h>

#include "drivers/virtio/virtio.h"
#include "kernel/event.h"
#include "tests/peer/peer_kernel.h"
#include "tests/peer/virtio_peer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct vpeer p;
static const uint8_t *in;
static size_t left;
static struct ring_chain taken[VPEER_QUEUES];	/* the last one of each queue */
static struct net_rx_buf *held[512];
static unsigned n_held, n_requests;
static struct blk_request requests[64];
static uint8_t data_buf[16384] __attribute__((aligned(16)));

static unsigned u8(void)
{
	if (!left)
		return 0;
	left--;
	return *in++;
}

static unsigned u16(void)
{
	unsigned hi = u8();

	return hi << 8 | u8();
}

static void on_rx(void *arg, struct net_rx_buf *chain, unsigned flags)
{
	(void)arg, (void)flags;
	for (struct net_rx_buf *b = chain; b; b = b->next) {
		if (b->len > b->capacity)
			abort();
		memset(b->data, 1, b->capacity);
		memset(b->priv, 1, sizeof(b->priv));
	}
	if (n_held < 512)
		held[n_held++] = chain;
	else
		pk_net->ops->release(pk_net, chain);
}

static void nothing(void *arg)
{
	(void)arg;
}

static void on_tx_done(void *arg, void *cookie)
{
	(void)arg;
	if (cookie != data_buf)
		abort();
}

static void on_link(void *arg, bool up)
{
	(void)arg, (void)up;
}

static const struct netdev_client client = {
	on_rx, nothing, on_tx_done, nothing, on_link, nothing,
};

static void on_done(struct blk_request *rq)
{
	if (rq->arg != data_buf || rq->status > 0)
		abort();
	rq->arg = NULL;
}

/* What the guest does meanwhile. */
static void guest_acts(unsigned what)
{
	if (pk_net && what & 1) {
		struct net_tx tx = { .n_segs = 1 + what / 16 % 4, .cookie = data_buf };

		for (unsigned i = 0; i < tx.n_segs; i++)
			tx.seg[i] = (struct net_seg){ data_buf + i * 64, 60 };
		(void)!pk_net->ops->transmit(pk_net, &tx);
		if (what & 2)
			pk_net->ops->kick(pk_net);
	}
	if (pk_net && what & 4 && n_held)
		pk_net->ops->release(pk_net, held[--n_held]);
	if (pk_net && what & 8)
		pk_net->ops->poll(pk_net);
	if (pk_blk) {
		struct blk_request *rq = &requests[n_requests++ % 64];

		if (!rq->arg) {
			*rq = (struct blk_request){ .op = what & 3, .arg = data_buf, .done = on_done,
						    .n_sectors = 1 + what, .n_segs = (what & 2) ? 0 : 1 + what / 16 };
			for (unsigned i = 0; i < rq->n_segs; i++)
				rq->seg[i] = (struct blk_seg){ data_buf + 1024 * i, 1024 };
			pk_blk->ops->submit(pk_blk, rq);
		}
		if (what & 8)
			pk_blk->ops->poll(pk_blk);
	}
	if (pk_con)
		pk_con->write(pk_con, (char *)data_buf, what * 8);
}

static void device_acts(void)
{
	unsigned op = u8(), q = op >> 7, n;
	struct ring_peer *r = &p.ring[q];

	if (!p.ready[q] && op % 10 < 4)
		return;
	switch (op % 10) {
	case 0:			/* an element of its own making */
		n = u16();
		ring_put(r, r->used_idx++, n & 0x8000 ? n << 8 : n, u16());
		break;
	case 1:
		ring_set_idx(r, (uint16_t)u16());
		break;
	case 2:			/* an honest one, but for the length */
		if (r->last_avail != r->avail->idx && ring_take(r, &taken[q]))
			ring_give(r, taken[q].head, u16());
		break;
	case 3:
		vpeer_publish(&p, q);
		break;
	case 4:			/* bytes into the last buffer taken */
		n = u8();
		for (unsigned i = taken[q].n_out; i < taken[q].n_out + taken[q].n_in && p.ready[q]; i++)
			for (unsigned j = 0; j < taken[q].seg[i].len && j < n % 32; j++)
				taken[q].seg[i].base[j] = (uint8_t)u8();
		break;
	case 5:
		vpeer_irq(&p, q);
		break;
	case 6:
		p.config[u8() % 64] = (uint8_t)u8();
		vpeer_config_irq(&p);
		break;
	case 7:
		event_poll();
		break;
	case 8:
		p.status |= (uint8_t)(u8() & 0x40);
		pk_now += 1000000ull * u8();
		break;
	default:
		guest_acts(u8());
	}
}

static void no_work(struct vpeer *d, unsigned q)
{
	(void)d, (void)q;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static const uint64_t offers = VIRTIO_F_EVENT_IDX | VIRTIO_F_INDIRECT_DESC | 0x1ffff;
	unsigned mode;

	in = bytes;
	left = size;
	mode = u8();
	n_held = n_requests = 0;
	memset(taken, 0, sizeof(taken));
	memset(requests, 0, sizeof(requests));
	vpeer_init(&p, VPEER_MMIO, 1 + mode % 4, offers & ~((uint64_t)(mode >> 4 & 3) << 28) &
		   ~(mode & 0x40 ? VIRTIO_NET_F_MRG_RXBUF : 0));
	p.work = no_work;
	pk_step = 50000;		/* short waits */
	pk_pages = 1024;
	vpeer_config_put(&p, 0, 8, 0x2000);
	if (p.id == VIRTIO_ID_BLOCK) {
		vpeer_config_put(&p, VIRTIO_BLK_CFG_SIZE_MAX, 4, 65536);
		vpeer_config_put(&p, VIRTIO_BLK_CFG_SEG_MAX, 4, 16);
		vpeer_config_put(&p, VIRTIO_BLK_CFG_BLK_SIZE, 4, 512);
		vpeer_config_put(&p, VIRTIO_BLK_CFG_MAX_DISCARD, 4, 10);
	}
	vpeer_config_put(&p, VIRTIO_NET_CFG_MTU, 2, 1500);
	p.queue_max = mode & 0x80 ? 64 : 256;
	vpeer_plug(&p);
	if (pk_net)
		pk_net->client = &client;
	while (left)
		device_acts();
	for (unsigned i = 0; i < 4; i++)
		event_poll();
	if (vpeer_child(&p)->driver)
		vpeer_child(&p)->driver->shutdown(vpeer_child(&p));
	event_poll();
	pk_reset();
	return 0;
}

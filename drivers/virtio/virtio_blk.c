/* SPDX-License-Identifier: BSD-2-Clause
 *
 * virtio block device (Virtio 1.2 section 5.2). A request is one chain: header,
 * data, status byte; header and status lie in a page of our own, indexed by the
 * chain's head. What does not fit waits in a list. Multiqueue, zones, write
 * cache switches and secure erase are not used.
 */
#include <errno.h>

#include "drivers/virtio/virtio.h"
#include "kernel/blkdev.h"
#include "kernel/clock.h"
#include "kernel/event.h"
#include "kernel/heap.h"
#include "kernel/lib/string.h"
#include "kernel/log.h"
#include "kernel/page.h"
#include "kernel/panic.h"

#define FEATURES (VIRTIO_BLK_F_SIZE_MAX | VIRTIO_BLK_F_SEG_MAX | VIRTIO_BLK_F_RO | \
		  VIRTIO_BLK_F_BLK_SIZE | VIRTIO_BLK_F_FLUSH | VIRTIO_BLK_F_DISCARD | \
		  VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX)
#define QUEUE_LEN	64u
#define CHAIN_MAX	(BLK_MAX_SEGS + 2)
#define BYTES_MAX	(1u << 20)		/* per request: bounds its time */
#define SECTORS_MAX	((1ull << 54) - 1)	/* offsets in bytes fit 63 bits */
#define ID_WAIT_NS	(50 * NSEC_PER_MSEC)	/* for the serial number, at start */
#define STATUS_NONE	0xff			/* not a status: never answered */

/* Shared with the device, one for each head. */
struct vblk_dma {
	struct virtio_blk_req_hdr hdr;
	union {
		struct virtio_blk_discard discard;
		uint8_t id[VIRTIO_BLK_ID_BYTES];
	} u;
	uint8_t status;
	uint8_t pad[23];
};
_Static_assert(sizeof(struct vblk_dma) == 64, "vblk_dma");

struct vblk {
	struct virtio_dev *vd;
	struct blkdev bd;
	struct vblk_dma SHARED *dma;
	struct blk_request **rq;	/* by head; NULL: the serial number's */
	struct list waiting;		/* requests that the ring has no room for */
	struct event_deferred kick;
	uint32_t max_discard;		/* sectors in one command */
	bool id_done;
};

static void vblk_done(struct blk_request *rq, int status)
{
	rq->status = status;
	rq->done(rq);
}

/* ---- submission ------------------------------------------------------------- */

static int add_chain(struct vblk *b, uint32_t type, uint64_t sector, struct blk_request *rq,
		     struct virtq_seg *seg, unsigned n_out, unsigned n_in)
{
	struct virtq *vq = b->vd->vq[0];
	unsigned head = virtq_next_head(vq);
	struct vblk_dma SHARED *dma = b->dma + head;
	struct virtio_blk_req_hdr hdr = { .type = type, .sector = sector };
	uint8_t none = STATUS_NONE;

	shared_copy_out(&dma->hdr, &hdr, sizeof(hdr));
	shared_copy_out(&dma->status, &none, 1);
	seg[0] = (struct virtq_seg){ (const void *)(uintptr_t)&dma->hdr, sizeof(hdr) };
	seg[n_out + n_in - 1] = (struct virtq_seg){ (const void *)(uintptr_t)&dma->status, 1 };
	b->rq[head] = rq;
	return virtq_add(vq, seg, n_out, n_in, (void *)(uintptr_t)head);
}

static int add_discard(struct vblk *b, struct blk_request *rq, struct virtq_seg *seg)
{
	struct vblk_dma SHARED *dma = b->dma + virtq_next_head(b->vd->vq[0]);
	uint64_t n = rq->n_sectors < b->max_discard ? rq->n_sectors : b->max_discard;
	struct virtio_blk_discard d = { .sector = rq->sector, .num_sectors = (uint32_t)n };

	shared_copy_out(&dma->u.discard, &d, sizeof(d));
	seg[1] = (struct virtq_seg){ (const void *)(uintptr_t)&dma->u.discard, sizeof(d) };
	return add_chain(b, VIRTIO_BLK_T_DISCARD, 0, rq, seg, 2, 1);
}

/* 0; -EAGAIN: the ring is full; -EIO: failed. */
static int start(struct vblk *b, struct blk_request *rq)
{
	struct virtq *vq = b->vd->vq[0];
	struct virtq_seg seg[CHAIN_MAX];
	unsigned need = vq->table_len ? 1 : rq->n_segs + 3;

	if (b->vd->stopped)
		return -EIO;
	if (virtq_room(vq) < need)
		return -EAGAIN;
	for (unsigned i = 0; i < rq->n_segs; i++)
		seg[1 + i] = (struct virtq_seg){ rq->seg[i].base, rq->seg[i].len };
	switch (rq->op) {
	case BLK_READ:
		return add_chain(b, VIRTIO_BLK_T_IN, rq->sector, rq, seg, 1, rq->n_segs + 1);
	case BLK_WRITE:
		return add_chain(b, VIRTIO_BLK_T_OUT, rq->sector, rq, seg, rq->n_segs + 1, 1);
	case BLK_FLUSH:
		return add_chain(b, VIRTIO_BLK_T_FLUSH, 0, rq, seg, 1, 1);
	default:
		return add_discard(b, rq, seg);
	}
}

/* Moves on what waits, in order, as far as the ring has room. */
static void start_waiting(struct vblk *b)
{
	while (!list_empty(&b->waiting)) {
		struct blk_request *rq = container_of(b->waiting.next, struct blk_request, link);
		int err = start(b, rq);

		if (err == -EAGAIN)
			break;
		list_del(&rq->link);
		if (err)
			vblk_done(rq, err);
	}
	event_defer(&b->kick);
}

static void vblk_kick(void *arg)
{
	struct vblk *b = arg;

	if (!b->vd->stopped)
		virtq_kick(b->vd->vq[0]);
}

static bool acceptable(const struct vblk *b, const struct blk_request *rq)
{
	if (rq->n_segs > b->bd.max_segs)
		return false;
	switch (rq->op) {
	case BLK_READ:
	case BLK_WRITE:
		return rq->n_segs > 0;
	case BLK_FLUSH:
		return rq->n_segs == 0;
	default:
		return b->max_discard && rq->n_segs == 0 && rq->n_sectors > 0;
	}
}

static void vblk_submit(struct blkdev *bd, struct blk_request *rq)
{
	struct vblk *b = bd->driver;

	if (b->vd->stopped) {
		vblk_done(rq, -EIO);
	} else if (rq->op == BLK_FLUSH && !bd->has_flush) {
		vblk_done(rq, 0);	/* written through: nothing to flush */
	} else if (!acceptable(b, rq)) {
		vblk_done(rq, -EINVAL);
	} else {
		list_push(&b->waiting, &rq->link);
		start_waiting(b);
	}
}

/* ---- completion -------------------------------------------------------------- */

static void take_id(struct vblk *b, const struct vblk_dma SHARED *dma, uint8_t status)
{
	char id[VIRTIO_BLK_ID_BYTES + 1] = "";
	char *out = b->bd.serial;

	_Static_assert(sizeof(b->bd.serial) > VIRTIO_BLK_ID_BYTES, "serial");
	b->id_done = true;
	if (status != VIRTIO_BLK_S_OK)
		return;
	shared_copy_in(id, dma->u.id, VIRTIO_BLK_ID_BYTES);
	for (char *in = id; *in > ' ' && *in < 0x7f; in++)
		*out++ = *in;
	*out = '\0';
}

static void complete(struct vblk *b, struct blk_request *rq, uint8_t status)
{
	if (status == VIRTIO_BLK_S_OK && rq->op == BLK_DISCARD && rq->n_sectors > b->max_discard) {
		rq->sector += b->max_discard;
		rq->n_sectors -= b->max_discard;
		list_push_front(&b->waiting, &rq->link);
		return;
	}
	if (status != VIRTIO_BLK_S_OK)
		b->vd->dev.errors++;
	vblk_done(rq, status == VIRTIO_BLK_S_OK ? 0 :
		  status == VIRTIO_BLK_S_UNSUPP ? -ENOTSUP : -EIO);
}

static void vblk_event(struct virtq *vq)
{
	struct vblk *b = vq->arg;
	uint32_t len;
	void *cookie;

	do {
		while (virtq_get(vq, &cookie, &len)) {
			unsigned head = (unsigned)(uintptr_t)cookie;
			struct blk_request *rq = b->rq[head];
			uint8_t status;

			shared_copy_in(&status, &b->dma[head].status, 1);
			if (status > VIRTIO_BLK_S_UNSUPP) {
				if (rq)		/* no longer in flight: drain misses it */
					vblk_done(rq, -EIO);
				dev_fail(&b->vd->dev, "request without a valid status");
				return;
			}
			if (rq)
				complete(b, rq, status);
			else
				take_id(b, &b->dma[head], status);
		}
	} while (virtq_arm(vq, 1));
	if (!b->vd->stopped)
		start_waiting(b);
}

static void vblk_poll(struct blkdev *bd)
{
	struct vblk *b = bd->driver;

	if (b->vd->stopped)
		return;
	virtq_kick(b->vd->vq[0]);
	vblk_event(b->vd->vq[0]);
}

static const struct blkdev_ops vblk_ops = {
	.submit = vblk_submit,
	.poll = vblk_poll,
};

/* ---- start and end ------------------------------------------------------------ */

static int read_geometry(struct vblk *b)
{
	uint32_t size_max = 0, seg_max = 0, blk_size = 0, max_discard = 0;
	uint64_t capacity = 0;
	const struct virtio_field f[] = {
		{ &capacity, VIRTIO_BLK_CFG_CAPACITY, 8, 1 },
		{ &size_max, VIRTIO_BLK_CFG_SIZE_MAX, 4, 1 },
		{ &seg_max, VIRTIO_BLK_CFG_SEG_MAX, 4, 1 },
		{ &blk_size, VIRTIO_BLK_CFG_BLK_SIZE, 4, 1 },
		{ &max_discard, VIRTIO_BLK_CFG_MAX_DISCARD, 4, 1 },
	};
	struct virtio_dev *vd = b->vd;
	struct blkdev *bd = &b->bd;

	if (virtio_config_fields(vd, f, ARRAY_SIZE(f)))
		return virtio_give_up(vd, -EIO, "configuration does not hold still");
	if (!virtio_has(vd, VIRTIO_BLK_F_SIZE_MAX) || size_max > BYTES_MAX)
		size_max = BYTES_MAX;
	if (!virtio_has(vd, VIRTIO_BLK_F_SEG_MAX))
		seg_max = 1;		/* Firecracker takes one and does not say so */
	if (!virtio_has(vd, VIRTIO_BLK_F_BLK_SIZE))
		blk_size = BLK_SECTOR;
	if (capacity > SECTORS_MAX)
		return virtio_give_up(vd, -EIO, "capacity is out of range");
	if (blk_size < BLK_SECTOR || blk_size > 4096 || blk_size & (blk_size - 1))
		return virtio_give_up(vd, -EIO, "block size is not 512 to 4096");
	if (size_max < blk_size || seg_max == 0)
		return virtio_give_up(vd, -EIO, "takes no whole block in a request");
	bd->n_sectors = capacity;
	bd->block_size = blk_size;
	bd->max_segs = seg_max < BLK_MAX_SEGS ? seg_max : BLK_MAX_SEGS;
	bd->max_bytes = size_max & ~(blk_size - 1);
	bd->read_only = virtio_has(vd, VIRTIO_BLK_F_RO);
	bd->has_flush = virtio_has(vd, VIRTIO_BLK_F_FLUSH);
	b->max_discard = virtio_has(vd, VIRTIO_BLK_F_DISCARD) ?
			 max_discard & ~(blk_size / BLK_SECTOR - 1) : 0;
	bd->has_discard = b->max_discard != 0;
	return 0;
}

/* 5.2.5.2: the capacity is what may change. */
static void vblk_config_changed(struct virtio_dev *vd)
{
	struct vblk *b = vd->dev.driver_data;
	uint64_t capacity = 0;
	const struct virtio_field f = { &capacity, VIRTIO_BLK_CFG_CAPACITY, 8, 1 };

	if (virtio_config_fields(vd, &f, 1) || capacity > SECTORS_MAX) {
		dev_fail(&vd->dev, "capacity is out of range");
		return;
	}
	if (capacity != b->bd.n_sectors)
		log_info(LOG_BLK, "%s: now %llu sectors", b->bd.name,
			 (unsigned long long)capacity);
	b->bd.n_sectors = capacity;
}

/* Disks are named by serial number, so the answer should be there before
 * volumes are looked for; a device that is slower is named when it answers. */
static void ask_id(struct vblk *b)
{
	struct virtq *vq = b->vd->vq[0];
	struct virtq_seg seg[3];
	nsec_t now = clock_now(), deadline = now + ID_WAIT_NS;

	seg[1] = (struct virtq_seg){
		(const void *)(uintptr_t)b->dma[virtq_next_head(vq)].u.id, VIRTIO_BLK_ID_BYTES
	};
	if (add_chain(b, VIRTIO_BLK_T_GET_ID, 0, NULL, seg, 1, 2))
		return;
	virtq_kick(vq);
	for (;;) {
		vblk_event(vq);
		now = clock_now();
		if (b->id_done || b->vd->stopped || now >= deadline)
			break;
		pv->wait(now + NSEC_PER_MSEC);
	}
}

static void vblk_quiesce(struct device *dev)
{
	struct vblk *b = dev->driver_data;
	struct list *l;
	void *cookie;

	virtio_stop(b->vd);
	while (virtq_drain(b->vd->vq[0], &cookie)) {
		struct blk_request *rq = b->rq[(unsigned)(uintptr_t)cookie];

		if (rq)
			vblk_done(rq, -EIO);
	}
	while ((l = list_pop(&b->waiting)))
		vblk_done(container_of(l, struct blk_request, link), -EIO);
}

static int vblk_start(struct vblk *b)
{
	unsigned least = BLK_MAX_SEGS, num = virtio_queue_size(QUEUE_LEN) / 2;
	struct virtio_dev *vd = b->vd;
	int err = virtio_begin(vd, FEATURES, 1);

	if (!err)
		err = read_geometry(b);
	if (err)
		return err;
	if (!virtio_has(vd, VIRTIO_F_INDIRECT_DESC)) {
		least = b->bd.max_segs + 3;
		num *= 4;
	}
	err = virtio_queue(vd, 0, num, least, b->bd.max_segs + 2, vblk_event, b);
	if (err)
		return err;
	num = vd->vq[0]->num;
	b->rq = heap_zalloc(HEAP_DRIVER, num * sizeof(struct blk_request *));
	b->dma = (struct vblk_dma SHARED *)heap_alloc_aligned(HEAP_DRIVER, 64, num * sizeof(struct vblk_dma));
	if (!b->rq || !b->dma)
		return virtio_give_up(vd, -ENOMEM, "gets no memory");
	vd->config_changed = vblk_config_changed;
	virtio_ready(vd);
	ask_id(b);
	if (vd->stopped || vd->vq[0]->broken)
		return virtio_give_up(vd, -EIO, NULL);
	return blkdev_register(&b->bd);
}

static int vblk_probe(struct device *dev)
{
	struct virtio_dev *vd = virtio_of(dev);
	struct vblk *b;

	if (vd->id != VIRTIO_ID_BLOCK)
		return -ENODEV;
	b = heap_zalloc(HEAP_DRIVER, sizeof(*b));
	if (!b)
		return -ENOMEM;
	b->vd = vd;
	b->bd.ops = &vblk_ops;
	b->bd.driver = b;
	b->kick.fn = vblk_kick;
	b->kick.arg = b;
	list_init(&b->waiting);
	dev->driver_data = b;
	return vblk_start(b);		/* of a failed start, little memory stays */
}

static void vblk_shutdown(struct device *dev)
{
	vblk_quiesce(dev);
}

static const struct driver vblk_driver DRIVER = {
	.name = "virtio-blk",
	.bus = BUS_VIRTIO,
	.probe = vblk_probe,
	.quiesce = vblk_quiesce,
	.shutdown = vblk_shutdown,
};

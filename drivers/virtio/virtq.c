/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Split virtqueues: Virtio 1.2 section 2.7. The fences pair with the same ones
 * in the device: hw/virtio/virtio.c in QEMU, tests/peer/ring_peer.c here.
 */
#include "drivers/virtio/virtq.h"

#include <errno.h>

#include "drivers/virtio/virtio.h"
#include "kernel/device.h"
#include "kernel/heap.h"
#include "kernel/lib/string.h"
#include "kernel/page.h"
#include "kernel/panic.h"

#define NO_SLOT 0xffff

/* The two event indices lie behind the rings. */
static uint16_t SHARED *used_event(const struct virtq *vq)
{
	return &vq->avail->ring[vq->num];
}

static uint16_t SHARED *avail_event(const struct virtq *vq)
{
	return (uint16_t SHARED *)&vq->used->ring[vq->num];
}

static uint16_t pages_for(size_t bytes)
{
	return (uint16_t)((bytes + PAGE_SIZE - 1) >> PAGE_SHIFT);
}

static void *zeroed_pages(unsigned n)
{
	void *p = page_alloc(n, PAGE_SIZE);

	if (p)
		memset(p, 0, n * PAGE_SIZE);
	return p;
}

struct virtq *virtq_create(struct virtio_dev *vd, unsigned index, unsigned num,
			   bool event_idx, unsigned table_len)
{
	/* 2.7: descriptors 16-, available 2-, used ring 4-byte aligned */
	size_t avail_off = num * sizeof(struct virtq_desc);
	size_t used_off = ALIGN_UP(avail_off + 6 + 2 * (size_t)num, (size_t)4);
	size_t len = used_off + 6 + num * sizeof(struct virtq_used_elem);
	struct virtq *vq = heap_zalloc(HEAP_DRIVER, sizeof(*vq));
	char *ring;

	ASSERT(num && num <= VIRTQ_MAX && !(num & (num - 1)));
	if (!vq)
		return NULL;
	vq->slot = heap_zalloc(HEAP_DRIVER, num * sizeof(*vq->slot));
	if (!vq->slot)
		goto fail_vq;
	vq->n_pages = pages_for(len);
	ring = zeroed_pages(vq->n_pages);
	if (!ring)
		goto fail_slot;
	if (table_len) {
		vq->n_table_pages = pages_for(num * table_len * sizeof(struct virtq_desc));
		vq->tables = (struct virtq_desc SHARED *)zeroed_pages(vq->n_table_pages);
		if (!vq->tables)
			goto fail_ring;
	}
	vq->table_len = (uint16_t)table_len;
	vq->vd = vd;
	vq->index = (uint16_t)index;
	vq->num = (uint16_t)num;
	vq->event_idx = event_idx;
	vq->desc = (struct virtq_desc SHARED *)ring;
	vq->avail = (struct virtq_avail SHARED *)(ring + avail_off);
	vq->used = (struct virtq_used SHARED *)(ring + used_off);
	for (unsigned i = 0; i < num; i++)
		vq->slot[i].next = (uint16_t)(i + 1 < num ? i + 1 : NO_SLOT);
	vq->n_free = (uint16_t)num;
	virtq_disarm(vq);
	return vq;

fail_ring:
	page_free(ring, vq->n_pages);
fail_slot:
	heap_free(HEAP_DRIVER, vq->slot);
fail_vq:
	heap_free(HEAP_DRIVER, vq);
	return NULL;
}

void virtq_destroy(struct virtq *vq)
{
	if (vq->tables)
		page_free((void *)(uintptr_t)vq->tables, vq->n_table_pages);
	page_free((void *)(uintptr_t)vq->desc, vq->n_pages);
	heap_free(HEAP_DRIVER, vq->slot);
	heap_free(HEAP_DRIVER, vq);
}

/* ---- produce ------------------------------------------------------------- */

static void write_desc(struct virtq_desc SHARED *d, const void *base, uint32_t len,
		       unsigned flags, unsigned next)
{
	shared_store64(&d->addr, page_paddr(base));
	shared_store32(&d->len, len);
	shared_store16(&d->flags, (uint16_t)flags);
	shared_store16(&d->next, (uint16_t)next);
}

static uint16_t take_desc(struct virtq *vq)
{
	uint16_t i = vq->free_head;

	vq->free_head = vq->slot[i].next;
	vq->n_free--;
	return i;
}

static unsigned seg_flags(unsigned i, unsigned n_out, unsigned n)
{
	return (i >= n_out ? VIRTQ_DESC_F_WRITE : 0) |
	       (i + 1 < n ? VIRTQ_DESC_F_NEXT : 0);
}

/* The chain as a table; one descriptor of the ring points to it. */
static void fill_indirect(struct virtq *vq, uint16_t head, const struct virtq_seg *seg,
			  unsigned n_out, unsigned n)
{
	struct virtq_desc SHARED *table = vq->tables + head * vq->table_len;

	for (unsigned i = 0; i < n; i++)
		write_desc(table + i, seg[i].base, seg[i].len,
			   seg_flags(i, n_out, n), i + 1 < n ? i + 1 : 0);
	write_desc(vq->desc + head, (const void *)(uintptr_t)table,
		   (uint32_t)(n * sizeof(*table)), VIRTQ_DESC_F_INDIRECT, 0);
}

int virtq_add(struct virtq *vq, const struct virtq_seg *seg, unsigned n_out,
	      unsigned n_in, void *cookie)
{
	unsigned n = n_out + n_in;
	bool indirect = n > 1 && n <= vq->table_len;
	unsigned n_desc = indirect ? 1 : n;
	uint32_t in_len = 0;
	uint16_t head, d;

	ASSERT(n > 0 && n_desc <= vq->num);
	if (vq->broken)
		return -EIO;
	if (vq->n_free < n_desc)
		return -EAGAIN;
	for (unsigned i = n_out; i < n; i++)
		in_len += seg[i].len;
	head = d = take_desc(vq);
	if (indirect)
		fill_indirect(vq, head, seg, n_out, n);
	else
		for (unsigned i = 0; i < n; i++) {
			uint16_t next = i + 1 < n ? take_desc(vq) : 0;

			write_desc(vq->desc + d, seg[i].base, seg[i].len,
				   seg_flags(i, n_out, n), next);
			if (i + 1 < n) {
				vq->slot[d].next = next;
				d = next;
			}
		}
	vq->slot[head].cookie = cookie;
	vq->slot[head].in_len = in_len;
	vq->slot[head].n_desc = (uint16_t)n_desc;
	shared_store16(&vq->avail->ring[vq->prod & (vq->num - 1)], head);
	vq->prod++;
	return 0;
}

void virtq_kick(struct virtq *vq)
{
	uint16_t old = vq->published, now = vq->prod;
	bool notify;

	if (vq->broken || old == now)
		return;
	/* pairs with the device's load-acquire of the available index */
	shared_store_release16(&vq->avail->idx, now);
	vq->published = now;
	/* pairs with the device's fence between asking for a notification and
	 * looking at the available index again: one of us sees the other */
	shared_fence_store_load();
	if (vq->event_idx)		/* 2.7.10.1: did we pass its index? */
		notify = (uint16_t)(now - shared_load16(avail_event(vq)) - 1) <
			 (uint16_t)(now - old);
	else
		notify = !(shared_load16(&vq->used->flags) & VIRTQ_USED_F_NO_NOTIFY);
	if (notify)
		vq->vd->ops->notify(vq->vd, vq->index);
}

/* ---- consume ------------------------------------------------------------- */

static bool violation(struct virtq *vq, const char *what)
{
	vq->broken = true;
	dev_fail(&vq->vd->dev, what);
	return false;
}

/* The device's used index, checked against what it can have used. */
static bool look(struct virtq *vq)
{
	/* pairs with the device's store-release of its used index */
	uint16_t idx = shared_load_acquire16(&vq->used->idx);

	if ((uint16_t)(idx - vq->cons) > (uint16_t)(vq->published - vq->cons))
		return violation(vq, "used index beyond what is in flight");
	vq->peer_prod = idx;
	return idx != vq->cons;
}

static void give_back(struct virtq *vq, uint16_t head)
{
	uint16_t last = head;

	for (unsigned i = 1; i < vq->slot[head].n_desc; i++)
		last = vq->slot[last].next;
	vq->n_free = (uint16_t)(vq->n_free + vq->slot[head].n_desc);
	vq->slot[head].n_desc = 0;
	vq->slot[last].next = vq->free_head;
	vq->free_head = head;
}

bool virtq_get(struct virtq *vq, void **cookie, uint32_t *len)
{
	struct virtq_used_elem SHARED *elem;
	uint32_t id, n;

	if (vq->broken || (vq->cons == vq->peer_prod && !look(vq)))
		return false;
	elem = &vq->used->ring[vq->cons & (vq->num - 1)];
	id = shared_load32(&elem->id);
	n = shared_load32(&elem->len);
	if (id >= vq->num)
		return violation(vq, "used id out of range");
	if (!vq->slot[id].n_desc)
		return violation(vq, "used id is not in flight");
	/* What was only read has no length: some devices (Cloud Hypervisor's net
	 * and console) report there what they took, so it counts as nothing. */
	if (!vq->slot[id].in_len)
		n = 0;
	if (n > vq->slot[id].in_len)
		return violation(vq, "used length beyond the buffer");
	*cookie = vq->slot[id].cookie;
	*len = n;
	give_back(vq, (uint16_t)id);
	vq->cons++;
	vq->vd->progress++;
	return true;
}

bool virtq_arm(struct virtq *vq, unsigned after)
{
	unsigned in_flight = (uint16_t)(vq->published - vq->cons);

	if (vq->broken)
		return false;
	if (!vq->event_idx || after == 0)
		after = 1;
	if (after > in_flight && in_flight)
		after = in_flight;
	if (vq->event_idx)
		shared_store16(used_event(vq), (uint16_t)(vq->cons + after - 1));
	else
		shared_store16(&vq->avail->flags, 0);
	/* pairs with the device's fence between its used index and its look at
	 * our wish: either it sees the wish, or we see the index here */
	shared_fence_store_load();
	/* What is seen here is what virtq_get() will take, whatever the device
	 * makes of its index meanwhile: each round of a consumer's loop ends one
	 * chain at least. */
	return look(vq) && (uint16_t)(vq->peer_prod - vq->cons) >= after;
}

void virtq_disarm(struct virtq *vq)
{
	if (vq->event_idx)		/* as far away as the index can be */
		shared_store16(used_event(vq), (uint16_t)(vq->cons - 1));
	else
		shared_store16(&vq->avail->flags, VIRTQ_AVAIL_F_NO_INTERRUPT);
}

bool virtq_drain(struct virtq *vq, void **cookie)
{
	vq->broken = true;
	for (unsigned i = 0; i < vq->num; i++)
		if (vq->slot[i].n_desc) {
			*cookie = vq->slot[i].cookie;
			give_back(vq, (uint16_t)i);
			return true;
		}
	return false;
}

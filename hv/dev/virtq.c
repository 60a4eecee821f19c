/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Virtio 1.2 section 2.7 from the device's side. The order of memory accesses pairs
 * with drivers/virtio/virtq.c; it matters where the guest runs beside this code (kvm
 * mode), and costs next to nothing where it does not.
 */
#include "hv/dev/virtq.h"

#include <asm/errno.h>
#include <string.h>

static uint16_t load16(const uint16_t *p)
{
	return __atomic_load_n(p, __ATOMIC_RELAXED);
}

static void store16(uint16_t *p, uint16_t v)
{
	__atomic_store_n(p, v, __ATOMIC_RELAXED);
}

static uint16_t *used_event(const struct vq *q)
{
	return &q->avail->ring[q->num];
}

static uint16_t *avail_event(const struct vq *q)
{
	return (uint16_t *)(void *)&q->used->ring[q->num];
}

static int violation(struct vq *q, const char *what)
{
	q->off = true;
	q->error = what;
	return -EPROTO;
}

uint8_t *vq_range(const struct vq_mem *m, uint64_t addr, uint64_t len, bool write)
{
	uint64_t limit = write ? m->rw_size : m->size;
	uint64_t off = addr - HV_MEM_BASE;	/* below the base: wraps, far beyond */

	if (off > limit || len > limit - off)
		return NULL;
	return m->base + off;
}

int vq_set(struct vq *q, const struct vq_mem *m, const struct hv_queue *desc, unsigned max)
{
	uint32_t num = desc->num;
	uint8_t *d, *a, *u;

	if (!num || num > max || num & (num - 1))
		return -HV_EINVAL;
	if (desc->desc % 16 || desc->avail % 2 || desc->used % 4)
		return -HV_EINVAL;
	d = vq_range(m, desc->desc, (uint64_t)num * sizeof(struct virtq_desc), false);
	a = vq_range(m, desc->avail, 6 + 2 * (uint64_t)num, false);
	u = vq_range(m, desc->used, 6 + num * (uint64_t)sizeof(struct virtq_used_elem), true);
	if (!d || !a || !u)
		return -HV_EFAULT;
	*q = (struct vq){
		.desc = (struct virtq_desc *)(void *)d,
		.avail = (struct virtq_avail *)(void *)a,
		.used = (struct virtq_used *)(void *)u,
		.num = (uint16_t)num, .off = true,
	};
	return 0;
}

/* ---- take ------------------------------------------------------------------- */

/* Whether there is a buffer; a driver that claims more than the ring holds lies. */
static int look(struct vq *q)
{
	/* pairs with the driver's store-release of its index: the descriptors and
	 * the ring up to there are written */
	uint16_t idx = __atomic_load_n(&q->avail->idx, __ATOMIC_ACQUIRE);

	if ((uint16_t)(idx - q->next_avail) > q->num)
		return violation(q, "available index beyond the ring");
	q->avail_seen = idx;
	return idx != q->next_avail;
}

static void copy_desc(struct virtq_desc *d, const uint8_t *table, unsigned i)
{
	memcpy(d, table + i * sizeof(*d), sizeof(*d));
	/* what was copied stays: the compiler may not read it again */
	__asm__ volatile("" : : : "memory");
}

static const char *add_segment(struct vq_chain *c, const struct vq_mem *m,
			       const struct virtq_desc *d)
{
	bool write = d->flags & VIRTQ_DESC_F_WRITE;
	uint8_t *p = vq_range(m, d->addr, d->len, write);
	unsigned n = c->n_out + c->n_in;

	if (!p)
		return "descriptor outside guest memory";
	if (!write && c->n_in)
		return "descriptor to read behind one to write";
	if (!d->len)
		return NULL;
	if (n == VQ_CHAIN_MAX)
		return "too many segments in a chain";
	c->iov[n] = (struct iovec){ p, d->len };
	if (write) {
		c->n_in++;
		c->in_len += d->len;
	} else {
		c->n_out++;
		c->out_len += d->len;
	}
	return NULL;
}

/* One table, the queue's own or an indirect one, visits no entry twice: `left` counts
 * down. So a chain ends, loop or not. */
static const char *walk(const struct vq *q, const struct vq_mem *m, struct vq_chain *c)
{
	const uint8_t *table = (const uint8_t *)q->desc;
	uint32_t entries = q->num, left = q->num, i = c->head;
	bool nested = false;
	struct virtq_desc d;

	for (;;) {
		const char *err;

		if (i >= entries)
			return "descriptor number out of range";
		if (!left--)
			return "descriptor chain has a loop";
		copy_desc(&d, table, i);
		if (d.flags & VIRTQ_DESC_F_INDIRECT) {
			if (!q->indirect || nested || d.flags & VIRTQ_DESC_F_NEXT)
				return "indirect descriptor where none may be";
			if (!d.len || d.len % sizeof(d))
				return "indirect table of odd length";
			table = vq_range(m, d.addr, d.len, false);
			if (!table)
				return "indirect table outside guest memory";
			nested = true;
			entries = left = d.len / (uint32_t)sizeof(d);
			i = 0;
			continue;
		}
		err = add_segment(c, m, &d);
		if (err)
			return err;
		if (!(d.flags & VIRTQ_DESC_F_NEXT))
			return NULL;
		i = d.next;
	}
}

int vq_peek(struct vq *q, const struct vq_mem *m, struct vq_chain *c)
{
	const char *err;

	if (q->off)
		return q->error ? -EPROTO : 0;
	if (q->avail_seen == q->next_avail) {
		int ret = look(q);

		if (ret <= 0)
			return ret;
	}
	c->head = load16(&q->avail->ring[q->next_avail & (q->num - 1)]);
	c->n_out = c->n_in = 0;
	c->out_len = c->in_len = 0;
	err = walk(q, m, c);
	return err ? violation(q, err) : 1;
}

void vq_take(struct vq *q)
{
	q->next_avail++;
}

unsigned vq_waiting(struct vq *q)
{
	if (q->off || look(q) < 0)
		return 0;
	return (uint16_t)(q->avail_seen - q->next_avail);
}

bool vq_want_kicks(struct vq *q)
{
	if (q->off)
		return false;
	if (q->event_idx)
		store16(avail_event(q), q->next_avail);
	else
		store16(&q->used->flags, 0);
	/* pairs with the driver's fence between its index and its look at our wish:
	 * one of us sees the other */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return vq_waiting(q) != 0;
}

void vq_no_kicks(struct vq *q)
{
	if (q->off)
		return;
	if (q->event_idx)	/* as far ahead as the index can be */
		store16(avail_event(q), (uint16_t)(q->next_avail - 1));
	else
		store16(&q->used->flags, VIRTQ_USED_F_NO_NOTIFY);
}

/* ---- give back ---------------------------------------------------------------- */

void vq_push(struct vq *q, uint16_t head, uint32_t len)
{
	struct virtq_used_elem *e = &q->used->ring[q->next_used & (q->num - 1)];

	__atomic_store_n(&e->id, head, __ATOMIC_RELAXED);
	__atomic_store_n(&e->len, len, __ATOMIC_RELAXED);
	q->next_used++;
}

bool vq_publish(struct vq *q)
{
	uint16_t old = q->published, now = q->next_used;

	if (q->off || old == now)
		return false;
	/* pairs with the driver's load-acquire of the used index: data and ring
	 * entries come first */
	__atomic_store_n(&q->used->idx, now, __ATOMIC_RELEASE);
	q->published = now;
	/* pairs with the driver's fence in virtq_arm() between its wish and its look
	 * at the used index */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (q->event_idx)	/* 2.7.10.1 */
		return (uint16_t)(now - load16(used_event(q)) - 1) < (uint16_t)(now - old);
	return !(load16(&q->avail->flags) & VIRTQ_AVAIL_F_NO_INTERRUPT);
}

/* ---- lists of segments ------------------------------------------------------------ */

size_t iov_read(const struct iovec *iov, unsigned n, size_t off, void *buf, size_t len)
{
	uint8_t *to = buf;
	size_t done = 0;

	for (unsigned i = 0; i < n && done < len; i++) {
		size_t here = iov[i].iov_len;

		if (off >= here) {
			off -= here;
			continue;
		}
		here -= off;
		if (here > len - done)
			here = len - done;
		memcpy(to + done, (const uint8_t *)iov[i].iov_base + off, here);
		done += here;
		off = 0;
	}
	return done;
}

size_t iov_write(const struct iovec *iov, unsigned n, size_t off, const void *buf, size_t len)
{
	const uint8_t *from = buf;
	size_t done = 0;

	for (unsigned i = 0; i < n && done < len; i++) {
		size_t here = iov[i].iov_len;

		if (off >= here) {
			off -= here;
			continue;
		}
		here -= off;
		if (here > len - done)
			here = len - done;
		memcpy((uint8_t *)iov[i].iov_base + off, from + done, here);
		done += here;
		off = 0;
	}
	return done;
}

unsigned iov_skip(struct iovec *dst, const struct iovec *iov, unsigned n, size_t off)
{
	unsigned count = 0;

	for (unsigned i = 0; i < n; i++) {
		if (off >= iov[i].iov_len) {
			off -= iov[i].iov_len;
			continue;
		}
		dst[count++] = (struct iovec){ (uint8_t *)iov[i].iov_base + off,
					       iov[i].iov_len - off };
		off = 0;
	}
	return count;
}

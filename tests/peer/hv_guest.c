/* SPDX-License-Identifier: BSD-2-Clause
 *
 * See hv_guest.h.
 */
#include "tests/peer/hv_guest.h"

#include <assert.h>
#include <errno.h>
#include <linux/fs.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

struct peer_sys_rule peer_sys_rule;
unsigned peer_sys_delay_us, peer_sys_inside;
unsigned long peer_sys_calls;
bool peer_sys_slow;
long peer_sys_last_flags;

long peer_sys(long nr, long a, long b, long c, long d, long e, long f);
long peer_sys(long nr, long a, long b, long c, long d, long e, long f)
{
	struct peer_sys_rule *r = &peer_sys_rule;
	long ret;

	__atomic_fetch_add(&peer_sys_calls, 1, __ATOMIC_RELAXED);
	if (peer_sys_slow && (nr == SYS_preadv2 || nr == SYS_pwritev2) && f == RWF_NOWAIT)
		return -EAGAIN;
	if (nr == SYS_pwritev2)
		__atomic_store_n(&peer_sys_last_flags, f, __ATOMIC_RELAXED);
	if (r->times && r->nr == nr && (r->fd < 0 || r->fd == (int)a)) {
		if (r->after) {
			r->after--;
		} else {
			r->times--;
			return r->ret;
		}
	}
	if (peer_sys_delay_us && (nr == SYS_fdatasync || (nr == SYS_preadv2 && f != RWF_NOWAIT))) {
		__atomic_fetch_add(&peer_sys_inside, 1, __ATOMIC_RELAXED);
		usleep(peer_sys_delay_us);
		__atomic_fetch_sub(&peer_sys_inside, 1, __ATOMIC_RELAXED);
	}
	ret = syscall(nr, a, b, c, d, e, f);
	return ret < 0 ? -errno : ret;
}

void hvg_begin(struct hvg *g, uint64_t size, uint64_t rw_size)
{
	memset(g, 0, sizeof(*g));
	g->d = calloc(1, devs_size());
	g->mem = aligned_alloc(4096, size);
	g->start = calloc(1, sizeof(*g->start));
	assert(g->d && g->mem && g->start);
	memset(g->mem, 0, size);
	g->size = size;
	g->rw_size = rw_size;
	devs_init(g->d, g->mem, size, rw_size, g->start);
}

void hvg_end(struct hvg *g)
{
	free(g->d);
	free(g->mem);
	free(g->start);
	memset(&peer_sys_rule, 0, sizeof(peer_sys_rule));
}

uint64_t hvg_alloc(struct hvg *g, uint64_t len, uint64_t align)
{
	uint64_t at = (g->next + align - 1) & ~(align - 1);

	assert(at + len <= g->rw_size);
	g->next = at + len;
	memset(g->mem + at, 0, len);
	return HV_MEM_BASE + at;
}

void *hvg_ptr(struct hvg *g, uint64_t addr)
{
	return g->mem + (addr - HV_MEM_BASE);
}

static void make_queue(struct hvg *g, struct hvg_queue *q, unsigned dev, unsigned i, unsigned num)
{
	memset(q, 0, sizeof(*q));
	q->g = g;
	q->dev = dev;
	q->q = i;
	q->num = q->n_free = (uint16_t)num;
	q->where = (struct hv_queue){
		.num = num, .desc = hvg_alloc(g, 16 * num, 16),
		.avail = hvg_alloc(g, 6 + 2 * num, 2), .used = hvg_alloc(g, 6 + 8 * num, 4),
	};
	q->desc = hvg_ptr(g, q->where.desc);
	q->avail = hvg_ptr(g, q->where.avail);
	q->used = hvg_ptr(g, q->where.used);
	for (unsigned j = 0; j < num; j++)
		q->desc[j].next = (uint16_t)(j + 1);
}

int64_t hvg_start(struct hvg *g, unsigned dev, uint64_t features, struct hvg_queue *q,
		  unsigned num)
{
	struct hv_device *h = &g->start->device[dev];

	devs_status(g->d, dev, 0);
	devs_status(g->d, dev, 1);
	devs_status(g->d, dev, 2);
	if (devs_features(g->d, dev, (features | VIRTIO_F_VERSION_1) & h->features))
		return -1;
	devs_status(g->d, dev, VIRTIO_S_FEATURES_OK);
	for (unsigned i = 0; i < h->n_queues; i++) {
		unsigned n = num < h->queue_max[i] ? num : h->queue_max[i];
		uint64_t addr = hvg_alloc(g, sizeof(struct hv_queue), 8);

		make_queue(g, q + i, dev, i, n);
		q[i].event_idx = features & VIRTIO_F_EVENT_IDX;
		memcpy(hvg_ptr(g, addr), &q[i].where, sizeof(q[i].where));
		if (devs_queue(g->d, dev << 16 | i, addr))
			return -1;
	}
	return devs_status(g->d, dev, VIRTIO_S_DRIVER_OK);
}

static unsigned take_desc(struct hvg_queue *q)
{
	unsigned i = q->free_head;

	q->free_head = q->desc[i].next;
	q->n_free--;
	return i;
}

int hvg_add(struct hvg_queue *q, const struct hvg_seg *seg, unsigned n_out, unsigned n_in,
	    bool table)
{
	unsigned n = n_out + n_in, head, i, at;
	struct virtq_desc *d = NULL;

	if (q->n_free < (table ? 1 : n))
		return -1;
	head = at = take_desc(q);
	if (table) {
		uint64_t addr = hvg_alloc(q->g, 16 * n, 16);

		d = hvg_ptr(q->g, addr);
		q->desc[head].addr = addr;
		q->desc[head].len = 16 * n;
		q->desc[head].flags = VIRTQ_DESC_F_INDIRECT;
	}
	for (i = 0; i < n; i++) {
		struct virtq_desc *e = table ? d + i : q->desc + at;

		e->addr = seg[i].addr;
		e->len = seg[i].len;
		e->flags = (uint16_t)((i >= n_out ? VIRTQ_DESC_F_WRITE : 0) |
				      (i + 1 < n ? VIRTQ_DESC_F_NEXT : 0));
		if (i + 1 < n)
			e->next = (uint16_t)(table ? i + 1 : (at = take_desc(q)));
	}
	q->length[head] = (uint16_t)(table ? 1 : n);
	__atomic_store_n(&q->avail->ring[q->prod & (q->num - 1)], (uint16_t)head, __ATOMIC_RELAXED);
	q->prod++;
	return (int)head;
}

int64_t hvg_kick(struct hvg_queue *q)
{
	uint16_t old = q->avail->idx, *event = (uint16_t *)(void *)&q->used->ring[q->num];
	bool want;

	__atomic_store_n(&q->avail->idx, q->prod, __ATOMIC_RELEASE);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (q->event_idx)
		want = (uint16_t)(q->prod - __atomic_load_n(event, __ATOMIC_RELAXED) - 1) <
		       (uint16_t)(q->prod - old);
	else
		want = !(__atomic_load_n(&q->used->flags, __ATOMIC_RELAXED) & VIRTQ_USED_F_NO_NOTIFY);
	return want && !q->quiet ? devs_kick(q->g->d, (uint64_t)q->dev << 16 | q->q) : -1;
}

bool hvg_get(struct hvg_queue *q, uint16_t *head, uint32_t *len)
{
	unsigned at;

	if (__atomic_load_n(&q->used->idx, __ATOMIC_ACQUIRE) == q->cons)
		return false;
	*head = (uint16_t)q->used->ring[q->cons & (q->num - 1)].id;
	*len = q->used->ring[q->cons & (q->num - 1)].len;
	q->cons++;
	assert(*head < q->num && q->length[*head]);
	at = *head;
	for (unsigned i = 1; i < q->length[*head]; i++)
		at = q->desc[at].next;
	q->n_free = (uint16_t)(q->n_free + q->length[*head]);
	q->length[*head] = 0;
	q->desc[at].next = q->free_head;
	q->free_head = *head;
	return true;
}

void hvg_arm(struct hvg_queue *q)
{
	__atomic_store_n(&q->avail->ring[q->num], q->cons, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

uint64_t hvg_wait(struct hvg *g, int ms)
{
	struct pollfd pfd[DEVS_POLLFDS];

	for (;;) {
		uint64_t bits;
		int n;

		devs_sweep(g->d);
		bits = devs_take_events(g->d);
		if (bits)
			return bits;
		n = devs_prepare(g->d, pfd, DEVS_POLLFDS);
		if (n < 0)
			continue;
		if (poll(pfd, (nfds_t)n, ms) == 0)
			return 0;
		devs_ready(g->d, pfd, (unsigned)n);
	}
}

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Block device (Virtio 1.2 section 5.2) on a file or a block device. A read that the
 * page cache can answer is answered at once; whatever might sleep goes to a worker
 * thread (pool.c) and ends out of order. FLUSH is fdatasync: it covers the writes
 * that were answered before it came, as the specification wants. A driver that does
 * not accept FLUSH gets each write stable before its answer (5.2.6.2).
 */
#include <asm/errno.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <string.h>

#include "hv/dev/dev_impl.h"
#include "hv/sys.h"

#define SECTOR		512u
#define BATCH		64u
#define BYTES_MAX	(64u << 20)	/* of one request */
#define DISCARD_MAX	(1u << 21)	/* sectors of one range: 1 GiB */

#define VIRTIO_BLK_F_WRITE_ZEROES (1ull << 14)
#define VIRTIO_BLK_T_WRITE_ZEROES 13u
#define RANGE_UNMAP	1u

static struct blk *blk_of(struct devs *d, const struct dev *v)
{
	return &d->u[v->index].blk;
}

/* ---- a worker's part: may sleep ---------------------------------------------------- */

static bool transfer(const struct blk *b, struct job *j)
{
	struct iovec *iov = j->iov;
	unsigned n = j->n_iov;

	while (j->len) {
		int fd = j->direct ? b->p.direct_fd : b->p.fd;
		long ret;

		if (j->type == VIRTIO_BLK_T_IN)
			ret = sys_preadv2(fd, iov, n, j->offset, 0);
		else
			ret = sys_pwritev2(fd, iov, n, j->offset, j->stable ? RWF_DSYNC : 0);
		if (ret == -EINTR)
			continue;
		if (j->direct && (ret == -EINVAL || (ret > 0 && (uint64_t)ret < j->len))) {
			j->direct = false;	/* the rest may be out of alignment */
			if (ret < 0)
				continue;
		}
		if (ret <= 0)			/* 0: the file ends early */
			return false;
		j->offset += (uint64_t)ret;
		j->len -= (uint64_t)ret;
		n = iov_skip(iov, iov, n, (size_t)ret);
	}
	return true;
}

static bool erase(const struct blk *b, const struct job *j)
{
	const int punch = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;

	for (unsigned i = 0; i < j->n_ranges; i++) {
		uint64_t off = j->range[i].sector * SECTOR;
		uint64_t len = (uint64_t)j->range[i].num_sectors * SECTOR;
		bool keep = j->type == VIRTIO_BLK_T_WRITE_ZEROES &&
			    !(j->range[i].flags & RANGE_UNMAP);
		long ret = -EOPNOTSUPP;

		if (!len)
			continue;
		if (keep)
			ret = sys_fallocate(b->p.fd, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE,
					    off, len);
		if (ret == -EOPNOTSUPP)
			ret = sys_fallocate(b->p.fd, punch, off, len);
		if (ret < 0)
			return false;
	}
	return !j->stable || sys_fdatasync(b->p.fd) == 0;
}

void blk_run_job(struct devs *d, struct job *j)
{
	const struct blk *b = &d->u[j->dev].blk;

	switch (j->type) {
	case VIRTIO_BLK_T_IN:
	case VIRTIO_BLK_T_OUT:
		j->ok = transfer(b, j);
		break;
	case VIRTIO_BLK_T_FLUSH:
		j->ok = sys_fdatasync(b->p.fd) == 0;
		break;
	default:
		j->ok = erase(b, j);
	}
}

/* ---- answers -------------------------------------------------------------------- */

static void answer(struct dev *v, uint16_t head, uint8_t *status_at, uint8_t status,
		   uint64_t written)
{
	__atomic_store_n(status_at, status, __ATOMIC_RELAXED);
	vq_push(&v->vq[0], head, (uint32_t)written + 1);
}

void blk_finish(struct devs *d, struct job *j)
{
	struct dev *v = &d->dev[j->dev];

	if (v->running) {
		answer(v, j->head, j->status_at,
		       j->ok ? VIRTIO_BLK_S_OK : VIRTIO_BLK_S_IOERR, j->ok ? j->written : 0);
		dev_publish(d, v, 0);
	}
	blk_of(d, v)->busy--;
	pool_put(d, j);
}

/* ---- requests ---------------------------------------------------------------------- */

struct request {
	struct virtio_blk_req_hdr hdr;
	uint8_t *status_at;
	uint64_t out_len, in_len;	/* of data */
};

/* What the chain in hand says; data segments stay in it. */
static bool parse(struct devs *d, struct dev *v, struct request *r)
{
	struct vq_chain *c = &d->chain;
	struct iovec *last;

	if (c->out_len < sizeof(r->hdr) || !c->in_len) {
		dev_fail(d, v, "request without a header or a place for the status");
		return false;
	}
	iov_read(c->iov, c->n_out, 0, &r->hdr, sizeof(r->hdr));
	last = &c->iov[c->n_out + c->n_in - 1];
	r->status_at = (uint8_t *)last->iov_base + --last->iov_len;
	r->out_len = c->out_len - sizeof(r->hdr);
	r->in_len = c->in_len - 1;
	return true;
}

static bool on_disk(const struct blk *b, uint64_t sector, uint64_t sectors)
{
	uint64_t capacity = b->p.size / SECTOR;

	return sector <= capacity && sectors <= capacity - sector;
}

static bool aligned(const struct blk *b, const struct job *j)
{
	uint64_t bits = j->offset | j->len;

	if (b->p.direct_fd < 0)
		return false;
	for (unsigned i = 0; i < j->n_iov; i++)
		bits |= (uint64_t)(uintptr_t)j->iov[i].iov_base | j->iov[i].iov_len;
	return !(bits & (b->p.direct_align - 1));
}

/* Reads and writes; true: a status is due now. */
static bool start_transfer(struct devs *d, struct blk *b, const struct request *r,
			   struct job *j, uint8_t *status)
{
	const struct vq_chain *c = &d->chain;
	bool in = r->hdr.type == VIRTIO_BLK_T_IN;
	long ret = 0;

	j->len = in ? r->in_len : r->out_len;
	*status = VIRTIO_BLK_S_IOERR;
	if (!in && b->p.read_only)
		return true;
	if (j->len % SECTOR || j->len > BYTES_MAX || !on_disk(b, r->hdr.sector, j->len / SECTOR))
		return true;
	j->offset = r->hdr.sector * SECTOR;
	if (in)
		j->n_iov = (uint16_t)iov_skip(j->iov, c->iov + c->n_out, c->n_in, 0);
	else
		j->n_iov = (uint16_t)iov_skip(j->iov, c->iov, c->n_out, sizeof(r->hdr));
	j->direct = aligned(b, j);
	if (j->direct || !d->pool.n)
		return false;
	if (in)
		ret = sys_preadv2(b->p.fd, j->iov, j->n_iov, j->offset, RWF_NOWAIT);
	else if (!j->stable && !b->wait_writes)
		ret = sys_pwritev2(b->p.fd, j->iov, j->n_iov, j->offset, RWF_NOWAIT);
	if (!in && ret == -EOPNOTSUPP)
		b->wait_writes = true;
	if (ret < 0 || (uint64_t)ret != j->len)
		return false;		/* all of it once more, by a worker */
	*status = VIRTIO_BLK_S_OK;
	return true;
}

static bool start_erase(struct devs *d, struct dev *v, struct blk *b, const struct request *r,
			struct job *j, uint8_t *status)
{
	const struct vq_chain *c = &d->chain;
	bool zero = r->hdr.type == VIRTIO_BLK_T_WRITE_ZEROES;

	*status = VIRTIO_BLK_S_UNSUPP;
	if (!dev_has(v, zero ? VIRTIO_BLK_F_WRITE_ZEROES : VIRTIO_BLK_F_DISCARD))
		return true;
	*status = VIRTIO_BLK_S_IOERR;
	if (!r->out_len || r->out_len % sizeof(j->range[0]) || r->out_len > sizeof(j->range))
		return true;
	iov_read(c->iov, c->n_out, sizeof(r->hdr), j->range, r->out_len);
	j->n_ranges = (uint16_t)(r->out_len / sizeof(j->range[0]));
	for (unsigned i = 0; i < j->n_ranges; i++) {
		const struct virtio_blk_discard *g = &j->range[i];

		if (g->flags & ~RANGE_UNMAP || (!zero && g->flags)) {
			*status = VIRTIO_BLK_S_UNSUPP;	/* 5.2.6.2 */
			return true;
		}
		if (g->num_sectors > DISCARD_MAX || !on_disk(b, g->sector, g->num_sectors))
			return true;
	}
	return false;
}

static void identify(struct devs *d, const struct blk *b, const struct request *r)
{
	const struct vq_chain *c = &d->chain;

	iov_write(c->iov + c->n_out, c->n_in, 0, b->p.serial,
		  r->in_len < sizeof(b->p.serial) ? r->in_len : sizeof(b->p.serial));
}

/* The chain in hand becomes a job, or gets its answer; false: come again later. */
static bool submit(struct devs *d, struct dev *v)
{
	struct blk *b = blk_of(d, v);
	uint8_t status = VIRTIO_BLK_S_OK;
	bool now = true;
	struct request r;
	struct job *j;

	/* as many under way as there can be: an end comes first */
	b->full = b->busy >= v->vq[0].num || !(j = pool_get(d));
	if (b->full)
		return false;
	if (!parse(d, v, &r)) {
		pool_put(d, j);
		return false;
	}
	j->dev = v->index;
	j->type = (uint8_t)r.hdr.type;
	j->head = d->chain.head;
	j->status_at = r.status_at;
	j->stable = !dev_has(v, VIRTIO_BLK_F_FLUSH);
	j->direct = false;
	j->n_iov = 0;
	switch (r.hdr.type) {
	case VIRTIO_BLK_T_IN:
	case VIRTIO_BLK_T_OUT:
		now = start_transfer(d, b, &r, j, &status);
		break;
	case VIRTIO_BLK_T_FLUSH:
		now = b->p.read_only;
		break;
	case VIRTIO_BLK_T_DISCARD:
	case VIRTIO_BLK_T_WRITE_ZEROES:
		now = start_erase(d, v, b, &r, j, &status);
		break;
	case VIRTIO_BLK_T_GET_ID:
		identify(d, b, &r);
		break;
	default:
		status = VIRTIO_BLK_S_UNSUPP;
	}
	vq_take(&v->vq[0]);
	if (now) {
		answer(v, j->head, r.status_at, status,
		       r.hdr.type == VIRTIO_BLK_T_IN && !status ? r.in_len : 0);
		pool_put(d, j);
	} else {
		b->busy++;
		j->written = r.hdr.type == VIRTIO_BLK_T_IN ? r.in_len : 0;
		pool_post(d, j);
	}
	return true;
}

/* ---- what dev.c calls ------------------------------------------------------------------ */

bool blk_work(struct devs *d, struct dev *v)
{
	struct blk *b = blk_of(d, v);
	unsigned i;

	b->full = false;
	for (i = 0; i < BATCH && dev_peek(d, v, 0); i++)
		if (!submit(d, v))
			break;
	dev_publish(d, v, 0);
	/* a kick may find its answer in the page cache: the driver need not wait */
	if (dev_more(d, v, 0) && !b->full)
		v->again = true;
	return i > 0;
}

/* Waits for the workers: they write into the guest's memory. */
void blk_reset(struct devs *d, struct dev *v)
{
	struct blk *b = blk_of(d, v);

	while (b->busy) {
		struct pollfd p = { .fd = d->event_fd, .events = POLLIN };
		uint64_t count;

		if (pool_collect(d) || pool_prepare(d))
			continue;
		if (sys_ppoll(&p, 1, NULL) > 0)
			sys_read(d->event_fd, &count, sizeof(count));
	}
}

int devs_add_blk(struct devs *d, const char *name, const struct dev_blk_param *p)
{
	uint64_t features = VIRTIO_BLK_F_SEG_MAX | VIRTIO_BLK_F_BLK_SIZE | VIRTIO_BLK_F_FLUSH;
	uint64_t capacity = p->size / SECTOR;
	uint32_t seg_max = VQ_CHAIN_MAX - 2, ranges = BLK_RANGES, one = 1, most = DISCARD_MAX;
	uint32_t align = p->direct_fd >= 0 ? p->direct_align : SECTOR;
	struct dev *v;

	if (p->size % SECTOR || align < SECTOR || align > 4096 || align & (align - 1) ||
	    p->size > INT64_MAX)
		return -EINVAL;
	if (p->read_only)
		features |= VIRTIO_BLK_F_RO;
	else if (p->discard)
		features |= VIRTIO_BLK_F_DISCARD | VIRTIO_BLK_F_WRITE_ZEROES;
	v = dev_new(d, name, VIRTIO_ID_BLOCK, 1, BLK_QUEUE, features);
	if (!v)
		return -ENOSPC;
	blk_of(d, v)->p = *p;
	dev_config(d, v, VIRTIO_BLK_CFG_CAPACITY, &capacity, 8);
	dev_config(d, v, VIRTIO_BLK_CFG_SEG_MAX, &seg_max, 4);
	dev_config(d, v, VIRTIO_BLK_CFG_BLK_SIZE, &align, 4);
	if (features & VIRTIO_BLK_F_DISCARD) {
		align /= SECTOR;
		dev_config(d, v, VIRTIO_BLK_CFG_MAX_DISCARD, &most, 4);
		dev_config(d, v, 40, &ranges, 4);	/* max_discard_seg */
		dev_config(d, v, 44, &align, 4);	/* discard_sector_alignment */
		dev_config(d, v, 48, &most, 4);		/* max_write_zeroes_sectors */
		dev_config(d, v, 52, &ranges, 4);	/* max_write_zeroes_seg */
		dev_config(d, v, 56, &one, 4);		/* write_zeroes_may_unmap */
	}
	return v->index;
}

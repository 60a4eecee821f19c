/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The blocking half of blkdev.h: cuts what is longer than a request may be, and
 * keeps a few of the pieces in flight.
 */
#include <errno.h>

#include "kernel/blkdev.h"
#include "kernel/file.h"
#include "kernel/thread.h"

/* Requests of one call that are in flight at a time. They lie on its stack. */
#define IN_FLIGHT 4u

struct batch {
	struct wait_queue queue;
	unsigned busy;			/* bit n: rq[n] is the driver's */
	int status;			/* the first error */
	struct blkdev *bd;
	struct blk_request rq[IN_FLIGHT];
};

static void batch_done(struct blk_request *rq)
{
	struct batch *b = rq->arg;

	b->busy &= ~(1u << (rq - b->rq));
	if (rq->status) {
		b->bd->errors++;
		if (!b->status)
			b->status = rq->status;
	}
	wait_queue_wake_all(&b->queue);
}

static void batch_init(struct batch *b, struct blkdev *bd)
{
	wait_queue_init(&b->queue);
	b->busy = 0;
	b->status = 0;
	b->bd = bd;
}

/* Until fewer than `n` are in flight. */
static void batch_wait(struct batch *b, unsigned n)
{
	while ((unsigned)__builtin_popcount(b->busy) >= n)
		wait_queue_sleep(&b->queue, NSEC_NEVER);
}

static struct blk_request *batch_next(struct batch *b, enum blk_op op)
{
	unsigned i = 0;

	batch_wait(b, IN_FLIGHT);
	while (b->busy & 1u << i)
		i++;
	b->rq[i].op = op;
	b->rq[i].sector = b->rq[i].n_sectors = 0;
	b->rq[i].n_segs = 0;
	b->rq[i].done = batch_done;
	b->rq[i].arg = b;
	return &b->rq[i];
}

static void batch_submit(struct batch *b, struct blk_request *rq)
{
	b->busy |= 1u << (rq - b->rq);
	blkdev_submit(b->bd, rq);
}

static int submit_and_wait(struct blkdev *bd, enum blk_op op, uint64_t sector,
			   uint64_t n_sectors)
{
	struct blk_request *rq;
	struct batch b;

	batch_init(&b, bd);
	rq = batch_next(&b, op);
	rq->sector = sector;
	rq->n_sectors = n_sectors;
	batch_submit(&b, rq);
	batch_wait(&b, 1);
	return b.status;
}

/* How far a transfer's requests have come. */
struct cursor {
	const struct file_iov *iov;
	size_t skip;			/* of iov[0] */
	size_t left;
};

static size_t fill(const struct blkdev *bd, struct blk_request *rq,
		   struct cursor *c)
{
	size_t bytes = 0, most = bd->max_bytes & ~(bd->block_size - 1);

	if (most > c->left)
		most = c->left;
	while (bytes < most && rq->n_segs < bd->max_segs) {
		size_t n = c->iov->len - c->skip;

		n = n < most - bytes ? n : most - bytes;
		if (n)
			rq->seg[rq->n_segs++] = (struct blk_seg){
				(char *)c->iov->base + c->skip, (uint32_t)n
			};
		bytes += n;
		c->skip += n;
		if (c->skip == c->iov->len) {
			c->iov++;
			c->skip = 0;
		}
	}
	c->left -= bytes;
	return bytes;
}

/* All or nothing: no half transfer before something turns out wrong. */
static int check_transfer(const struct blkdev *bd, uint64_t off,
			  const struct file_iov *iov, size_t len)
{
	if (off % bd->block_size || len % bd->block_size ||
	    off / BLK_SECTOR > bd->n_sectors ||
	    len / BLK_SECTOR > bd->n_sectors - off / BLK_SECTOR)
		return -EINVAL;
	for (; len; iov++) {
		if (iov->len && ((uintptr_t)iov->base % 4 ||
				 iov->len % bd->block_size))
			return -EINVAL;
		len -= iov->len < len ? iov->len : len;
	}
	return 0;
}

int blkdev_transfer(struct blkdev *bd, enum blk_op op, uint64_t off,
		    const struct file_iov *iov, size_t len)
{
	struct cursor c = { iov, 0, len };
	struct batch b;
	int err = op != BLK_READ && bd->read_only ? -EROFS :
		  check_transfer(bd, off, iov, len);

	if (err)
		return err;
	batch_init(&b, bd);
	while (c.left) {
		struct blk_request *rq = batch_next(&b, op);

		if (b.status)
			break;
		rq->sector = off / BLK_SECTOR;
		off += fill(bd, rq, &c);
		batch_submit(&b, rq);
	}
	batch_wait(&b, 1);
	return b.status;
}

int blkdev_read(struct blkdev *bd, uint64_t off, void *buf, size_t len)
{
	const struct file_iov iov = { buf, len };

	return blkdev_transfer(bd, BLK_READ, off, &iov, len);
}

int blkdev_write(struct blkdev *bd, uint64_t off, const void *buf, size_t len)
{
	const struct file_iov iov = { (void *)(uintptr_t)buf, len };

	return blkdev_transfer(bd, BLK_WRITE, off, &iov, len);
}

int blkdev_flush(struct blkdev *bd)
{
	return bd->has_flush ? submit_and_wait(bd, BLK_FLUSH, 0, 0) : 0;
}

int blkdev_discard(struct blkdev *bd, uint64_t off, uint64_t len)
{
	if (off % bd->block_size || len % bd->block_size)
		return -EINVAL;
	return submit_and_wait(bd, BLK_DISCARD, off / BLK_SECTOR,
			       len / BLK_SECTOR);
}

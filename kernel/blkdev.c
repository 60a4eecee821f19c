/* SPDX-License-Identifier: BSD-2-Clause
 *
 * See blkdev.h: the registry, the one place that checks requests, and the
 * blocking helpers, which cut what is longer than a request may be.
 */
#include "kernel/blkdev.h"

#include <errno.h>

#include "kernel/lib/fmt.h"
#include "kernel/lib/string.h"
#include "kernel/log.h"
#include "kernel/thread.h"

static struct list blkdevs = LIST_INIT(blkdevs);
static unsigned n_blkdevs;

/* A driver's numbers come from its device: refuse what cannot be. */
int blkdev_register(struct blkdev *bd)
{
	if (bd->block_size < BLK_SECTOR || bd->block_size > 4096 ||
	    bd->block_size & (bd->block_size - 1) || !bd->max_segs ||
	    bd->max_segs > BLK_MAX_SEGS || bd->max_bytes < bd->block_size ||
	    bd->n_sectors > INT64_MAX / BLK_SECTOR)
		return -EINVAL;
	fmt_snprintf(bd->name, sizeof(bd->name), "disk%u", n_blkdevs++);
	bd->serial[sizeof(bd->serial) - 1] = '\0';
	list_push(&blkdevs, &bd->all);
	log_info(LOG_BLK, "%s: %llu KiB, serial \"%s\"%s", bd->name,
		 (unsigned long long)(bd->n_sectors / 2), bd->serial,
		 bd->read_only ? ", read-only" : "");
	return 0;
}

struct blkdev *blkdev_next(struct blkdev *after)
{
	struct list *next = after ? after->all.next : blkdevs.next;

	return next == &blkdevs ? NULL : container_of(next, struct blkdev, all);
}

struct blkdev *blkdev_find(const char *name_or_serial)
{
	struct blkdev *bd;

	if (!*name_or_serial)
		return NULL;
	for (bd = blkdev_next(NULL); bd; bd = blkdev_next(bd)) {
		if (!strcmp(bd->name, name_or_serial) ||
		    !strcmp(bd->serial, name_or_serial))
			return bd;
	}
	return NULL;
}

static int check_segs(const struct blkdev *bd, struct blk_request *rq)
{
	uint64_t bytes = 0;

	if (!rq->n_segs || rq->n_segs > bd->max_segs)
		return -EINVAL;
	for (unsigned i = 0; i < rq->n_segs; i++) {
		if (!rq->seg[i].len || rq->seg[i].len % BLK_SECTOR ||
		    (uintptr_t)rq->seg[i].base % 4)
			return -EINVAL;
		bytes += rq->seg[i].len;
	}
	if (bytes > bd->max_bytes)
		return -EINVAL;
	rq->n_sectors = bytes / BLK_SECTOR;
	return 0;
}

static int check_range(const struct blkdev *bd, const struct blk_request *rq)
{
	uint32_t per_block = bd->block_size / BLK_SECTOR;

	if (!rq->n_sectors || rq->sector % per_block ||
	    rq->n_sectors % per_block)
		return -EINVAL;
	if (rq->sector > bd->n_sectors ||
	    rq->n_sectors > bd->n_sectors - rq->sector)
		return -EINVAL;
	return 0;
}

static int check(const struct blkdev *bd, struct blk_request *rq)
{
	int err;

	if (rq->op == BLK_FLUSH)
		return bd->has_flush ? 0 : -ENOTSUP;
	if (rq->op != BLK_READ && bd->read_only)
		return -EROFS;
	if (rq->op == BLK_DISCARD && !bd->has_discard)
		return -ENOTSUP;
	if (rq->op != BLK_DISCARD) {
		err = check_segs(bd, rq);
		if (err)
			return err;
	}
	return check_range(bd, rq);
}

static void count(struct blkdev *bd, const struct blk_request *rq)
{
	bd->reads += rq->op == BLK_READ;
	bd->writes += rq->op == BLK_WRITE;
	bd->flushes += rq->op == BLK_FLUSH;
	if (rq->op == BLK_READ)
		bd->read_bytes += rq->n_sectors * BLK_SECTOR;
	if (rq->op == BLK_WRITE)
		bd->write_bytes += rq->n_sectors * BLK_SECTOR;
}

void blkdev_submit(struct blkdev *bd, struct blk_request *rq)
{
	int err = check(bd, rq);

	if (err) {
		rq->status = err;
		rq->done(rq);
		return;
	}
	rq->status = -EINPROGRESS;
	count(bd, rq);
	bd->ops->submit(bd, rq);
}

/* ---- blocking ---- */

struct waiter {
	struct wait_queue queue;
	bool done;
};

static void wake_waiter(struct blk_request *rq)
{
	struct waiter *w = rq->arg;

	w->done = true;
	wait_queue_wake_all(&w->queue);
}

static int submit_and_wait(struct blkdev *bd, struct blk_request *rq)
{
	struct waiter w = { .done = false };

	wait_queue_init(&w.queue);
	rq->done = wake_waiter;
	rq->arg = &w;
	blkdev_submit(bd, rq);
	while (!w.done)
		wait_queue_sleep(&w.queue, NSEC_NEVER);
	if (rq->status)
		bd->errors++;
	return rq->status;
}

static int transfer(struct blkdev *bd, enum blk_op op, uint64_t off, char *buf,
		    size_t len)
{
	uint32_t most = bd->max_bytes & ~(bd->block_size - 1);

	if (off % bd->block_size || len % bd->block_size)
		return -EINVAL;
	/* All or nothing: no half transfer before the range turns out wrong. */
	if (off / BLK_SECTOR > bd->n_sectors ||
	    len / BLK_SECTOR > bd->n_sectors - off / BLK_SECTOR)
		return -EINVAL;
	while (len) {
		uint32_t n = len < most ? (uint32_t)len : most;
		struct blk_request rq = {
			.op = op, .sector = off / BLK_SECTOR, .n_segs = 1,
			.seg = { { buf, n } },
		};
		int err = submit_and_wait(bd, &rq);

		if (err)
			return err;
		off += n;
		buf += n;
		len -= n;
	}
	return 0;
}

int blkdev_read(struct blkdev *bd, uint64_t off, void *buf, size_t len)
{
	return transfer(bd, BLK_READ, off, buf, len);
}

int blkdev_write(struct blkdev *bd, uint64_t off, const void *buf, size_t len)
{
	if (bd->read_only)
		return -EROFS;
	return transfer(bd, BLK_WRITE, off, (char *)(uintptr_t)buf, len);
}

int blkdev_flush(struct blkdev *bd)
{
	struct blk_request rq = { .op = BLK_FLUSH };

	return bd->has_flush ? submit_and_wait(bd, &rq) : 0;
}

int blkdev_discard(struct blkdev *bd, uint64_t off, uint64_t len)
{
	struct blk_request rq = {
		.op = BLK_DISCARD, .sector = off / BLK_SECTOR,
		.n_sectors = len / BLK_SECTOR,
	};

	if (off % bd->block_size || len % bd->block_size)
		return -EINVAL;
	return submit_and_wait(bd, &rq);
}

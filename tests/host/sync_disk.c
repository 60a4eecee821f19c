/* SPDX-License-Identifier: BSD-2-Clause
 *
 * See sync_disk.h.
 */
#include "tests/host/sync_disk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int serve(struct sync_disk *d, struct blk_request *rq)
{
	uint64_t at = rq->sector * BLK_SECTOR;

	if (rq->op == BLK_FLUSH)
		return d->bad_flush ? -EIO : 0;
	/* blkdev.c has checked it against the size that bd says. */
	if (at > d->len || rq->n_sectors * BLK_SECTOR > d->len - at)
		abort();
	if (at < d->bad_to && at + rq->n_sectors * BLK_SECTOR > d->bad_from)
		return -EIO;
	for (unsigned i = 0; i < rq->n_segs; i++) {
		if (rq->op == BLK_READ)
			memcpy(rq->seg[i].base, d->data + at, rq->seg[i].len);
		else
			memcpy(d->data + at, rq->seg[i].base, rq->seg[i].len);
		at += rq->seg[i].len;
	}
	return 0;
}

static void submit(struct blkdev *bd, struct blk_request *rq)
{
	struct sync_disk *d = bd->driver;

	if (d->on_request)
		d->on_request(d);
	d->requests++;
	d->writes += rq->op == BLK_WRITE;
	d->flushes += rq->op == BLK_FLUSH && !d->bad_flush;
	if (rq->n_segs > d->longest)
		d->longest = rq->n_segs;
	rq->status = serve(d, rq);
	rq->done(rq);
}

static const struct blkdev_ops ops = { submit, NULL };

void sync_disk_init(struct sync_disk *d, void *data, uint64_t len,
		    uint32_t block_size, const char *serial)
{
	memset(d, 0, sizeof(*d));
	d->data = data;
	d->len = len;
	d->bd.n_sectors = len / BLK_SECTOR;
	d->bd.block_size = block_size;
	d->bd.max_segs = 4;
	d->bd.max_bytes = 32768;
	d->bd.has_flush = true;
	d->bd.ops = &ops;
	d->bd.driver = d;
	strncpy(d->bd.serial, serial, sizeof(d->bd.serial) - 1);
}

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * See ram_blkdev.h.
 */
#include "tests/host/ram_blkdev.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tools/host_kernel.h"

/* In flight: they finish, in any order, when somebody waits. */
static struct list waiting = LIST_INIT(waiting);

static bool finish_any(void);

void ram_disk_init(struct ram_disk *d, const char *name, uint64_t bytes)
{
	memset(d, 0, sizeof(*d));
	strncpy(d->bd.name, name, sizeof(d->bd.name) - 1);
	d->bd.n_sectors = bytes / BLK_SECTOR;
	d->bd.block_size = BLK_SECTOR;
	d->bd.has_flush = true;
	d->bd.max_segs = BLK_MAX_SEGS;
	d->bd.max_bytes = 1 << 20;
	d->bd.driver = d;
	d->data = calloc(1, bytes);
	d->fail_at = -1;
	list_init(&waiting);
	host_wait = finish_any;
}

void ram_disk_fini(struct ram_disk *d)
{
	free(d->data);
}

static int request(struct ram_disk *d, bool write)
{
	long n = d->requests++;

	if (d->fail_at < 0 || n < d->fail_at)
		return 0;
	if (n > d->fail_at && !d->fail_for_ever)
		return 0;
	if ((d->fail_reads_only && write) || (d->fail_writes_only && !write))
		return 0;
	return -EIO;
}

static int check(struct blkdev *bd, uint64_t off, size_t len)
{
	uint64_t end = bd->n_sectors * BLK_SECTOR;

	if (off % bd->block_size || len % bd->block_size || off > end ||
	    len > end - off)
		return -EINVAL;
	return 0;
}

int blkdev_read(struct blkdev *bd, uint64_t off, void *buf, size_t len)
{
	struct ram_disk *d = bd->driver;
	int r = check(bd, off, len);

	if (r == 0)
		r = request(d, false);
	bd->reads++;
	if (r == 0)
		memcpy(buf, d->data + off, len);
	return r;
}

int blkdev_write(struct blkdev *bd, uint64_t off, const void *buf, size_t len)
{
	struct ram_disk *d = bd->driver;
	int r = bd->read_only ? -EROFS : check(bd, off, len);

	if (r == 0)
		r = request(d, true);
	bd->writes++;
	bd->write_bytes += r == 0 ? len : 0;
	if (r == 0)
		memcpy(d->data + off, buf, len);
	return r;
}

void blkdev_submit(struct blkdev *bd, struct blk_request *rq)
{
	struct ram_disk *d = bd->driver;

	rq->arg = d;
	d->in_flight++;
	d->most_in_flight = d->in_flight > d->most_in_flight ? d->in_flight :
			    d->most_in_flight;
	list_push(&waiting, &rq->link);
}

static int finish(struct ram_disk *d, struct blk_request *rq)
{
	uint64_t off = rq->sector * BLK_SECTOR;
	size_t len = 0;
	int r;

	for (unsigned i = 0; i < rq->n_segs; i++)
		len += rq->seg[i].len;
	r = len ? check(&d->bd, off, len) : -EINVAL;
	if (len > d->bd.max_bytes || rq->n_segs > d->bd.max_segs)
		r = -EINVAL;
	if (r == 0)
		r = request(d, rq->op == BLK_WRITE);
	d->bd.reads += rq->op == BLK_READ;
	d->bd.writes += rq->op == BLK_WRITE;
	d->bd.write_bytes += r == 0 && rq->op == BLK_WRITE ? len : 0;
	d->largest = len > d->largest ? len : d->largest;
	for (unsigned i = 0; r == 0 && i < rq->n_segs; i++) {
		struct blk_seg *s = &rq->seg[i];

		if (rq->op == BLK_WRITE)
			memcpy(d->data + off, s->base, s->len);
		else
			memcpy(s->base, d->data + off, s->len);
		off += s->len;
	}
	return r;
}

static bool finish_any(void)
{
	static unsigned turn;
	struct list *l = turn++ & 1 ? waiting.next : waiting.prev;
	struct blk_request *rq;
	struct ram_disk *d;

	if (list_empty(&waiting))
		return false;
	rq = container_of(l, struct blk_request, link);
	d = rq->arg;
	list_del(&rq->link);
	d->in_flight--;
	rq->status = finish(d, rq);
	rq->done(rq);
	return true;
}

int blkdev_flush(struct blkdev *bd)
{
	bd->flushes++;
	return request(bd->driver, true);
}

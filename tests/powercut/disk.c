/* SPDX-License-Identifier: BSD-2-Clause
 *
 * See disk.h.
 */
#include "tests/powercut/disk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tools/host_kernel.h"

#define MAX_PENDING 1024u

/* splitmix64 */
uint64_t cut_rand(struct cut_rng *r)
{
	uint64_t z = r->s += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

uint32_t cut_below(struct cut_rng *r, uint32_t n)
{
	return (uint32_t)((cut_rand(r) >> 32) * n >> 32);
}

/* In flight: no flush covers them until somebody has waited for them. */
static struct list waiting = LIST_INIT(waiting);
static struct cut_rng wait_rng = { 1 };

static bool finish_any(void);

void cut_disk_init(struct cut_disk *d, size_t bytes, uint32_t unit)
{
	memset(d, 0, sizeof(*d));
	strcpy(d->bd.name, "disk0");
	d->bd.n_sectors = bytes / BLK_SECTOR;
	d->bd.block_size = unit;
	d->bd.has_flush = true;
	d->bd.max_segs = 4;
	d->bd.max_bytes = 64 << 10;
	d->bd.driver = d;
	host_wait = finish_any;
	d->bytes = bytes;
	d->data = calloc(1, bytes);
}

void cut_disk_record(struct cut_disk *d, bool on)
{
	for (size_t i = 0; i < d->n; i++)
		free(d->log[i].data);
	d->n = 0;
	d->recording = on;
}

void cut_disk_fini(struct cut_disk *d)
{
	cut_disk_record(d, false);
	free(d->log);
	free(d->data);
}

static void note(struct cut_disk *d, uint64_t off, const void *data,
		 uint32_t len)
{
	struct cut_entry *e;

	if (!d->recording)
		return;
	if (d->n == d->room) {
		d->room = d->room ? 2 * d->room : 256;
		d->log = realloc(d->log, d->room * sizeof(d->log[0]));
	}
	e = &d->log[d->n++];
	*e = (struct cut_entry){ off, len, NULL };
	if (len) {
		e->data = malloc(len);
		memcpy(e->data, data, len);
	}
}

static int check(struct blkdev *bd, uint64_t off, size_t len)
{
	uint64_t end = bd->n_sectors * BLK_SECTOR;

	return off % bd->block_size || len % bd->block_size || off > end ||
	       len > end - off ? -EINVAL : 0;
}

int blkdev_read(struct blkdev *bd, uint64_t off, void *buf, size_t len)
{
	struct cut_disk *d = bd->driver;
	int r = check(bd, off, len);

	if (r == 0)
		memcpy(buf, d->data + off, len);
	return r;
}

int blkdev_write(struct blkdev *bd, uint64_t off, const void *buf, size_t len)
{
	struct cut_disk *d = bd->driver;
	int r = check(bd, off, len);

	if (r < 0 || len == 0)
		return r;
	memcpy(d->data + off, buf, len);
	note(d, off, buf, (uint32_t)len);
	return 0;
}

void blkdev_submit(struct blkdev *bd, struct blk_request *rq)
{
	rq->arg = bd;
	list_push(&waiting, &rq->link);
}

static int finish(struct blkdev *bd, const struct blk_request *rq)
{
	struct cut_disk *d = bd->driver;
	uint64_t off = rq->sector * BLK_SECTOR, at = off;
	size_t len = 0;

	for (unsigned i = 0; i < rq->n_segs; i++)
		len += rq->seg[i].len;
	if (check(bd, off, len) || len > bd->max_bytes ||
	    rq->n_segs > bd->max_segs)
		return -EINVAL;
	for (unsigned i = 0; i < rq->n_segs; i++) {
		const struct blk_seg *s = &rq->seg[i];

		if (rq->op == BLK_READ)
			memcpy(s->base, d->data + at, s->len);
		else
			memcpy(d->data + at, s->base, s->len);
		at += s->len;
	}
	if (rq->op == BLK_WRITE)
		note(d, off, d->data + off, (uint32_t)len);
	return 0;
}

/* Somebody waits: any one of them finishes. */
static bool finish_any(void)
{
	struct list *l, *pick = NULL;
	struct blk_request *rq;
	uint32_t n = 0;

	list_for_each(l, &waiting) {
		if (cut_below(&wait_rng, ++n) == 0)
			pick = l;
	}
	if (!pick)
		return false;
	rq = container_of(pick, struct blk_request, link);
	list_del(pick);
	rq->status = finish(rq->arg, rq);
	rq->done(rq);
	return true;
}

int blkdev_flush(struct blkdev *bd)
{
	struct cut_disk *d = bd->driver;

	if (!d->lose_flush || !d->lose_flush(d))
		note(d, 0, NULL, 0);
	return 0;
}

bool cut_pattern_differs(enum cut_pattern p, size_t n_writes, uint32_t last,
			 uint32_t unit)
{
	switch (p) {
	case CUT_NONE:
		return true;
	case CUT_ALL:
		return n_writes > 0;
	case CUT_LAST:
		return n_writes > 1;
	case CUT_BUT_ONE:
		return n_writes > 2;
	case CUT_TORN_EARLY:
	case CUT_TORN:
		return n_writes > 0 && last > unit;
	default:
		return n_writes > 1 || (n_writes == 1 && last > unit);
	}
}

static void put(const struct cut_entry *e, uint32_t from, uint32_t len,
		uint8_t *image)
{
	memcpy(image + e->off + from, e->data + from, len);
}

/* Each unit of the write with a chance of `of` in 256. */
static void put_torn(const struct cut_entry *e, uint32_t of, uint32_t unit,
		     struct cut_rng *r, uint8_t *image)
{
	for (uint32_t at = 0; at < e->len; at += unit) {
		if (cut_below(r, 256) < of)
			put(e, at, unit, image);
	}
}

static void put_any(const struct cut_entry *e, uint32_t of, uint32_t unit,
		    struct cut_rng *r, uint8_t *image)
{
	uint32_t n = e->len / unit, k;

	if (cut_below(r, 256) >= of)
		return;
	switch (cut_below(r, 4)) {
	case 0:
		put_torn(e, 128, unit, r, image);
		break;
	case 1:				/* the first sectors only */
		k = cut_below(r, n + 1) * unit;
		put(e, 0, k, image);
		break;
	case 2:				/* the last ones only */
		k = cut_below(r, n + 1) * unit;
		put(e, k, e->len - k, image);
		break;
	default:
		put(e, 0, e->len, image);
	}
}

static void apply_shuffled(const struct cut_entry *log, size_t from, size_t to,
			   bool sectors, uint32_t unit, struct cut_rng *r,
			   uint8_t *image)
{
	const struct cut_entry *order[MAX_PENDING];
	uint32_t n = 0, of = 32 + cut_below(r, 200);

	for (size_t i = from; i < to && n < MAX_PENDING; i++)
		order[n++] = &log[i];
	for (uint32_t i = n; i > 1; i--) {
		uint32_t k = cut_below(r, i);
		const struct cut_entry *e = order[k];

		order[k] = order[i - 1];
		order[i - 1] = e;
	}
	for (uint32_t i = 0; i < n; i++) {
		if (sectors)
			put_torn(order[i], of, unit, r, image);
		else
			put_any(order[i], of, unit, r, image);
	}
}

void cut_apply(const struct cut_entry *log, size_t from, size_t to,
	       enum cut_pattern p, uint32_t unit, struct cut_rng *r,
	       uint8_t *image)
{
	size_t skip = SIZE_MAX;

	if (p == CUT_NONE || from == to)
		return;
	if (p == CUT_ANY || p == CUT_SECTORS) {
		apply_shuffled(log, from, to, p == CUT_SECTORS, unit, r, image);
		return;
	}
	if (p == CUT_BUT_ONE)
		skip = from + cut_below(r, (uint32_t)(to - from));
	if (p == CUT_LAST)
		from = to - 1;
	for (; from < to; from++) {
		const struct cut_entry *e = &log[from];
		uint32_t len = e->len;

		if (p == CUT_TORN_EARLY && from == to - 1)
			len = unit;
		if (p == CUT_TORN && from == to - 1)
			len = (1 + cut_below(r, len / unit - 1)) * unit;
		if (from != skip)
			put(e, 0, len, image);
	}
}

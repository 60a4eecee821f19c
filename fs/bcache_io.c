/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The block cache's requests. Neighbouring blocks share a request, and where
 * their memory is adjacent, a segment. A request belongs to nobody while it is
 * in flight; its completion, in event context, puts its blocks where they
 * belong and wakes whoever waits (there is one: the holder of the mount).
 */
#include <errno.h>

#include "fs/bcache_impl.h"
#include "kernel/lib/string.h"

#define IO_BYTES    (512u << 10)	/* a request's most: bounds its time */
#define NEAR	    12u			/* blocks: of small steps, not of a jump */
#define AHEAD_LEAST 16u			/* blocks: 64 KiB */
#define AHEAD_MOST  128u		/* 512 KiB */

int bcache_io_init(struct bcache *c)
{
	wait_queue_init(&c->wait);
	list_init(&c->free_ios);
	if (c->dev->max_bytes < BCACHE_BLOCK || !c->dev->max_segs)
		return 0;
	/* The smallest caches are for the smallest machines. */
	c->n_ios = c->max < 64 ? 2 : BCACHE_IOS;
	c->ios = heap_zalloc(HEAP_FS, c->n_ios * sizeof(c->ios[0]));
	if (!c->ios)
		return -ENOMEM;
	for (uint32_t i = 0; i < c->n_ios; i++) {
		c->ios[i].c = c;
		list_push(&c->free_ios, &c->ios[i].link);
	}
	return 0;
}

static void wait_for_one(struct bcache *c)
{
	wait_queue_sleep(&c->wait, NSEC_NEVER);
}

void bcache_io_fini(struct bcache *c)
{
	while (c->n_flight)
		wait_for_one(c);
	heap_free(HEAP_FS, c->ios);
}

struct entry *bcache_calm(struct bcache *c, uint32_t block)
{
	struct entry *e;

	while ((e = *bcache_slot(c, block)) != NULL && e->busy)
		wait_for_one(c);
	return e;
}

static void write_failed(struct bcache *c, uint32_t block)
{
	if (c->failed_block == BCACHE_NONE)
		c->failed_block = block;
}

static void read_done(struct bcache *c, struct entry *e, int status)
{
	e->busy = false;
	if (status < 0)
		bcache_entry_free(c, e);
	else
		list_push(&c->once, &e->lru);
}

static void write_done(struct bcache *c, struct entry *e, int status)
{
	e->busy = false;
	c->n_writing--;
	if (status < 0) {
		/* What the device has is not known; memory is right. */
		write_failed(c, e->block);
		c->n_dirty++;
		list_push(&c->failed, &e->lru);
		return;
	}
	e->from = e->to = 0;
	list_push(&c->once, &e->lru);
}

static void io_done(struct blk_request *rq)
{
	struct io *io = container_of(rq, struct io, rq);
	struct bcache *c = io->c;
	struct list *l;

	if (rq->status < 0) {
		c->dev->errors++;
		if (rq->op == BLK_WRITE)
			write_failed(c, (uint32_t)(rq->sector /
						   (BCACHE_BLOCK / BLK_SECTOR)));
	}
	while ((l = list_pop(&io->entries)) != NULL) {
		struct entry *e = container_of(l, struct entry, lru);

		list_init(&e->lru);
		if (rq->op == BLK_WRITE)
			write_done(c, e, rq->status);
		else
			read_done(c, e, rq->status);
	}
	c->n_flight--;
	c->write_flight -= rq->op == BLK_WRITE;
	list_push(&c->free_ios, &io->link);
	wait_queue_wake_all(&c->wait);
}

static struct io *io_get(struct bcache *c, enum blk_op op, uint64_t off)
{
	struct list *l = list_pop(&c->free_ios);
	struct io *io;

	if (!l)
		return NULL;
	io = container_of(l, struct io, link);
	memset(&io->rq, 0, sizeof(io->rq));
	list_init(&io->entries);
	io->rq.op = op;
	io->rq.sector = off / BLK_SECTOR;
	io->rq.done = io_done;
	io->bytes = 0;
	return io;
}

static void io_submit(struct bcache *c, struct io *io)
{
	c->n_flight++;
	if (io->rq.op == BLK_WRITE) {
		c->write_flight++;
		c->unflushed = true;
	}
	blkdev_submit(c->dev, &io->rq);
}

/* False: no room in this request. */
static bool io_add(struct bcache *c, struct io *io, void *data, uint32_t len)
{
	uint32_t most = c->dev->max_bytes < IO_BYTES ? c->dev->max_bytes :
			IO_BYTES;
	struct blk_seg *s = &io->rq.seg[io->rq.n_segs];

	if (io->bytes + len > most)
		return false;
	if (io->rq.n_segs && (uint8_t *)s[-1].base + s[-1].len == data) {
		s[-1].len += len;
	} else {
		if (io->rq.n_segs == c->dev->max_segs)
			return false;
		*s = (struct blk_seg){ data, len };
		io->rq.n_segs++;
	}
	io->bytes += len;
	return true;
}

/* ---- reading ahead ---- */

/* Adjacent pages make large requests out of few segments. What a reader left
 * behind is given up first: mostly that is such a run. */
struct run {
	uint8_t *page;
	uint32_t n;
};

static struct run run_get(struct bcache *c, uint32_t n)
{
	struct run r = { NULL, n };

	if (n < 2)
		return (struct run){ NULL, 0 };
	bcache_make_room(c, n < c->max / 4 ? n : c->max / 4);
	while (r.n > 1 && !r.page) {
		r.page = page_try_alloc(r.n, PAGE_SIZE);
		r.n = r.page ? r.n : r.n / 2;
	}
	return r.page ? r : (struct run){ NULL, 0 };
}

/* Into the request, which ends with the block before, or into a new one. NULL:
 * no memory, no request; what there was is on its way. */
static struct io *prefetch_one(struct bcache *c, struct io *io, uint32_t block,
			       struct run *run)
{
	struct entry *e = bcache_entry_new(c, run->n ? run->page : NULL);

	if (e && run->n) {
		run->page += BCACHE_BLOCK;
		run->n--;
	}

	if (io && (!e || !io_add(c, io, e->data, BCACHE_BLOCK))) {
		io_submit(c, io);
		io = NULL;
	}
	if (e && !io) {
		io = io_get(c, BLK_READ, (uint64_t)block * BCACHE_BLOCK);
		if (io)
			(void)io_add(c, io, e->data, BCACHE_BLOCK);
	}
	if (!io) {
		if (e)
			page_free(e->data, 1);
		heap_free(HEAP_FS, e);
		return NULL;
	}
	bcache_entry_insert(c, e, block);
	e->busy = e->fresh = true;
	list_push(&io->entries, &e->lru);
	return io;
}

uint32_t bcache_prefetch(struct bcache *c, uint32_t block, uint32_t n)
{
	uint64_t end = c->dev->n_sectors / (BCACHE_BLOCK / BLK_SECTOR);
	struct run run = run_get(c, n);
	struct io *io = NULL;
	uint32_t i;

	for (i = 0; i < n && block + i < end; i++) {
		if (!*bcache_slot(c, block + i)) {
			io = prefetch_one(c, io, block + i, &run);
			if (!io)
				break;
		} else if (io) {
			io_submit(c, io);
			io = NULL;
		}
	}
	if (io)
		io_submit(c, io);
	if (run.n)
		page_free(run.page, run.n);
	return i;
}

/* Blocks; two windows of a reader are a quarter of the cache at most. */
static uint32_t most_ahead(const struct bcache *c)
{
	uint32_t n = c->max / 8;

	return n < 4 ? 0 : n < AHEAD_MOST ? n : AHEAD_MOST;
}

void bcache_follow(struct bcache *c, struct bcache_stream *s, uint32_t block,
		   uint32_t left)
{
	uint32_t most = most_ahead(c), from, n;
	bool first = s->last == 0, near;

	if (block + 1 == s->last || !c->n_ios)
		return;
	near = block >= s->last && (block - s->last < NEAR || block < s->end);
	s->last = block + 1;
	if (!near) {
		s->mark = s->end = s->window = 0;
		if (!first)
			return;
	}
	if (block + 1 < s->end && block < s->mark)
		return;
	from = block + 1 < s->end ? s->end : block + 1;
	n = s->window ? s->window * 2 : AHEAD_LEAST;
	s->window = n < most ? n : most;
	n = s->window;
	/* What is ahead already counts. */
	left = left > from - (block + 1) ? left - (from - (block + 1)) : 0;
	n = n < left ? n : left;
	if (!n)
		return;
	n = bcache_prefetch(c, from, n);
	s->mark = n ? from : s->mark;
	s->end = from + n;
}

/* ---- writing ---- */

/* Without memory for requests, or with a device that takes no whole block. */
static void write_now(struct bcache *c, uint64_t off, const void *data,
		      uint32_t len)
{
	c->unflushed = true;
	if (blkdev_write(c->dev, off, data, len) < 0)
		write_failed(c, (uint32_t)(off / BCACHE_BLOCK));
}

void bcache_write(struct bcache *c, uint64_t off, const void *data, uint32_t len)
{
	struct io *io;

	if (!c->n_ios) {
		write_now(c, off, data, len);
		return;
	}
	while ((io = io_get(c, BLK_WRITE, off)) == NULL)
		wait_for_one(c);
	(void)io_add(c, io, (void *)(uintptr_t)data, len);
	io_submit(c, io);
}

static struct entry *first_dirty(struct bcache *c)
{
	return list_empty(&c->dirty) ? NULL :
	       container_of(c->dirty.next, struct entry, lru);
}

/* The first dirty block and those right behind it, into one request. */
static void write_run(struct bcache *c, struct io *io)
{
	struct entry *e;
	uint64_t end = io->rq.sector * BLK_SECTOR;

	while ((e = first_dirty(c)) != NULL &&
	       (uint64_t)e->block * BCACHE_BLOCK + e->from == end &&
	       io_add(c, io, e->data + e->from, (uint32_t)e->to - e->from)) {
		end += (uint32_t)e->to - e->from;
		list_del(&e->lru);
		list_push(&io->entries, &e->lru);
		e->busy = true;
		c->n_dirty--;
		c->n_writing++;
	}
	io_submit(c, io);
}

void bcache_write_out(struct bcache *c)
{
	struct entry *e;
	struct io *io;

	while ((e = first_dirty(c)) != NULL) {
		uint64_t off = (uint64_t)e->block * BCACHE_BLOCK + e->from;

		if (!c->n_ios) {
			uint32_t failed = c->failed_block;

			c->failed_block = BCACHE_NONE;
			write_now(c, off, e->data + e->from,
				  (uint32_t)e->to - e->from);
			list_del(&e->lru);
			c->n_dirty--;
			c->n_writing++;
			write_done(c, e, c->failed_block == BCACHE_NONE ? 0 :
				   -EIO);
			c->failed_block = failed != BCACHE_NONE ? failed :
					  c->failed_block;
			continue;
		}
		io = io_get(c, BLK_WRITE, off);
		if (io)
			write_run(c, io);
		else
			wait_for_one(c);
	}
}

void bcache_throttle(struct bcache *c, uint32_t most)
{
	if (c->n_dirty + c->n_writing <= most)
		return;
	bcache_write_out(c);
	while (c->n_writing && c->n_writing > most)
		wait_for_one(c);
}

int bcache_settle(struct bcache *c)
{
	while (c->write_flight)
		wait_for_one(c);
	return c->failed_block == BCACHE_NONE ? 0 : -EIO;
}

int bcache_flush(struct bcache *c)
{
	int r = blkdev_flush(c->dev);

	if (r == 0)
		c->unflushed = false;
	return r;
}

bool bcache_unflushed(const struct bcache *c)
{
	return c->unflushed;
}

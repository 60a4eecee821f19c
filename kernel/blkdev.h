/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Block devices: asynchronous requests to a driver, and blocking helpers.
 * Sectors are 512 bytes whatever the device's block size is; offsets and
 * lengths must be multiples of the block size.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "kernel/lib/list.h"

enum blk_op { BLK_READ, BLK_WRITE, BLK_FLUSH, BLK_DISCARD };

#define BLK_SECTOR 512u
#define BLK_MAX_SEGS 16u

struct blk_seg {
	void *base;			/* guest RAM, 4-byte aligned or better */
	uint32_t len;			/* bytes, a multiple of 512 */
};

struct blk_request {
	enum blk_op op;
	uint64_t sector;		/* first; FLUSH: 0 */
	uint64_t n_sectors;		/* DISCARD only; else the sum of seg[] */
	struct blk_seg seg[BLK_MAX_SEGS];
	unsigned n_segs;
	int status;			/* 0 or -errno, set before done() */
	void (*done)(struct blk_request *rq);	/* event context: no blocking */
	void *arg;			/* the submitter's */
	struct list link;		/* the driver's while in flight */
};

struct blkdev;
struct blkdev_ops {
	/* Takes the request (queues it if the ring is full) or fails at once
	 * through done(). Never blocks. */
	void (*submit)(struct blkdev *bd, struct blk_request *rq);
	/* Services completions without waiting for an event. */
	void (*poll)(struct blkdev *bd);
};

struct blkdev {
	char name[16];			/* "disk0", in order of registration */
	char serial[24];		/* "" if the device has none */
	uint64_t n_sectors;		/* 512-byte units */
	uint32_t block_size;		/* bytes: smallest write, 512 .. 4096 */
	uint32_t max_segs;		/* per request, <= BLK_MAX_SEGS */
	uint32_t max_bytes;		/* per request */
	bool read_only, has_flush, has_discard;
	const struct blkdev_ops *ops;
	void *driver;
	struct list all;
	/* counters for /metrics */
	uint64_t reads, writes, flushes, errors, read_bytes, write_bytes;
};

/* Driver: names it and makes it visible. The structure must stay valid. */
int blkdev_register(struct blkdev *bd);

/* By "diskN" or by serial number. NULL: none. */
struct blkdev *blkdev_find(const char *name_or_serial);
struct blkdev *blkdev_next(struct blkdev *after);	/* NULL: the first */

/* Checks range, alignment, read-only and counts; then ops->submit. Errors
 * arrive through done() like all others. */
void blkdev_submit(struct blkdev *bd, struct blk_request *rq);

/* Blocking; thread context only. `off` and `len` in bytes, multiples of the
 * block size; any length. 0 or -errno (-EIO, -EROFS, -EINVAL). A device with no
 * flush: blkdev_flush is 0 (writes are then complete when they return). */
int blkdev_read(struct blkdev *bd, uint64_t off, void *buf, size_t len) MUST_CHECK;
int blkdev_write(struct blkdev *bd, uint64_t off, const void *buf, size_t len)
	MUST_CHECK;
int blkdev_flush(struct blkdev *bd) MUST_CHECK;
int blkdev_discard(struct blkdev *bd, uint64_t off, uint64_t len) MUST_CHECK;

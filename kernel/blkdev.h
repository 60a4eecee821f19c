/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Block devices, disks and their partitions: asynchronous requests to a
 * driver, blocking helpers, names, and who uses what. Sectors are 512 bytes
 * whatever the device's block size is; offsets and lengths must be multiples
 * of the block size.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "kernel/lib/list.h"

struct file_iov;

enum blk_op { BLK_READ, BLK_WRITE, BLK_FLUSH, BLK_DISCARD };

#define BLK_SECTOR 512u
#define BLK_MAX_SEGS 16u

struct blk_seg {
	void *base;			/* guest RAM, 4-byte aligned or better */
	uint32_t len;			/* bytes, a multiple of 512 */
};

struct blk_request {
	enum blk_op op;
	uint64_t sector;		/* first; FLUSH: 0; DISCARD: not kept */
	uint64_t n_sectors;		/* DISCARD only; else the sum of seg[] */
	struct blk_seg seg[BLK_MAX_SEGS];
	unsigned n_segs;
	int status;			/* 0 or -errno, set before done() */
	void (*done)(struct blk_request *rq);	/* event context: no blocking */
	void *arg;			/* the submitter's */
	struct list link;		/* the driver's while in flight */
	struct blkdev *part;		/* a partition's while in flight */
	void (*part_done)(struct blk_request *rq);
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
	char name[16];			/* "disk0", in order of registration;
					 * "disk0p2": its second partition */
	char serial[24];		/* "" if the device has none */
	uint64_t n_sectors;		/* 512-byte units */
	uint32_t block_size;		/* bytes: smallest write, 512 .. 4096 */
	uint32_t max_segs;		/* per request, <= BLK_MAX_SEGS */
	uint32_t max_bytes;		/* per request */
	bool read_only, has_flush, has_discard;
	const struct blkdev_ops *ops;
	void *driver;
	struct list all;
	/* A partition; the disk's capacity may still change below it. */
	struct blkdev *parent;		/* NULL: a whole disk */
	uint64_t start;			/* in the parent, 512-byte units */
	unsigned number;		/* 1 .. */
	const char *label;		/* UTF-8, or NULL */
	bool has_table;			/* disk: partitioned, or it was once */
	/* Who uses it: blkdev_claim(). */
	const char *owner;		/* where it is mounted, or NULL */
	unsigned writers;
	bool unflushed;			/* fs/rawdev.c: written since the flush */
	/* counters for /metrics */
	uint64_t reads, writes, flushes, errors, read_bytes, write_bytes;
};

/* Driver: names it and makes it visible. The structure must stay valid. */
int blkdev_register(struct blkdev *bd);

/* fs/: a partition; parent, start, n_sectors, number, label and read_only are
 * filled in. Its requests go to the parent's driver and count for both. 0,
 * -EINVAL (outside the parent, or parent is one itself). */
int blkdev_register_part(struct blkdev *part) MUST_CHECK;

/* Does the name stand for this one: "disk0", "disk0p2", serial number,
 * SERIALp2, partition label. */
bool blkdev_is_called(const struct blkdev *bd, const char *name);
/* The one device with that name. NULL: none or several; the first two forms
 * go before the others and are never several. */
struct blkdev *blkdev_find(const char *name);
/* Partitions follow their disk. */
struct blkdev *blkdev_next(struct blkdev *after);	/* NULL: the first */

/* Keeps two from writing in one place. With an owner (a mount's path): alone,
 * -EBUSY if the device, its disk or one of its partitions has an owner or
 * writers. NULL: to write together with others that do; -EROFS, -EBUSY if one of
 * these has an owner, or the device is a disk with a partition table. */
int blkdev_claim(struct blkdev *bd, const char *owner) MUST_CHECK;
void blkdev_unclaim(struct blkdev *bd, const char *owner);
/* Of these, one that has an owner or writers, or NULL. */
struct blkdev *blkdev_user(const struct blkdev *bd);

/* Checks range, alignment, read-only and counts; then ops->submit. Errors
 * arrive through done() like all others. */
void blkdev_submit(struct blkdev *bd, struct blk_request *rq);

/* Blocking; thread context only. `off` and `len` in bytes, multiples of the
 * block size; any length. 0 or -errno (-EIO, -EROFS, -EINVAL). A device with no
 * flush: blkdev_flush is 0 (writes are then complete when they return). */
int blkdev_read(struct blkdev *bd, uint64_t off, void *buf, size_t len) MUST_CHECK;
int blkdev_write(struct blkdev *bd, uint64_t off, const void *buf, size_t len)
	MUST_CHECK;
/* As these two, into or from several buffers: `len` bytes in all; each buffer
 * is 4-byte aligned and a multiple of the block size long. A few requests are
 * in flight at a time, in no order; which were done after an error is open. */
int blkdev_transfer(struct blkdev *bd, enum blk_op op, uint64_t off,
		    const struct file_iov *iov, size_t len) MUST_CHECK;
int blkdev_flush(struct blkdev *bd) MUST_CHECK;
int blkdev_discard(struct blkdev *bd, uint64_t off, uint64_t len) MUST_CHECK;

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * See blkdev.h: the registry with its names and users, the one place that
 * checks requests, and partitions, which pass theirs on.
 */
#include "kernel/blkdev.h"

#include <errno.h>

#include "kernel/lib/fmt.h"
#include "kernel/lib/string.h"
#include "kernel/log.h"

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

/* ---- names ---- */

bool blkdev_is_called(const struct blkdev *bd, const char *name)
{
	char numbered[sizeof(bd->serial) + 12];

	if (!*name)
		return false;
	if (!strcmp(bd->name, name) || !strcmp(bd->serial, name) ||
	    (bd->label && !strcmp(bd->label, name)))
		return true;
	if (!bd->parent || !bd->parent->serial[0])
		return false;
	fmt_snprintf(numbered, sizeof(numbered), "%sp%u", bd->parent->serial,
		     bd->number);
	return !strcmp(numbered, name);
}

struct blkdev *blkdev_find(const char *name)
{
	struct blkdev *bd = NULL, *found = NULL;
	unsigned n = 0;

	while ((bd = blkdev_next(bd)) != NULL) {
		if (!strcmp(bd->name, name))
			return bd;
		if (blkdev_is_called(bd, name)) {
			found = bd;
			n++;
		}
	}
	return n == 1 ? found : NULL;
}

/* ---- who uses what ---- */

static bool overlap(const struct blkdev *a, const struct blkdev *b)
{
	return a == b || a->parent == b || b->parent == a;
}

struct blkdev *blkdev_user(const struct blkdev *bd)
{
	struct blkdev *o = NULL;

	while ((o = blkdev_next(o)) != NULL) {
		if (overlap(o, bd) && (o->owner || o->writers))
			return o;
	}
	return NULL;
}

int blkdev_claim(struct blkdev *bd, const char *owner)
{
	struct blkdev *user = blkdev_user(bd);

	if (!owner && bd->read_only)
		return -EROFS;
	if (user && (owner || user->owner))
		return -EBUSY;
	if (!owner && bd->has_table)
		return -EBUSY;
	if (owner)
		bd->owner = owner;
	else
		bd->writers++;
	return 0;
}

void blkdev_unclaim(struct blkdev *bd, const char *owner)
{
	if (owner)
		bd->owner = NULL;
	else
		bd->writers--;
}

/* ---- requests ---- */

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

/* ---- partitions: a driver that passes on ---- */

/* Its submitter finds the request as it was. */
static void part_done(struct blk_request *rq)
{
	rq->done = rq->part_done;
	rq->sector -= rq->part->start;
	if (rq->status)
		rq->part->parent->errors++;
	rq->done(rq);
}

static void part_submit(struct blkdev *bd, struct blk_request *rq)
{
	struct blkdev *disk = bd->parent;

	rq->part = bd;
	rq->part_done = rq->done;
	rq->done = part_done;
	rq->sector += bd->start;
	/* The disk may have become smaller. */
	if (rq->op != BLK_FLUSH && check_range(disk, rq)) {
		rq->status = -EIO;
		rq->done(rq);
		return;
	}
	count(disk, rq);
	disk->ops->submit(disk, rq);
}

static void part_poll(struct blkdev *bd)
{
	if (bd->parent->ops->poll)
		bd->parent->ops->poll(bd->parent);
}

static const struct blkdev_ops part_ops = { part_submit, part_poll };

int blkdev_register_part(struct blkdev *part)
{
	struct blkdev *disk = part->parent, *last = disk, *next;

	if (disk->parent || !part->n_sectors || part->start > disk->n_sectors ||
	    part->n_sectors > disk->n_sectors - part->start ||
	    part->start * BLK_SECTOR % disk->block_size ||
	    part->n_sectors * BLK_SECTOR % disk->block_size)
		return -EINVAL;
	fmt_snprintf(part->name, sizeof(part->name), "%sp%u", disk->name,
		     part->number);
	part->block_size = disk->block_size;
	part->max_segs = disk->max_segs;
	part->max_bytes = disk->max_bytes;
	part->read_only |= disk->read_only;
	part->has_flush = disk->has_flush;
	part->has_discard = disk->has_discard;
	part->ops = &part_ops;
	while ((next = blkdev_next(last)) != NULL && next->parent == disk)
		last = next;
	list_push_front(&last->all, &part->all);
	return 0;
}

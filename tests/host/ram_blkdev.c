/* SPDX-License-Identifier: BSD-2-Clause
 *
 * See ram_blkdev.h.
 */
#include "tests/host/ram_blkdev.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void ram_disk_init(struct ram_disk *d, const char *name, uint64_t bytes)
{
	memset(d, 0, sizeof(*d));
	strncpy(d->bd.name, name, sizeof(d->bd.name) - 1);
	d->bd.n_sectors = bytes / BLK_SECTOR;
	d->bd.block_size = BLK_SECTOR;
	d->bd.has_flush = true;
	d->bd.driver = d;
	d->data = calloc(1, bytes);
	d->fail_at = -1;
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

int blkdev_flush(struct blkdev *bd)
{
	bd->flushes++;
	return request(bd->driver, true);
}

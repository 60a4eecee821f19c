/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What goes onto a new disk's partitions; and bytes onto a raw one.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/file_blkdev.h"
#include "tools/mkvol_disk.h"

#define CHUNK (1u << 20)

static bool is_zero(const uint8_t *p, size_t n)
{
	return n == 0 || (p[0] == 0 && memcmp(p, p + 1, n - 1) == 0);
}

/* Zeros from `off` to the end: a hole in a file, written on a device. */
static int clear_rest(struct blkdev *bd, uint64_t off)
{
	uint64_t end = bd->n_sectors * BLK_SECTOR;
	uint64_t range[2] = { file_blkdev_base(bd) + off, end - off };
	int fd = file_blkdev_fd_of(bd);
	struct stat st;

	if (off >= end)
		return 0;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (S_ISBLK(st.st_mode))
		return ioctl(fd, BLKZEROOUT, range) < 0 ? -errno : 0;
	if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		      (off_t)range[0], (off_t)range[1]) == 0)
		return 0;
	/* A file system that cannot: the slow way. */
	for (; off < end; off += CHUNK) {
		static const uint8_t zeros[CHUNK];
		int r = blkdev_write(bd, off, zeros, end - off < CHUNK ?
				     end - off : CHUNK);

		if (r < 0)
			return r;
	}
	return 0;
}

static ssize_t read_full(int fd, uint8_t *buf, size_t len)
{
	size_t got = 0;

	while (got < len) {
		ssize_t n = read(fd, buf + got, len - got);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		got += (size_t)n;
	}
	return (ssize_t)got;
}

int raw_fill(struct blkdev *bd, int fd, bool clear, uint64_t *len)
{
	uint8_t *buf = must(aligned_alloc(4096, CHUNK));
	uint64_t off = 0, end = bd->n_sectors * BLK_SECTOR;
	ssize_t n;
	int r = 0;

	while ((n = read_full(fd, buf, CHUNK)) > 0) {
		size_t all = ((size_t)n + 4095) / 4096 * 4096;

		memset(buf + n, 0, all - (size_t)n);
		if ((uint64_t)n > end - off)
			r = -ENOSPC;
		else if (all > end - off)
			all = (size_t)(end - off);
		/* A new file reads as zeros where nothing is written. */
		if (r == 0 && (!clear || !is_zero(buf, all)))
			r = blkdev_write(bd, off, buf, all);
		if (interrupted)
			r = -EINTR;
		if (r < 0)
			break;
		off += (uint64_t)n;
		progress_step(0, (uint64_t)n);
	}
	free(buf);
	*len = off;
	return r < 0 ? r : n < 0 ? (int)n : 0;
}

static int fill_raw(struct part *p, struct blkdev *bd)
{
	uint64_t len;
	int fd, r = clear_rest(bd, 0);

	if (r < 0 || !p->source)
		return r;
	fd = open(p->source, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		die("%s: %s", p->source, strerror(errno));
	progress_begin(p->label, 0);
	r = raw_fill(bd, fd, true, &len);
	progress_end();
	close(fd);
	return r;
}

/* A volume without a folder: the tree of an empty one. */
static int fill_volume(struct part *p, struct blkdev *bd, const char *out)
{
	static struct tree_entry root = { .path = "", .host = "", .dir = true,
					  .mode = 0755 };
	struct tree empty = { .e = &root, .n = 1 };
	uint64_t used;

	return volume_fill(bd, p->source ? &p->tree : &empty, out,
			   p->source ? p->source : p->label, &used);
}

int part_fill(struct part *p, struct blkdev *disk, const char *out)
{
	struct blkdev bd;
	char *name;
	int r;

	if (asprintf(&name, "%s:%s", out, p->label) < 0)
		die("no memory");
	r = file_blkdev_window(&bd, disk, p->first / BLK_SECTOR,
			       p->size / BLK_SECTOR, p->label);
	if (r == 0 && p->kind == PART_LITTLEFS) {
		r = fill_volume(p, &bd, name);
	} else if (r == 0) {
		r = p->kind == PART_ARCHIVE ? archive_fill(&bd, &p->tree, name) :
		    fill_raw(p, &bd);
		if (r < 0 && r != -ENOSPC)
			warn("%s: %s", name, strerror(-r));
		else if (r == -ENOSPC && file_blkdev_error())
			warn("%s: writing failed: %s", name,
			     strerror(file_blkdev_error()));
	}
	file_blkdev_window_close(&bd);
	free(name);
	return r;
}

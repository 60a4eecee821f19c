/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mkvol resize: the image file, the tables, the partition, the volume, in this
 * order, each on the disk before the next begins: stopped anywhere, the disk
 * is whole, and the same command carries on.
 */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fs/lfs.h"
#include "tools/file_blkdev.h"
#include "tools/gpt_write.h"
#include "tools/mkvol.h"
#include "tools/target.h"

#define MIB (1u << 20)

struct resize {
	struct target t;
	bool max;			/* as far as the image goes */
	uint64_t want;			/* bytes, of what was named */
	uint64_t disk;			/* bytes, of the image */
	bool device;
};

static void grow_file(struct resize *z, uint64_t bytes)
{
	int fd = file_blkdev_fd_of(&z->t.whole);

	if (bytes <= z->disk)
		return;
	if (z->device)
		die("%s: the device has only %llu bytes", z->t.path,
		    (unsigned long long)z->disk);
	/* The backup would no longer be where it is looked for. */
	if (z->t.table && z->t.table->primary_bad)
		die("%s: the first partition table is bad; first: mkvol check "
		    "--repair %s", z->t.path, z->t.path);
	if (ftruncate(fd, (off_t)bytes) < 0 || fsync(fd) < 0)
		die("%s: %s", z->t.path, strerror(errno));
	z->disk = bytes;
	z->t.whole.n_sectors = bytes / BLK_SECTOR;
}

static void write_tables(struct resize *z, const struct gpt_plan *p)
{
	int r = gpt_write_both(&z->t.whole, p, z->t.table);

	if (r < 0)
		die("%s: writing the partition table failed: %s", z->t.path,
		    strerror(-r));
}

static void load(struct resize *z, struct gpt_plan *p)
{
	const char *why = NULL;
	int r = gpt_plan_load(p, &z->t.whole, z->t.table, &why);

	if (r < 0)
		die("%s: %s", z->t.path, why ? why : strerror(-r));
}

/* Bytes up to the next partition, or the end of what is usable. */
static uint64_t room_for(const struct resize *z, const struct gpt_plan *p,
			 bool *next)
{
	const struct gpt_table *t = z->t.table;
	uint64_t end = (gpt_plan_last(p) + 1) * p->lba_size;
	uint64_t from = z->t.p->first * BLK_SECTOR;

	*next = false;
	for (unsigned i = 0; i < t->n; i++) {
		uint64_t at = t->part[i].first * BLK_SECTOR;

		if (at > from) {
			*next = true;
			end = at < end ? at : end;
		}
	}
	return end - from;
}

/* As large as the named partition shall be; the file is grown for it. */
static uint64_t make_room(struct resize *z, struct gpt_plan *p)
{
	uint64_t have = z->t.p->n_sectors * BLK_SECTOR, room;
	uint64_t table = gpt_plan_first(p) * p->lba_size;
	bool next;

	load(z, p);
	room = room_for(z, p, &next) / LFS_BLOCK * LFS_BLOCK;
	if (z->max)
		return room > have ? room : have;
	if (z->want < have)
		die("%s: a volume cannot shrink (it has %llu bytes); make a "
		    "smaller one and copy: mkvol extract %s FOLDER; mkvol disk "
		    "...", z->t.arg, (unsigned long long)have, z->t.arg);
	if (z->want > room && next)
		die("%s: another partition follows; it can grow to %llu bytes "
		    "(max)", z->t.arg, (unsigned long long)room);
	if (z->want > room) {
		uint64_t end = z->t.p->first * BLK_SECTOR + z->want + table;

		grow_file(z, (end + MIB - 1) / MIB * MIB);
		load(z, p);
	}
	return z->want;
}

static void resize_part(struct resize *z)
{
	static struct gpt_plan p;
	const struct gpt_part *part = z->t.p;
	uint64_t size, last;

	gpt_plan_init(&p, z->t.table->lba_size, z->disk);
	size = make_room(z, &p);
	last = (part->first * BLK_SECTOR + size) / p.lba_size - 1;
	if (last == p.entry[part->number - 1].last_lba &&
	    z->t.table->alternate == p.n_lbas - 1 &&
	    !z->t.table->primary_bad && !z->t.table->backup_bad)
		return;			/* a run before this one did it */
	p.entry[part->number - 1].last_lba = last;
	write_tables(z, &p);
}

static void grow_volume(struct resize *z, struct blkdev *bd)
{
	static const struct lfs_options rw = { .cache_bytes = 8 << 20 };
	uint64_t blocks = bd->n_sectors * BLK_SECTOR / LFS_BLOCK;
	struct lfs_volume *v;
	enum lfs_probe what;
	const char *rel;
	int r = lfs_probe(bd, &what);

	if (r < 0)
		die("%s: %s", z->t.arg, strerror(-r));
	if (what != LFS_PROBE_VOLUME)
		return;
	if (lfs_mount(MNT, bd, &rw) < 0)
		exit(MKVOL_FAILED);
	v = lfs_of(vfs_find_mount(MNT, &rel));
	blocks = blocks > INT32_MAX ? INT32_MAX : blocks;
	r = lfs_may_write(v);
	if (r == 0 && blocks > v->lfs.block_count)
		r = lfs_result(v, lfs2_fs_grow(&v->lfs, (uint32_t)blocks), "");
	if (r == 0)
		r = vfs_sync();
	vfs_unmount(MNT);
	if (r < 0)
		die("%s: growing the volume failed: %s", z->t.arg, strerror(-r));
}

/* An image without a table: the volume is all of it. */
static void resize_whole(struct resize *z)
{
	enum lfs_probe what;

	if (lfs_probe(&z->t.whole, &what) < 0 || what != LFS_PROBE_VOLUME)
		die("%s: holds neither a volume nor a partition table", z->t.arg);
	if (!z->max && z->want < z->disk)
		die("%s: a volume cannot shrink (it has %llu bytes); make a "
		    "smaller one and copy: mkvol extract %s FOLDER; mkvol volume "
		    "...", z->t.arg, (unsigned long long)z->disk, z->t.arg);
	if (!z->max)
		grow_file(z, z->want);
	grow_volume(z, &z->t.whole);
}

/* A disk, no partition of it: only the table moves to the new end. */
static void resize_disk(struct resize *z)
{
	static struct gpt_plan p;

	if (!z->max && z->want < z->disk)
		die("%s: a disk cannot shrink (it has %llu bytes)", z->t.arg,
		    (unsigned long long)z->disk);
	load(z, &p);			/* a table that we can write? */
	if (!z->max)
		grow_file(z, z->want);
	load(z, &p);
	write_tables(z, &p);
}

/* The partition as the table has it now. */
static void take_again(struct resize *z)
{
	unsigned number = z->t.p->number;
	int r;

	heap_free(HEAP_FS, z->t.table);
	z->t.table = NULL;
	r = gpt_read(&z->t.whole, &z->t.table, z->t.table_why);
	if (r < 0)
		die("%s: the new table cannot be read: %s", z->t.path,
		    strerror(-r));
	for (unsigned i = 0; i < z->t.table->n; i++)
		if (z->t.table->part[i].number == number)
			target_take(&z->t, &z->t.table->part[i]);
}

static int parse(struct resize *z, const char *size)
{
	z->max = !strcmp(size, "max");
	if (z->max)
		return MKVOL_OK;
	if (!parse_size(size, &z->want) || !z->want)
		return usage("resize", "not a size (64M, 2G, max): %s", size);
	z->want = (z->want + LFS_BLOCK - 1) / LFS_BLOCK * LFS_BLOCK;
	return MKVOL_OK;
}

int verb_resize(int argc, char **argv)
{
	static const struct option options[] = {
		{ "part", required_argument, NULL, 'p' },
		{ NULL, 0, NULL, 0 },
	};
	static struct resize z;
	const char *part = NULL;
	struct stat st;
	char a[32];
	int c;

	while ((c = getopt_long(argc, argv, "p:", options, NULL)) != -1) {
		if (c == '?')
			return usage("resize", "unknown option");
		part = optarg;
	}
	if (argc - optind != 2)
		return usage("resize", "wrong number of arguments for: resize");
	c = parse(&z, argv[optind + 1]);
	if (c != MKVOL_OK)
		return c;
	target_open(&z.t, argv[optind], part, IMAGE_WRITE);
	interrupt_later();
	z.disk = z.t.whole.n_sectors * BLK_SECTOR;
	z.device = fstat(file_blkdev_fd_of(&z.t.whole), &st) == 0 &&
		   S_ISBLK(st.st_mode);
	if (!z.t.table && (z.t.part || z.t.table_why[0])) {
		target_choose(&z.t);	/* says why not */
	} else if (!z.t.table) {
		resize_whole(&z);
	} else if (!z.t.part) {
		resize_disk(&z);
	} else {
		target_choose(&z.t);
		resize_part(&z);
		take_again(&z);
		grow_volume(&z, &z.t.bd);
	}
	printf("%s: %s\n", argv[optind], human(z.t.p ? z.t.p->n_sectors *
	       BLK_SECTOR : z.t.whole.n_sectors * BLK_SECTOR, a, sizeof(a)));
	return target_close(&z.t) < 0 ? MKVOL_FAILED : MKVOL_OK;
}

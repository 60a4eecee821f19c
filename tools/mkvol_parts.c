/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mkvol parts: the table of a disk, and what is on each partition.
 */
#include <errno.h>
#include <getopt.h>
#include <string.h>

#include "fs/fs.h"
#include "kernel/log.h"
#include "tools/file_blkdev.h"
#include "tools/gpt_write.h"
#include "tools/mkvol.h"
#include "tools/target.h"

/* Mounts it: how much is used, in bytes; false: it cannot be told. */
static bool volume_used(struct blkdev *bd, uint64_t *used, uint64_t *size)
{
	static const struct lfs_options ro = { .read_only = true,
					       .cache_bytes = 8 << 20 };
	struct vfs_statfs fs;
	bool ok;

	if (lfs_mount(MNT, bd, &ro) < 0)
		return false;
	ok = vfs_statfs(MNT, &fs) == 0;
	vfs_unmount(MNT);
	*used = ok ? (fs.blocks - fs.blocks_free) * fs.block_size : 0;
	*size = ok ? fs.blocks * fs.block_size : 0;
	return ok;
}

/* What lies on it, as read from it; `used` is "" if nobody knows. */
static void look_at(struct blkdev *bd, char *what, size_t size, char used[32])
{
	uint64_t n = 0, volume = 0, all = bd->n_sectors * BLK_SECTOR;
	enum lfs_probe probe;
	char a[32];

	used[0] = '\0';
	if (lfs_probe(bd, &probe) < 0) {
		snprintf(what, size, "cannot be read");
	} else if (probe == LFS_PROBE_VOLUME) {
		if (!volume_used(bd, &n, &volume))
			snprintf(what, size, "littlefs volume, damaged");
		else if (all - volume >= 4096)
			snprintf(what, size, "littlefs volume of %s (mkvol "
				 "resize)", human(volume, a, sizeof(a)));
		else
			snprintf(what, size, "littlefs volume");
		if (volume)
			human(n, used, 32);
	} else {
		snprintf(what, size, "%s", probe == LFS_PROBE_ARCHIVE ? "archive" :
			 probe == LFS_PROBE_BLANK ? "blank" : "data");
	}
}

static void line(const char *number, const char *label, const char *type,
		 uint64_t bytes, struct blkdev *bd)
{
	char a[32], used[32], what[96];

	look_at(bd, what, sizeof(what), used);
	printf("%-3s %-16s %-9s %11s %11s  %s\n", number, label, type,
	       human(bytes, a, sizeof(a)), used[0] ? used : "-", what);
}

static int list(struct target *t)
{
	char guid[GUID_TEXT], a[32], number[12];

	printf("%s: %s, sectors of %u bytes, disk %s\n", t->path,
	       human(t->whole.n_sectors * BLK_SECTOR, a, sizeof(a)),
	       t->table->lba_size, guid_to_text(t->table->disk_guid, guid));
	printf("%-3s %-16s %-9s %11s %11s  %s\n", "no.", "label", "type", "size",
	       "used", "content");
	for (unsigned i = 0; i < t->table->n; i++) {
		const struct gpt_part *p = &t->table->part[i];

		target_take(t, p);
		snprintf(number, sizeof(number), "%u", p->number);
		line(number, p->label, guid_type_name(p->type),
		     p->n_sectors * BLK_SECTOR, &t->bd);
	}
	return MKVOL_OK;
}

int verb_parts(int argc, char **argv)
{
	struct target t;
	int r = MKVOL_OK;

	if (getopt(argc, argv, "") != -1)
		return usage("parts", "unknown option");
	if (argc - optind != 1)
		return usage("parts", "wrong number of arguments for: parts");
	target_open(&t, argv[optind], NULL, IMAGE_READ);
	log_threshold[LOG_FS] = LOG_ERR;
	if (t.table) {
		r = list(&t);
	} else if (t.table_why[0]) {
		warn("%s: the partition table is bad: %s", t.path, t.table_why);
		r = MKVOL_FAILED;
	} else {
		printf("%s: no partition table\n", t.path);
		line("-", "", "-", t.whole.n_sectors * BLK_SECTOR, &t.bd);
	}
	(void)target_close(&t);
	return fflush(stdout) ? MKVOL_FAILED : r;
}

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * See partitions.h. A disk is looked at once, at start. What a volume or an
 * archive on the whole of it says goes before a table: an old table's backup
 * outlives mkvol at the end of a device, and who can write files on a volume
 * must not be able to write partition tables.
 */
#include "fs/partitions.h"

#include <errno.h>

#include "fs/fs.h"
#include "fs/gpt.h"
#include "kernel/heap.h"
#include "kernel/lib/fmt.h"
#include "kernel/lib/string.h"
#include "kernel/log.h"

#define LOOK	8192u		/* bytes; two blocks of littlefs */
#define REPAIR	"repair with: mkvol check --repair IMAGE"

struct partition {
	struct blkdev bd;
	char label[GPT_LABEL_MAX];
};

/* ---- messages ---------------------------------------------------------------- */

static int describe(char *buf, size_t size, const struct blkdev *bd)
{
	if (bd->label)
		return fmt_snprintf(buf, size, "%s \"%s\"", bd->name, bd->label);
	if (bd->serial[0])
		return fmt_snprintf(buf, size, "%s (serial %s)", bd->name,
				    bd->serial);
	return fmt_snprintf(buf, size, "%s", bd->name);
}

void partitions_list(char *buf, size_t size, const struct blkdev *disk,
		     const char *name)
{
	static const char more[] = ", ...";
	struct blkdev *bd = NULL;
	size_t at = 0;

	buf[0] = '\0';
	while ((bd = blkdev_next(bd)) != NULL) {
		char one[sizeof(bd->name) + GPT_LABEL_MAX + 4];
		size_t n = (size_t)describe(one, sizeof(one), bd);

		if ((disk && bd->parent != disk) ||
		    (name && !blkdev_is_called(bd, name)))
			continue;
		if (at + n + 2 + sizeof(more) > size) {
			memcpy(buf + at, at ? more : more + 2,
			       at ? sizeof(more) : sizeof(more) - 2);
			return;
		}
		at += (size_t)fmt_snprintf(buf + at, size - at, "%s%s",
					   at ? ", " : "", one);
	}
}

/* A label that stands for nothing, since two have it or a device is called so. */
static void say_ambiguous(const struct blkdev *bd)
{
	struct blkdev *o = NULL;
	char names[128];

	/* Once, at the first that has it. */
	while ((o = blkdev_next(o)) != bd) {
		if (o->label && strcmp(o->label, bd->label) == 0)
			return;
	}
	partitions_list(names, sizeof(names), NULL, bd->label);
	log_warn(LOG_FS, "\"%.40s\" stands for %s: use their own names",
		 bd->label, names);
}

static void say_problems(const struct blkdev *disk, const struct gpt_table *t)
{
	if (t->primary_bad)
		log_warn(LOG_FS, "%s: the partition table is damaged (%s), its "
			 "backup is used; " REPAIR, disk->name, t->problem);
	if (t->backup_bad)
		log_warn(LOG_FS, "%s: the partition table's backup is damaged "
			 "(%s); " REPAIR, disk->name, t->problem);
	if (t->n_ignored)
		log_warn(LOG_FS, "%s: %u partitions with numbers above %u are "
			 "left out", disk->name, t->n_ignored, GPT_ENTRIES);
}

/* ---- registration ------------------------------------------------------------ */

static int add(struct blkdev *disk, const struct gpt_part *p)
{
	struct partition *part = heap_zalloc(HEAP_FS, sizeof(*part));
	int r;

	if (!part)
		return -ENOMEM;
	part->bd.parent = disk;
	part->bd.start = p->first;
	part->bd.n_sectors = p->n_sectors;
	part->bd.number = p->number;
	part->bd.read_only = p->read_only;
	memcpy(part->label, p->label, sizeof(part->label));
	part->bd.label = part->label[0] ? part->label : NULL;
	r = blkdev_register_part(&part->bd);
	if (r < 0)
		heap_free(HEAP_FS, part);
	return r;
}

static void add_all(struct blkdev *disk, const struct gpt_table *t)
{
	char names[160];
	int r = 0;

	say_problems(disk, t);
	disk->has_table = true;
	for (unsigned i = 0; r == 0 && i < t->n; i++)
		r = add(disk, &t->part[i]);
	if (r < 0)
		log_err(LOG_FS, "%s: not all of its partitions can be used: %s",
			disk->name, r == -ENOMEM ? "no memory" : "it changes");
	partitions_list(names, sizeof(names), disk, NULL);
	log_info(LOG_FS, "%s: partitions: %s", disk->name,
		 names[0] ? names : "none");
}

/* Does a volume or an archive fill the disk? A table's entries lie where the
 * second of a volume's first two blocks is, its header in an archive's. */
static bool is_one_volume(struct blkdev *disk)
{
	static const uint64_t signature = GPT_SIGNATURE;
	uint8_t *b = heap_alloc_aligned(HEAP_FS, 4096, LOOK);
	bool one = false;

	if (b && blkdev_read(disk, 0, b, LOOK) == 0)
		one = memcmp(b + LOOK / 2 + 8, "littlefs", 8) == 0 ||
		      (archive_probe(b) &&
		       memcmp(b + disk->block_size, &signature, 8) != 0);
	heap_free(HEAP_FS, b);
	return one;
}

static void look_at(struct blkdev *disk)
{
	struct gpt_table *t;
	char why[96];
	int r;

	if (disk->n_sectors < LOOK / BLK_SECTOR || is_one_volume(disk))
		return;
	r = gpt_read(disk, &t, why);
	if (r == 0) {
		add_all(disk, t);
		heap_free(HEAP_FS, t);
	} else if (r == -ENOENT && why[0]) {
		log_warn(LOG_FS, "%s: the partition table is of no use: %s",
			 disk->name, why);
	} else if (r == -EILSEQ) {
		disk->has_table = true;
		log_err(LOG_FS, "%s: the partition table is damaged: %s; "
			REPAIR, disk->name, why);
	} else if (r != -ENOENT) {
		log_err(LOG_FS, "%s: no partition table can be read: %s",
			disk->name, r == -ENOMEM ? "no memory" : why);
	}
}

void partitions_init(void)
{
	struct blkdev *bd = NULL;

	while ((bd = blkdev_next(bd)) != NULL) {
		if (!bd->parent)
			look_at(bd);
	}
	while ((bd = blkdev_next(bd)) != NULL) {
		if (bd->label && blkdev_find(bd->label) != bd)
			say_ambiguous(bd);
	}
}

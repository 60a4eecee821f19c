/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Checking partition tables: what gpt_read() found (headers, checksums,
 * ranges, overlap), and what it does not look at: where the backup lies, the
 * protective MBR, names and GUIDs that are there twice.
 */
#include <string.h>

#include "fs/gpt.h"
#include "tools/check.h"

static void check_mbr(struct check *c, struct blkdev *bd,
		      const struct gpt_table *t)
{
	uint8_t b[4096];
	int r = blkdev_read(bd, 0, b, t->lba_size);

	if (r < 0) {
		check_problem(c, "sector 0 cannot be read: %s", strerror(-r));
		return;
	}
	for (unsigned off = 446; off < 510; off += 16)
		if (b[510] == 0x55 && b[511] == 0xaa && b[off + 4] == 0xee)
			return;
	check_problem(c, "sector 0 is no protective MBR: other programs may "
		      "take the disk for an empty one");
}

static void check_names(struct check *c, const struct gpt_table *t)
{
	for (unsigned i = 0; i < t->n; i++) {
		for (unsigned k = 0; k < i; k++) {
			const struct gpt_part *a = &t->part[k], *b = &t->part[i];

			if (a->label[0] && !strcmp(a->label, b->label))
				check_note(c, "partitions %u and %u have the "
					   "same label: %s", a->number,
					   b->number, a->label);
			if (memcmp(a->guid, b->guid, 16) == 0)
				check_note(c, "partitions %u and %u have the "
					   "same GUID", a->number, b->number);
		}
	}
}

int check_gpt(struct check *c, struct blkdev *bd, const struct gpt_table *t,
	      const char *why)
{
	if (!t) {
		check_problem(c, "neither partition table can be used: %s", why);
		return 0;
	}
	if (t->primary_bad)
		check_problem(c, "the first partition table (sector 1) is bad: "
			      "%s; the backup is good", t->problem);
	if (t->backup_bad)
		check_problem(c, "the backup partition table (sector %llu) is "
			      "bad: %s; the first is good",
			      (unsigned long long)t->alternate, t->problem);
	else if (t->alternate !=
		 bd->n_sectors * BLK_SECTOR / t->lba_size - 1)
		check_note(c, "the backup partition table is not at the end: the "
			   "disk has grown (mkvol resize IMAGE max)");
	if (t->n_ignored)
		check_note(c, "%u partitions have numbers above %u", t->n_ignored,
			   GPT_ENTRIES);
	check_mbr(c, bd, t);
	check_names(c, t);
	return 0;
}

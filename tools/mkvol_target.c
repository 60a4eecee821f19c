/* SPDX-License-Identifier: BSD-2-Clause
 *
 * See target.h.
 */
#include "tools/target.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fs/fs.h"
#include "kernel/heap.h"
#include "tools/file_blkdev.h"
#include "tools/mkvol.h"

bool target_quiet;

const char *part_name(const struct gpt_part *p, char buf[12])
{
	if (p->label[0])
		return p->label;
	snprintf(buf, 12, "%u", p->number);
	return buf;
}

bool target_split(const char *arg, const char *part, char **path,
		  const char **part_out)
{
	struct stat st;
	size_t n = strlen(arg);

	*path = must(strdup(arg));
	*part_out = part;
	if (part || stat(arg, &st) == 0)
		return stat(arg, &st) == 0;
	while (n-- > 1) {
		if (arg[n] != ':')
			continue;
		(*path)[n] = '\0';
		if (stat(*path, &st) == 0) {
			*part_out = arg + n + 1;
			return true;
		}
		(*path)[n] = ':';
	}
	return false;
}

/* A file says nothing of its sectors: where the signature lies tells. */
static void find_lba_size(struct blkdev *bd)
{
	uint64_t size = bd->n_sectors * BLK_SECTOR, sig;
	uint8_t buf[4096];

	for (int end = 0; end < 2; end++) {
		for (uint32_t lba = 512; lba <= 4096; lba *= 8) {
			if (size < 4 * 4096 || size % lba)
				continue;
			if (blkdev_read(bd, end ? size - lba : lba, buf, lba) < 0)
				return;
			memcpy(&sig, buf, sizeof(sig));
			if (sig == GPT_SIGNATURE) {
				bd->block_size = lba;
				return;
			}
		}
	}
}

/* What lies on the whole image is taken before a table: of a disk that once
 * had one, the backup at the end may be left. */
static void find_table(struct target *t)
{
	enum lfs_probe what;
	int r;

	find_lba_size(&t->whole);
	if (lfs_probe(&t->whole, &what) == 0 &&
	    (what == LFS_PROBE_VOLUME || what == LFS_PROBE_ARCHIVE))
		return;
	r = gpt_read(&t->whole, &t->table, t->table_why);
	if (r < 0)
		t->table = NULL;
	if (r < 0 && r != -EILSEQ) {
		t->table_why[0] = '\0';
		if (r != -ENOENT)
			die("%s: %s", t->path, strerror(-r));
	} else if (r == 0 && !target_quiet && (t->table->primary_bad || t->table->backup_bad)) {
		warn("%s: the %s partition table is bad (%s): mkvol check "
		     "--repair %s", t->path, t->table->primary_bad ? "first" :
		     "backup", t->table->problem, t->path);
	}
}

void target_open(struct target *t, const char *arg, const char *part,
		 enum image_use use)
{
	int r;

	memset(t, 0, sizeof(*t));
	t->arg = arg;
	if (!target_split(arg, part, &t->path, &t->part))
		die("%s: %s", arg, strerror(ENOENT));
	r = file_blkdev_use(&t->whole, t->path, use);
	if (r < 0)
		die("%s: %s", t->path, r == -EBUSY ? image_user :
		    r == -ENOTBLK ? "neither a file nor a block device" :
		    strerror(-r));
	if (use == IMAGE_READ && image_busy(file_blkdev_fd_of(&t->whole)))
		warn("%s: warning: somebody may be writing to it (a running "
		     "machine?): what is read may be neither old nor new",
		     t->path);
	if (use == IMAGE_WRITE)
		file_blkdev_order(&t->whole);
	find_table(t);
	r = file_blkdev_window(&t->bd, &t->whole, 0, t->whole.n_sectors,
			       t->whole.name);
	if (r < 0)
		die("%s: %s", t->path, strerror(-r));
}

void target_take(struct target *t, const struct gpt_part *p)
{
	char buf[12];
	int r;

	file_blkdev_window_close(&t->bd);
	r = file_blkdev_window(&t->bd, &t->whole, p->first, p->n_sectors,
			       part_name(p, buf));
	if (r < 0)
		die("%s: %s", t->arg, r == -EINVAL ?
		    "the partition lies outside the image" : strerror(-r));
	t->p = p;
}

static const struct gpt_part *find_part(const struct target *t)
{
	const struct gpt_table *g = t->table;
	char *end;
	unsigned long n = strtoul(t->part, &end, 10);

	for (unsigned i = 0; i < g->n; i++)
		if (!strcmp(g->part[i].label, t->part))
			return &g->part[i];
	for (unsigned i = 0; i < g->n && !*end; i++)
		if (g->part[i].number == n)
			return &g->part[i];
	return NULL;
}

static void list_parts(const struct target *t)
{
	char buf[12];

	for (unsigned i = 0; i < t->table->n; i++)
		fprintf(stderr, "  %s:%s\n", t->path,
			part_name(&t->table->part[i], buf));
}

void target_choose(struct target *t)
{
	const struct gpt_part *p;

	if (!t->table && t->table_why[0])
		die("%s: the partition table is bad: %s", t->path, t->table_why);
	if (!t->table && t->part)
		die("%s: has no partition table, so no partition '%s'", t->path,
		    t->part);
	if (!t->table)
		return;
	if (t->part) {
		p = find_part(t);
		if (!p) {
			warn("%s: has no partition '%s'; there are:", t->path,
			     t->part);
			list_parts(t);
			exit(die_status);
		}
	} else if (t->table->n == 1) {
		p = &t->table->part[0];
	} else {
		warn("%s: has %u partitions%s", t->path, t->table->n,
		     t->table->n ? "; which one?" : "");
		list_parts(t);
		exit(die_status);
	}
	target_take(t, p);
}

int target_close(struct target *t)
{
	int r;

	file_blkdev_window_close(&t->bd);
	r = file_blkdev_close(&t->whole);
	if (t->table)
		heap_free(HEAP_FS, t->table);
	free(t->path);
	return r;
}

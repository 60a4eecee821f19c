/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mkvol check: a disk's tables and all that is on its partitions. --repair
 * writes a bad table anew from the good one, and has littlefs finish what a
 * power cut left half done; damage it leaves alone.
 */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "fs/lfs.h"
#include "kernel/log.h"
#include "tools/check.h"
#include "tools/file_blkdev.h"
#include "tools/gpt_write.h"
#include "tools/host_kernel.h"
#include "tools/mkvol.h"
#include "tools/target.h"

struct job {
	struct target t;
	bool data, repair;
	unsigned n_problems;
};

static void print(const struct check *c, const char *text)
{
	progress_end();
	printf("%s: %s\n", c->where, text);
}

static void step(uint64_t bytes)
{
	progress_step(0, bytes);
}

static void begin(struct job *j, struct check *c, const char *where)
{
	memset(c, 0, sizeof(*c));
	c->where = where;
	c->say = print;
	c->step = step;
	c->data = j->data;
}

/* littlefs' own: half-done renames, directories that nobody has. */
static int finish_volume(struct blkdev *bd)
{
	static const struct lfs_options rw = { .cache_bytes = 8 << 20 };
	const char *rel;
	int r = lfs_mount(MNT, bd, &rw), s;

	if (r < 0)
		return r;
	r = lfs_may_write(lfs_of(vfs_find_mount(MNT, &rel)));
	s = vfs_sync();
	vfs_unmount(MNT);
	return r < 0 ? r : s;
}

static void sum_up(const struct check *c, const char *what)
{
	char a[32], b[32];

	printf("%s: %s, %llu files, %llu directories, %s of %s used: ", c->where,
	       what, (unsigned long long)c->n_files,
	       (unsigned long long)c->n_dirs,
	       human(c->n_used * LFS_BLOCK, a, sizeof(a)),
	       human(c->n_blocks * LFS_BLOCK, b, sizeof(b)));
	if (c->n_problems)
		printf("%u problem%s\n", c->n_problems,
		       c->n_problems == 1 ? "" : "s");
	else
		printf("clean\n");
}

struct seen {
	struct check *c;
	uint64_t n;
};

static int see(const char *path, const struct file_stat *st, void *arg)
{
	struct seen *s = arg;
	FILE *null;
	int r = 0;

	s->n++;
	if (s->c->data && !is_dir(st)) {
		null = fopen("/dev/null", "w");
		r = null ? walk_copy_out(path, null) : -errno;
		if (null)
			fclose(null);
	}
	return r;
}

/* Nothing was found wrong: does the guest's own file system agree? */
static void second_opinion(struct check *c, struct blkdev *bd)
{
	static const struct lfs_options ro = { .read_only = true,
					       .cache_bytes = 32 << 20 };
	uint64_t want = c->n_files + c->n_dirs - 1;
	struct seen s = { c, 0 };

	if (lfs_mount(MNT, bd, &ro) < 0) {
		check_problem(c, "it cannot be mounted (see above)");
		return;
	}
	if (walk_visit(MNT, see, &s, false) < 0 || s.n != want)
		check_problem(c, "a mount finds %llu of %llu files and "
			      "directories", (unsigned long long)s.n,
			      (unsigned long long)want);
	vfs_unmount(MNT);
}

static void check_lfs(struct job *j, struct blkdev *bd, const char *where)
{
	struct check c;

	begin(j, &c, where);
	progress_begin(where, 0);
	if (check_volume(&c, bd) < 0)
		die("%s: no memory", where);
	progress_end();
	if (j->repair && c.unfinished) {
		int r = finish_volume(bd);

		printf("%s: repair: %s\n", where, r < 0 ? strerror(-r) :
		       "finished what was cut off");
		begin(j, &c, where);
		if (check_volume(&c, bd) < 0)
			die("%s: no memory", where);
	}
	if (!c.n_problems)
		second_opinion(&c, bd);
	sum_up(&c, "littlefs volume");
	j->n_problems += c.n_problems;
}

static int read_archived(const char *path, const struct file_stat *st, void *arg)
{
	struct check *c = arg;
	FILE *null;
	int r;

	if (is_dir(st)) {
		c->n_dirs++;
		return 0;
	}
	c->n_files++;
	if (!c->data)
		return 0;
	null = fopen("/dev/null", "w");
	r = null ? walk_copy_out(path, null) : -errno;
	if (null)
		fclose(null);
	if (r < 0)
		check_problem(c, "%s: %s", path + strlen(MNT), strerror(-r));
	return 0;
}

static void check_archive(struct job *j, struct blkdev *bd, const char *where)
{
	struct check c;

	begin(j, &c, where);
	host_last_log[0] = '\0';
	if (archive_mount_disk(MNT, bd) < 0) {
		check_problem(&c, "the archive cannot be read: %s", host_last_log);
	} else {
		if (walk_visit(MNT, read_archived, &c, false) < 0)
			check_problem(&c, "the archive cannot be read through");
		vfs_unmount(MNT);
	}
	printf("%s: archive, %llu files, %llu directories: %s\n", where,
	       (unsigned long long)c.n_files, (unsigned long long)c.n_dirs,
	       c.n_problems ? "damaged" : "clean");
	j->n_problems += c.n_problems;
}

/* Nothing that we know: bytes. */
static void check_raw(struct job *j, struct blkdev *bd, const char *where)
{
	static uint8_t buf[1 << 20];
	uint64_t off = 0, end = bd->n_sectors * BLK_SECTOR;
	struct check c;

	begin(j, &c, where);
	progress_begin(where, 0);
	for (; j->data && off < end; off += sizeof(buf)) {
		uint64_t n = end - off < sizeof(buf) ? end - off : sizeof(buf);
		int r = blkdev_read(bd, off, buf, n);

		if (r < 0)
			check_problem(&c, "bytes %llu to %llu cannot be read: %s",
				      (unsigned long long)off,
				      (unsigned long long)(off + n),
				      strerror(-r));
		progress_step(0, n);
	}
	progress_end();
	printf("%s: raw data%s\n", where, j->data ? c.n_problems ? ": damaged" :
	       ": readable" : "");
	j->n_problems += c.n_problems;
}

/* j->t.bd: a partition (p), or the whole image. */
static void check_one(struct job *j, const struct gpt_part *p, const char *where)
{
	const char *type = p ? guid_type_name(p->type) : "";
	enum lfs_probe what;
	int r = lfs_probe(&j->t.bd, &what);
	bool expected = !strcmp(type, "littlefs") || !strcmp(type, "archive");

	if (r < 0) {
		printf("%s: cannot be read: %s\n", where, strerror(-r));
		j->n_problems++;
	} else if (what == LFS_PROBE_VOLUME) {
		check_lfs(j, &j->t.bd, where);
	} else if (what == LFS_PROBE_ARCHIVE) {
		check_archive(j, &j->t.bd, where);
	} else if (p && !expected) {
		check_raw(j, &j->t.bd, where);
	} else {
		printf("%s: holds no %s%s\n", where, expected ? type :
		       "volume, archive or partition table",
		       what == LFS_PROBE_BLANK ? " (it is blank)" : "");
		j->n_problems++;
	}
}

static int rewrite_tables(struct target *t, const char **why)
{
	struct gpt_plan p;
	int r = gpt_plan_load(&p, &t->whole, t->table, why);

	return r < 0 ? r : gpt_write_both(&t->whole, &p, t->table);
}

static void check_table(struct job *j)
{
	struct target *t = &j->t;
	const char *why = NULL;
	struct check c;
	int r;

	begin(j, &c, t->path);
	(void)check_gpt(&c, &t->whole, t->table, t->table_why);
	if (j->repair && t->table && c.n_problems) {
		r = rewrite_tables(t, &why);
		if (r < 0) {
			printf("%s: repair: %s\n", t->path, why ? why :
			       strerror(-r));
		} else {
			printf("%s: repair: wrote both partition tables\n",
			       t->path);
			heap_free(HEAP_FS, t->table);
			t->table = NULL;
			r = gpt_read(&t->whole, &t->table, t->table_why);
			begin(j, &c, t->path);
			(void)check_gpt(&c, &t->whole, r < 0 ? NULL : t->table,
					t->table_why);
		}
	}
	printf("%s: partition table, %u partitions: %s\n", t->path,
	       t->table ? t->table->n : 0, c.n_problems ? "damaged" : "clean");
	j->n_problems += c.n_problems;
}

static void check_all(struct job *j)
{
	struct target *t = &j->t;
	char number[12], *where;

	if (!t->table && !t->table_why[0] && !t->part) {
		check_one(j, NULL, t->path);
		return;
	}
	if (!t->part)
		check_table(j);
	else
		target_choose(t);
	for (unsigned i = 0; t->table && i < t->table->n; i++) {
		const struct gpt_part *p = &t->table->part[i];

		if (t->part && p != t->p)
			continue;
		target_take(t, p);
		if (asprintf(&where, "%s:%s", t->path, part_name(p, number)) < 0)
			die("no memory");
		check_one(j, p, where);
		free(where);
	}
}

int verb_check(int argc, char **argv)
{
	static const struct option options[] = {
		{ "data", no_argument, NULL, 'd' },
		{ "repair", no_argument, NULL, 'r' },
		{ "part", required_argument, NULL, 'p' },
		{ NULL, 0, NULL, 0 },
	};
	static struct job j;
	const char *part = NULL;
	int c;

	while ((c = getopt_long(argc, argv, "drp:", options, NULL)) != -1) {
		if (c == '?')
			return usage("check", "unknown option");
		j.data |= c == 'd';
		j.repair |= c == 'r';
		part = c == 'p' ? optarg : part;
	}
	if (argc - optind != 1)
		return usage("check", "wrong number of arguments for: check");
	die_status = MKVOL_CANNOT;
	target_quiet = true;
	target_open(&j.t, argv[optind], part, j.repair ? IMAGE_WRITE :
		    IMAGE_STEADY);
	if (j.repair)
		interrupt_later();
	check_all(&j);
	c = file_blkdev_error();
	if (target_close(&j.t) < 0 || c) {
		warn("%s: writing failed: %s", argv[optind], strerror(c ? c : EIO));
		return MKVOL_CANNOT;
	}
	if (fflush(stdout) != 0)
		return MKVOL_CANNOT;
	return j.n_problems ? MKVOL_FAILED : MKVOL_OK;
}

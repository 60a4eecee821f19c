/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mkvol rm, mkdir, mv: names on a volume.
 */
#include <errno.h>
#include <getopt.h>
#include <string.h>

#include "fs/fs.h"
#include "tools/mkvol.h"
#include "tools/target.h"

struct edit {
	const char *part;
	bool all;			/* -r, -p of mkdir */
};

/* Options of all three; `flag` is the verb's own letter. */
static int options_of(int argc, char **argv, struct edit *e, int flag,
		      const char *word, int least)
{
	const struct option options[] = {
		{ "part", required_argument, NULL, 'P' },
		{ word, no_argument, NULL, flag },
		{ NULL, 0, NULL, 0 },
	};
	char letters[4] = { flag ? (char)flag : 'P', flag ? '\0' : ':' };
	int c;

	memset(e, 0, sizeof(*e));
	while ((c = getopt_long(argc, argv, letters, options, NULL)) != -1) {
		if (c == '?')
			return usage(argv[0], "unknown option");
		if (c == 'P')
			e->part = optarg;
		else
			e->all = true;
	}
	if (argc - optind < least)
		return usage(argv[0], "wrong number of arguments for: %s",
			     argv[0]);
	return MKVOL_OK;
}

static void begin(struct target *t, const struct edit *e, const char *arg)
{
	target_open(t, arg, e->part, IMAGE_WRITE);
	interrupt_later();
	walk_mount(t, true);
}

static int say(struct target *t, const char *path, int r)
{
	if (r < 0 && r != -EREMOTEIO)
		warn("%s: %s: %s", t->arg, path, r == -EISDIR ?
		     "is a directory (rm -r removes it with all in it)" :
		     strerror(-r));
	return r;
}

static int remove_one(const char *path, const struct file_stat *st, void *arg)
{
	(void)arg;
	return is_dir(st) ? vfs_rmdir(path) : vfs_unlink(path);
}

static int remove_path(const char *path, bool all)
{
	struct file_stat st;
	int r = vfs_stat(path, &st);

	if (r < 0)
		return r;
	if (is_dir(&st) && !all)
		return -EISDIR;
	if (is_dir(&st))
		r = walk_visit(path, remove_one, NULL, true);
	/* The root stays. */
	return r < 0 || !strcmp(path, MNT) ? r : remove_one(path, &st, NULL);
}

int verb_rm(int argc, char **argv)
{
	char full[VFS_PATH_MAX];
	struct edit e;
	struct target t;
	int r = options_of(argc, argv, &e, 'r', "recursive", 2);

	if (r != MKVOL_OK)
		return r;
	begin(&t, &e, argv[optind]);
	while (++optind < argc && !interrupted) {
		int one;

		walk_inside(argv[optind], full, sizeof(full));
		one = say(&t, argv[optind], remove_path(full, e.all));
		r = one < 0 ? one : r;
	}
	return walk_finish(&t, r);
}

/* With all directories above it, if `all`. */
static int make_dir(char *full, bool all)
{
	char *p = full + strlen(MNT);
	struct file_stat st;
	int r;

	while (all && (p = strchr(p + 1, '/')) != NULL) {
		*p = '\0';
		r = vfs_mkdir(full, 0755);
		*p = '/';
		if (r < 0 && r != -EEXIST)
			return r;
	}
	r = vfs_mkdir(full, 0755);
	if (r == -EEXIST && all && vfs_stat(full, &st) == 0 && is_dir(&st))
		r = 0;
	return r;
}

int verb_mkdir(int argc, char **argv)
{
	char full[VFS_PATH_MAX];
	struct edit e;
	struct target t;
	int r = options_of(argc, argv, &e, 'p', "parents", 2);

	if (r != MKVOL_OK)
		return r;
	begin(&t, &e, argv[optind]);
	while (++optind < argc && !interrupted) {
		int one;

		walk_inside(argv[optind], full, sizeof(full));
		one = say(&t, argv[optind], make_dir(full, e.all));
		r = one < 0 ? one : r;
	}
	return walk_finish(&t, r);
}

int verb_mv(int argc, char **argv)
{
	char from[VFS_PATH_MAX], to[VFS_PATH_MAX];
	struct file_stat st;
	struct edit e;
	struct target t;
	int r = options_of(argc, argv, &e, 0, NULL, 3);
	size_t n;

	if (r != MKVOL_OK)
		return r;
	if (argc - optind != 3)
		return usage("mv", "wrong number of arguments for: mv");
	walk_inside(argv[optind + 1], from, sizeof(from));
	walk_inside(argv[optind + 2], to, sizeof(to));
	begin(&t, &e, argv[optind]);
	n = strlen(to);
	/* Into a directory, under its own name. */
	if (vfs_stat(to, &st) == 0 && is_dir(&st) && strcmp(from, to) != 0 &&
	    (size_t)snprintf(to + n, sizeof(to) - n, "%s", strrchr(from, '/')) >=
	    sizeof(to) - n)
		r = -ENAMETOOLONG;
	if (r == 0 && !strcmp(from, MNT))
		r = -EBUSY;
	if (r == 0)
		r = vfs_rename(from, to);
	return walk_finish(&t, say(&t, argv[optind + 1], r));
}

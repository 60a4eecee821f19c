/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mkvol ls and cat: a volume or an archive, read-only.
 */
#include <errno.h>
#include <getopt.h>
#include <string.h>
#include <time.h>

#include "fs/fs.h"
#include "tools/mkvol.h"
#include "tools/target.h"

/* Names are untrusted: a terminal is not to obey them. */
static void print_name(const char *s)
{
	for (; *s; s++)
		putchar((unsigned char)*s < ' ' || *s == 0x7f ? '?' : *s);
}

static void print_long(const struct file_stat *st)
{
	time_t t = (time_t)(st->mtime_ns / 1000000000u);
	char when[32] = "?";
	struct tm tm;

	if (gmtime_r(&t, &tm))
		strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S", &tm);
	printf("%c%04o %12llu %s ", is_dir(st) ? 'd' : '-', st->mode & 07777,
	       (unsigned long long)st->size, when);
}

static int print_entry(const char *path, const struct file_stat *st, void *arg)
{
	bool *detail = arg;

	if (*detail)
		print_long(st);
	print_name(path + strlen(MNT "/"));
	puts(is_dir(st) ? "/" : "");
	return 0;
}

int verb_ls(int argc, char **argv)
{
	static const struct option options[] = {
		{ "long", no_argument, NULL, 'l' },
		{ "part", required_argument, NULL, 'p' },
		{ NULL, 0, NULL, 0 },
	};
	const char *part = NULL, *path;
	char full[VFS_PATH_MAX];
	struct file_stat st;
	struct target t;
	bool detail = false;
	int c, r;

	while ((c = getopt_long(argc, argv, "lp:", options, NULL)) != -1) {
		if (c == '?')
			return usage("ls", "unknown option");
		detail |= c == 'l';
		part = c == 'p' ? optarg : part;
	}
	if (argc - optind < 1 || argc - optind > 2)
		return usage("ls", "wrong number of arguments for: ls");
	path = argc - optind == 2 ? argv[optind + 1] : "/";
	walk_inside(path, full, sizeof(full));
	target_open(&t, argv[optind], part, IMAGE_READ);
	walk_mount(&t, false);
	r = vfs_stat(full, &st);
	if (r < 0)
		warn("%s: %s: %s", t.arg, path, strerror(-r));
	else if (is_dir(&st))
		r = walk_visit(full, print_entry, &detail, false);
	else
		r = print_entry(full, &st, &detail);
	return walk_finish(&t, r);
}

int verb_cat(int argc, char **argv)
{
	static const struct option options[] = {
		{ "part", required_argument, NULL, 'p' },
		{ NULL, 0, NULL, 0 },
	};
	const char *part = NULL;
	char full[VFS_PATH_MAX];
	struct target t;
	int c, r = 0;

	while ((c = getopt_long(argc, argv, "p:", options, NULL)) != -1) {
		if (c == '?')
			return usage("cat", "unknown option");
		part = optarg;
	}
	if (argc - optind < 2)
		return usage("cat", "wrong number of arguments for: cat");
	target_open(&t, argv[optind], part, IMAGE_READ);
	walk_mount(&t, false);
	while (++optind < argc) {
		int one;

		walk_inside(argv[optind], full, sizeof(full));
		one = walk_copy_out(full, stdout);
		if (one < 0)
			warn("%s: %s: %s", t.arg, argv[optind], strerror(-one));
		r = one < 0 ? one : r;
	}
	return walk_finish(&t, r);
}

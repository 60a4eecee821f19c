/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mkvol extract and get: files out of a volume or an archive, and the content
 * of a raw partition. Images are untrusted: names are checked before they
 * become names of the host, and nothing is followed or written over in a
 * folder that is filled.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fs/fs.h"
#include "tools/file_blkdev.h"
#include "tools/mkvol.h"
#include "tools/target.h"

struct out {
	const char *folder;		/* of the host */
	size_t skip;			/* of the paths, MNT included */
};

static int set_meta(const char *host, const struct file_stat *st)
{
	struct timespec ts[2] = {
		{ .tv_nsec = UTIME_OMIT },
		{ (time_t)(st->mtime_ns / 1000000000u),
		  (long)(st->mtime_ns % 1000000000u) },
	};

	if (chmod(host, (st->mode & 0777) | (is_dir(st) ? 0700 : 0600)) < 0)
		return -errno;
	(void)utimensat(AT_FDCWD, host, ts, 0);
	return 0;
}

/* `replace`: over a file that is there, not before the copy is whole. */
static int copy_file(const char *path, const char *host,
		     const struct file_stat *st, bool replace)
{
	char *tmp = NULL;
	const char *name = host;
	FILE *f;
	int r;

	if (replace) {
		if (asprintf(&tmp, "%s.part", host) < 0)
			return -ENOMEM;
		unlink(tmp);
		name = tmp;
	}
	f = fopen(name, "wbx");
	r = f ? walk_copy_out(path, f) : -errno;
	if (f && fclose(f) != 0 && r == 0)
		r = -errno;
	if (r == 0)
		r = set_meta(name, st);
	if (r == 0 && tmp && rename(tmp, host) < 0)
		r = -errno;
	if (r < 0 && f)
		unlink(name);
	free(tmp);
	progress_step(1, 0);
	return r;
}

static int extract_entry(const char *path, const struct file_stat *st, void *arg)
{
	const struct out *o = arg;
	const char *name = strrchr(path, '/') + 1;
	struct stat there;
	char *host;
	int r = 0;

	if (!name[0] || !strcmp(name, ".") || !strcmp(name, ".."))
		return -EINVAL;
	if (asprintf(&host, "%s%s", o->folder, path + o->skip) < 0)
		return -ENOMEM;
	if (!is_dir(st))
		r = copy_file(path, host, st, false);
	else if (mkdir(host, 0777) < 0 &&
		 (errno != EEXIST || lstat(host, &there) < 0 ||
		  !S_ISDIR(there.st_mode)))
		r = -EEXIST;
	free(host);
	return r;
}

/* Folders' modes and times after all that changes them. */
static int finish_dir(const char *path, const struct file_stat *st, void *arg)
{
	const struct out *o = arg;
	char *host;
	int r = 0;

	if (!is_dir(st))
		return 0;
	if (asprintf(&host, "%s%s", o->folder, path + o->skip) < 0)
		return -ENOMEM;
	r = set_meta(host, st);
	free(host);
	return r;
}

static int extract_tree(const char *from, const char *folder)
{
	struct out o = { folder, strlen(from) };
	int r = walk_visit(from, extract_entry, &o, false);

	return r < 0 ? r : walk_visit(from, finish_dir, &o, true);
}

int verb_extract(int argc, char **argv)
{
	static const struct option options[] = {
		{ "part", required_argument, NULL, 'p' },
		{ NULL, 0, NULL, 0 },
	};
	const char *part = NULL, *folder;
	char full[VFS_PATH_MAX];
	struct file_stat st;
	struct target t;
	int c, r;

	while ((c = getopt_long(argc, argv, "p:", options, NULL)) != -1) {
		if (c == '?')
			return usage("extract", "unknown option");
		part = optarg;
	}
	if (argc - optind < 2 || argc - optind > 3)
		return usage("extract", "wrong number of arguments for: extract");
	folder = argv[optind + 1];
	walk_inside(argc - optind == 3 ? argv[optind + 2] : "/", full,
		    sizeof(full));
	target_open(&t, argv[optind], part, IMAGE_READ);
	walk_mount(&t, false);
	if (mkdir(folder, 0777) < 0 && errno != EEXIST)
		die("%s: %s", folder, strerror(errno));
	progress_begin("files", 0);
	r = vfs_stat(full, &st);
	if (r == 0 && !is_dir(&st))
		r = -ENOTDIR;
	if (r < 0)
		warn("%s: %s: %s", t.arg, argv[optind + 2], strerror(-r));
	else
		r = extract_tree(full, folder);
	progress_end();
	return walk_finish(&t, r);
}

/* The whole content of a partition, into a file or to standard output. */
static int get_raw(struct target *t, const char *dest)
{
	uint64_t off = 0, end = t->bd.n_sectors * BLK_SECTOR;
	static char buf[1 << 16];
	bool to_stdout = !strcmp(dest, "-");
	FILE *f = to_stdout ? stdout : fopen(output_begin(dest), "wb");
	int r = 0;

	if (!f)
		die("%s: %s", dest, strerror(errno));
	progress_begin(t->arg, 0);
	for (; r == 0 && off < end; off += sizeof(buf)) {
		size_t n = end - off < sizeof(buf) ? end - off : sizeof(buf);
		bool zero;

		r = blkdev_read(&t->bd, off, buf, n);
		if (r < 0)
			die("%s: %s", t->arg, strerror(-r));
		zero = buf[0] == 0 && memcmp(buf, buf + 1, n - 1) == 0;
		/* Holes stay holes; the last chunk gives the length. */
		if (zero && !to_stdout && off + n < end ?
		    fseeko(f, (off_t)n, SEEK_CUR) < 0 :
		    fwrite(buf, 1, n, f) != n)
			die("%s: %s", dest, strerror(errno));
		progress_step(0, n);
	}
	progress_end();
	if (fflush(f) != 0 ||
	    (!to_stdout && (fsync(fileno(f)) < 0 || fclose(f) != 0)))
		die("%s: %s", dest, strerror(errno));
	if (!to_stdout)
		output_done(dest);
	return target_close(t) < 0 ? MKVOL_FAILED : MKVOL_OK;
}

static int get_one(const char *path, const char *dest, bool into)
{
	const char *name;
	char full[VFS_PATH_MAX], *host;
	struct file_stat st;
	int r;

	walk_inside(path, full, sizeof(full));
	name = strrchr(full, '/') + 1;
	r = vfs_stat(full, &st);
	if (r < 0)
		return r;
	if (asprintf(&host, into && strcmp(full, MNT) != 0 ? "%s/%s" : "%s",
		     dest, name) < 0)
		return -ENOMEM;
	if (!is_dir(&st)) {
		r = copy_file(full, host, &st, true);
	} else if (mkdir(host, 0777) < 0 && errno != EEXIST) {
		r = -errno;
	} else {
		r = extract_tree(full, host);
		if (r == 0 && strcmp(full, MNT) != 0)
			r = set_meta(host, &st);
	}
	free(host);
	return r;
}

int verb_get(int argc, char **argv)
{
	static const struct option options[] = {
		{ "part", required_argument, NULL, 'p' },
		{ NULL, 0, NULL, 0 },
	};
	const char *part = NULL, *dest;
	struct target t;
	struct stat st;
	bool into;
	int c, r = 0;

	while ((c = getopt_long(argc, argv, "p:", options, NULL)) != -1) {
		if (c == '?')
			return usage("get", "unknown option");
		part = optarg;
	}
	if (argc - optind < 2)
		return usage("get", "wrong number of arguments for: get");
	dest = argv[argc - 1];
	target_open(&t, argv[optind], part, IMAGE_READ);
	if (argc - optind == 2) {
		target_choose(&t);
		return get_raw(&t, dest);
	}
	into = stat(dest, &st) == 0 && S_ISDIR(st.st_mode);
	if (argc - optind > 3 && !into)
		die("%s: not a folder", dest);
	walk_mount(&t, false);
	progress_begin("files", 0);
	while (++optind < argc - 1) {
		int one = get_one(argv[optind], dest, into);

		if (one < 0 && one != -EREMOTEIO)
			warn("%s: %s: %s", t.arg, argv[optind], strerror(-one));
		r = one < 0 ? one : r;
	}
	progress_end();
	return walk_finish(&t, r);
}

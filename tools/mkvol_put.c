/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mkvol put: files and folders of the host into a volume, or a file onto a raw
 * partition. Each file appears under its name only when it is whole.
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
#include "tools/mkvol_disk.h"
#include "tools/target.h"

#define TMP ".mkvol.part"		/* in the folder that the file is for */

/* `path` is under MNT. 0 or -errno. */
static int put_file(const struct tree_entry *e, const char *path)
{
	char tmp[VFS_PATH_MAX + 16];
	struct file_stat st;
	struct file *f;
	int r;

	if (vfs_stat(path, &st) == 0 && is_dir(&st))
		return -EISDIR;
	snprintf(tmp, sizeof(tmp), "%.*s/" TMP, (int)(strrchr(path, '/') - path),
		 path);
	(void)vfs_unlink(tmp);		/* of a run that was cut off */
	r = vfs_open(tmp, VFS_WR | VFS_CREATE | VFS_EXCL, e->mode, &f);
	if (r < 0)
		return r;
	file_put(f);
	r = copy_file_in(e, tmp);
	if (r == 0)
		r = vfs_rename(tmp, path);
	if (r < 0)
		(void)vfs_unlink(tmp);
	return r;
}

static int put_dir(const struct tree_entry *e, const char *path)
{
	struct file_stat st;
	int r = vfs_mkdir(path, e->mode);

	if (r == -EEXIST && vfs_stat(path, &st) == 0 && is_dir(&st))
		r = vfs_chmod(path, e->mode);
	return r;
}

/* The tree at `dest` (under MNT; MNT itself: into the root). */
static int put_tree(const struct tree *t, const char *dest)
{
	char path[VFS_PATH_MAX];
	int r = 0;

	for (size_t i = 0; r == 0 && i < t->n; i++) {
		const struct tree_entry *e = &t->e[i];

		if ((size_t)snprintf(path, sizeof(path), "%s%s%s", dest,
				     i ? "/" : "", e->path) >= sizeof(path))
			r = -ENAMETOOLONG;
		else if (strcmp(path, MNT) != 0)
			r = e->dir ? put_dir(e, path) : put_file(e, path);
		if (r < 0 && r != -EINTR)
			warn("%s: %s", e->host, r == -EFBIG ?
			     "larger than 2 GiB" : strerror(-r));
		progress_step(1, 0);
	}
	/* Folders' times last: what is put into them changes them. */
	for (size_t i = t->n; r == 0 && i-- > 0;) {
		snprintf(path, sizeof(path), "%s%s%s", dest, i ? "/" : "",
			 t->e[i].path);
		if (t->e[i].dir && strcmp(path, MNT) != 0)
			r = vfs_utime(path, t->e[i].mtime_ns);
	}
	return r;
}

static int put_one(const char *host, const char *dest)
{
	struct stat st;
	struct tree t = { 0 };
	struct tree_entry e = { 0 };
	int r;

	if (stat(host, &st) < 0) {
		warn("%s: %s", host, strerror(errno));
		return -ENOENT;
	}
	if (S_ISDIR(st.st_mode)) {
		tree_read(&t, host);
		r = put_tree(&t, dest);
		tree_free(&t);
		return r;
	}
	if (!S_ISREG(st.st_mode)) {
		warn("%s: neither a file nor a folder", host);
		return -EINVAL;
	}
	e.path = (char *)"";
	e.host = (char *)(uintptr_t)host;
	e.mode = st.st_mode & 07777;
	e.mtime_ns = (uint64_t)st.st_mtim.tv_sec * 1000000000u +
		     (uint64_t)st.st_mtim.tv_nsec;
	t.e = &e;
	t.n = 1;
	return put_tree(&t, dest);
}

/* Into a folder of the volume, under its own name: "a/b/", "a/b", "..". */
static int put_into(const char *host, const char *dir)
{
	char *copy = must(strdup(host)), *name, path[VFS_PATH_MAX];
	size_t n = strlen(copy);
	int r = -ENAMETOOLONG;

	while (n > 1 && copy[n - 1] == '/')
		copy[--n] = '\0';
	name = strrchr(copy, '/') ? strrchr(copy, '/') + 1 : copy;
	/* A folder called "." or "..": what is in it. */
	if (!name[0] || !strcmp(name, ".") || !strcmp(name, ".."))
		r = put_one(host, dir);
	else if ((size_t)snprintf(path, sizeof(path), "%s/%s", dir, name) <
		 sizeof(path))
		r = put_one(host, path);
	else
		warn("%s: %s", host, strerror(ENAMETOOLONG));
	free(copy);
	return r;
}

static int put_raw(struct target *t, const char *host)
{
	int fd = !strcmp(host, "-") ? 0 : open(host, O_RDONLY | O_CLOEXEC), r;
	uint64_t size = t->bd.n_sectors * BLK_SECTOR, len;
	struct stat st;
	char a[32];

	if (fd < 0 || fstat(fd, &st) < 0)
		die("%s: %s", host, strerror(errno));
	if (S_ISDIR(st.st_mode))
		die("%s: is a folder, and %s is to be written as a whole; "
		    "into a volume: put %s %s /", host, t->arg, t->arg, host);
	if (S_ISREG(st.st_mode) && (uint64_t)st.st_size > size)
		die("%s: has %llu bytes, the partition only %llu", host,
		    (unsigned long long)st.st_size, (unsigned long long)size);
	progress_begin(t->arg, 0);
	r = raw_fill(&t->bd, fd, false, &len);
	progress_end();
	if (r < 0)
		warn("%s: %s", t->arg, r == -ENOSPC && !file_blkdev_error() ?
		     "the partition is full; what fitted was written" :
		     strerror(-r));
	if (target_close(t) < 0 || r < 0)
		return MKVOL_FAILED;
	printf("%s: %s written\n", t->arg, human(len, a, sizeof(a)));
	return MKVOL_OK;
}

/* Is what a new name would lie in a directory? */
static bool parent_is_dir(char *full)
{
	char *slash = strrchr(full, '/');
	struct file_stat st;
	bool yes;

	*slash = '\0';
	yes = vfs_stat(full, &st) == 0 && is_dir(&st);
	*slash = '/';
	return yes;
}

static int put_all(struct target *t, char **host, int n, const char *dest)
{
	char full[VFS_PATH_MAX];
	struct file_stat st;
	bool into;
	int r = 0;

	walk_inside(dest, full, sizeof(full));
	into = vfs_stat(full, &st) == 0 && is_dir(&st);
	if (!into && !parent_is_dir(full)) {
		warn("%s: there is no directory for %s to be in (mkvol mkdir -p "
		     "makes one)", t->arg, dest);
		return -ENOENT;
	}
	if (!into && (n > 1 || dest[strlen(dest) - 1] == '/')) {
		warn("%s: %s: not a directory of the volume (mkvol mkdir makes "
		     "one)", t->arg, dest);
		return -ENOTDIR;
	}
	progress_begin("files", 0);
	for (int i = 0; i < n && r != -ENOSPC && !interrupted; i++) {
		int one = into ? put_into(host[i], full) : put_one(host[i], full);

		r = one < 0 ? one : r;
	}
	progress_end();
	return r;
}

int verb_put(int argc, char **argv)
{
	static const struct option options[] = {
		{ "part", required_argument, NULL, 'p' },
		{ NULL, 0, NULL, 0 },
	};
	const char *part = NULL, *dest;
	struct target t;
	int c, r;

	while ((c = getopt_long(argc, argv, "p:", options, NULL)) != -1) {
		if (c == '?')
			return usage("put", "unknown option");
		part = optarg;
	}
	if (argc - optind < 2)
		return usage("put", "wrong number of arguments for: put");
	dest = argv[argc - 1];
	if (argc - optind > 2 && dest[0] != '/')
		return usage("put", "where to? The last argument is a path in "
			     "the volume and begins with /: %s", dest);
	target_open(&t, argv[optind], part, IMAGE_WRITE);
	interrupt_later();
	if (argc - optind == 2) {
		target_choose(&t);
		if (!t.p)
			die("%s: only a partition can be written as a whole; "
			    "into a volume: put %s %s /", t.arg, t.arg, dest);
		return put_raw(&t, dest);
	}
	walk_mount(&t, true);
	r = put_all(&t, argv + optind + 1, argc - optind - 2, dest);
	return walk_finish(&t, r);
}

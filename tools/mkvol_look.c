/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mkvol ls, cat, extract: a volume or an archive through the guest's VFS,
 * read-only. Images are untrusted: names are checked before they become
 * names of the host.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fs/fs.h"
#include "tools/file_blkdev.h"
#include "tools/mkvol.h"

#define MNT "/v"
#define DEPTH_MAX 64

static void mount_image(struct blkdev *bd, const char *image)
{
	static const struct lfs_options opt = { .read_only = true,
						.cache_bytes = 32 << 20 };
	enum lfs_probe what;
	int r = file_blkdev_open(bd, image, false, 0);

	if (r < 0)
		die("%s: %s", image, r == -ENOTBLK ?
		    "neither a file nor a block device" : strerror(-r));
	r = lfs_probe(bd, &what);
	if (r == 0 && what == LFS_PROBE_ARCHIVE)
		r = archive_mount_disk(MNT, bd);
	else
		r = lfs_mount(MNT, bd, &opt);
	if (r < 0)
		exit(MKVOL_FAILED);	/* the reason was said */
}

static int finish(struct blkdev *bd, int r)
{
	vfs_unmount(MNT);
	file_blkdev_close(bd);
	if (fflush(stdout) != 0) {
		warn("standard output: %s", strerror(errno));
		r = -EIO;
	}
	return r < 0 ? MKVOL_FAILED : MKVOL_OK;
}

static void inside(const char *path, char *out, size_t size)
{
	while (*path == '/')
		path++;
	if ((size_t)snprintf(out, size, MNT "%s%s", *path ? "/" : "", path) >=
	    size)
		die("%s: %s", path, strerror(ENAMETOOLONG));
}



/* Calls fn for all that lies below, directories before their content. */
static int visit(const char *path, int (*fn)(const char *path,
		 const struct file_stat *st, void *arg), void *arg, int depth)
{
	struct vfs_dirent de;
	struct file_stat st;
	struct file *d;
	int r = vfs_open(path, VFS_RD | VFS_DIRECTORY, 0, &d), one;

	if (r < 0)
		return r;
	while ((one = vfs_readdir(d, &de)) == 1) {
		char sub[VFS_PATH_MAX + VFS_NAME_MAX + 2];

		if (!strcmp(de.name, ".") || !strcmp(de.name, ".."))
			continue;
		snprintf(sub, sizeof(sub), "%s/%s", path, de.name);
		one = depth > DEPTH_MAX ? -ELOOP : vfs_stat(sub, &st);
		if (one == 0)
			one = fn(sub, &st, arg);
		if (one == 0 && (st.mode & VFS_S_IFMT) == VFS_S_IFDIR)
			one = visit(sub, fn, arg, depth + 1);
		if (one < 0) {
			warn("%s: %s", sub + strlen(MNT), strerror(-one));
			r = -EIO;
			if (one == -ELOOP)
				break;
		}
	}
	file_put(d);
	return one < 0 ? one : r;
}

static int print_entry(const char *path, const struct file_stat *st, void *arg)
{
	time_t t = (time_t)(st->mtime_ns / 1000000000u);
	bool dir = (st->mode & VFS_S_IFMT) == VFS_S_IFDIR;
	char when[32] = "?";
	struct tm tm;

	(void)arg;
	if (gmtime_r(&t, &tm))
		strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S", &tm);
	printf("%c%04o %12llu %s %s%s\n", dir ? 'd' : '-', st->mode & 07777,
	       (unsigned long long)st->size, when, path + strlen(MNT "/"),
	       dir ? "/" : "");
	return 0;
}

int look_ls(const char *image, const char *path)
{
	char full[VFS_PATH_MAX];
	struct file_stat st;
	struct blkdev bd;
	int r;

	inside(path, full, sizeof(full));
	mount_image(&bd, image);
	r = vfs_stat(full, &st);
	if (r < 0)
		warn("%s: %s: %s", image, path, strerror(-r));
	else if ((st.mode & VFS_S_IFMT) == VFS_S_IFDIR)
		r = visit(full, print_entry, NULL, 0);
	else
		r = print_entry(full, &st, NULL);
	return finish(&bd, r);
}

/* 0 or -errno. */
static int copy_out(const char *path, FILE *out)
{
	static char buf[1 << 16];
	struct file_iov iov = { buf, sizeof(buf) };
	struct file *f;
	long n;
	int r = vfs_open(path, VFS_RD, 0, &f);

	if (r < 0)
		return r;
	if (!f->ops->readv) {
		file_put(f);
		return -EISDIR;
	}
	while ((n = f->ops->readv(f, &iov, 1)) > 0) {
		if (fwrite(buf, 1, (size_t)n, out) != (size_t)n) {
			n = -errno;
			break;
		}
	}
	file_put(f);
	return (int)n;
}

int look_cat(const char *image, const char *path)
{
	char full[VFS_PATH_MAX];
	struct blkdev bd;
	int r;

	inside(path, full, sizeof(full));
	mount_image(&bd, image);
	r = copy_out(full, stdout);
	if (r < 0)
		warn("%s: %s: %s", image, path, strerror(-r));
	return finish(&bd, r);
}

static int extract_file(const char *path, const char *host)
{
	FILE *out = fopen(host, "wbx");	/* never over what is there */
	int r;

	if (!out)
		return -errno;
	r = copy_out(path, out);
	if (fclose(out) != 0 && r == 0)
		r = -errno;
	return r;
}

static int extract_entry(const char *path, const struct file_stat *st, void *arg)
{
	struct timespec ts[2] = {
		{ .tv_nsec = UTIME_OMIT },
		{ (time_t)(st->mtime_ns / 1000000000u),
		  (long)(st->mtime_ns % 1000000000u) },
	};
	const char *name = strrchr(path, '/') + 1;
	char *host;
	int r;

	if (!name[0] || !strcmp(name, ".") || !strcmp(name, ".."))
		return -EINVAL;
	if (asprintf(&host, "%s/%s", (const char *)arg, path + strlen(MNT "/"))
	    < 0)
		return -ENOMEM;
	if ((st->mode & VFS_S_IFMT) == VFS_S_IFDIR)
		r = mkdir(host, 0777) < 0 && errno != EEXIST ? -errno : 0;
	else
		r = extract_file(path, host);
	if (r == 0 && chmod(host, (st->mode & 0777) | 0600) < 0)
		r = -errno;
	if (r == 0)
		(void)utimensat(AT_FDCWD, host, ts, 0);
	free(host);
	return r;
}

int look_extract(const char *image, const char *folder)
{
	struct blkdev bd;
	int r;

	if (mkdir(folder, 0777) < 0 && errno != EEXIST)
		die("%s: %s", folder, strerror(errno));
	mount_image(&bd, image);
	r = visit(MNT, extract_entry, (void *)(uintptr_t)folder, 0);
	return finish(&bd, r);
}

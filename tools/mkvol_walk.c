/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A volume or an archive through the guest's VFS: mounting it, walking it,
 * copying files out of it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fs/fs.h"
#include "tools/file_blkdev.h"
#include "tools/mkvol.h"
#include "tools/target.h"

#define DEPTH_MAX 520		/* VFS_PATH_MAX has room for 511 */

void walk_mount(struct target *t, bool write)
{
	static const struct lfs_options ro = { .read_only = true,
					       .cache_bytes = 32 << 20 };
	static const struct lfs_options rw = { .cache_bytes = 32 << 20 };
	enum lfs_probe what;
	int r;

	target_choose(t);
	r = lfs_probe(&t->bd, &what);
	if (r == 0 && what == LFS_PROBE_ARCHIVE && write)
		die("%s: an archive cannot be changed; make a new one", t->arg);
	if (r == 0 && what != LFS_PROBE_VOLUME && what != LFS_PROBE_ARCHIVE)
		die("%s: %s: neither a littlefs volume nor an archive%s", t->arg,
		    what == LFS_PROBE_BLANK ? "blank" : "has other data",
		    t->p ? " (get and put copy a raw partition)" : "");
	if (r == 0 && what == LFS_PROBE_ARCHIVE)
		r = archive_mount_disk(MNT, &t->bd);
	else
		r = lfs_mount(MNT, &t->bd, write ? &rw : &ro);
	if (r < 0)
		exit(die_status);	/* the reason was said */
}

int walk_finish(struct target *t, int r)
{
	int error = file_blkdev_error(), s;

	s = vfs_sync();
	vfs_unmount(MNT);
	error = error ? error : file_blkdev_error();
	if (target_close(t) < 0)
		s = -EIO;
	if (error || (r >= 0 && s < 0)) {
		warn("%s: writing failed: %s", t->arg,
		     strerror(error ? error : -s));
		r = -EIO;
	}
	if (fflush(stdout) != 0) {
		warn("standard output: %s", strerror(errno));
		r = -EIO;
	}
	if (interrupted) {
		warn("%s: interrupted", t->arg);
		exit(128 + interrupted);
	}
	return r < 0 ? MKVOL_FAILED : MKVOL_OK;
}

void walk_inside(const char *path, char *out, size_t size)
{
	size_t n;

	while (*path == '/')
		path++;
	if ((size_t)snprintf(out, size, MNT "%s%s", *path ? "/" : "", path) >=
	    size)
		die("%s: %s", path, strerror(ENAMETOOLONG));
	n = strlen(out);
	while (n > strlen(MNT) && out[n - 1] == '/')
		out[--n] = '\0';
}

bool is_dir(const struct file_stat *st)
{
	return (st->mode & VFS_S_IFMT) == VFS_S_IFDIR;
}

static int visit(const char *path, visit_fn fn, void *arg, bool after, int depth);

static int visit_one(const char *sub, visit_fn fn, void *arg, bool after,
		     int depth)
{
	struct file_stat st;
	int r = depth > DEPTH_MAX ? -ELOOP : vfs_stat(sub, &st);

	if (r == 0 && interrupted)
		r = -EINTR;
	if (r == 0 && !after)
		r = fn(sub, &st, arg);
	if (r == 0 && is_dir(&st))
		r = visit(sub, fn, arg, after, depth + 1);
	if (r == 0 && after)
		r = fn(sub, &st, arg);
	return r;
}

/* Depth first; at most DEPTH_MAX deep. */
static int visit(const char *path, visit_fn fn, void *arg, bool after, int depth)
{
	char *sub = must(malloc(VFS_PATH_MAX + VFS_NAME_MAX + 2));
	struct vfs_dirent de;
	struct file *d;
	int r = vfs_open(path, VFS_RD | VFS_DIRECTORY, 0, &d), one;

	if (r < 0) {
		free(sub);
		return r;
	}
	while ((one = vfs_readdir(d, &de)) == 1) {
		if (!strcmp(de.name, ".") || !strcmp(de.name, ".."))
			continue;
		snprintf(sub, VFS_PATH_MAX + VFS_NAME_MAX + 2, "%s/%s", path,
			 de.name);
		one = visit_one(sub, fn, arg, after, depth);
		if (one < 0) {
			/* Said where it happened, not once for each parent. */
			if (one != -EINTR && one != -EREMOTEIO)
				warn("%s: %s", sub + strlen(MNT),
				     strerror(-one));
			r = -EREMOTEIO;
			if (one == -ELOOP || one == -EINTR)
				break;
		}
	}
	file_put(d);
	free(sub);
	return one < 0 ? one : r;
}

int walk_visit(const char *path, visit_fn fn, void *arg, bool after)
{
	int r = visit(path, fn, arg, after, 0);

	if (r < 0 && r != -EREMOTEIO && r != -EINTR)
		warn("%s: %s", path[strlen(MNT)] ? path + strlen(MNT) : "/",
		     strerror(-r));
	return r;
}

int walk_copy_out(const char *path, FILE *out)
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
		if (fwrite(buf, 1, (size_t)n, out) != (size_t)n)
			n = -errno;
		else
			progress_step(0, (uint64_t)n);
		if (n < 0 || interrupted)
			break;
	}
	file_put(f);
	return n > 0 ? -EINTR : (int)n;
}

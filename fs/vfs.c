/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The paths that programs use -> a mount and its operations, one at a time
 * under the mount's mutex. What POSIX says about paths (trailing slashes, dots,
 * mount points, read-only volumes) is decided here, once for all file systems.
 */
#include "kernel/vfs.h"

#include <errno.h>

#include "fs/fs.h"
#include "fs/path.h"
#include "kernel/lib/string.h"

const char vfs_dir_kind = 'd';

/* A resolved path, its mount locked. */
struct target {
	struct vfs_path p;
	struct vfs_mount *m;
	const char *rel;
};

static int enter(const char *path, struct target *t)
{
	int r = vfs_path_resolve(path, &t->p);

	if (r < 0)
		return r;
	t->m = vfs_find_mount(t->p.full, &t->rel);
	mutex_lock(&t->m->lock);
	return 0;
}

static int leave(struct target *t, int r)
{
	mutex_unlock(&t->m->lock);
	return r;
}

/* For calls that change: a mount's root stays as it is (`at_root` is what they
 * then say). */
static int enter_change(const char *path, struct target *t, int at_root)
{
	int r = enter(path, t);

	if (r < 0)
		return r;
	if (!t->rel[0])
		return leave(t, at_root);
	return 0;
}

static bool is_dir(const struct file_stat *st)
{
	return (st->mode & VFS_S_IFMT) == VFS_S_IFDIR;
}

static int stat_locked(struct target *t, struct file_stat *st)
{
	int r = t->m->ops->stat(t->m, t->rel, st);

	if (r == 0 && t->p.must_dir && !is_dir(st))
		r = -ENOTDIR;
	return r;
}

int vfs_stat(const char *path, struct file_stat *st)
{
	struct target t;
	int r = enter(path, &t);

	return r < 0 ? r : leave(&t, stat_locked(&t, st));
}

/* What open must know before the file system is asked. */
static int open_check(struct target *t, unsigned *flags)
{
	struct file_stat st;
	int r;

	if (t->m->read_only && (*flags & (VFS_WR | VFS_TRUNC | VFS_CREATE))) {
		r = t->m->ops->stat(t->m, t->rel, &st);
		if (r < 0)
			return r == -ENOENT && (*flags & VFS_CREATE) ? -EROFS : r;
		if ((*flags & VFS_CREATE) && (*flags & VFS_EXCL))
			return -EEXIST;
		if (*flags & (VFS_WR | VFS_TRUNC)) {
			if (is_dir(&st))
				return -EISDIR;
			/* A device is no part of the volume. */
			if ((st.mode & VFS_S_IFMT) == VFS_S_IFREG)
				return -EROFS;
		}
		*flags &= ~(VFS_CREATE | VFS_TRUNC);
	}
	if (!t->p.must_dir)
		return 0;
	if (*flags & VFS_CREATE) {
		r = t->m->ops->stat(t->m, t->rel, &st);
		if (r == 0)
			return *flags & VFS_EXCL ? -EEXIST :
			       is_dir(&st) ? -EISDIR : -ENOTDIR;
		return r == -ENOENT ? -EISDIR : r;
	}
	*flags |= VFS_DIRECTORY;
	return 0;
}

int vfs_open(const char *path, unsigned flags, uint32_t mode, struct file **out)
{
	struct target t;
	int r = enter(path, &t);

	if (r < 0)
		return r;
	r = open_check(&t, &flags);
	if (r == 0)
		r = t.m->ops->open(t.m, t.rel, flags, mode & 07777, out);
	if (r == 0) {
		(*out)->readable = flags & VFS_RD;
		(*out)->writable = flags & VFS_WR;
		(*out)->append = flags & VFS_APPEND;
		t.m->n_files++;
	}
	return leave(&t, r);
}

int vfs_unlink(const char *path)
{
	struct file_stat st;
	struct target t;
	int r = enter_change(path, &t, -EISDIR);

	if (r < 0)
		return r;
	r = stat_locked(&t, &st);
	if (r == 0 && is_dir(&st))
		r = -EISDIR;
	if (r == 0)
		r = t.m->read_only || !t.m->ops->unlink ? -EROFS :
		    t.m->ops->unlink(t.m, t.rel);
	return leave(&t, r);
}

int vfs_mkdir(const char *path, uint32_t mode)
{
	struct file_stat st;
	struct target t;
	int r = enter_change(path, &t, -EEXIST);

	if (r < 0)
		return r;
	r = t.m->ops->stat(t.m, t.rel, &st);
	if (r == 0)
		r = -EEXIST;
	else if (r == -ENOENT)
		r = t.m->read_only || !t.m->ops->mkdir ? -EROFS :
		    t.p.dots ? -ENOENT :
		    t.m->ops->mkdir(t.m, t.rel, mode & 07777);
	return leave(&t, r);
}

int vfs_rmdir(const char *path)
{
	struct file_stat st;
	struct target t;
	int r = enter_change(path, &t, -EBUSY);

	if (r < 0)
		return r;
	r = stat_locked(&t, &st);
	if (r == 0 && !is_dir(&st))
		r = -ENOTDIR;
	if (r == 0 && t.p.dots)
		r = -EINVAL;
	if (r == 0)
		r = t.m->read_only || !t.m->ops->rmdir ? -EROFS :
		    t.m->ops->rmdir(t.m, t.rel);
	return leave(&t, r);
}

/* `from` exists as *st; both are in from's mount, which is locked. */
static int rename_check(const struct target *from, const struct vfs_path *to,
			const char *to_rel, const struct file_stat *st)
{
	size_t n = strlen(from->rel);
	struct file_stat dst;
	int r;

	if (from->p.dots || to->dots)
		return -EINVAL;
	if (!to_rel[0])
		return -EBUSY;
	if (is_dir(st) && strncmp(from->rel, to_rel, n) == 0 && to_rel[n] == '/')
		return -EINVAL;
	if (!is_dir(st) && to->must_dir)
		return -ENOTDIR;
	r = from->m->ops->stat(from->m, to_rel, &dst);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	if (is_dir(&dst) != is_dir(st))
		return is_dir(&dst) ? -EISDIR : -ENOTDIR;
	return 0;
}

int vfs_rename(const char *from, const char *to)
{
	struct file_stat st;
	struct vfs_path to_path;
	struct target t;
	const char *to_rel;
	int r = vfs_path_resolve(to, &to_path);

	if (r == 0)
		r = enter_change(from, &t, -EBUSY);
	if (r < 0)
		return r;
	r = stat_locked(&t, &st);
	if (r == 0 && vfs_find_mount(to_path.full, &to_rel) != t.m)
		r = -EXDEV;
	if (r == 0)
		r = rename_check(&t, &to_path, to_rel, &st);
	if (r == 0 && (t.m->read_only || !t.m->ops->rename))
		r = -EROFS;
	if (r == 0 && strcmp(t.rel, to_rel) != 0)
		r = t.m->ops->rename(t.m, t.rel, to_rel);
	return leave(&t, r);
}

/* chmod and utime: the path must exist, the volume take writes. */
static int enter_attr(const char *path, struct target *t)
{
	struct file_stat st;
	int r = enter(path, t);

	if (r < 0)
		return r;
	r = stat_locked(t, &st);
	if (r == 0 && t->m->read_only)
		r = -EROFS;
	return r < 0 ? leave(t, r) : 0;
}

int vfs_chmod(const char *path, uint32_t mode)
{
	struct target t;
	int r = enter_attr(path, &t);

	if (r < 0)
		return r;
	return leave(&t, t.m->ops->chmod ?
		     t.m->ops->chmod(t.m, t.rel, mode & 07777) : -EROFS);
}

int vfs_utime(const char *path, uint64_t mtime_ns)
{
	struct target t;
	int r = enter_attr(path, &t);

	if (r < 0)
		return r;
	return leave(&t, t.m->ops->utime ?
		     t.m->ops->utime(t.m, t.rel, mtime_ns) : -EROFS);
}

int vfs_statfs(const char *path, struct vfs_statfs *out)
{
	struct file_stat st;
	struct target t;
	int r = enter(path, &t);

	if (r < 0)
		return r;
	memset(out, 0, sizeof(*out));
	out->name_max = VFS_NAME_MAX;
	out->read_only = t.m->read_only;
	out->type = t.m->ops->type;
	r = stat_locked(&t, &st);
	if (r == 0 && t.m->ops->statfs)
		r = t.m->ops->statfs(t.m, out);
	return leave(&t, r);
}

int vfs_sync(void)
{
	struct vfs_mount *m = NULL;
	int r = 0;

	while ((m = vfs_mount_next(m)) != NULL) {
		int one;

		if (!m->ops->sync)
			continue;
		mutex_lock(&m->lock);
		one = m->ops->sync(m);
		mutex_unlock(&m->lock);
		r = r < 0 ? r : one;
	}
	return r;
}

int vfs_readdir(struct file *f, struct vfs_dirent *out)
{
	struct vfs_dir *d;
	int r;

	if (f->kind != &vfs_dir_kind)
		return -ENOTDIR;
	d = container_of(f, struct vfs_dir, file);
	if (d->dots < 2) {
		memset(out, 0, sizeof(*out));
		memcpy(out->name, "..", ++d->dots);
		out->mode = VFS_S_IFDIR | 0755;
		out->ino = 1;
		return 1;
	}
	mutex_lock(&d->mount->lock);
	r = d->mount->ops->readdir(f, out);
	mutex_unlock(&d->mount->lock);
	return r;
}

int vfs_rewinddir(struct file *f)
{
	struct vfs_dir *d;
	int r;

	if (f->kind != &vfs_dir_kind)
		return -ENOTDIR;
	d = container_of(f, struct vfs_dir, file);
	mutex_lock(&d->mount->lock);
	r = d->mount->ops->rewinddir(f);
	if (r == 0)
		d->dots = 0;
	mutex_unlock(&d->mount->lock);
	return r;
}

int vfs_chdir(const char *path)
{
	struct file_stat st;
	struct target t;
	int r = enter(path, &t);

	if (r < 0)
		return r;
	r = stat_locked(&t, &st);
	if (r == 0 && !is_dir(&st))
		r = -ENOTDIR;
	if (r == 0)
		memcpy(vfs_cwd, t.p.full, t.p.len + 1);
	return leave(&t, r);
}

int vfs_getcwd(char *buf, size_t len)
{
	size_t n = strlen(vfs_cwd) + 1;

	if (len < n)
		return len == 0 ? -EINVAL : -ERANGE;
	memcpy(buf, vfs_cwd, n);
	return 0;
}

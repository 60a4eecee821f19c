/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What lies above the mounts, where no volume is mounted at "/": directories
 * that hold nothing but the mount points.
 */
#include "fs/fs.h"

#include <errno.h>

#include "kernel/heap.h"
#include "kernel/lib/string.h"

struct root_dir {
	struct vfs_dir dir;
	unsigned pos;			/* mounts seen */
	char path[VFS_MOUNT_PATH_MAX];	/* "" or "/a" */
};

/* The next name of mount `m` below `path` ("" or "/a"), or NULL. */
static const char *name_below(const struct vfs_mount *m, const char *path,
			      size_t *len)
{
	size_t n = strlen(path);
	const char *name = m->path + n + 1, *end;

	if (strncmp(m->path, path, n) != 0 || m->path[n] != '/' || !name[0])
		return NULL;
	end = strchr(name, '/');
	*len = end ? (size_t)(end - name) : strlen(name);
	return name;
}

static bool make_prefix(const char *rel, char *prefix)
{
	struct vfs_mount *m = NULL;
	size_t n = strlen(rel), len;

	prefix[0] = '\0';
	if (n == 0)
		return true;
	if (n + 2 > VFS_MOUNT_PATH_MAX)
		return false;
	prefix[0] = '/';
	memcpy(prefix + 1, rel, n + 1);
	while ((m = vfs_mount_next(m)) != NULL) {
		if (name_below(m, prefix, &len))
			return true;
	}
	return false;
}

static int root_stat(struct vfs_mount *m, const char *rel, struct file_stat *st)
{
	char prefix[VFS_MOUNT_PATH_MAX];

	if (!make_prefix(rel, prefix))
		return -ENOENT;
	fs_fill_stat(m, st, VFS_S_IFDIR | 0755, 0, 0, 1);
	return 0;
}

static int root_dir_stat(struct file *f, struct file_stat *st)
{
	(void)f;
	fs_fill_stat(&vfs_root_mount, st, VFS_S_IFDIR | 0755, 0, 0, 1);
	return 0;
}

static void root_release(struct file *f)
{
	vfs_root_mount.n_files--;
	heap_free(HEAP_FS, f);
}

static const struct file_ops root_dir_ops = {
	.stat = root_dir_stat,
	.release = root_release,
};

static int root_open(struct vfs_mount *m, const char *rel, unsigned flags,
		     uint32_t mode, struct file **out)
{
	char prefix[VFS_MOUNT_PATH_MAX];
	struct root_dir *d;

	(void)mode;
	if (!make_prefix(rel, prefix))
		return -ENOENT;
	if (flags & (VFS_WR | VFS_CREATE))
		return -EISDIR;
	d = heap_zalloc(HEAP_FS, sizeof(*d));
	if (!d)
		return -ENOMEM;
	memcpy(d->path, prefix, sizeof(prefix));
	d->dir.mount = m;
	file_init(&d->dir.file, &root_dir_ops, &vfs_dir_kind);
	*out = &d->dir.file;
	return 0;
}

static bool seen_before(const struct root_dir *d, const struct vfs_mount *m,
			const char *name, size_t len)
{
	struct vfs_mount *o = NULL;
	const char *other;
	size_t n;

	while ((o = vfs_mount_next(o)) != m) {
		other = name_below(o, d->path, &n);
		if (other && n == len && strncmp(other, name, n) == 0)
			return true;
	}
	return false;
}

static int root_readdir(struct file *f, struct vfs_dirent *out)
{
	struct root_dir *d = container_of(f, struct root_dir, dir.file);
	struct vfs_mount *m = NULL;
	unsigned i = 0;

	while ((m = vfs_mount_next(m)) != NULL) {
		const char *name;
		size_t len;

		if (i++ < d->pos)
			continue;
		d->pos++;
		name = name_below(m, d->path, &len);
		if (!name || seen_before(d, m, name, len))
			continue;
		memset(out, 0, sizeof(*out));
		memcpy(out->name, name, len);
		out->mode = VFS_S_IFDIR | 0755;
		out->ino = 1;
		return 1;
	}
	return 0;
}

static int root_rewind(struct file *f)
{
	container_of(f, struct root_dir, dir.file)->pos = 0;
	return 0;
}

static const struct vfs_ops root_ops = {
	.type = "root",
	.open = root_open,
	.stat = root_stat,
	.readdir = root_readdir,
	.rewinddir = root_rewind,
};

struct vfs_mount vfs_root_mount = {
	.ops = &root_ops,
	.path = "/",
	.read_only = true,
	.dev = 1,
	.lock = MUTEX_INIT(vfs_root_mount.lock),
	.link = LIST_INIT(vfs_root_mount.link),
};

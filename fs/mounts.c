/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The mount table, and the few things that all file systems share. Mounts are
 * made at boot; the list is ordered by length of path, longest first, so that
 * the first match is the right one.
 */
#include "fs/fs.h"

#include <errno.h>

#include "kernel/lib/fmt.h"
#include "kernel/lib/string.h"
#include "kernel/page.h"

static struct list mounts = LIST_INIT(mounts);

static bool covers(const struct vfs_mount *m, const char *full, const char **rel)
{
	size_t n = strlen(m->path);

	if (n == 1) {			/* "/" */
		*rel = full + 1;
		return true;
	}
	if (strncmp(full, m->path, n) != 0 || (full[n] != '\0' && full[n] != '/'))
		return false;
	*rel = full[n] ? full + n + 1 : full + n;
	return true;
}

struct vfs_mount *vfs_find_mount(const char *full, const char **rel)
{
	struct list *l;

	list_for_each(l, &mounts) {
		struct vfs_mount *m = container_of(l, struct vfs_mount, link);

		if (covers(m, full, rel))
			return m;
	}
	*rel = full + 1;
	return &vfs_root_mount;
}

struct vfs_mount *vfs_mount_next(struct vfs_mount *after)
{
	struct list *l = after ? after->link.next : mounts.next;

	return l == &mounts ? NULL : container_of(l, struct vfs_mount, link);
}

static struct list *place_for(const char *path)
{
	size_t n = strlen(path);
	struct list *l;

	list_for_each(l, &mounts) {
		if (strlen(container_of(l, struct vfs_mount, link)->path) < n)
			break;
	}
	return l;
}

int vfs_mount_add(struct vfs_mount *m, const char *path)
{
	static uint32_t next_dev = 1;
	struct vfs_mount *o = NULL;
	size_t n = strnlen(path, VFS_MOUNT_PATH_MAX);

	if (n == VFS_MOUNT_PATH_MAX)
		return -ENAMETOOLONG;
	if (path[0] != '/' || (n > 1 && path[n - 1] == '/'))
		return -EINVAL;
	while ((o = vfs_mount_next(o)) != NULL) {
		if (strcmp(o->path, path) == 0)
			return -EBUSY;
	}
	memcpy(m->path, path, n + 1);
	m->dev = ++next_dev;
	m->n_files = 0;
	mutex_init(&m->lock);
	list_add_before(place_for(path), &m->link);
	return 0;
}

int vfs_unmount(const char *path)
{
	struct vfs_mount *m = NULL;

	while ((m = vfs_mount_next(m)) != NULL) {
		if (strcmp(m->path, path) != 0)
			continue;
		if (m->n_files || m->lock.owner)
			return -EBUSY;
		list_del(&m->link);
		if (m->ops->unmount)
			m->ops->unmount(m);
		return 0;
	}
	return -ENOENT;
}

const char *vfs_mount_info(unsigned index, struct vfs_statfs *out)
{
	struct vfs_mount *m = vfs_mount_next(NULL);

	while (m && index--)
		m = vfs_mount_next(m);
	if (!m || vfs_statfs(m->path, out) < 0)
		return NULL;
	return m->path;
}

uint64_t fs_path_ino(const char *path, size_t len)
{
	uint64_t h = 0xcbf29ce484222325u;	/* FNV-1a */

	for (size_t i = 0; i < len; i++)
		h = (h ^ (uint8_t)path[i]) * 0x100000001b3u;
	/* Numbers that fit the smallest ino_t around, never 0 or 1. */
	h = (h ^ h >> 32) & 0x7fffffff;
	return h < 2 ? h + 2 : h;
}

void fs_fill_stat(const struct vfs_mount *m, struct file_stat *st, uint32_t mode,
		  uint64_t size, uint64_t mtime_ns, uint64_t ino)
{
	memset(st, 0, sizeof(*st));
	st->mode = mode;
	st->size = size;
	st->mtime_ns = mtime_ns;
	st->ino = ino;
	st->dev = m->dev;
	st->nlink = 1;
	st->blksize = 4096;
	st->blocks = (size + 511) / 512;
}

size_t fs_memory_share(unsigned n)
{
	return page_free_count() / n * PAGE_SIZE;
}

int64_t fs_seek(uint64_t pos, uint64_t size, int64_t off, int whence)
{
	int64_t base = whence == 0 ? 0 : whence == 1 ? (int64_t)pos :
		       (int64_t)size;

	if (whence < 0 || whence > 2)
		return -EINVAL;
	if (off > INT64_MAX - base)
		return -EOVERFLOW;
	return base + off < 0 ? -EINVAL : base + off;
}

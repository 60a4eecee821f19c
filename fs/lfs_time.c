/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Modes and modification times. To write a directory's time for each name that
 * is made would double the work of making it, so they wait in memory, their
 * nodes held, until something syncs (sync-after= at the latest); a power cut
 * takes them back to what was written last.
 */
#include "fs/lfs.h"

#include "kernel/clock.h"
#include "kernel/lib/string.h"

void lfs_time_drop(struct lfs_volume *v, struct lfs_node *n)
{
	unsigned i = 0;

	if (!n->touched)
		return;
	while (v->touched[i] != n)
		i++;
	v->n_touched--;
	memmove(&v->touched[i], &v->touched[i + 1],
		(v->n_touched - i) * sizeof(v->touched[0]));
	n->touched = false;
	lfs_node_put(v, n);
}

int lfs_time_write(struct lfs_volume *v, struct lfs_node *n)
{
	int r = 0;

	if (!n->touched)
		return 0;
	if (!n->unlinked)
		r = lfs_result(v, lfs2_setattr(&v->lfs, n->path, LFS_ATTR_MTIME,
					       &n->mtime, 8), n->path);
	lfs_time_drop(v, n);
	return r;
}

int lfs_times_write(struct lfs_volume *v)
{
	int r = 0, one;

	while (v->n_touched) {
		one = lfs_time_write(v, v->touched[0]);
		r = r < 0 ? r : one;
	}
	return r;
}

void lfs_names_changed(struct lfs_volume *v, const char *path)
{
	const char *slash = strrchr(path, '/');
	size_t len = slash ? (size_t)(slash - path) : 0;
	char parent[VFS_PATH_MAX];
	struct lfs_node *n;

	v->changes++;
	memcpy(parent, path, len);
	parent[len] = '\0';
	if (lfs_node_get(v, parent, &n) < 0)
		return;			/* no memory: the time stays as it was */
	n->mtime = clock_wall();
	if (n->touched || n->kind != LFS_DIR) {
		lfs_node_put(v, n);
		return;
	}
	if (v->n_touched == LFS_TOUCHED)
		(void)lfs_time_write(v, v->touched[0]);
	n->touched = true;
	v->touched[v->n_touched++] = n;
	lfs_unsynced(v);
}

int lfs_node_set(struct lfs_volume *v, struct lfs_node *n, uint32_t mode,
		 uint64_t mtime)
{
	int r = lfs_may_write(v);

	if (r == 0 && mode != FILE_KEEP_MODE && !n->unlinked)
		r = lfs_result(v, lfs2_setattr(&v->lfs, n->path, LFS_ATTR_MODE,
					       &mode, 4), n->path);
	if (r == 0 && mode != FILE_KEEP_MODE) {
		n->mode = mode;
		n->mode_stored = true;
	}
	if (r == 0 && mtime != FILE_KEEP_MTIME && !n->unlinked)
		r = lfs_result(v, lfs2_setattr(&v->lfs, n->path, LFS_ATTR_MTIME,
					       &mtime, 8), n->path);
	if (r == 0 && mtime != FILE_KEEP_MTIME) {
		n->mtime = mtime;
		lfs_time_drop(v, n);
	}
	return r;
}

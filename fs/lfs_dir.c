/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Names on a littlefs volume: directories, unlink, rename, attributes. After
 * each change the node cache is told; littlefs' own view of open files is put
 * right where it differs from POSIX (a removed or renamed file that is open).
 */
#include "fs/lfs.h"

#include <errno.h>

#include "kernel/clock.h"
#include "kernel/lib/string.h"

struct lfs_open_dir {
	struct vfs_dir dir;
	struct lfs_node *node;
	struct list link;		/* v->dirs */
	bool gone;			/* removed while open: reads as empty */
	uint64_t left;			/* a corrupt directory may be a ring */
	uint32_t changes;		/* v->changes when `ld` was right */
	lfs2_dir_t ld;
	char last[VFS_NAME_MAX + 1];	/* the name that was read last, or "" */
};

static struct lfs_open_dir *of(struct file *f)
{
	return container_of(f, struct lfs_open_dir, dir.file);
}

static void node_stat(struct lfs_volume *v, struct lfs_node *n,
		      struct file_stat *st)
{
	if (n->kind == LFS_DIR)
		fs_fill_stat(&v->m, st, VFS_S_IFDIR | n->mode, 0, n->mtime,
			     n->ino);
	else
		fs_fill_stat(&v->m, st, VFS_S_IFREG | n->mode,
			     lfs_node_size(v, n), n->mtime, n->ino);
}

static int dir_fstat(struct file *f, struct file_stat *st)
{
	struct lfs_open_dir *d = of(f);

	node_stat(lfs_of(d->dir.mount), d->node, st);
	return 0;
}

/* Every change of names is committed; the time of the last one may not be. */
static int dir_sync(struct file *f)
{
	struct lfs_open_dir *d = of(f);
	struct lfs_volume *v = lfs_of(d->dir.mount);
	int r;

	mutex_lock(&v->m.lock);
	lfs_bd_new_op(&v->bd);
	r = lfs_time_write(v, d->node);
	mutex_unlock(&v->m.lock);
	return r;
}

static void dir_release(struct file *f)
{
	struct lfs_open_dir *d = of(f);
	struct lfs_volume *v = lfs_of(d->dir.mount);

	mutex_lock(&v->m.lock);
	if (!d->gone)
		(void)lfs2_dir_close(&v->lfs, &d->ld);
	list_del(&d->link);
	lfs_node_put(v, d->node);
	v->m.n_files--;
	mutex_unlock(&v->m.lock);
	heap_free(HEAP_FS, d);
}

static int dir_set(struct file *f, uint32_t mode, uint64_t mtime)
{
	struct lfs_open_dir *d = of(f);
	struct lfs_volume *v = lfs_of(d->dir.mount);
	int r;

	mutex_lock(&v->m.lock);
	lfs_bd_new_op(&v->bd);
	r = lfs_node_set(v, d->node, mode, mtime);
	mutex_unlock(&v->m.lock);
	return r;
}

static const struct file_ops dir_ops = {
	.stat = dir_fstat,
	.sync = dir_sync,
	.set = dir_set,
	.release = dir_release,
};

int lfs_dir_open(struct lfs_volume *v, struct lfs_node *n, struct file **out)
{
	struct lfs_open_dir *d = heap_zalloc(HEAP_FS, sizeof(*d));
	int r = d ? lfs2_dir_open(&v->lfs, &d->ld, n->path) : LFS2_ERR_NOMEM;

	if (r < 0) {
		heap_free(HEAP_FS, d);
		r = lfs_result(v, r, n->path);
		lfs_node_put(v, n);
		return r;
	}
	d->dir.mount = &v->m;
	d->node = n;
	d->changes = v->changes;
	d->left = (uint64_t)v->bd.n_blocks * (LFS_BLOCK / 8);
	list_push(&v->dirs, &d->link);
	file_init(&d->dir.file, &dir_ops, &vfs_dir_kind);
	*out = &d->dir.file;
	return 0;
}

static uint64_t child_ino(const struct lfs_node *dir, const char *name)
{
	char path[VFS_PATH_MAX + VFS_NAME_MAX + 2];
	size_t n = dir->path_len, len = strlen(name);

	memcpy(path, dir->path, n);
	if (n)
		path[n++] = '/';
	memcpy(path + n, name, len);
	return fs_path_ino(path, n + len);
}

static int dir_readdir(struct file *f, struct vfs_dirent *out)
{
	struct lfs_open_dir *d = of(f);
	struct lfs_volume *v = lfs_of(d->dir.mount);
	struct lfs2_info info;
	int r;

	lfs_bd_new_op(&v->bd);
	if (d->changes != v->changes && !d->gone) {
		r = lfs_core_seek_after(&v->lfs, &d->ld,
					d->last[0] ? d->last : NULL);
		if (r < 0)
			return lfs_result(v, r, d->node->path);
		d->changes = v->changes;
	}
	do {
		r = d->gone ? 0 : lfs2_dir_read(&v->lfs, &d->ld, &info);
		if (r <= 0)
			return lfs_result(v, r, d->node->path);
		if (d->left-- == 0)
			return lfs_result(v, LFS2_ERR_CORRUPT, d->node->path);
	} while (!strcmp(info.name, ".") || !strcmp(info.name, ".."));
	memset(out, 0, sizeof(*out));
	memcpy(out->name, info.name, strnlen(info.name, VFS_NAME_MAX));
	memcpy(d->last, out->name, sizeof(d->last));
	out->mode = info.type == LFS2_TYPE_DIR ? VFS_S_IFDIR : VFS_S_IFREG;
	out->ino = child_ino(d->node, out->name);
	return 1;
}

static int dir_rewind(struct file *f)
{
	struct lfs_open_dir *d = of(f);
	struct lfs_volume *v = lfs_of(d->dir.mount);

	lfs_bd_new_op(&v->bd);
	d->left = (uint64_t)v->bd.n_blocks * (LFS_BLOCK / 8);
	d->changes = v->changes;
	d->last[0] = '\0';
	return d->gone ? 0 : lfs_result(v, lfs2_dir_rewind(&v->lfs, &d->ld),
					d->node->path);
}

static int lfs_stat(struct vfs_mount *m, const char *path, struct file_stat *st)
{
	struct lfs_volume *v = lfs_of(m);
	struct lfs_node *n;
	int r;

	lfs_bd_new_op(&v->bd);
	r = lfs_node_get(v, path, &n);
	if (r < 0)
		return r;
	if (n->kind == LFS_ABSENT)
		r = -ENOENT;
	else
		node_stat(v, n, st);
	lfs_node_put(v, n);
	return r;
}

/* The handle of a file about to lose its name: from now on the allocator
 * must see its blocks. Returns whether that was new. */
static bool hold_blocks(struct lfs_node *n)
{
	bool was;

	if (!n || !n->h || n->refs == 0)
		return false;
	was = n->h->file.flags & LFS2_F_DIRTY;
	n->h->file.flags |= LFS2_F_DIRTY;
	return !was;
}

static void lost_name(struct lfs_volume *v, struct lfs_node *n)
{
	/* littlefs may have followed the entry to a neighbour. */
	if (n->h)
		n->h->file.m.pair[0] = n->h->file.m.pair[1] = UINT32_MAX;
	lfs_node_unname(v, n);
}

/* `path` was removed or replaced; `n` is its node if somebody has it open. */
static void removed(struct lfs_volume *v, const char *path, struct lfs_node *n)
{
	struct list *l;

	v->said_full = false;
	if (n)
		lfs_time_drop(v, n);
	n = lfs_node_find(v, path);	/* dropped, it may be gone */
	if (!n || n->refs == 0) {
		lfs_node_forget(v, path);
		return;
	}
	list_for_each(l, &v->dirs) {
		struct lfs_open_dir *d = container_of(l, struct lfs_open_dir,
						      link);

		if (d->node == n && !d->gone) {
			(void)lfs2_dir_close(&v->lfs, &d->ld);
			d->gone = true;
		}
	}
	lost_name(v, n);
}

/* What failed behind the commit that counts is done all the same. Nothing was
 * unfinished before (lfs_may_write). */
static int finished(struct lfs_volume *v, int r, const char *path)
{
	r = lfs_result(v, r, path);
	return r < 0 && lfs_core_unfinished(&v->lfs) ? 0 : r;
}

static int lfs_remove(struct vfs_mount *m, const char *path)
{
	struct lfs_volume *v = lfs_of(m);
	struct lfs_node *n;
	bool held;
	int r;

	lfs_bd_new_op(&v->bd);
	r = lfs_may_write(v);
	if (r < 0)
		return r;
	n = lfs_node_find(v, path);
	/* An idle handle is only a cached one. */
	if (n && n->refs == 0) {
		lfs_node_forget(v, path);
		n = NULL;
	}
	held = hold_blocks(n);
	r = finished(v, lfs2_remove(&v->lfs, path), path);
	if (r < 0) {
		if (held)
			n->h->file.flags &= ~(uint32_t)LFS2_F_DIRTY;
		return r;
	}
	removed(v, path, n);
	lfs_names_changed(v, path);
	return 0;
}

static int lfs_mkdir(struct vfs_mount *m, const char *path, uint32_t mode)
{
	struct lfs_volume *v = lfs_of(m);
	uint64_t now = clock_wall();
	const struct lfs2_attr born[2] = {
		{ LFS_ATTR_MTIME, &now, 8 }, { LFS_ATTR_MODE, &mode, 4 },
	};
	int r;

	lfs_bd_new_op(&v->bd);
	r = lfs_may_write(v);
	if (r < 0)
		return r;
	lfs_node_forget(v, path);
	v->new_attrs = born;
	v->n_new_attrs = mode == LFS_MODE_DIR ? 1 : 2;
	r = lfs2_mkdir(&v->lfs, path);
	v->new_attrs = NULL;
	if (r == 0)
		lfs_names_changed(v, path);
	return lfs_result(v, r, path);
}

/* littlefs takes a renamed file's handle for a removed one: a new handle on
 * the new name. The file was committed before, so nothing is lost but, if
 * this fails, the file to its users. */
static int reopen(struct lfs_volume *v, struct lfs_node *n)
{
	uint32_t access = n->h->file.flags & LFS2_O_RDWR;
	lfs2_file_t was = n->h->file;
	uint64_t mtime = n->mtime;
	int r;

	n->h->file.flags |= LFS2_F_ERRED;	/* commits nothing */
	(void)lfs2_file_close(&v->lfs, &n->h->file);
	r = lfs2_file_opencfg(&v->lfs, &n->h->file, n->path, LFS2_O_RDONLY,
			      &n->h->cfg);
	if (r < 0) {
		/* The old one again, as of a file without a name: its blocks
		 * can be read, and nothing is committed. */
		was.m.pair[0] = was.m.pair[1] = UINT32_MAX;
		was.flags &= ~(uint32_t)LFS2_F_READING;
		was.cache.block = UINT32_MAX;
		was.next = (lfs2_file_t *)v->lfs.mlist;
		n->h->file = was;
		v->lfs.mlist = (struct lfs2_mlist *)&n->h->file;
		n->error = -EIO;
	}
	n->h->file.flags |= access;
	n->mtime = mtime;
	return r;
}

static int do_rename(struct lfs_volume *v, struct lfs_node *n, const char *from,
		     const char *to)
{
	struct lfs_node *old;
	bool held;
	int r;

	if (n->h) {
		r = lfs_node_sync(v, n);
		if (r < 0)
			return r;
	}
	r = lfs_nodes_prepare_move(v, from, to);
	if (r < 0)
		return r;
	old = lfs_node_find(v, to);	/* after the purge: in use, or NULL */
	held = hold_blocks(old);
	r = finished(v, lfs2_rename(&v->lfs, from, to), from);
	if (r < 0) {
		if (held)
			old->h->file.flags &= ~(uint32_t)LFS2_F_DIRTY;
		return r;
	}
	if (old)
		removed(v, to, old);
	lfs_nodes_move(v, from, to);
	lfs_names_changed(v, from);
	lfs_names_changed(v, to);
	/* If that fails, whoever has it open learns it from fsync. */
	if (n->h)
		(void)lfs_result(v, reopen(v, n), to);
	return 0;
}

/* The node of what shall be changed; it exists. */
static int node_to_change(struct lfs_volume *v, const char *path,
			  struct lfs_node **n)
{
	int r;

	lfs_bd_new_op(&v->bd);
	r = lfs_may_write(v);
	if (r == 0)
		r = lfs_node_get(v, path, n);
	if (r == 0 && (*n)->kind == LFS_ABSENT) {
		lfs_node_put(v, *n);
		r = -ENOENT;
	}
	return r;
}

static int lfs_rename(struct vfs_mount *m, const char *from, const char *to)
{
	struct lfs_volume *v = lfs_of(m);
	struct lfs_node *n;
	int r = node_to_change(v, from, &n);

	if (r < 0)
		return r;
	r = do_rename(v, n, from, to);
	lfs_node_put(v, n);
	return r;
}

static int set_path(struct vfs_mount *m, const char *path, uint32_t mode,
		    uint64_t mtime)
{
	struct lfs_volume *v = lfs_of(m);
	struct lfs_node *n;
	int r = node_to_change(v, path, &n);

	if (r < 0)
		return r;
	r = lfs_node_set(v, n, mode, mtime);
	lfs_node_put(v, n);
	return r;
}

static int lfs_chmod(struct vfs_mount *m, const char *path, uint32_t mode)
{
	return set_path(m, path, mode, FILE_KEEP_MTIME);
}

static int lfs_utime(struct vfs_mount *m, const char *path, uint64_t mtime)
{
	return set_path(m, path, FILE_KEEP_MODE, mtime);
}

static int lfs_statfs(struct vfs_mount *m, struct vfs_statfs *out)
{
	struct lfs_volume *v = lfs_of(m);
	lfs2_ssize_t used;

	lfs_bd_new_op(&v->bd);
	if (!v->used_known) {		/* it reads all metadata */
		used = lfs2_fs_size(&v->lfs);
		if (used < 0)
			return lfs_result(v, used, "");
		v->used = (uint32_t)used;
		v->used_known = true;
	}
	out->block_size = LFS_BLOCK;
	out->blocks = v->lfs.block_count;
	out->blocks_free = v->used > v->lfs.block_count ? 0 :
			   v->lfs.block_count - v->used;
	out->name_max = v->lfs.name_max;
	return 0;
}

static int lfs_sync_all(struct vfs_mount *m)
{
	struct lfs_volume *v = lfs_of(m);
	int r = 0, one;

	lfs_bd_new_op(&v->bd);
	if (m->read_only)
		return 0;
	for (uint32_t b = 0; b <= v->mask; b++) {
		struct list *l;

		list_for_each(l, &v->bucket[b]) {
			one = lfs_node_sync(v, container_of(l, struct lfs_node,
							    hash));
			r = r < 0 ? r : one;
		}
	}
	one = lfs_times_write(v);
	r = r < 0 ? r : one;
	one = lfs_result(v, v->cfg.sync(&v->cfg), "");
	v->unsynced = 0;
	return r < 0 ? r : one;
}

static void lfs_unmount(struct vfs_mount *m)
{
	struct lfs_volume *v = lfs_of(m);

	/* No lock: keeps away those who free memory. */
	v->mounting = true;
	lfs_bd_new_op(&v->bd);
	(void)lfs_times_write(v);
	(void)v->cfg.sync(&v->cfg);
	lfs_nodes_fini(v);
	(void)lfs2_unmount(&v->lfs);
	list_del(&v->all);
	lfs_volume_free(v);
}

const struct vfs_ops lfs_ops = {
	.type = "littlefs",
	.open = lfs_file_open,
	.stat = lfs_stat,
	.unlink = lfs_remove,
	.mkdir = lfs_mkdir,
	.rmdir = lfs_remove,
	.rename = lfs_rename,
	.chmod = lfs_chmod,
	.utime = lfs_utime,
	.statfs = lfs_statfs,
	.sync = lfs_sync_all,
	.readdir = dir_readdir,
	.rewinddir = dir_rewind,
	.unmount = lfs_unmount,
};

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * See fs_walk.h.
 */
#include "tests/host/fs_walk.h"

#include <stdio.h>
#include <string.h>

#include "tests/host/fs_help.h"

#define ENTRIES 200
#define DEPTH	4

static void read_some(const char *path)
{
	static char buf[5000];
	struct file_stat st;
	struct file *f;

	if (vfs_open(path, VFS_RD, 0, &f) < 0)
		return;
	f->ops->stat(f, &st);
	if (f->ops->pread) {
		for (int i = 0; i < 20 && help_read(f, buf, sizeof(buf)) > 0; i++)
			;
		f->ops->pread(f, buf, 100, (int64_t)(st.size / 2));
		f->ops->pread(f, buf, 100, (int64_t)(st.size - 1));
	}
	file_put(f);
}

static void walk(const char *path, int depth, int *left)
{
	struct vfs_dirent de;
	struct file_stat st;
	struct file *d;

	if (vfs_open(path, VFS_RD | VFS_DIRECTORY, 0, &d) < 0)
		return;
	while (--*left > 0 && vfs_readdir(d, &de) == 1) {
		char sub[VFS_PATH_MAX + 300];

		if (!strcmp(de.name, ".") || !strcmp(de.name, ".."))
			continue;
		snprintf(sub, sizeof(sub), "%s/%s", path, de.name);
		if (vfs_stat(sub, &st) < 0)
			continue;
		if ((st.mode & VFS_S_IFMT) != VFS_S_IFDIR)
			read_some(sub);
		else if (depth < DEPTH)
			walk(sub, depth + 1, left);
	}
	file_put(d);
}

static void change_things(const char *path)
{
	static char data[9000];
	struct file *f;
	char a[64], b[64];

	snprintf(a, sizeof(a), "%s/d", path);
	snprintf(b, sizeof(b), "%s/new-file", path);
	(void)help_put(b, data, sizeof(data));
	(void)help_put(b, data, 100);
	(void)vfs_mkdir(a, 0755);
	snprintf(a, sizeof(a), "%s/a", path);
	if (vfs_open(a, VFS_RD | VFS_WR | VFS_APPEND, 0, &f) == 0) {
		(void)help_write(f, data, 5000);
		(void)f->ops->truncate(f, 700);
		(void)f->ops->truncate(f, 100);
		(void)vfs_rename(b, a);
		(void)help_write(f, data, 300);
		file_put(f);
	}
	snprintf(b, sizeof(b), "%s/big", path);
	if (vfs_open(b, VFS_RD | VFS_WR, 0, &f) == 0) {
		(void)f->ops->pwrite(f, data, 700, 3000);
		(void)vfs_unlink(b);
		(void)f->ops->pread(f, data, 700, 1000);
		file_put(f);
	}
	snprintf(a, sizeof(a), "%s/d", path);
	snprintf(b, sizeof(b), "%s/d2", path);
	(void)vfs_rename(a, b);
	(void)vfs_rmdir(b);
	(void)vfs_sync();
}

void fs_walk(const char *path, bool change)
{
	struct vfs_statfs fs;
	int left = ENTRIES;

	(void)vfs_statfs(path, &fs);
	walk(path, 0, &left);
	if (!change)
		return;
	change_things(path);
	left = ENTRIES;
	walk(path, 0, &left);
	(void)vfs_statfs(path, &fs);
}

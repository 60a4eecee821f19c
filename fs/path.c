/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Path normalisation. There are no symbolic links, so ".." is the parent by
 * name; what it leaves must still be a directory, as POSIX has it.
 */
#include "fs/path.h"

#include <errno.h>

#include "kernel/lib/string.h"

char vfs_cwd[VFS_PATH_MAX] = "/";

static int check_directory(const char *full)
{
	struct file_stat st;
	int r = vfs_stat(full, &st);

	if (r < 0)
		return r;
	return (st.mode & VFS_S_IFMT) == VFS_S_IFDIR ? 0 : -ENOTDIR;
}

static int parent(struct vfs_path *out)
{
	int r;

	if (out->len == 1)
		return 0;
	r = check_directory(out->full);
	while (out->full[out->len - 1] != '/')
		out->len--;
	if (out->len > 1)
		out->len--;
	out->full[out->len] = '\0';
	return r;
}

static int append(struct vfs_path *out, const char *name, size_t n)
{
	bool root = out->len == 1;

	if (n > VFS_NAME_MAX || out->len + n + 2 > VFS_PATH_MAX)
		return -ENAMETOOLONG;
	if (!root)
		out->full[out->len++] = '/';
	memcpy(out->full + out->len, name, n);
	out->len += n;
	out->full[out->len] = '\0';
	return 0;
}

static void start(const char *path, struct vfs_path *out)
{
	const char *from = path[0] == '/' ? "/" : vfs_cwd;

	out->len = strlen(from);
	memcpy(out->full, from, out->len + 1);
	out->must_dir = out->dots = false;
}

int vfs_path_resolve(const char *path, struct vfs_path *out)
{
	const char *p = path;
	int r = 0;

	if (!path[0])
		return -ENOENT;
	if (strnlen(path, VFS_PATH_MAX) == VFS_PATH_MAX)
		return -ENAMETOOLONG;
	start(path, out);
	while (r == 0 && *p) {
		const char *slash = strchr(p, '/');
		size_t n = slash ? (size_t)(slash - p) : strlen(p);
		bool one = n == 1 && p[0] == '.';
		bool two = n == 2 && p[0] == '.' && p[1] == '.';

		if (n > 0) {
			out->dots = one || two;
			out->must_dir = out->dots;
		}
		if (two)
			r = parent(out);
		else if (n > 0 && !one)
			r = append(out, p, n);
		p += n;
		if (*p == '/') {
			out->must_dir = true;
			p++;
		}
	}
	return r;
}

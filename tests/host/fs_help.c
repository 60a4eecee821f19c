/* SPDX-License-Identifier: BSD-2-Clause
 *
 * See fs_help.h.
 */
#include "tests/host/fs_help.h"

#include <stdlib.h>
#include <string.h>

long help_write(struct file *f, const void *data, size_t len)
{
	void *p = malloc(len ? len : 1);
	struct file_iov iov = { p, len };
	long r;

	memcpy(p, data, len);
	r = f->ops->writev(f, &iov, 1);
	free(p);
	return r;
}

long help_read(struct file *f, void *buf, size_t len)
{
	struct file_iov iov = { buf, len };

	return f->ops->readv(f, &iov, 1);
}

int help_put(const char *path, const void *data, size_t len)
{
	struct file *f;
	int r = vfs_open(path, VFS_WR | VFS_CREATE | VFS_TRUNC, 0644, &f);
	size_t done = 0;

	if (r < 0)
		return r;
	while (r >= 0 && done < len) {
		size_t n = len - done < 3000 ? len - done : 3000;

		r = (int)help_write(f, (const char *)data + done, n);
		done += r > 0 ? (size_t)r : 0;
	}
	if (r >= 0)
		r = f->ops->sync(f);
	file_put(f);
	return r < 0 ? r : 0;
}

bool help_same(struct file *f, const void *data, size_t len)
{
	uint8_t *buf = malloc(len + 100);
	size_t done = 0;
	long n;
	bool same;

	while ((n = f->ops->pread(f, buf + done, len + 100 - done < 1000 ?
				  len + 100 - done : 1000, (int64_t)done)) > 0)
		done += (size_t)n;
	same = n == 0 && done == len && memcmp(buf, data, len) == 0;
	free(buf);
	return same;
}

bool help_file_is(const char *path, const void *data, size_t len)
{
	struct file *f;
	bool same;

	if (vfs_open(path, VFS_RD, 0, &f) < 0)
		return false;
	same = help_same(f, data, len);
	file_put(f);
	return same;
}

void help_remount(struct ram_disk *d)
{
	if (vfs_unmount("/v") < 0 ||
	    lfs_mount("/v", &d->bd, &(struct lfs_options){ 0 }) < 0) {
		fprintf(stderr, "cannot remount: %s\n", host_last_log);
		abort();
	}
}

uint8_t *help_pattern(size_t len, uint32_t seed)
{
	uint8_t *p = malloc(len);
	uint32_t x = seed * 2654435761u + 1;

	for (size_t i = 0; i < len; i++) {
		x = x * 1664525u + 1013904223u;
		p[i] = (uint8_t)(x >> 24);
	}
	return p;
}

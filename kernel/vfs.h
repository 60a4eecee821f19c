/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Paths and mounts. File systems register a type; `mount=` on the command
 * line, or the defaults, make mounts. Thread context; calls may switch.
 * Results are >= 0 or -errno.
 *
 * mount=SOURCE:PATH:TYPE[:ro]   SOURCE is a disk or partition by any of its
 * names (kernel/blkdev.h), or moduleN
 * Without any mount=: the first archive module, the partition labelled "site",
 * or the first disk or partition with a volume or archive goes to /site.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/file.h"
#include "kernel/lib/list.h"

#define VFS_PATH_MAX	1024		/* bytes with the NUL */
#define VFS_NAME_MAX	255

/* vfs_open flags; libc maps O_*. */
#define VFS_RD		1u
#define VFS_WR		2u
#define VFS_CREATE	4u
#define VFS_EXCL	8u
#define VFS_TRUNC	16u
#define VFS_APPEND	32u
#define VFS_DIRECTORY	64u

struct vfs_dirent {
	char name[VFS_NAME_MAX + 1];
	uint32_t mode;			/* S_IF* bits */
	uint64_t ino;
};

struct vfs_statfs {
	uint64_t block_size, blocks, blocks_free;
	uint32_t name_max;
	bool read_only;
	const char *type;
};

int vfs_open(const char *path, unsigned flags, uint32_t mode, struct file **out);
int vfs_stat(const char *path, struct file_stat *st);
int vfs_unlink(const char *path);
int vfs_mkdir(const char *path, uint32_t mode);
int vfs_rmdir(const char *path);
int vfs_rename(const char *from, const char *to);
int vfs_chmod(const char *path, uint32_t mode);
int vfs_utime(const char *path, uint64_t mtime_ns);
int vfs_statfs(const char *path, struct vfs_statfs *out);
int vfs_sync(void);			/* every mount */

/* The next entry of a directory opened with VFS_DIRECTORY: 1, 0 at the end,
 * -errno. "." and ".." are included. */
int vfs_readdir(struct file *dir, struct vfs_dirent *out);
int vfs_rewinddir(struct file *dir);

int vfs_chdir(const char *path);
int vfs_getcwd(char *buf, size_t len);

/* Mount table, for messages and /proc-like pages: path, or NULL after the
 * last. */
const char *vfs_mount_info(unsigned index, struct vfs_statfs *out);

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Between the VFS and its file systems. A file system is a struct vfs_ops and
 * a mount with struct vfs_mount in front. Paths that the operations get are
 * relative to the mount: "" is its root, else "a/b", without "." and "..",
 * doubled or trailing slashes, each name at most VFS_NAME_MAX.
 *
 * Locking: the VFS holds mount->lock around every operation of vfs_ops. File
 * operations (struct file_ops) are called without it and take it themselves.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/file.h"
#include "kernel/lib/compiler.h"
#include "kernel/lib/list.h"
#include "kernel/thread.h"
#include "kernel/vfs.h"

#define VFS_S_IFMT  0170000u
#define VFS_S_IFDIR 0040000u
#define VFS_S_IFCHR 0020000u
#define VFS_S_IFREG 0100000u

#define VFS_MOUNT_PATH_MAX 64

struct blkdev;
struct vfs_mount;

struct vfs_ops {
	const char *type;		/* "littlefs" */
	/* May be NULL: -EROFS for what changes, 0 for sync. */
	int (*open)(struct vfs_mount *m, const char *path, unsigned flags,
		    uint32_t mode, struct file **out);
	int (*stat)(struct vfs_mount *m, const char *path, struct file_stat *st);
	int (*unlink)(struct vfs_mount *m, const char *path);
	int (*mkdir)(struct vfs_mount *m, const char *path, uint32_t mode);
	int (*rmdir)(struct vfs_mount *m, const char *path);
	int (*rename)(struct vfs_mount *m, const char *from, const char *to);
	int (*chmod)(struct vfs_mount *m, const char *path, uint32_t mode);
	int (*utime)(struct vfs_mount *m, const char *path, uint64_t mtime_ns);
	int (*statfs)(struct vfs_mount *m, struct vfs_statfs *out);
	int (*sync)(struct vfs_mount *m);
	/* Directories that open() made (struct vfs_dir). The VFS supplies "."
	 * and "..". */
	int (*readdir)(struct file *dir, struct vfs_dirent *out);
	int (*rewinddir)(struct file *dir);
	/* No file is open. Frees the mount. */
	void (*unmount)(struct vfs_mount *m);
};

struct vfs_mount {
	const struct vfs_ops *ops;
	char path[VFS_MOUNT_PATH_MAX];	/* "/site"; "/" for the root */
	char source[24];		/* "disk0" */
	bool read_only;
	uint32_t dev;
	unsigned n_files;		/* open files and directories */
	struct mutex lock;
	struct list link;
};

/* The front of every open directory; file.kind == &vfs_dir_kind. */
struct vfs_dir {
	struct file file;
	struct vfs_mount *mount;
	unsigned dots;			/* how many of "." and ".." were given */
};
extern const char vfs_dir_kind;

/* Adds a filled-in mount (ops, source, read_only; the rest is set here). 0,
 * -EBUSY (something is mounted there), -EINVAL, -ENAMETOOLONG. */
int vfs_mount_add(struct vfs_mount *m, const char *path);
/* 0, -EBUSY, -ENOENT. */
int vfs_unmount(const char *path);
struct vfs_mount *vfs_mount_next(struct vfs_mount *after);

/* The mount of an absolute, normal path, and the path below it. */
struct vfs_mount *vfs_find_mount(const char *full, const char **rel);

/* A stable number for a path, where the file system has none. */
uint64_t fs_path_ino(const char *path, size_t len);
/* Fills the fields that are the same for all. */
void fs_fill_stat(const struct vfs_mount *m, struct file_stat *st, uint32_t mode,
		  uint64_t size, uint64_t mtime_ns, uint64_t ino);
/* Bytes: one n-th of the memory that is free now. */
size_t fs_memory_share(unsigned n);

/* A name for the position after an lseek: >= 0 or -EINVAL. */
int64_t fs_seek(uint64_t pos, uint64_t size, int64_t off, int whence);

/* fs/root.c: what lies above the mounts. fs/devfs.c: /dev. */
extern struct vfs_mount vfs_root_mount;
int devfs_mount(const char *path);

/* fs/archive.c: a tar archive in memory or on a disk. `name` is for messages
 * and stays the caller's. */
int archive_mount_memory(const char *path, const char *name, const void *data,
			 uint64_t len);
int archive_mount_disk(const char *path, struct blkdev *dev);
/* Does it begin like a tar archive? First 512 bytes. */
bool archive_probe(const uint8_t *first);

/* fs/lfs_mount.c */
enum lfs_probe { LFS_PROBE_VOLUME, LFS_PROBE_BLANK, LFS_PROBE_ARCHIVE,
		 LFS_PROBE_OTHER };
struct lfs_options {
	bool read_only;
	size_t cache_bytes;		/* 0: a share of the memory */
};
/* Says on the console what is wrong. 0, -EIO, -EINVAL (no volume, wrong
 * version), -EILSEQ (corrupt), -ENOMEM or what vfs_mount_add() says. */
int lfs_mount(const char *path, struct blkdev *dev,
	      const struct lfs_options *opt);
int lfs_format(struct blkdev *dev);
int lfs_probe(struct blkdev *dev, enum lfs_probe *out);

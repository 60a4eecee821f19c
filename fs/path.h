/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Paths as programs write them -> absolute, normal paths.
 */
#pragma once

#include <stdbool.h>

#include "fs/fs.h"

struct vfs_path {
	char full[VFS_PATH_MAX];	/* "/" or "/a/b" */
	size_t len;
	bool must_dir;			/* it ended in "/", "/." or "/.." */
	bool dots;			/* its last name was "." or ".." */
};

/* The directory that relative paths begin at: absolute, normal. */
extern char vfs_cwd[VFS_PATH_MAX];

/* 0, -ENOENT (empty; or what ".." leaves does not exist), -ENOTDIR,
 * -ENAMETOOLONG. ".." at the root stays there. May switch: a directory that
 * ".." leaves must exist. */
int vfs_path_resolve(const char *path, struct vfs_path *out) MUST_CHECK;

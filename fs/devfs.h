/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A directory below /dev whose entries somebody else knows.
 */
#pragma once

#include "fs/fs.h"

struct devfs_dir {
	const char *name;		/* "vol" */
	/* `name` is an entry's. 0 or -errno; open counts the file in m->n_files
	 * no more than vfs_ops.open does, its release takes it back. */
	int (*stat)(struct vfs_mount *m, const char *name, struct file_stat *st);
	int (*open)(struct vfs_mount *m, const char *name, unsigned flags,
		    struct file **out);
	/* Entry *pos (0: the first) and the next *pos. 1; 0: no more. */
	int (*next)(unsigned *pos, struct vfs_dirent *out);
	int (*sync)(void);		/* all of them */
};

/* Before the first path is looked up; one. */
void devfs_add_dir(const struct devfs_dir *dir);

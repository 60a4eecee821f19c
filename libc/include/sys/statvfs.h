/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Space on a volume.
 */
#pragma once

#include <sys/types.h>

#define ST_RDONLY 1

struct statvfs {
	unsigned long f_bsize, f_frsize;
	fsblkcnt_t f_blocks, f_bfree, f_bavail;
	fsfilcnt_t f_files, f_ffree, f_favail;	/* not limited: 0 */
	unsigned long f_fsid, f_flag, f_namemax;
};

int statvfs(const char *path, struct statvfs *out);

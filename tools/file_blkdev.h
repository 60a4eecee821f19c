/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A file or block device of the host as a struct blkdev: the blocking half of
 * kernel/blkdev.h.
 */
#pragma once

#include "kernel/blkdev.h"

/* A file is made `size` bytes long when size is not 0 (and made new); else it
 * is opened as it is. 0 or -errno. */
int file_blkdev_open(struct blkdev *bd, const char *path, bool write,
		     uint64_t size);
/* errno of the last write that failed since the open, or 0. */
int file_blkdev_error(void);
/* 0 or -errno: what close() and fsync() say. */
int file_blkdev_close(struct blkdev *bd);

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A file or block device of the host, or a window of one, as a struct blkdev:
 * kernel/blkdev.h without registration. blkdev_submit() is done when it
 * returns: done() was called from within it.
 */
#pragma once

#include "kernel/blkdev.h"
#include "tools/image_lock.h"

/* A file is made `size` bytes long when size is not 0 (and made new); else it
 * is opened as it is. 0 or -errno; -EBUSY: in use (tools/image_lock.h). */
int file_blkdev_open(struct blkdev *bd, const char *path, bool write,
		     uint64_t size);
/* As it is, in one of the ways of image_lock.h. Flushes do nothing until
 * file_blkdev_order(). */
int file_blkdev_use(struct blkdev *bd, const char *path, enum image_use use);
/* From now on a flush is an fdatasync: for changes of what exists. */
void file_blkdev_order(struct blkdev *bd);
/* A range of `whole`, in sectors, with a name of its own; goes when `whole` is
 * closed. */
int file_blkdev_window(struct blkdev *bd, const struct blkdev *whole,
		       uint64_t first, uint64_t n_sectors, const char *name);
void file_blkdev_window_close(struct blkdev *bd);
int file_blkdev_fd_of(const struct blkdev *bd);
/* Where the window begins, bytes. */
uint64_t file_blkdev_base(const struct blkdev *bd);

/* errno of the last write or flush that failed since the open, or 0. */
int file_blkdev_error(void);
/* 0 or -errno: what close() and fsync() say. */
int file_blkdev_close(struct blkdev *bd);

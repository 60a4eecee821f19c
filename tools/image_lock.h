/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Opening an image so that nobody else changes it meanwhile, and nobody's work
 * is disturbed. Three kinds of lock, each for those who look at it:
 *
 *	O_EXCL		on block devices: mounted ones, and those that another
 *			program claimed, are refused
 *	flock		for Glint's own programs: a writer holds LOCK_EX
 *	fcntl (OFD)	as QEMU locks its images (its block/file-posix.c): one
 *			byte for each permission, at 100 + n what the holder
 *			does (0 reads, 1 writes, 3 resizes), at 200 + n what it
 *			lets nobody else do; all of them read locks, looked for
 *			with F_OFD_GETLK
 *
 * A file that a loop device shows is refused for writing too. All locks go when
 * the descriptor is closed. A file system without locks is not an error.
 */
#pragma once

#include <stdbool.h>

enum image_use {
	IMAGE_READ,	/* as it is, even if it changes meanwhile: *busy */
	IMAGE_STEADY,	/* read; refused while somebody writes */
	IMAGE_WRITE,	/* refused while somebody reads or writes */
	IMAGE_NEW,	/* the same; a file is made, or emptied */
};

/* The descriptor, or -errno: -EBUSY it is in use, -ENOTBLK neither a file nor a
 * block device. */
int image_open(const char *path, enum image_use use, int *fd);
/* Somebody writes to it, or may. */
bool image_busy(int fd);
/* Who, for the message after -EBUSY: "in use by ..." */
extern const char *image_user;

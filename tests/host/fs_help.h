/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What the file system tests share.
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "fs/fs.h"
#include "tests/host/ram_blkdev.h"
#include "tools/host_kernel.h"

long help_write(struct file *f, const void *data, size_t len);
long help_read(struct file *f, void *buf, size_t len);
/* Creates or replaces; 0 or -errno. */
int help_put(const char *path, const void *data, size_t len);
/* The open file's whole content is this. */
bool help_same(struct file *f, const void *data, size_t len);
bool help_file_is(const char *path, const void *data, size_t len);
/* Unmounts and mounts /v. */
void help_remount(struct ram_disk *d);
/* Pseudo-random bytes; the caller frees them. */
uint8_t *help_pattern(size_t len, uint32_t seed);

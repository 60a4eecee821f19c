/* SPDX-License-Identifier: BSD-2-Clause
 *
 * From partition tables to block devices, and the names of both for messages.
 */
#pragma once

#include <stddef.h>

#include "kernel/blkdev.h"

/* Once, when all disks are there: registers their partitions and says on the
 * console what it found and what is wrong. */
void partitions_init(void);

/* `disk0 (serial s1), disk0p1 "data"`: all there are; only the partitions of
 * `disk`; only those that `name` stands for. Cut with "..." if it is long. */
void partitions_list(char *buf, size_t size, const struct blkdev *disk,
		     const char *name);

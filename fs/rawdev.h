/* SPDX-License-Identifier: BSD-2-Clause
 *
 * /dev/vol: every disk and partition, without a file system between.
 */
#pragma once

/* Once, at start; names are looked up when they are used. */
void rawdev_init(void);

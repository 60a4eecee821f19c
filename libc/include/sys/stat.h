/* SPDX-License-Identifier: BSD-2-Clause
 *
 * picolibc's <sys/stat.h> with what it leaves out of utimensat().
 */
#pragma once

#include_next <sys/stat.h>

#define UTIME_NOW  (-2L)
#define UTIME_OMIT (-1L)

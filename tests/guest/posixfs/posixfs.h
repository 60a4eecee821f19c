/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Files and names on a littlefs volume at /data, as POSIX has them. What is
 * left at the end of one boot is looked at in the next.
 */
#pragma once

#include <errno.h>

/* The call fails with this errno. */
#define FAILS(call, err) (errno = 0, (call) == -1 && errno == (err))

void ok(int good, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* names.c: directories of many entries */
void test_names(int many);

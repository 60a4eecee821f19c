/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A C program's view of the guest, told as TAP. Each file tests one area.
 */
#pragma once

#include <stdbool.h>

void ok(bool cond, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void skip(const char *what, const char *why);

void test_c_library(void);
void test_threads(void);
void test_sockets(void);
void test_files(const char *dir);
void test_posix(void);
void test_posix_files(void);

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What glint tells its user. Text to stdout is buffered until out_flush() or
 * the end; messages go to stderr at once, a line each, begun with "glint: ".
 */
#pragma once

#include "kernel/lib/compiler.h"

/* Exit statuses of glint itself; else the guest's own (0..255). */
#define EXIT_USAGE	2	/* wrong command line, or an image that cannot be run */
#define EXIT_HOST	125	/* this machine did not give what was asked for */
#define EXIT_CRASHED	134	/* the guest crashed */
#define EXIT_KILLED	137	/* the guest had to be ended, or somebody killed it */

void msg(const char *fmt, ...) PRINTF_LIKE(1, 2);
void die(int status, const char *fmt, ...) NORETURN PRINTF_LIKE(2, 3);

/* Without the prefix, to stderr: lines of a report. */
void report(const char *fmt, ...) PRINTF_LIKE(1, 2);

/* To stdout. */
void out(const char *fmt, ...) PRINTF_LIKE(1, 2);
void out_text(const char *text);
void out_flush(void);

/* "No such file or directory (ENOENT)": for -errno or errno. */
const char *errno_text(long err);

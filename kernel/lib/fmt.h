/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Formatting and number parsing for kernel messages: no allocation, no
 * locale, no floating point. %d %i %u %x %X %c %s %p %%, with field width,
 * '-', '0', precision for %s (also .*), and the lengths hh h l ll z t j.
 */
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/lib/compiler.h"

/* Like the standard's (v)snprintf: always terminated where size > 0; returns
 * the length that the whole text has. */
int fmt_vsnprintf(char *buf, size_t size, const char *fmt, va_list ap)
	PRINTF_LIKE(3, 0);
int fmt_snprintf(char *buf, size_t size, const char *fmt, ...)
	PRINTF_LIKE(3, 4);

/* The whole of `s` as an unsigned number in `base` 10 or 16 (0: by a 0x
 * prefix). 0, -EINVAL (not a number, or trailing text), -ERANGE. */
int fmt_parse_u64(const char *s, unsigned base, uint64_t *out) MUST_CHECK;

/* A number of bytes: decimal with an optional K, M, G suffix (powers of
 * 1024). 0, -EINVAL, -ERANGE. */
int fmt_parse_size(const char *s, uint64_t *out) MUST_CHECK;

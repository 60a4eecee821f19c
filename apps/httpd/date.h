/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * HTTP dates (RFC 9110, 5.6.7) without the C library's calendar: always GMT, no
 * locale, no time zone file. Seconds since 1970, years 1970 to 9999.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DATE_HTTP_LEN 29	/* Sun, 06 Nov 1994 08:49:37 GMT */
#define DATE_LOG_LEN 26		/* 06/Nov/1994:08:49:37 +0000 */

/* No NUL is written. A time outside the years above is clamped. */
void date_format_http(int64_t seconds, char out[DATE_HTTP_LEN]);
void date_format_log(int64_t seconds, char out[DATE_LOG_LEN]);

/* Accepts the three forms that a server must understand: IMF-fixdate, RFC 850, asctime. */
bool date_parse(const char *p, size_t len, int64_t *seconds);

/* SPDX-License-Identifier: BSD-2-Clause */
/* The Range header (RFC 9110, 14.1.2 and 14.2), one range of bytes. */
#pragma once
#include <stddef.h>
#include <stdint.h>

enum range_result {
	RANGE_IGNORE,		/* not a range we serve (other unit, several ranges, bad syntax): answer 200 */
	RANGE_PART,		/* first to last, both included: answer 206 */
	RANGE_UNSATISFIABLE,	/* lies behind the end: answer 416 */
};

enum range_result range_parse(const char *p, size_t len, uint64_t size, uint64_t *first, uint64_t *last);

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * littlefs' configuration header (LFS2_CONFIG): no allocation inside, messages
 * to our log, and assertions that contain instead of stopping the machine: a
 * disk can make them false, so they take the volume out of service.
 */
#pragma once

#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/lib/string.h"
#include "kernel/log.h"

#undef PRIu16
#undef PRIu32
#undef PRIx32
#define PRIu16 "u"
#define PRIu32 "u"
#define PRIx32 "x"

#define LFS2_TRACE(...)
#define LFS2_DEBUG(...)
#define LFS2_WARN(...)	log_warn(LOG_FS, "littlefs: " __VA_ARGS__)
#define LFS2_ERROR(...) lfs_complain(__VA_ARGS__)
#define LFS2_ASSERT(e)	(likely(e) ? (void)0 : lfs_assert_failed(__LINE__))

/* fs/lfs_util.c */
void lfs_assert_failed(int line);
/* What littlefs found wrong; lfs_mount() quotes the last one. */
void lfs_complain(const char *fmt, ...) PRINTF_LIKE(1, 2);
extern char lfs_complaint[96];
uint32_t lfs2_crc(uint32_t crc, const void *buffer, size_t size);
size_t lfs_span(const char *s, char c, bool while_equal);

#define strspn(s, set)	lfs_span((s), (set)[0], true)
#define strcspn(s, set) lfs_span((s), (set)[0], false)
#define strcpy(d, s)	((void)memcpy((d), (s), strlen(s) + 1))

static inline uint32_t lfs2_max(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

static inline uint32_t lfs2_min(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

static inline uint32_t lfs2_aligndown(uint32_t a, uint32_t alignment)
{
	return a - a % alignment;
}

static inline uint32_t lfs2_alignup(uint32_t a, uint32_t alignment)
{
	return lfs2_aligndown(a + alignment - 1, alignment);
}

/* The exponent of the smallest power of two that is >= a. */
static inline uint32_t lfs2_npw2(uint32_t a)
{
	return a <= 1 ? 0 : 32 - (uint32_t)__builtin_clz(a - 1);
}

static inline uint32_t lfs2_ctz(uint32_t a)
{
	return a ? (uint32_t)__builtin_ctz(a) : 32;
}

static inline uint32_t lfs2_popc(uint32_t a)
{
	a -= (a >> 1) & 0x55555555;
	a = (a & 0x33333333) + ((a >> 2) & 0x33333333);
	return ((a + (a >> 4)) & 0x0f0f0f0f) * 0x01010101 >> 24;
}

static inline int lfs2_scmp(uint32_t a, uint32_t b)
{
	return (int)(a - b);
}

/* x86 is little-endian. */
static inline uint32_t lfs2_fromle32(uint32_t a)
{
	return a;
}

static inline uint32_t lfs2_tole32(uint32_t a)
{
	return a;
}

static inline uint32_t lfs2_frombe32(uint32_t a)
{
	return __builtin_bswap32(a);
}

static inline uint32_t lfs2_tobe32(uint32_t a)
{
	return __builtin_bswap32(a);
}

/* All buffers are given to it. */
static inline void *lfs2_malloc(size_t size)
{
	(void)size;
	return NULL;
}

static inline void lfs2_free(void *p)
{
	(void)p;
}

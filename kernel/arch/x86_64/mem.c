/* SPDX-License-Identifier: BSD-2-Clause
 *
 * memcpy, memmove, memset, memcmp. Up to 64 bytes: overlapping loads, all done
 * before the first store, so that overlap cannot matter. Above: 64 bytes a
 * round of unaligned SSE2. From REP_MIN on `rep movsb` where CPUID says that
 * it is fast (ERMS): below that its start-up costs more than it saves.
 */
#include "kernel/arch/x86_64/mem.h"

#include <emmintrin.h>
#include <stdint.h>

#include "kernel/lib/compiler.h"
#include "kernel/lib/string.h"

#define REP_MIN 2048

static size_t rep_min = SIZE_MAX;

void mem_use_rep_movsb(bool yes)
{
	rep_min = yes ? REP_MIN : SIZE_MAX;
}

static inline __m128i load16(const void *p)
{
	return _mm_loadu_si128((const __m128i *)p);
}

static inline void store16(void *p, __m128i v)
{
	_mm_storeu_si128((__m128i *)p, v);
}

/* Unaligned 8, 4 and 2 bytes; the types say so to the compiler. */
struct u64_any { uint64_t v; } PACKED __attribute__((may_alias));
struct u32_any { uint32_t v; } PACKED __attribute__((may_alias));
struct u16_any { uint16_t v; } PACKED __attribute__((may_alias));

#define AT(type, p) (((struct type *)(void *)(p))->v)
#define FROM(type, p) (((const struct type *)(const void *)(p))->v)

static inline void copy_small(char *d, const char *s, size_t n)
{
	if (n >= 8) {
		uint64_t a = FROM(u64_any, s), b = FROM(u64_any, s + n - 8);

		AT(u64_any, d) = a;
		AT(u64_any, d + n - 8) = b;
	} else if (n >= 4) {
		uint32_t a = FROM(u32_any, s), b = FROM(u32_any, s + n - 4);

		AT(u32_any, d) = a;
		AT(u32_any, d + n - 4) = b;
	} else if (n >= 2) {
		uint16_t a = FROM(u16_any, s), b = FROM(u16_any, s + n - 2);

		AT(u16_any, d) = a;
		AT(u16_any, d + n - 2) = b;
	} else if (n) {
		*d = *s;
	}
}

/* 16 .. 64 bytes. */
static inline void copy_middle(char *d, const char *s, size_t n)
{
	__m128i a = load16(s), z = load16(s + n - 16);

	if (n > 32) {
		__m128i b = load16(s + 16), y = load16(s + n - 32);

		store16(d + 16, b);
		store16(d + n - 32, y);
	}
	store16(d, a);
	store16(d + n - 16, z);
}

/* More than 64 bytes, upwards. Right also where d < s overlap: the last 64
 * bytes are loaded first, and a round loads before it stores. */
static inline void copy_up(char *d, const char *s, size_t n)
{
	char *end = d + n;
	__m128i w = load16(s + n - 64), x = load16(s + n - 48);
	__m128i y = load16(s + n - 32), z = load16(s + n - 16);

	for (; n > 64; n -= 64, d += 64, s += 64) {
		__m128i a = load16(s), b = load16(s + 16);
		__m128i c = load16(s + 32), e = load16(s + 48);

		store16(d, a);
		store16(d + 16, b);
		store16(d + 32, c);
		store16(d + 48, e);
	}
	store16(end - 64, w);
	store16(end - 48, x);
	store16(end - 32, y);
	store16(end - 16, z);
}

/* The mirror image, for s < d. */
static void copy_down(char *d, const char *s, size_t n)
{
	__m128i w = load16(s), x = load16(s + 16);
	__m128i y = load16(s + 32), z = load16(s + 48);

	for (; n > 64; n -= 64) {
		__m128i a = load16(s + n - 16), b = load16(s + n - 32);
		__m128i c = load16(s + n - 48), e = load16(s + n - 64);

		store16(d + n - 16, a);
		store16(d + n - 32, b);
		store16(d + n - 48, c);
		store16(d + n - 64, e);
	}
	store16(d, w);
	store16(d + 16, x);
	store16(d + 32, y);
	store16(d + 48, z);
}

void *memcpy(void *restrict dst, const void *restrict src, size_t len)
{
	if (len < 16) {
		copy_small(dst, src, len);
	} else if (len <= 64) {
		copy_middle(dst, src, len);
	} else if (len < rep_min) {
		copy_up(dst, src, len);
	} else {
		void *d = dst;
		const void *s = src;

		__asm__ volatile("rep movsb" : "+D"(d), "+S"(s), "+c"(len)
				 : : "memory");
	}
	return dst;
}

void *memmove(void *dst, const void *src, size_t len)
{
	if (len < 16)
		copy_small(dst, src, len);
	else if (len <= 64)
		copy_middle(dst, src, len);
	else if ((uintptr_t)dst - (uintptr_t)src >= len)
		copy_up(dst, src, len);
	else
		copy_down(dst, src, len);
	return dst;
}

void *memset(void *dst, int c, size_t len)
{
	char *d = dst;
	uint64_t v8 = 0x0101010101010101u * (unsigned char)c;
	__m128i v = _mm_set1_epi8((char)c);

	if (len < 16) {
		if (len >= 8) {
			AT(u64_any, d) = v8;
			AT(u64_any, d + len - 8) = v8;
		} else if (len >= 4) {
			AT(u32_any, d) = (uint32_t)v8;
			AT(u32_any, d + len - 4) = (uint32_t)v8;
		} else if (len >= 2) {
			AT(u16_any, d) = (uint16_t)v8;
			AT(u16_any, d + len - 2) = (uint16_t)v8;
		} else if (len) {
			*d = (char)c;
		}
		return dst;
	}
	store16(d + len - 16, v);
	for (; len > 64; len -= 64, d += 64) {
		store16(d, v);
		store16(d + 16, v);
		store16(d + 32, v);
		store16(d + 48, v);
	}
	for (; len > 16; len -= 16, d += 16)
		store16(d, v);
	return dst;
}

int memcmp(const void *a, const void *b, size_t len)
{
	const unsigned char *p = a, *q = b;

	for (; len >= 16; len -= 16, p += 16, q += 16) {
		__m128i same = _mm_cmpeq_epi8(load16(p), load16(q));
		unsigned differ = ~(unsigned)_mm_movemask_epi8(same) & 0xffff;

		if (differ) {
			unsigned i = (unsigned)__builtin_ctz(differ);

			return p[i] - q[i];
		}
	}
	if (len >= 8) {
		uint64_t x = FROM(u64_any, p), y = FROM(u64_any, q);

		if (x != y)
			return __builtin_bswap64(x) < __builtin_bswap64(y) ? -1 : 1;
		len -= 8, p += 8, q += 8;
	}
	if (len >= 4) {
		uint32_t x = FROM(u32_any, p), y = FROM(u32_any, q);

		if (x != y)
			return __builtin_bswap32(x) < __builtin_bswap32(y) ? -1 : 1;
		len -= 4, p += 4, q += 4;
	}
	for (; len; len--, p++, q++) {
		if (*p != *q)
			return *p - *q;
	}
	return 0;
}

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * memcpy and its like for host code without a C library: the monitor, and the
 * code inside the guest's process, which may have no global data. Small things
 * only pass through here (packets and blocks go by readv), so these are short.
 */
#include "kernel/lib/string.h"

#include <stdint.h>

struct word {
	uint64_t v;
} __attribute__((packed, may_alias));

#define SHORT_LEN 64

void *memcpy(void *restrict dst, const void *restrict src, size_t len)
{
	uint8_t *d = dst;
	const uint8_t *s = src;

	if (len > SHORT_LEN) {
		__asm__ volatile("rep movsb" : "+D"(d), "+S"(s), "+c"(len) : : "memory");
		return dst;
	}
	for (; len >= 8; len -= 8, d += 8, s += 8)
		((struct word *)(void *)d)->v = ((const struct word *)(const void *)s)->v;
	while (len--)
		*d++ = *s++;
	return dst;
}

void *memmove(void *dst, const void *src, size_t len)
{
	uint8_t *d = dst;
	const uint8_t *s = src;

	if ((uintptr_t)d - (uintptr_t)s >= len) {
		__asm__ volatile("rep movsb" : "+D"(d), "+S"(s), "+c"(len) : : "memory");
		return dst;
	}
	while (len--)
		d[len] = s[len];
	return dst;
}

void *memset(void *dst, int c, size_t len)
{
	uint8_t *d = dst;

	__asm__ volatile("rep stosb" : "+D"(d), "+c"(len) : "a"(c) : "memory");
	return dst;
}

int memcmp(const void *a, const void *b, size_t len)
{
	const uint8_t *x = a, *y = b;

	for (size_t i = 0; i < len; i++) {
		if (x[i] != y[i])
			return x[i] - y[i];
	}
	return 0;
}

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Copies to and from memory that a peer may change meanwhile. Volatile
 * accesses, so that the compiler can neither read a byte twice nor turn the
 * copy into a later re-read of the source.
 */
#include "kernel/lib/shared.h"

struct word {
	uint64_t v;
} PACKED __attribute__((may_alias));	/* at any address */

void shared_copy_in(void *dst, const void SHARED *src, size_t len)
{
	unsigned char *d = dst;
	const volatile unsigned char *s = SHARED_RAW(const unsigned char, src);

	for (; len >= 8; len -= 8, d += 8, s += 8) {
		uint64_t v = ((const volatile struct word *)(uintptr_t)s)->v;

		__builtin_memcpy(d, &v, 8);
	}
	for (; len; len--)
		*d++ = *s++;
}

void shared_copy_out(void SHARED *dst, const void *src, size_t len)
{
	volatile unsigned char *d = SHARED_RAW(unsigned char, dst);
	const unsigned char *s = src;

	for (; len >= 8; len -= 8, d += 8, s += 8) {
		uint64_t v;

		__builtin_memcpy(&v, s, 8);
		((volatile struct word *)(uintptr_t)d)->v = v;
	}
	for (; len; len--)
		*d++ = *s++;
}

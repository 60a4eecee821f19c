/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The Internet checksum's sum (RFC 1071) with the carry chain of the CPU: 64
 * bytes a round, any alignment. Where the device does checksums none of this
 * runs for TCP.
 */
#include "lwip/opt.h"

#include "kernel/lib/string.h"

struct line {				/* tells the compiler what the asm reads */
	uint8_t b[64];
} __attribute__((may_alias));

static uint64_t add_carry(uint64_t sum, uint64_t v)
{
	sum += v;
	return sum + (sum < v);
}

uint16_t net_chksum(const void *data, int len)
{
	const uint8_t *p = data;
	uint64_t sum = 0, v;

	for (; len >= 64; p += 64, len -= 64)
		__asm__("addq 0(%1), %0\n\tadcq 8(%1), %0\n\t"
			"adcq 16(%1), %0\n\tadcq 24(%1), %0\n\t"
			"adcq 32(%1), %0\n\tadcq 40(%1), %0\n\t"
			"adcq 48(%1), %0\n\tadcq 56(%1), %0\n\t"
			"adcq $0, %0"
			: "+r"(sum)
			: "r"(p), "m"(*(const struct line *)p)
			: "cc");
	for (; len >= 8; p += 8, len -= 8) {
		memcpy(&v, p, 8);
		sum = add_carry(sum, v);
	}
	if (len > 0) {
		v = 0;
		memcpy(&v, p, (size_t)len);
		sum = add_carry(sum, v);
	}
	sum = (sum >> 32) + (sum & 0xffffffff);
	sum = (sum >> 32) + (sum & 0xffffffff);
	sum = (sum >> 16) + (sum & 0xffff);
	sum = (sum >> 16) + (sum & 0xffff);
	return (uint16_t)((sum >> 16) + (sum & 0xffff));
}

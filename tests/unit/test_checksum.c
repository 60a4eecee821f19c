/* SPDX-License-Identifier: BSD-2-Clause
 *
 * net_chksum() against a sum by the book, for every length and alignment.
 *
 * SOURCES: net/checksum.c
 * FLAGS: -isystem third_party/lwip/src/include -isystem net
 */
#include <stdlib.h>
#include <string.h>

#include "lwip/opt.h"
#include "tests/unit/tap.h"

static uint16_t by_the_book(const uint8_t *p, int len)
{
	uint32_t sum = 0;

	for (int i = 0; i + 1 < len; i += 2)
		sum += (uint32_t)(p[i] | p[i + 1] << 8);
	if (len & 1)
		sum += p[len - 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

static unsigned check(uint8_t fill)
{
	unsigned bad = 0;

	for (int off = 0; off < 9; off++)
		for (int len = 0; len < 700; len++) {
			uint8_t *m = malloc((size_t)(off + len) + 1);

			for (int i = 0; i < off + len; i++)
				m[i] = fill ? fill : (uint8_t)rand();
			bad += net_chksum(m + off, len) != by_the_book(m + off, len);
			free(m);
		}
	return bad;
}

int main(void)
{
	static uint8_t big[65535];

	ok(check(0) == 0, "random bytes, every length to 700 at 9 alignments");
	ok(check(0xff) == 0, "all ones: every addition carries");
	memset(big, 0xff, sizeof(big));
	ok(net_chksum(big, sizeof(big)) == by_the_book(big, sizeof(big)), "65,535 bytes");
	ok(net_chksum(big, 0) == 0, "nothing");
	ok(net_chksum("\0\0\0\0\0\0\0\0\0", 9) == 0, "zeros stay zero");
	return done_testing();
}

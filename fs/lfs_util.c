/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What littlefs wants from its surroundings. The CRC (polynomial 0x04c11db7,
 * reflected) is most of a path lookup's cost: eight bytes per step by tables
 * that the first use fills.
 */
#include "fs/lfs_config.h"

#include <stdarg.h>

#include "fs/lfs.h"
#include "kernel/lib/fmt.h"

static uint32_t crc_table[8][256];

static void crc_init(void)
{
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t c = i;

		for (int k = 0; k < 8; k++)
			c = c >> 1 ^ (c & 1 ? 0xedb88320u : 0);
		crc_table[0][i] = c;
	}
	for (unsigned t = 1; t < 8; t++) {
		for (unsigned i = 0; i < 256; i++) {
			uint32_t c = crc_table[t - 1][i];

			crc_table[t][i] = c >> 8 ^ crc_table[0][c & 0xff];
		}
	}
}

uint32_t lfs2_crc(uint32_t crc, const void *buffer, size_t size)
{
	const uint8_t *p = buffer;
	uint32_t a, b;

	if (!crc_table[0][1])
		crc_init();
	for (; size >= 8; size -= 8, p += 8) {
		__builtin_memcpy(&a, p, 4);	/* no call */
		__builtin_memcpy(&b, p + 4, 4);
		a ^= crc;
		crc = crc_table[7][a & 0xff] ^ crc_table[6][a >> 8 & 0xff] ^
		      crc_table[5][a >> 16 & 0xff] ^ crc_table[4][a >> 24] ^
		      crc_table[3][b & 0xff] ^ crc_table[2][b >> 8 & 0xff] ^
		      crc_table[1][b >> 16 & 0xff] ^ crc_table[0][b >> 24];
	}
	for (; size; size--)
		crc = crc >> 8 ^ crc_table[0][(crc ^ *p++) & 0xff];
	return crc;
}

size_t lfs_span(const char *s, char c, bool while_equal)
{
	size_t n = 0;

	while (s[n] && (s[n] == c) == while_equal)
		n++;
	return n;
}

char lfs_complaint[96];

void lfs_complain(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fmt_vsnprintf(lfs_complaint, sizeof(lfs_complaint), fmt, ap);
	va_end(ap);
	log_debug(LOG_FS, "littlefs: %s", lfs_complaint);
}

/* A disk can make littlefs' assertions false. The volume at work (its mutex is
 * ours) takes no more writes; reading goes on within checked bounds. */
void lfs_assert_failed(int line)
{
	struct list *l;

	lfs_complain("check failed (lfs2.c:%d)", line);
	list_for_each(l, &lfs_volumes) {
		struct lfs_volume *v = container_of(l, struct lfs_volume, all);

		if (!v->mounting && v->m.lock.owner != thread_current())
			continue;
		if (!v->bd.broken)
			log_err(LOG_FS, "%s: the volume is corrupt: %s",
				v->m.source, lfs_complaint);
		v->bd.broken = true;
	}
}

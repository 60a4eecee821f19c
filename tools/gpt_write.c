/* SPDX-License-Identifier: BSD-2-Clause
 *
 * See gpt_write.h.
 */
#include "tools/gpt_write.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ENTRY_BYTES (GPT_ENTRIES * GPT_ENTRY_SIZE)

/* LBAs of one array of entries. */
static uint64_t entry_lbas(const struct gpt_plan *p)
{
	return (ENTRY_BYTES + p->lba_size - 1) / p->lba_size;
}

uint64_t gpt_plan_first(const struct gpt_plan *p)
{
	return 2 + entry_lbas(p);
}

uint64_t gpt_plan_last(const struct gpt_plan *p)
{
	return p->n_lbas - 2 - entry_lbas(p);
}

void gpt_plan_init(struct gpt_plan *p, uint32_t lba_size, uint64_t bytes)
{
	memset(p, 0, sizeof(*p));
	p->lba_size = lba_size;
	p->n_lbas = bytes / lba_size;
}

static bool ranges_fit(const struct gpt_plan *p, const char **why)
{
	static const uint8_t none[16];

	for (unsigned i = 0; i < GPT_ENTRIES; i++) {
		const struct gpt_entry *e = &p->entry[i];

		if (memcmp(e->type, none, 16) == 0)
			continue;
		if (e->first_lba < gpt_plan_first(p)) {
			*why = "a partition lies where the table would go";
			return false;
		}
		if (e->last_lba > gpt_plan_last(p)) {
			*why = "the image is shorter than its partitions";
			return false;
		}
	}
	return true;
}

int gpt_plan_load(struct gpt_plan *p, struct blkdev *dev,
		  const struct gpt_table *t, const char **why)
{
	uint64_t n_lbas = dev->n_sectors * BLK_SECTOR / t->lba_size;
	uint64_t lba = t->primary_bad ? t->alternate : 1;
	uint8_t buf[4096];
	struct gpt_header h;
	int r;

	gpt_plan_init(p, t->lba_size, n_lbas * t->lba_size);
	r = blkdev_read(dev, lba * t->lba_size, buf, t->lba_size);
	if (r < 0)
		return r;
	memcpy(&h, buf, sizeof(h));
	if (h.entry_size != GPT_ENTRY_SIZE || h.n_entries > GPT_ENTRIES) {
		*why = "its table has entries of another size or more than 128";
		return -ENOTSUP;
	}
	memcpy(p->disk_guid, h.disk_guid, 16);
	/* Whole LBAs of an array that may end within one. */
	for (uint32_t off = 0; off < h.n_entries * GPT_ENTRY_SIZE;
	     off += t->lba_size) {
		uint32_t n = h.n_entries * GPT_ENTRY_SIZE - off;

		r = blkdev_read(dev, h.entry_lba * t->lba_size + off, buf,
				t->lba_size);
		if (r < 0)
			return r;
		memcpy((uint8_t *)p->entry + off, buf,
		       n < t->lba_size ? n : t->lba_size);
	}
	return ranges_fit(p, why) ? 0 : -ENOTSUP;
}

static int write_table(struct blkdev *dev, const struct gpt_plan *p, bool backup)
{
	uint64_t last = p->n_lbas - 1;
	uint8_t buf[4096] = { 0 };
	struct gpt_header h = {
		.signature = GPT_SIGNATURE,
		.revision = GPT_REVISION,
		.header_size = GPT_HEADER_SIZE,
		.my_lba = backup ? last : 1,
		.alternate_lba = backup ? 1 : last,
		.first_usable_lba = gpt_plan_first(p),
		.last_usable_lba = gpt_plan_last(p),
		.entry_lba = backup ? last - entry_lbas(p) : 2,
		.n_entries = GPT_ENTRIES,
		.entry_size = GPT_ENTRY_SIZE,
		.entries_crc32 = gpt_crc32(0, p->entry, ENTRY_BYTES),
	};
	int r;

	memcpy(h.disk_guid, p->disk_guid, 16);
	h.header_crc32 = gpt_crc32(0, &h, sizeof(h));
	memcpy(buf, &h, sizeof(h));
	r = blkdev_write(dev, h.entry_lba * p->lba_size, p->entry, ENTRY_BYTES);
	if (r == 0)
		r = blkdev_write(dev, h.my_lba * p->lba_size, buf, p->lba_size);
	return r < 0 ? r : blkdev_flush(dev);
}

int gpt_write_backup(struct blkdev *dev, const struct gpt_plan *p)
{
	return write_table(dev, p, true);
}

int gpt_write_primary(struct blkdev *dev, const struct gpt_plan *p)
{
	return write_table(dev, p, false);
}

int gpt_write_mbr(struct blkdev *dev, const struct gpt_plan *p)
{
	/* UEFI 2.10, table 5-4: one record, type 0xEE, from LBA 1 on. */
	static const uint8_t record[8] = { 0, 0, 2, 0, 0xee, 0xff, 0xff, 0xff };
	uint32_t first = 1, n = p->n_lbas - 1 > UINT32_MAX ? UINT32_MAX :
			  (uint32_t)(p->n_lbas - 1);
	uint8_t buf[4096], new[4096];
	int r = blkdev_read(dev, 0, buf, p->lba_size);

	if (r < 0)
		return r;
	memcpy(new, buf, p->lba_size);
	memset(new + 446, 0, 64);
	memcpy(new + 446, record, 8);
	memcpy(new + 454, &first, 4);
	memcpy(new + 458, &n, 4);
	new[510] = 0x55;
	new[511] = 0xaa;
	if (memcmp(buf, new, p->lba_size) == 0)
		return 0;
	r = blkdev_write(dev, 0, new, p->lba_size);
	return r < 0 ? r : blkdev_flush(dev);
}

int gpt_write_both(struct blkdev *dev, const struct gpt_plan *p,
		   const struct gpt_table *t)
{
	/* The one good copy must not be written over; a new place is free. */
	bool primary_first = t->primary_bad && t->alternate == p->n_lbas - 1;
	uint8_t zeros[4096] = { 0 };
	int r = 0;

	if (primary_first)
		r = gpt_write_primary(dev, p);
	if (r == 0)
		r = gpt_write_backup(dev, p);
	if (r == 0 && !primary_first)
		r = gpt_write_primary(dev, p);
	if (r == 0)
		r = gpt_write_mbr(dev, p);
	/* Where the backup was is free now. */
	if (r == 0 && t->alternate > gpt_plan_first(p) &&
	    t->alternate <= gpt_plan_last(p))
		r = blkdev_write(dev, t->alternate * p->lba_size, zeros,
				 p->lba_size);
	return r;
}

/* The code point at *s, which it moves on; UINT32_MAX: not UTF-8. */
static uint32_t utf8_next(const char **s)
{
	const uint8_t *p = (const uint8_t *)*s;
	int more = p[0] < 0x80 ? 0 : p[0] >> 5 == 6 ? 1 : p[0] >> 4 == 14 ? 2 :
		   p[0] >> 3 == 30 ? 3 : -1;
	uint32_t c = p[0] & (more == 0 ? 0x7fu : 0x3fu >> more);
	static const uint32_t least[] = { 0, 0x80, 0x800, 0x10000 };

	if (more < 0)
		return UINT32_MAX;
	for (int i = 1; i <= more; i++) {
		if (p[i] >> 6 != 2)
			return UINT32_MAX;
		c = c << 6 | (p[i] & 0x3f);
	}
	*s += more + 1;
	return c < least[more] || c > 0x10ffff || c >> 11 == 0x1b ? UINT32_MAX :
	       c;
}

bool gpt_set_name(struct gpt_entry *e, const char *label)
{
	uint16_t name[GPT_NAME_UNITS] = { 0 };
	unsigned n = 0;

	while (*label) {
		uint32_t c = utf8_next(&label);
		unsigned units = c >= 0x10000 ? 2 : 1;

		if (c == UINT32_MAX || n + units > GPT_NAME_UNITS)
			return false;
		if (units == 2) {
			name[n++] = (uint16_t)(0xd800 + ((c - 0x10000) >> 10));
			c = 0xdc00 + (c & 0x3ff);
		}
		name[n++] = (uint16_t)c;
	}
	memcpy(e->name, name, sizeof(name));
	return true;
}

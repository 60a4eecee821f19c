/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Writing GUID partition tables (UEFI 2.10, section 5.3), and Glint's own
 * partition types. Both tables have 128 entries of 128 bytes and begin and end
 * the disk; fs/gpt.h reads them.
 *
 * A table that exists is changed in this order, so that at every moment one of
 * the two is whole: the file grows; the backup at its new place; the primary;
 * then what is on the partitions.
 */
#pragma once

#include "fs/gpt.h"

/* Partition types, as text. Made up once, for Glint; they never change. */
#define GPT_TYPE_LITTLEFS "9CE2898F-56A9-4D5E-AF31-10CC8AA090AF"
#define GPT_TYPE_RAW	  "4336B40E-929F-4DC7-A0C6-568FC7C4A07D"
#define GPT_TYPE_ARCHIVE  "4E413D81-292B-492B-A80A-4EA1E608FED7"

#define GUID_TEXT 37

struct gpt_plan {
	uint32_t lba_size;
	uint64_t n_lbas;
	uint8_t disk_guid[16];
	struct gpt_entry entry[GPT_ENTRIES];
};

/* An empty table for a disk of `bytes`. */
void gpt_plan_init(struct gpt_plan *p, uint32_t lba_size, uint64_t bytes);
/* The table of a disk, from the copy that gpt_read() found good, with the
 * disk's present size. 0, -EIO, -ENOTSUP: a geometry that we do not write;
 * `why` says which. */
int gpt_plan_load(struct gpt_plan *p, struct blkdev *dev,
		  const struct gpt_table *t, const char **why) MUST_CHECK;
uint64_t gpt_plan_first(const struct gpt_plan *p);	/* usable LBAs */
uint64_t gpt_plan_last(const struct gpt_plan *p);
/* Each ends with a flush. 0 or -errno. */
int gpt_write_backup(struct blkdev *dev, const struct gpt_plan *p) MUST_CHECK;
int gpt_write_primary(struct blkdev *dev, const struct gpt_plan *p) MUST_CHECK;
/* Both and the MBR, in the order that leaves one good copy at every moment;
 * t: the present ones. */
int gpt_write_both(struct blkdev *dev, const struct gpt_plan *p,
		   const struct gpt_table *t) MUST_CHECK;
/* The protective MBR, leaving boot code that may be there. */
int gpt_write_mbr(struct blkdev *dev, const struct gpt_plan *p) MUST_CHECK;

/* UTF-8 -> UTF-16; false: not UTF-8, or longer than GPT_NAME_UNITS. */
bool gpt_set_name(struct gpt_entry *e, const char *label);

void guid_from_text(uint8_t guid[16], const char *text);
const char *guid_to_text(const uint8_t guid[16], char text[GUID_TEXT]);
/* The same seed, the same GUID (UUID version 8, RFC 9562). */
void guid_derive(uint8_t guid[16], const char *seed);
void guid_random(uint8_t guid[16]);
/* "littlefs", "raw", "archive", a few of other systems, "other". */
const char *guid_type_name(const uint8_t type[16]);

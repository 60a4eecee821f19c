/* SPDX-License-Identifier: BSD-2-Clause
 *
 * GUID partition tables (UEFI Specification 2.10, section 5.3): reading them,
 * for the guest and for mkvol. The disk is not trusted. Thread context; calls
 * may switch (blkdev_read). All numbers on the disk are little-endian.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "kernel/blkdev.h"

#define GPT_SIGNATURE	 0x5452415020494645ull	/* "EFI PART" */
#define GPT_REVISION	 0x00010000u
#define GPT_HEADER_SIZE	 92u
#define GPT_ENTRY_SIZE	 128u			/* what we write; n * 128 is read */
#define GPT_ENTRIES	 128u			/* what we write and at most read */
#define GPT_NAME_UNITS	 36u			/* UTF-16 code units */
#define GPT_LABEL_MAX	 (GPT_NAME_UNITS * 3 + 1) /* UTF-8 with the NUL */

/* At LBA 1 and at the last LBA; an LBA is the device's block_size. */
struct gpt_header {
	uint64_t signature;
	uint32_t revision;
	uint32_t header_size;		/* >= 92, <= one LBA */
	uint32_t header_crc32;		/* of header_size bytes, this field 0 */
	uint32_t reserved;
	uint64_t my_lba;
	uint64_t alternate_lba;
	uint64_t first_usable_lba;
	uint64_t last_usable_lba;	/* inclusive */
	uint8_t disk_guid[16];
	uint64_t entry_lba;
	uint32_t n_entries;
	uint32_t entry_size;		/* 128 * 2^n */
	uint32_t entries_crc32;
} __attribute__((packed));
_Static_assert(sizeof(struct gpt_header) == GPT_HEADER_SIZE, "UEFI 5.3.2");

struct gpt_entry {
	uint8_t type[16];		/* all zero: unused */
	uint8_t guid[16];
	uint64_t first_lba, last_lba;	/* inclusive */
	uint64_t attributes;		/* bit 60: read-only */
	uint16_t name[GPT_NAME_UNITS];
} __attribute__((packed));
_Static_assert(sizeof(struct gpt_entry) == GPT_ENTRY_SIZE, "UEFI 5.3.3");

struct gpt_part {
	unsigned number;		/* 1 ..: its place in the table */
	uint8_t type[16], guid[16];
	uint64_t first, n_sectors;	/* 512-byte units */
	bool read_only;
	char label[GPT_LABEL_MAX];	/* UTF-8; "": none, or one with '/' or
					 * control characters, or "." or ".." */
};

struct gpt_table {
	uint8_t disk_guid[16];
	uint32_t lba_size;		/* bytes */
	uint64_t first_usable, last_usable;	/* LBAs, inclusive */
	uint64_t alternate;		/* where the primary says the backup is;
					 * primary bad: where the backup was */
	bool primary_bad, backup_bad;	/* at most one, if gpt_read() is 0 */
	char problem[96];		/* what was wrong with the bad one */
	unsigned n_ignored;		/* in use, but numbered above GPT_ENTRIES */
	unsigned n_bad;			/* gpt_read()'s own */
	unsigned n;
	struct gpt_part part[];		/* by number; ranges checked, disjoint */
};

/* CRC-32 (ISO-HDLC), start with 0. */
uint32_t gpt_crc32(uint32_t crc, const void *data, uint32_t len);

/* Reads and verifies both tables, prefers the primary. A backup that differs
 * from a good primary is bad. The protective MBR may say what it likes. That a
 * volume or archive on the whole disk is older than a backup table at its end
 * is for the caller to find out.
 * 0 and *out (to be freed with heap_free(HEAP_FS)); -ENOENT: no table at all (no
 * signature in either place; `why` is empty, or says that there is one for
 * another sector size); -EILSEQ: there is one, none is usable, `why` says what
 * is wrong (at most 95 characters); -EIO (and `why`), -ENOMEM. Says nothing on
 * the console. */
int gpt_read(struct blkdev *dev, struct gpt_table **out, char why[96]) MUST_CHECK;

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * See gpt.h: reading GUID partition tables. Both copies are verified: header
 * and entries by checksum, then everything that they say by itself, since a
 * checksum keeps out accidents only. The protective MBR is not looked at.
 */
#include "fs/gpt.h"

#include <errno.h>

#include "fs/lfs_config.h"
#include "kernel/heap.h"
#include "kernel/lib/compiler.h"
#include "kernel/lib/fmt.h"
#include "kernel/lib/string.h"

#define PIECE	    16384u	/* bytes read at a time; all of a usual table */
#define ENTRIES_MAX (1u << 20)	/* bytes: bounds the time */
#define READ_ONLY   (1ull << 60)
#define WHY	    96u

struct reader {
	struct blkdev *dev;
	uint64_t n_lbas;
	uint32_t lba_size;
	char *why;
	struct gpt_header h;		/* of the copy at hand */
	uint8_t *buf;			/* PIECE */
};

uint32_t gpt_crc32(uint32_t crc, const void *data, uint32_t len)
{
	return ~lfs2_crc(~crc, data, len);
}

/* ---- labels ----------------------------------------------------------------- */

static char *put_utf8(char *out, uint32_t c)
{
	if (c < 0x80) {
		*out++ = (char)c;
	} else if (c < 0x800) {
		*out++ = (char)(0xc0 | c >> 6);
		*out++ = (char)(0x80 | (c & 0x3f));
	} else if (c < 0x10000) {
		*out++ = (char)(0xe0 | c >> 12);
		*out++ = (char)(0x80 | (c >> 6 & 0x3f));
		*out++ = (char)(0x80 | (c & 0x3f));
	} else {
		*out++ = (char)(0xf0 | c >> 18);
		*out++ = (char)(0x80 | (c >> 12 & 0x3f));
		*out++ = (char)(0x80 | (c >> 6 & 0x3f));
		*out++ = (char)(0x80 | (c & 0x3f));
	}
	return out;
}

static bool is_control(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0);
}

/* A label that could not be a name in a directory, or would move the cursor
 * of a console, is none. */
static void label_of(const uint16_t *name, char *out)
{
	char *p = out;

	for (unsigned i = 0; i < GPT_NAME_UNITS && name[i]; i++) {
		uint32_t c = name[i];
		uint32_t low = i + 1 < GPT_NAME_UNITS ? name[i + 1] : 0;

		if (c >= 0xd800 && c < 0xdc00 && low >= 0xdc00 && low < 0xe000) {
			c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
			i++;
		} else if (c >= 0xd800 && c < 0xe000) {
			c = 0xfffd;
		}
		if (is_control(c) || c == '/') {
			p = out;
			break;
		}
		p = put_utf8(p, c);
	}
	*p = '\0';
	if (strcmp(out, ".") == 0 || strcmp(out, "..") == 0)
		out[0] = '\0';
}

/* ---- one copy ---------------------------------------------------------------- */

static int bad(struct reader *r, const char *what)
{
	fmt_snprintf(r->why, WHY, "%s", what);
	return -EILSEQ;
}

static int read_lbas(struct reader *r, uint64_t lba, uint32_t bytes)
{
	if (blkdev_read(r->dev, lba * r->lba_size, r->buf, bytes) == 0)
		return 0;
	fmt_snprintf(r->why, WHY, "sector %llu cannot be read",
		     (unsigned long long)lba);
	return -EIO;
}

static uint64_t lbas_of(const struct reader *r, uint64_t bytes)
{
	return (bytes + r->lba_size - 1) / r->lba_size;
}

/* Where the header's parts lie, all of it without overflow. */
static int check_layout(struct reader *r, uint64_t lba)
{
	const struct gpt_header *h = &r->h;
	uint64_t bytes = (uint64_t)h->n_entries * h->entry_size, n;

	if (h->entry_size < GPT_ENTRY_SIZE || h->entry_size > 4096 ||
	    h->entry_size & (h->entry_size - 1))
		return bad(r, "bad size of an entry");
	if (!bytes || bytes > ENTRIES_MAX)
		return bad(r, "bad number of entries");
	if (h->first_usable_lba < 2 || h->first_usable_lba > h->last_usable_lba)
		return bad(r, "bad usable range");
	if (h->last_usable_lba >= r->n_lbas) {
		fmt_snprintf(r->why, WHY, "made for more than %llu sectors, the "
			     "disk has %llu: it was cut short",
			     (unsigned long long)h->last_usable_lba,
			     (unsigned long long)r->n_lbas);
		return -EILSEQ;
	}
	n = lbas_of(r, bytes);
	if (h->entry_lba < 2 || h->entry_lba >= r->n_lbas ||
	    n > r->n_lbas - h->entry_lba)
		return bad(r, "entries outside the disk");
	if (h->entry_lba <= h->last_usable_lba &&
	    h->entry_lba + n > h->first_usable_lba)
		return bad(r, "entries inside the usable range");
	if (lba >= h->first_usable_lba && lba <= h->last_usable_lba)
		return bad(r, "header inside the usable range");
	return 0;
}

/* The header at `lba`, verified, in r->h. -ENOENT: no signature. */
static int read_header(struct reader *r, uint64_t lba)
{
	uint32_t crc;
	int err = read_lbas(r, lba, r->lba_size);

	memset(&r->h, 0, sizeof(r->h));
	if (err)
		return err;
	memcpy(&r->h, r->buf, sizeof(r->h));
	if (r->h.signature != GPT_SIGNATURE) {
		bad(r, "no signature");
		return -ENOENT;
	}
	if (r->h.header_size < GPT_HEADER_SIZE || r->h.header_size > r->lba_size)
		return bad(r, "bad size of the header");
	crc = r->h.header_crc32;
	memset(r->buf + offsetof(struct gpt_header, header_crc32), 0, 4);
	if (gpt_crc32(0, r->buf, r->h.header_size) != crc)
		return bad(r, "wrong checksum of the header");
	if (r->h.revision >> 16 != GPT_REVISION >> 16)
		return bad(r, "unknown revision");
	if (r->h.my_lba != lba)
		return bad(r, "header in the wrong place");
	return check_layout(r, lba);
}

static void add_entry(const struct reader *r, struct gpt_table *t,
		      const uint8_t *at, uint32_t index)
{
	uint32_t per_lba = r->lba_size / BLK_SECTOR;
	struct gpt_part *p = &t->part[t->n];
	uint16_t name[GPT_NAME_UNITS];
	static const uint8_t unused[16];
	struct gpt_entry e;

	memcpy(&e, at, sizeof(e));
	if (memcmp(e.type, unused, sizeof(unused)) == 0)
		return;
	if (index >= GPT_ENTRIES) {
		t->n_ignored++;
		return;
	}
	memset(p, 0, sizeof(*p));
	p->number = index + 1;
	memcpy(p->type, e.type, sizeof(p->type));
	memcpy(p->guid, e.guid, sizeof(p->guid));
	p->read_only = e.attributes & READ_ONLY;
	memcpy(name, e.name, sizeof(name));
	label_of(name, p->label);
	/* In LBAs until they are checked: last in n_sectors. */
	p->first = e.first_lba;
	p->n_sectors = e.last_lba;
	if (p->first < r->h.first_usable_lba || p->first > p->n_sectors ||
	    p->n_sectors > r->h.last_usable_lba) {
		t->n_bad = t->n_bad ? t->n_bad : p->number;
	} else {
		p->n_sectors = (p->n_sectors - p->first + 1) * per_lba;
		p->first *= per_lba;
	}
	t->n++;
}

/* Verifies the entries' checksum; into *t, if it is not NULL. */
static int read_entries(struct reader *r, struct gpt_table *t)
{
	uint32_t left = r->h.n_entries * r->h.entry_size, crc = 0, index = 0;
	uint64_t lba = r->h.entry_lba;

	while (left) {
		uint32_t n = left < PIECE ? left : PIECE;
		int err = read_lbas(r, lba, ALIGN_UP(n, r->lba_size));

		if (err)
			return err;
		crc = gpt_crc32(crc, r->buf, n);
		for (uint32_t off = 0; t && off < n; off += r->h.entry_size)
			add_entry(r, t, r->buf + off, index++);
		lba += n / r->lba_size;
		left -= n;
	}
	return crc == r->h.entries_crc32 ? 0 :
	       bad(r, "wrong checksum of the entries");
}

static int check_parts(struct reader *r, const struct gpt_table *t)
{
	if (t->n_bad) {
		fmt_snprintf(r->why, WHY, "partition %u has a bad range",
			     t->n_bad);
		return -EILSEQ;
	}
	for (unsigned i = 0; i < t->n; i++) {
		const struct gpt_part *a = &t->part[i];

		for (unsigned k = 0; k < i; k++) {
			const struct gpt_part *b = &t->part[k];

			if (a->first >= b->first + b->n_sectors ||
			    b->first >= a->first + a->n_sectors)
				continue;
			fmt_snprintf(r->why, WHY, "partitions %u and %u overlap",
				     b->number, a->number);
			return -EILSEQ;
		}
	}
	return 0;
}

/* The copy whose header is at `lba`, all of it. */
static int read_copy(struct reader *r, uint64_t lba, struct gpt_table *t)
{
	int err = read_header(r, lba);

	t->n = t->n_bad = t->n_ignored = 0;
	if (!err)
		err = read_entries(r, t);
	if (!err)
		err = check_parts(r, t);
	if (err)
		return err;
	memcpy(t->disk_guid, r->h.disk_guid, sizeof(t->disk_guid));
	t->first_usable = r->h.first_usable_lba;
	t->last_usable = r->h.last_usable_lba;
	return 0;
}

/* ---- both -------------------------------------------------------------------- */

/* The primary is good and in r->h: is the backup there, and the same? */
static int verify_backup(struct reader *r)
{
	struct gpt_header first = r->h;
	uint64_t lba = first.alternate_lba;
	int err;

	if (lba >= r->n_lbas)
		return bad(r, "behind the end of the disk");
	if (lba < 2)
		return bad(r, "the primary names no place for it");
	err = read_header(r, lba);
	if (!err)
		err = read_entries(r, NULL);
	if (err)
		return err;
	if (memcmp(first.disk_guid, r->h.disk_guid, sizeof(first.disk_guid)) ||
	    first.entries_crc32 != r->h.entries_crc32 ||
	    first.first_usable_lba != r->h.first_usable_lba ||
	    first.last_usable_lba != r->h.last_usable_lba)
		return bad(r, "it differs from the primary");
	return 0;
}

/* The primary is bad, and r->h is what its sector holds: the last sector, then
 * where the primary, true or not, says the backup is. */
static int use_backup(struct reader *r, struct gpt_table *t)
{
	uint64_t last = r->n_lbas - 1, other = r->h.alternate_lba;
	bool try_other = r->h.signature == GPT_SIGNATURE && other > 1 &&
			 other < last;
	int err = read_copy(r, last, t), err2;

	t->alternate = last;
	if (!err || !try_other)
		return err;
	err2 = read_copy(r, other, t);
	t->alternate = other;
	return !err2 || err == -ENOENT ? err2 : err;
}

/* The disk may come from a machine that saw sectors of another size. */
static void hint_other_size(struct reader *r, char *why)
{
	uint32_t at = r->lba_size == BLK_SECTOR ? 4096 : BLK_SECTOR;
	static const uint64_t signature = GPT_SIGNATURE;

	if (read_lbas(r, at / r->lba_size, r->lba_size) == 0 &&
	    memcmp(r->buf + at % r->lba_size, &signature, 8) == 0)
		fmt_snprintf(why, WHY, "made for sectors of %u bytes, the disk "
			     "has %u", (unsigned)at, (unsigned)r->lba_size);
}

/* Neither copy is good. */
static int say_both(struct reader *r, int err1, int err2, const char *why1,
		    const char *why2, char *why)
{
	if (err1 == -ENOENT && err2 == -ENOENT) {
		hint_other_size(r, why);
		return -ENOENT;
	}
	/* 95 characters hold both only when they are short. */
	if (fmt_snprintf(why, WHY, "%s; backup: %s", why1, why2) >= (int)WHY)
		fmt_snprintf(why, WHY, "%s", err1 == -ENOENT ? why2 : why1);
	return err1 == -EILSEQ || err2 == -EILSEQ ? -EILSEQ : -EIO;
}

static int read_both(struct reader *r, struct gpt_table *t, char *why)
{
	char why1[WHY], why2[WHY];
	int err1, err2;

	r->why = why1;
	err1 = read_copy(r, 1, t);
	r->why = why2;
	if (!err1) {
		t->alternate = r->h.alternate_lba;
		t->backup_bad = verify_backup(r) < 0;
		if (t->backup_bad)
			memcpy(t->problem, why2, WHY);
		return 0;
	}
	err2 = use_backup(r, t);
	if (err2)
		return say_both(r, err1, err2, why1, why2, why);
	t->primary_bad = true;
	memcpy(t->problem, why1, WHY);
	return 0;
}

int gpt_read(struct blkdev *dev, struct gpt_table **out, char why[96])
{
	struct reader r = { .dev = dev, .lba_size = dev->block_size };
	struct gpt_table *t, *small;
	int err = -ENOMEM;

	*out = NULL;
	why[0] = '\0';
	r.n_lbas = dev->n_sectors / (dev->block_size / BLK_SECTOR);
	if (r.n_lbas < 4)
		return -ENOENT;
	t = heap_zalloc(HEAP_FS, sizeof(*t) +
			GPT_ENTRIES * sizeof(t->part[0]));
	r.buf = heap_alloc_aligned(HEAP_FS, 4096, PIECE);
	if (t && r.buf) {
		t->lba_size = r.lba_size;
		err = read_both(&r, t, why);
	}
	heap_free(HEAP_FS, r.buf);
	if (err) {
		heap_free(HEAP_FS, t);
		return err;
	}
	small = heap_realloc(HEAP_FS, t, sizeof(*t) +
			     (t->n ? t->n : 1) * sizeof(t->part[0]));
	*out = small ? small : t;
	return 0;
}

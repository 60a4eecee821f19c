/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Partition tables: good ones, damaged ones, hostile ones whose checksums are
 * right; and what becomes of them as block devices.
 *
 * SOURCES: fs/gpt.c fs/partitions.c fs/tar.c fs/lfs_util.c kernel/blkdev.c
 * SOURCES: kernel/blkdev_io.c tools/host_kernel.c
 * SOURCES: tests/host/sync_disk.c tests/host/gpt_make.c
 * FLAGS: -isystem third_party/littlefs -DLFS2_CONFIG=fs/lfs_config.h
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/fs.h"
#include "fs/partitions.h"
#include "fs/tar.h"
#include "kernel/heap.h"
#include "tests/host/gpt_make.h"
#include "tests/host/sync_disk.h"
#include "tests/unit/tap.h"
#include "tools/host_kernel.h"

#define LEN (1u << 20)

static uint8_t data[2 * LEN] __attribute__((aligned(4096)));
static struct sync_disk disk;
static struct gpt_make m;
static char why[96];

struct list lfs_volumes = LIST_INIT(lfs_volumes);

bool archive_probe(const uint8_t *first)
{
	return tar_is_header(first);
}

/* Three partitions, the third written first. */
static void make(uint32_t lba_size)
{
	gm_init(&m, data, LEN, lba_size);
	sync_disk_init(&disk, data, LEN, lba_size, "s1");
	gm_part(&m, 0, m.h.first_usable_lba, m.h.first_usable_lba + 7, "data");
	gm_part(&m, 1, 150, 159, "log")->attributes = 1ull << 60;
	gm_part(&m, 4, 140, 149, "");
	gm_seal(&m);
}

/* gpt_read's result; *out only if it is 0. Nothing is left on the heap. */
static int read_it(struct gpt_table **out)
{
	long live = host_heap_live;
	struct gpt_table *t = NULL;
	int r = gpt_read(&disk.bd, &t, why);

	if (strlen(why) > 95 || (r == 0) != (t != NULL))
		abort();
	if (out)
		*out = t;
	else
		heap_free(HEAP_FS, t);
	if (!out && host_heap_live != live)
		abort();
	return r;
}

static bool fails_with(int err, const char *text)
{
	int r = read_it(NULL);

	if (r == err && strstr(why, text))
		return true;
	printf("# %d: %s\n", r, why);
	return false;
}

static void test_good(uint32_t lba)
{
	uint32_t per = lba / 512;
	struct gpt_table *t;

	make(lba);
	ok(!read_it(&t) && t->n == 3 && !t->primary_bad && !t->backup_bad &&
	   !t->problem[0] && t->lba_size == lba, "%u: read", lba);
	ok(t->part[0].number == 1 && t->part[1].number == 2 &&
	   t->part[2].number == 5, "by number");
	ok(t->part[0].first == m.h.first_usable_lba * per &&
	   t->part[0].n_sectors == 8 * per && t->part[1].first == 150 * per &&
	   t->part[1].n_sectors == 10 * per, "ranges in sectors of 512");
	ok(!strcmp(t->part[0].label, "data") && !t->part[2].label[0] &&
	   t->part[1].read_only && !t->part[0].read_only &&
	   !memcmp(t->part[1].guid, "\1 unique number", 16) &&
	   !memcmp(t->disk_guid, m.h.disk_guid, 16) &&
	   t->first_usable == m.h.first_usable_lba &&
	   t->last_usable == m.h.last_usable_lba && t->alternate == m.backup,
	   "and what else there is");
	heap_free(HEAP_FS, t);
	memset(data, 0xff, 512);
	ok(lba != 512 || !read_it(NULL), "the MBR may say what it likes");
}

/* ---- labels ---- */

static bool label_is(const uint16_t *units, const char *want)
{
	struct gpt_table *t;
	bool same;

	make(512);
	memcpy(((struct gpt_entry *)(void *)m.entries)->name, units, 72);
	gm_seal(&m);
	if (read_it(&t))
		return false;
	same = !strcmp(t->part[0].label, want);
	if (!same)
		printf("# %s\n", t->part[0].label);
	heap_free(HEAP_FS, t);
	return same;
}

static void test_labels(void)
{
	static const struct { uint16_t in[36]; const char *out; } good[] = {
		{ { 'a', 0, 'b' }, "a" },
		{ { 0xe9, 0x20ac, 0xd83d, 0xde00 }, "\u00e9\u20ac\U0001f600" },
		{ { 0xd83d, 'x' }, "\ufffdx" }, { { 0xde00, 'x' }, "\ufffdx" },
		{ { 'x', 0xd83d }, "x\ufffd" }, { { 0xd83d, 0xd83d, 0xde00 }, "\ufffd\U0001f600" },
		{ { 'a', '/', 'b' }, "" }, { { 'a', 27, 'b' }, "" },
		{ { 'a', '\n' }, "" }, { { 0x9b, '2', 'J' }, "" }, { { 0x7f }, "" },
		{ { '.' }, "" }, { { '.', '.' }, "" }, { { '.', 'x' }, ".x" },
		{ { ' ', 'a', ':' }, " a:" },
	};
	uint16_t full[36];
	char long_one[120] = "";

	for (unsigned i = 0; i < ARRAY_SIZE(good); i++)
		ok(label_is(good[i].in, good[i].out), "label %u", i);
	for (int i = 0; i < 36; i++) {
		full[i] = 0x8000;
		strcat(long_one, "\u8000");
	}
	ok(label_is(full, long_one), "36 characters of 3 bytes, no end");
	for (int i = 0; i < 36; i++)
		full[i] = 'x';
	full[35] = 0xd83d;
	memset(long_one, 'x', 35);
	strcpy(long_one + 35, "\ufffd");
	ok(label_is(full, long_one), "half a character at the very end");
}

/* ---- damage ---- */

static bool uses_backup(const char *text)
{
	struct gpt_table *t;
	bool good;

	if (read_it(&t)) {
		printf("# %s\n", why);
		return false;
	}
	good = t->primary_bad && !t->backup_bad && t->n == 3 &&
	       strstr(t->problem, text) && !strcmp(t->part[0].label, "data");
	if (!good)
		printf("# %d %d %u %s\n", t->primary_bad, t->backup_bad, t->n, t->problem);
	heap_free(HEAP_FS, t);
	return good;
}

static bool warns_of_backup(const char *text)
{
	struct gpt_table *t;
	bool good;

	if (read_it(&t)) {
		printf("# %s\n", why);
		return false;
	}
	good = !t->primary_bad && t->backup_bad && t->n == 3 &&
	       strstr(t->problem, text);
	if (!good)
		printf("# %d %d %u %s\n", t->primary_bad, t->backup_bad, t->n, t->problem);
	heap_free(HEAP_FS, t);
	return good;
}

static void test_damage(void)
{
	unsigned caught = 0;

	for (unsigned bit = 0; bit < 92 * 8; bit++) {
		make(512);
		data[512 + bit / 8] ^= (uint8_t)(1 << bit % 8);
		caught += uses_backup("");
	}
	ok(caught == 92 * 8, "any bit of the primary header: %u", caught);
	caught = 0;
	for (unsigned bit = 0; bit < 92 * 8; bit++) {
		make(512);
		data[m.backup * 512 + bit / 8] ^= (uint8_t)(1 << bit % 8);
		caught += warns_of_backup("");
	}
	ok(caught == 92 * 8, "any bit of the backup header: %u", caught);
	make(512);
	data[2 * 512 + 127 * 128] ^= 1;
	ok(uses_backup("wrong checksum of the entries"), "an entry of the primary");
	make(512);
	data[m.backup_entries * 512 + 127 * 128] ^= 1;
	ok(warns_of_backup("wrong checksum of the entries"), "of the backup");
	make(512);
	memset(data, 0, 34 * 512);
	ok(uses_backup("no signature"), "the beginning is gone");
	make(512);
	memset(data + m.backup * 512, 0, 512);
	ok(warns_of_backup("no signature"), "the end is gone");
	make(512);
	gm_header(&m, 1)->my_lba = 2;
	gm_header_crc(&m, 1);
	ok(uses_backup("wrong place"), "a header from elsewhere");
	make(512);
	disk.bad_from = 512;
	disk.bad_to = 1024;
	ok(uses_backup("sector 1 cannot be read"), "unreadable header");
	disk.bad_from = 20 * 512;
	disk.bad_to = 21 * 512;
	ok(uses_backup("cannot be read"), "unreadable entries");
	disk.bad_from = m.backup * 512;
	disk.bad_to = LEN;
	ok(warns_of_backup("cannot be read"), "unreadable backup");
	disk.bad_from = 0;
	ok(fails_with(-EIO, "sector 1 cannot be read"), "nothing can be read");
	make(512);
	gm_header(&m, m.backup)->disk_guid[0]++;
	gm_header_crc(&m, m.backup);
	ok(warns_of_backup("differs"), "a backup of another disk");
	make(512);
	m.entries[56] = 'D';
	{
		struct gpt_header old = *gm_header(&m, 1);
		uint8_t entries[16384];

		memcpy(entries, data + 1024, sizeof(entries));
		gm_seal(&m);
		memcpy(gm_header(&m, 1), &old, sizeof(old));
		memcpy(data + 1024, entries, sizeof(entries));
	}
	ok(warns_of_backup("differs"), "half a change: the primary holds");
}

static void test_both_bad(void)
{
	make(512);
	data[512 + 60]++;
	data[m.backup * 512 + 60]++;
	ok(fails_with(-EILSEQ, "wrong checksum of the header; backup: wrong"), "both headers");
	make(512);
	data[1024]++;
	data[m.backup_entries * 512]++;
	ok(fails_with(-EILSEQ, "wrong checksum of the entries"), "both entries");
	make(512);
	memset(data, 0, 1024);
	data[m.backup * 512 + 60]++;
	ok(fails_with(-EILSEQ, "no signature; backup: wrong"), "one gone, one bad");
	make(512);
	memset(data, 0, 1024);
	memset(data + m.backup * 512, 0, 512);
	ok(fails_with(-ENOENT, "") && !why[0], "no signature at all: no table");
	memset(data, 0xa5, LEN);
	ok(fails_with(-ENOENT, "") && !why[0], "a disk of something else");
	disk.bad_to = 1024;
	disk.bad_from = 512;
	ok(fails_with(-EIO, "cannot be read"), "unreadable, and nothing at the end");
	for (unsigned n = 0; n < 4; n++) {
		sync_disk_init(&disk, data, n * 512, 512, "");
		ok(fails_with(-ENOENT, "") && !disk.requests, "%u sectors", n);
	}
	make(512);
	gm_header(&m, 1)->alternate_lba = UINT64_MAX;
	memset(data + m.backup * 512, 0, 512);
	ok(fails_with(-EILSEQ, "wrong checksum of the header; backup: no signature"), "a place that is none");
	make(512);
	sync_disk_init(&disk, data, LEN, 4096, "");
	ok(fails_with(-ENOENT, "made for sectors of 512 bytes, the disk has 4096"), "other sectors");
	make(4096);
	sync_disk_init(&disk, data, LEN, 512, "");
	ok(fails_with(-ENOENT, "made for sectors of 4096 bytes, the disk has 512"), "and back");
	make(512);
	ok((host_heap_fail_after = 0, read_it(NULL)) == -ENOMEM, "no memory 1");
	ok((host_heap_fail_after = 1, read_it(NULL)) == -ENOMEM, "no memory 2");
	ok((host_heap_fail_after = 2, read_it(NULL)) == 0, "no smaller memory");
	host_heap_fail_after = -1;
}

/* A disk that grew or was cut since the table was made. */
static void test_sizes(void)
{
	struct gpt_table *t;

	make(512);
	memset(data + LEN, 0, LEN);
	sync_disk_init(&disk, data, 2 * LEN, 512, "");
	ok(!read_it(&t) && !t->backup_bad && t->alternate == LEN / 512 - 1, "grown: still good");
	heap_free(HEAP_FS, t);
	data[512 + 91]++;		/* not alternate_lba */
	ok(uses_backup("checksum"), "the backup is where the primary said");
	data[512]++;			/* no signature: nothing to go by */
	ok(fails_with(-ENOENT, ""), "without a signature it is not found");
	make(512);
	sync_disk_init(&disk, data, LEN - 4096, 512, "");
	ok(warns_of_backup("behind the end"), "cut behind the last usable sector");
	sync_disk_init(&disk, data, LEN / 2, 512, "");
	ok(fails_with(-EILSEQ, "it was cut short"), "cut before it");
}

/* ---- hostile: checksums are right ---- */

static void seal_as(unsigned field, uint64_t value)
{
	make(512);
	switch (field) {
	case 0: m.h.header_size = (uint32_t)value; break;
	case 1: m.h.first_usable_lba = value; break;
	case 2: m.h.last_usable_lba = value; break;
	case 3: m.h.entry_size = (uint32_t)value; break;
	case 4: m.h.n_entries = (uint32_t)value; break;
	default: m.h.revision = (uint32_t)value; break;
	}
	if ((uint64_t)m.h.n_entries * m.h.entry_size > 16384) {
		/* Only the header: the entries would not fit. */
		memcpy(gm_header(&m, 1), &m.h, sizeof(m.h));
		memcpy(gm_header(&m, m.backup), &m.h, sizeof(m.h));
		gm_header(&m, m.backup)->my_lba = m.backup;
		gm_header_crc(&m, 1);
		gm_header_crc(&m, m.backup);
	} else {
		gm_seal(&m);
	}
}

static void entry_lba_as(uint64_t value)
{
	make(512);
	gm_header(&m, 1)->entry_lba = value;
	gm_header(&m, m.backup)->entry_lba = value;
	gm_header_crc(&m, 1);
	gm_header_crc(&m, m.backup);
}

static void test_hostile_headers(void)
{
	static const struct { unsigned field; uint64_t value; const char *text; } t[] = {
		{ 0, 91, "size of the header" }, { 0, 513, "size of the header" },
		{ 0, UINT32_MAX, "size of the header" }, { 0, 0, "size of the header" },
		{ 1, 0, "usable range" }, { 1, 1, "usable range" },
		{ 1, UINT64_MAX, "usable range" },
		{ 2, 2048, "cut short" }, { 2, UINT64_MAX, "cut short" },
		{ 2, 33, "usable range" }, { 2, 2047, "inside the usable range" },
		{ 3, 0, "size of an entry" }, { 3, 64, "size of an entry" },
		{ 3, 192, "size of an entry" }, { 3, 8192, "size of an entry" },
		{ 3, 0x80000000, "size of an entry" },
		{ 4, 0, "number of entries" }, { 4, UINT32_MAX, "number of entries" },
		{ 4, 8193, "number of entries" }, { 4, 8192, "entries outside" },
		{ 5, 0x20000, "revision" },
	};
	static const uint64_t places[] = { 0, 1, 2047, 2048, UINT64_MAX,
					   UINT64_MAX - 31 };

	for (unsigned i = 0; i < ARRAY_SIZE(t); i++) {
		seal_as(t[i].field, t[i].value);
		/* Copies of each other, up to the place of the entries. */
		ok(t[i].field == 2 && t[i].value == 2047 ?
		   warns_of_backup(t[i].text) : t[i].field == 4 && t[i].value == 8192 ?
		   read_it(NULL) == -EILSEQ : fails_with(-EILSEQ, t[i].text),
		   "field %u: %llx", t[i].field, (unsigned long long)t[i].value);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(places); i++) {
		entry_lba_as(places[i]);
		ok(fails_with(-EILSEQ, "entries outside the disk"), "entries at %llx",
		   (unsigned long long)places[i]);
	}
	seal_as(1, 2);
	ok(uses_backup("entries inside the usable range"), "usable, but for the backup");
	make(512);
	gm_init(&m, data, LEN, 512);
	m.h.first_usable_lba = 70;
	m.h.last_usable_lba = 2047;
	m.backup_entries = 34;
	gm_seal(&m);
	{
		struct gpt_table *t2;

		ok(!read_it(&t2) && t2->backup_bad && strstr(t2->problem, "header inside"),
		   "a header among partitions");
		heap_free(HEAP_FS, t2);
	}
	entry_lba_as(100);
	ok(fails_with(-EILSEQ, "inside the usable range"), "entries among partitions");
}

static bool refused(unsigned a, uint64_t first, uint64_t last, const char *text)
{
	make(512);
	gm_part(&m, a, first, last, "x");
	gm_seal(&m);
	return fails_with(-EILSEQ, text);
}

static void test_hostile_parts(void)
{
	struct gpt_table *t;
	struct gpt_entry *e;

	ok(refused(7, 200, 199, "partition 8 has a bad range"), "ends before it begins");
	ok(refused(7, 33, 60, "partition 8 has a bad range"), "begins too early");
	ok(refused(7, m.h.last_usable_lba, m.h.last_usable_lba + 1, "bad range"), "ends too late");
	ok(refused(7, UINT64_MAX, UINT64_MAX, "bad range") &&
	   refused(7, 200, UINT64_MAX, "bad range") && refused(7, 0, 0, "bad range"), "far away");
	ok(refused(7, 159, 170, "partitions 2 and 8 overlap"), "the last sector of another");
	ok(refused(7, 130, 140, "partitions 5 and 8 overlap"), "the first");
	ok(refused(7, 142, 143, "partitions 5 and 8 overlap"), "within");
	ok(refused(7, 50, 1000, "overlap"), "around");
	make(512);
	gm_part(&m, 7, 160, 160, "x");
	gm_part(&m, 8, m.h.last_usable_lba, m.h.last_usable_lba, "y");
	gm_seal(&m);
	ok(!read_it(&t) && t->n == 5 && t->part[3].n_sectors == 1, "neighbours of one sector");
	heap_free(HEAP_FS, t);
	/* The primary is good by its checksums, and refused by what it says. */
	make(512);
	e = (void *)(data + 1024);
	e->last_lba = 155;
	m.h.entries_crc32 = gpt_crc32(0, data + 1024, 16384);
	gm_header(&m, 1)->entries_crc32 = m.h.entries_crc32;
	gm_header_crc(&m, 1);
	ok(uses_backup("overlap"), "an absurd primary with good checksums: the backup");
}

static void test_other_shapes(void)
{
	struct gpt_table *t;

	gm_init(&m, data, LEN, 512);
	sync_disk_init(&disk, data, LEN, 512, "");
	m.h.entry_size = 256;
	m.h.n_entries = 64;
	gm_part(&m, 63, 100, 109, "last");
	gm_seal(&m);
	ok(!read_it(&t) && t->n == 1 && t->part[0].number == 64 &&
	   !strcmp(t->part[0].label, "last"), "64 entries of 256 bytes");
	heap_free(HEAP_FS, t);
	gm_init(&m, data, LEN, 512);
	m.h.n_entries = 4;
	gm_part(&m, 3, 100, 109, "four");
	gm_seal(&m);
	ok(!read_it(&t) && t->n == 1 && t->part[0].number == 4, "4 entries");
	heap_free(HEAP_FS, t);
	gm_init(&m, data, LEN, 512);
	m.h.n_entries = 300;
	m.h.first_usable_lba = 100;
	m.h.last_usable_lba = 1900;
	m.backup_entries = 1901;
	gm_part(&m, 127, 100, 109, "in");
	gm_part(&m, 128, 100, 109, "out");
	gm_part(&m, 299, 1, 0, "out");
	gm_seal(&m);
	ok(!read_it(&t) && !t->backup_bad && t->n == 1 && t->n_ignored == 2 &&
	   t->part[0].number == 128, "300 entries: checked, 128 used");
	heap_free(HEAP_FS, t);
	data[1024 + 299 * 128 + 100]++;
	data[1901 * 512 + 299 * 128 + 100]++;
	ok(fails_with(-EILSEQ, "entries"), "those left out have a checksum too");
	gm_init(&m, data, LEN, 512);
	gm_seal(&m);
	ok(!read_it(&t) && t->n == 0, "no partition");
	heap_free(HEAP_FS, t);
	gm_init(&m, data, LEN, 512);
	for (unsigned i = 0; i < 128; i++)
		gm_part(&m, i, 34 + i, 34 + i, "one of many");
	gm_seal(&m);
	ok(!read_it(&t) && t->n == 128 && t->part[127].first == 161, "128 of them");
	heap_free(HEAP_FS, t);
}

/* ---- as block devices ---- */

static struct sync_disk d[3];
static uint8_t more[3][LEN] __attribute__((aligned(4096)));

static void test_registration(void)
{
	char names[160], few[40];
	struct blkdev *p;

	host_log_quiet = true;
	for (int i = 0; i < 3; i++) {
		gm_init(&m, more[i], LEN, 512);
		gm_part(&m, 0, 100, 199, i == 0 ? "data" : i == 1 ? "log" : "data");
		gm_part(&m, 2, 200, 299, i == 0 ? "web" : "")->attributes = i == 0 ? 1ull << 60 : 0;
		gm_seal(&m);
		sync_disk_init(&d[i], more[i], LEN, 512, i == 0 ? "s1" : i == 1 ? "" : "s3");
	}
	more[1][512]++;				/* its backup */
	memcpy(more[2] + 4096 + 8, "littlefs", 8);	/* a volume, once partitioned */
	for (int i = 0; i < 3; i++)
		(void)!blkdev_register(&d[i].bd);
	partitions_init();
	ok(d[0].bd.has_table && d[1].bd.has_table && !d[2].bd.has_table,
	   "two disks with tables, one that a volume fills");
	p = blkdev_find("s1p3");
	ok(p && p == blkdev_find("web") && p == blkdev_find("disk0p3") &&
	   p->read_only && p->n_sectors == 100 && p->start == 200 &&
	   !blkdev_find("disk0p2") && blkdev_find("disk1p3") &&
	   !blkdev_find("disk1p3")->read_only, "by label, number, serial number");
	ok(blkdev_find("log") == blkdev_find("disk1p1"), "from a backup too");
	memset(more[0] + 100 * 512, 0, 100 * 512);
	memset(names, 'x', sizeof(names));
	ok(blkdev_find("data") && !blkdev_write(blkdev_find("data"), 512, more[1] + 512, 512) &&
	   !memcmp(more[0] + 101 * 512, more[1] + 512, 512), "its sectors");
	partitions_list(names, sizeof(names), NULL, NULL);
	ok(!strcmp(names, "disk0 (serial s1), disk0p1 \"data\", disk0p3 \"web\", disk1, "
		   "disk1p1 \"log\", disk1p3, disk2 (serial s3)"), "%s", names);
	partitions_list(names, sizeof(names), &d[1].bd, NULL);
	ok(!strcmp(names, "disk1p1 \"log\", disk1p3"), "%s", names);
	partitions_list(names, sizeof(names), NULL, "log");
	ok(!strcmp(names, "disk1p1 \"log\""), "%s", names);
	partitions_list(few, sizeof(few), NULL, NULL);
	ok(!strcmp(few, "disk0 (serial s1), disk0p1 \"data\", ..."), "%s", few);
	partitions_list(few, 12, NULL, NULL);
	ok(!strcmp(few, "..."), "%s", few);
}

static void forget_all(void)
{
	struct blkdev *bd;

	while ((bd = blkdev_next(NULL)) != NULL) {
		list_del(&bd->all);
		if (bd->parent)
			heap_free(HEAP_FS, bd);
	}
}

/* What a disk says is said on the console: the last line. */
static bool says(void (*damage)(uint8_t *), const char *text)
{
	static struct sync_disk one[16];
	static uint8_t bytes[16][LEN] __attribute__((aligned(4096)));
	static int n;
	struct sync_disk *x = &one[n];

	make(512);
	memset(bytes[n], 0, LEN);
	memcpy(bytes[n], data, LEN);
	damage(bytes[n]);
	sync_disk_init(x, bytes[n++], LEN, 512, "");
	/* Only this one is looked at. */
	forget_all();
	(void)!blkdev_register(&x->bd);
	host_last_log[0] = '\0';
	partitions_init();
	if (strstr(host_last_log, text))
		return true;
	printf("# %s\n", host_last_log);
	return false;
}

static void none(uint8_t *p)
{
	(void)p;
}

static void both(uint8_t *p)
{
	p[512 + 20]++;
	p[m.backup * 512 + 20]++;
}

static void clear(uint8_t *p)
{
	memset(p, 0, LEN);
}

static void archive(uint8_t *p)
{
	unsigned sum = 0;

	memset(p, 0, 1024);
	memcpy(p, "name", 4);
	memcpy(p + 100, "0000644", 8);
	memcpy(p + 124, "00000000000", 12);
	memcpy(p + 136, "00000000000", 12);
	memcpy(p + 148, "        ", 8);
	p[156] = '0';
	memcpy(p + 257, "ustar\00000", 8);
	for (int i = 0; i < 512; i++)
		sum += p[i];
	snprintf((char *)p + 148, 8, "%06o", sum);
}

static void test_messages(void)
{
	ok(says(none, "disk3: partitions: disk3p1 \"data\", disk3p2 \"log\", disk3p5"),
	   "%s", host_last_log);
	ok(blkdev_find("disk3p5") && blkdev_find("log"), "registered");
	ok(says(both, "disk4: the partition table is damaged: wrong checksum of the header; backup"
		), "%s", host_last_log);
	ok(!blkdev_find("disk4p1") && blkdev_find("disk4")->has_table &&
	   blkdev_claim(blkdev_find("disk4"), NULL) == -EBUSY, "nobody writes over it");
	ok(says(clear, "") && !host_last_log[0] && !blkdev_find("disk5")->has_table,
	   "no table, no word");
	ok(says(archive, "") && !host_last_log[0] && !blkdev_find("disk6")->has_table,
	   "an archive with an old backup table behind it is an archive");
}

int main(void)
{
	ok(gpt_crc32(0, "123456789", 9) == 0xcbf43926 &&
	   gpt_crc32(gpt_crc32(0, "1234", 4), "56789", 5) == 0xcbf43926, "CRC-32");
	test_good(512);
	test_good(4096);
	test_good(1024);
	test_labels();
	test_damage();
	test_both_bad();
	test_sizes();
	test_hostile_headers();
	test_hostile_parts();
	test_other_shapes();
	test_registration();
	test_messages();
	forget_all();
	return done_testing();
}

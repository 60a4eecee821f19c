/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A partition table that an attacker edited: a good one, changed at the places
 * that the input names (four bytes each: where, what), its checksums put right
 * again if the first byte says so. Reading it, registering its partitions and
 * using them never crashes, and what is registered lies within the disk and
 * apart from each other.
 *
 * SOURCES: fs/gpt.c fs/partitions.c fs/tar.c fs/lfs_util.c kernel/blkdev.c
 * SOURCES: kernel/blkdev_io.c tools/host_kernel.c
 * SOURCES: tests/host/sync_disk.c tests/host/gpt_make.c
 * FLAGS: -isystem third_party/littlefs -DLFS2_CONFIG=fs/lfs_config.h
 */
#include <stdlib.h>
#include <string.h>

#include "fs/fs.h"
#include "fs/partitions.h"
#include "fs/tar.h"
#include "kernel/heap.h"
#include "tests/host/gpt_make.h"
#include "tests/host/sync_disk.h"
#include "tools/host_kernel.h"

#define LEN (256u << 10)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct list lfs_volumes = LIST_INIT(lfs_volumes);

bool archive_probe(const uint8_t *first)
{
	return tar_is_header(first);
}

static uint8_t bytes[LEN] __attribute__((aligned(4096)));
static struct sync_disk disk;
static struct gpt_make m;

/* The disk says something else every time it is asked. */
static void change(struct sync_disk *d)
{
	static unsigned n;

	d->data[n * 2654435761u % (40 * 512)] ^= (uint8_t)n;
	n++;
}

static void edit(const uint8_t *in, size_t size)
{
	for (; size >= 4; in += 4, size -= 4) {
		/* Headers, entries, anywhere in the first 128 KiB. */
		uint32_t at = (uint32_t)(in[0] & 3) << 15 | (uint32_t)in[1] << 7 | (in[2] & 127);

		if (in[0] & 64)
			at = (uint32_t)(in[2] % 92) + (in[0] & 1 ? m.lba_size :
			     (uint32_t)m.backup * m.lba_size);
		else if (in[0] & 32)
			at = 2 * m.lba_size + (uint32_t)(in[1] & 7) * 128 + (in[2] & 127);
		bytes[at % LEN] = in[0] & 128 ? bytes[at % LEN] ^ in[3] : in[3];
	}
}

static void put_right(uint64_t lba)
{
	struct gpt_header *h = gm_header(&m, lba);
	uint64_t n = (uint64_t)h->n_entries * h->entry_size;

	if (h->entry_lba < LEN / m.lba_size && n < LEN &&
	    h->entry_lba * m.lba_size + n <= LEN)
		h->entries_crc32 = gpt_crc32(0, bytes + h->entry_lba * m.lba_size, (uint32_t)n);
	gm_header_crc(&m, lba);
}

static void check_label(const char *s)
{
	if (!*s || strlen(s) >= GPT_LABEL_MAX || !strcmp(s, ".") || !strcmp(s, ".."))
		abort();
	for (; *s; s++) {
		if ((unsigned char)*s < 0x20 || *s == 0x7f || *s == '/')
			abort();
	}
}

static void check_part(struct blkdev *bd)
{
	static uint8_t block[4096] __attribute__((aligned(4096)));
	uint64_t len = bd->n_sectors * BLK_SECTOR, end = bd->start * BLK_SECTOR + len;
	struct blkdev *o = NULL;

	if (!len || bd->start < 2 || end > LEN || bd->number < 1 || bd->number > GPT_ENTRIES)
		abort();
	if (bd->label)
		check_label(bd->label);
	while ((o = blkdev_next(o)) != bd) {
		if (o->parent && o->start < bd->start + bd->n_sectors &&
		    bd->start < o->start + o->n_sectors)
			abort();
	}
	if (blkdev_read(bd, len - bd->block_size, block, bd->block_size) ||
	    blkdev_read(bd, len, block, bd->block_size) == 0)
		abort();
	if (blkdev_find(bd->name) != bd)
		abort();
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

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t size)
{
	uint32_t lba;
	struct blkdev *bd = NULL;

	if (size < 1 || size > 400)
		return 0;
	host_log_quiet = true;
	lba = in[0] & 4 ? 4096 : 512;
	gm_init(&m, bytes, LEN, lba);
	gm_part(&m, 0, m.h.first_usable_lba, m.h.first_usable_lba + 3, "data");
	gm_part(&m, 1, m.h.first_usable_lba + 4, m.h.first_usable_lba + 9, "log");
	gm_part(&m, 3, m.h.last_usable_lba - 3, m.h.last_usable_lba, "web");
	gm_seal(&m);
	edit(in + 1, size - 1);
	if (in[0] & 1)
		put_right(1);
	if (in[0] & 2)
		put_right(m.backup);
	sync_disk_init(&disk, bytes, in[0] & 8 ? LEN - 8192 : LEN, lba, "s");
	if (in[0] & 16)
		disk.on_request = change;
	if (blkdev_register(&disk.bd) < 0)
		abort();
	partitions_init();
	while ((bd = blkdev_next(bd)) != NULL) {
		if (bd->parent)
			check_part(bd);
	}
	forget_all();
	if (host_heap_live)
		abort();
	return 0;
}

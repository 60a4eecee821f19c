/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The checks over what an attacker edited: a small good volume, or a disk's
 * partition tables, changed at the places that the input names (four bytes
 * each: where, what), the checksums put right again if the first byte says so.
 * The check never crashes and always ends. A volume that it finds clean, if its
 * sums were left alone, mounts and can be read to the last byte; a disk that it repairs is good after that.
 *
 * SOURCES: fs/vfs.c fs/path.c fs/mounts.c fs/root.c fs/lfs_bd.c fs/lfs_dir.c
 * SOURCES: fs/lfs_file.c fs/lfs_mount.c fs/lfs_node.c fs/lfs_util.c fs/bcache.c
 * SOURCES: fs/bcache_io.c fs/lfs_core.c fs/lfs_memo.c fs/lfs_time.c fs/gpt.c
 * SOURCES: fs/tar.c fs/archive.c fs/archive_index.c tools/host_kernel.c
 * SOURCES: tests/host/ram_blkdev.c tests/host/fs_help.c tests/host/volume_help.c
 * SOURCES: tools/check.c tools/check_meta.c tools/check_volume.c
 * SOURCES: tools/check_tree.c tools/check_file.c tools/check_gpt.c
 * SOURCES: tools/gpt_write.c
 * FLAGS: -isystem third_party/littlefs -DLFS2_CONFIG=fs/lfs_config.h
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/heap.h"
#include "tests/host/fs_help.h"
#include "tests/host/volume_help.h"
#include "tools/check.h"
#include "tools/gpt_write.h"

#define BLOCKS 128u
#define SIZE   (BLOCKS * 4096u)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct ram_disk disk, table;
static uint8_t *good, *good_table;

static void quiet(const struct check *c, const char *text)
{
	(void)c;
	if (!text[0])
		abort();
}

static void make_table(void)
{
	static struct gpt_plan p;

	ram_disk_init(&table, "disk1", SIZE);
	gpt_plan_init(&p, 512, SIZE);
	for (unsigned i = 0; i < 3; i++) {
		p.entry[i].type[0] = p.entry[i].guid[0] = (uint8_t)(i + 1);
		p.entry[i].first_lba = 100 + 200 * i;
		p.entry[i].last_lba = 299 + 200 * i;
		(void)gpt_set_name(&p.entry[i], "a");
	}
	if (gpt_write_backup(&table.bd, &p) || gpt_write_primary(&table.bd, &p) ||
	    gpt_write_mbr(&table.bd, &p))
		abort();
	good_table = malloc(SIZE);
	memcpy(good_table, table.data, SIZE);
}

static void make_good(void)
{
	host_log_quiet = true;
	host_memory = 1 << 20;
	host_wall = 1000;
	ram_disk_init(&disk, "disk0", SIZE);
	volume_make(&disk);
	good = malloc(SIZE);
	memcpy(good, disk.data, SIZE);
	make_table();
}

static void edit(uint8_t *at, const uint8_t *data, size_t size, uint32_t n_blocks)
{
	for (size_t i = 1; i + 4 <= size; i += 4) {
		uint32_t block = (data[i] & 127u) % n_blocks;
		uint32_t off = block * 4096 +
			       (data[i + 1] | (data[i + 2] & 15u) << 8);

		if (data[i] & 128)
			at[off] ^= (uint8_t)(1u << (data[i + 3] & 7));
		else
			at[off] = data[i + 3];
	}
}

static void fuzz_volume(const uint8_t *data, size_t size)
{
	struct check c = { .where = "v", .say = quiet, .data = data[0] & 2 };
	struct volume_sum s;

	memcpy(disk.data, good, SIZE);
	edit(disk.data, data, size, BLOCKS);
	for (size_t i = 1; i + 4 <= size && (data[0] & 1); i += 4)
		volume_fix_sums(disk.data + (data[i] & 127u) * 4096);
	if (check_volume(&c, &disk.bd) < 0)
		abort();
	if (c.n_problems)
		return;
	/* A made-up history of a directory, with good sums, may hide from
	 * littlefs' search what is there (the tool mounts, too, to find out). */
	if (!(data[0] & 1) && (!volume_sum(&disk, &s) || s.errors))
		abort();
	if (data[0] & 1)
		(void)volume_sum(&disk, &s);
}

static void fix_header(uint8_t *h)
{
	struct gpt_header *g = (struct gpt_header *)h;

	g->header_crc32 = 0;
	if (g->entry_lba < SIZE / 512 && g->n_entries <= 128 &&
	    g->entry_size == 128 && g->entry_lba * 512 + 128 * 128 <= SIZE)
		g->entries_crc32 = gpt_crc32(0, table.data + g->entry_lba * 512,
					     g->n_entries * 128);
	g->header_crc32 = gpt_crc32(0, h, sizeof(*g));
}

static void fuzz_table(const uint8_t *data, size_t size)
{
	struct check c = { .where = "d", .say = quiet };
	static struct gpt_plan p;
	struct gpt_table *t = NULL;
	const char *why_not;
	char why[96];
	int r;

	memcpy(table.data, good_table, SIZE);
	/* Both ends: the first and the last 8 blocks side by side. */
	memcpy(table.data + 8 * 4096, table.data + SIZE - 8 * 4096, 8 * 4096);
	edit(table.data, data, size, 16);
	memcpy(table.data + SIZE - 8 * 4096, table.data + 8 * 4096, 8 * 4096);
	memset(table.data + 8 * 4096, 0, 8 * 4096);
	if (data[0] & 1)
		fix_header(table.data + 512);
	if (data[0] & 2)
		fix_header(table.data + SIZE - 512);
	r = gpt_read(&table.bd, &t, why);
	if (r < 0 && r != -EILSEQ)
		return;
	(void)check_gpt(&c, &table.bd, t, why);
	if (r < 0 && !c.n_problems)
		abort();
	if (r == 0 && gpt_plan_load(&p, &table.bd, t, &why_not) == 0) {
		if (gpt_write_both(&table.bd, &p, t) < 0)
			abort();
		heap_free(HEAP_FS, t);
		t = NULL;
		if (gpt_read(&table.bd, &t, why) < 0 || t->primary_bad ||
		    t->backup_bad)
			abort();
	}
	heap_free(HEAP_FS, t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!good)
		make_good();
	if (size < 1 || size > 400)
		return 0;
	if (data[0] & 4)
		fuzz_table(data, size);
	else
		fuzz_volume(data, size);
	return 0;
}

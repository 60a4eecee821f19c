/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A littlefs volume that an attacker edited: a small good one, changed at the
 * places that the input names (four bytes each: where, what), its checksums
 * put right again if the first byte says so. Mounting, reading and writing it
 * never crashes and always ends.
 *
 * SOURCES: fs/vfs.c fs/path.c fs/mounts.c fs/root.c fs/lfs_bd.c fs/lfs_dir.c
 * SOURCES: fs/lfs_file.c fs/lfs_mount.c fs/lfs_node.c fs/lfs_util.c fs/bcache.c fs/bcache_io.c
 * SOURCES: fs/tar.c fs/archive.c fs/archive_index.c tools/host_kernel.c
 * SOURCES: tests/host/ram_blkdev.c tests/host/fs_help.c
 * SOURCES: fs/lfs_core.c fs/lfs_memo.c fs/lfs_time.c
 * FLAGS: -isystem third_party/littlefs -DLFS2_CONFIG=fs/lfs_config.h
 * SOURCES: tests/host/fs_walk.c
 */
#include <stdlib.h>
#include <string.h>

#include "fs/lfs.h"
#include "tests/host/fs_help.h"
#include "tests/host/fs_walk.h"

#define SIZE (64 * 4096)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct ram_disk disk;
static uint8_t *good;
static uint8_t meta[64];		/* blocks that look like metadata */

static void make_good(void)
{
	uint8_t *p = help_pattern(10000, 1);

	host_log_quiet = true;
	host_memory = 1 << 20;
	ram_disk_init(&disk, "disk0", SIZE);
	lfs_format(&disk.bd);
	lfs_mount("/v", &disk.bd, &(struct lfs_options){ 0 });
	vfs_mkdir("/v/d", 0755);
	vfs_mkdir("/v/d/e", 0700);
	help_put("/v/a", p, 300);
	help_put("/v/big", p, 10000);
	help_put("/v/d/e/f", p, 5000);
	for (int i = 0; i < 14; i++) {
		char name[60];

		snprintf(name, sizeof(name), "/v/d/a-rather-long-file-name-%d", i);
		help_put(name, p, 100);
	}
	vfs_unmount("/v");
	good = malloc(SIZE);
	memcpy(good, disk.data, SIZE);
	free(p);
}

/* Makes the checksums of a metadata block's commits right. */
static void fix_checksums(uint8_t *b)
{
	uint32_t off = 4, ptag = UINT32_MAX, crc = lfs2_crc(UINT32_MAX, b, 4);

	while (off + 8 <= 4096) {
		uint32_t tag, n;

		memcpy(&tag, b + off, 4);
		tag = __builtin_bswap32(tag) ^ ptag;
		n = (tag & 0x3ff) == 0x3ff ? 0 : tag & 0x3ff;
		if ((tag & 0x80000000u) || off + 4 + n > 4096)
			break;
		ptag = tag;
		crc = lfs2_crc(crc, b + off, 4);
		if ((tag >> 20 & 0x780) == 0x500) {
			memcpy(b + off + 4, &crc, 4);
			crc = UINT32_MAX;
			ptag ^= (tag >> 20 & 1) << 31;
		} else {
			crc = lfs2_crc(crc, b + off + 4, n);
		}
		off += 4 + n;
	}
}

static void find_meta(void)
{
	for (int i = 0; i < 64; i++) {
		uint8_t copy[4096];

		memcpy(copy, good + i * 4096, 4096);
		fix_checksums(copy);
		/* A good block's checksums are right already. */
		meta[i] = memcmp(copy, good + i * 4096, 4096) == 0;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!good) {
		make_good();
		find_meta();
	}
	if (size < 1 || size > 400)
		return 0;
	memcpy(disk.data, good, SIZE);
	for (size_t i = 1; i + 4 <= size; i += 4) {
		uint32_t at = (uint32_t)(data[i] & 63) * 4096 +
			      (data[i + 1] | (data[i + 2] & 15u) << 8);

		if (data[i] & 64)
			disk.data[at] ^= (uint8_t)(1u << (data[i + 3] & 7));
		else
			disk.data[at] = data[i + 3];
	}
	for (int i = 0; i < 64 && (data[0] & 1); i++) {
		if (meta[i])
			fix_checksums(disk.data + i * 4096);
	}
	if (lfs_mount("/v", &disk.bd, &(struct lfs_options){ 0 }) == 0) {
		fs_walk("/v", data[0] & 2);
		if (vfs_unmount("/v") < 0)
			abort();
	}
	return 0;
}

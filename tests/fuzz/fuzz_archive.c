/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A tar archive from anywhere: the input, with its header checksums put right
 * if the first byte says so. Indexing and reading it never crashes.
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

#include "fs/tar.h"
#include "tests/host/fs_help.h"
#include "tests/host/fs_walk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fix_checksums(uint8_t *p, size_t len)
{
	for (size_t off = 0; off + TAR_BLOCK <= len; off += TAR_BLOCK) {
		unsigned sum = 8 * ' ';
		char text[8];

		if (memcmp(p + off + 257, "ustar", 5) != 0)
			continue;
		for (unsigned i = 0; i < TAR_BLOCK; i++)
			sum += i >= 148 && i < 156 ? 0 : p[off + i];
		snprintf(text, sizeof(text), "%06o", sum & 0777777);
		memcpy(p + off + 148, text, 8);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy;

	if (size < 1)
		return 0;
	host_log_quiet = true;
	copy = malloc(size);
	memcpy(copy, data + 1, size - 1);
	if (data[0] & 1)
		fix_checksums(copy, size - 1);
	if (archive_mount_memory("/v", "m", copy, size - 1) == 0) {
		fs_walk("/v", true);
		if (vfs_unmount("/v") < 0)
			abort();
	}
	free(copy);
	if (host_heap_live)
		abort();
	return 0;
}

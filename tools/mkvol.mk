# SPDX-License-Identifier: BSD-2-Clause
#
# mkvol, the host's volume tool: the guest's file system sources over a file.

MKVOL_SRC := $(addprefix tools/,mkvol.c mkvol_tree.c mkvol_volume.c mkvol_archive.c mkvol_look.c \
		file_blkdev.c image_lock.c host_kernel.c) \
	$(addprefix fs/,vfs.c path.c mounts.c root.c bcache.c bcache_io.c lfs_bd.c lfs_dir.c lfs_file.c \
		lfs_mount.c lfs_node.c lfs_util.c lfs_core.c lfs_memo.c tar.c archive.c archive_index.c)
MKVOL_CFLAGS := -std=gnu11 -O2 -g -Wall -Wextra -I. -isystem third_party/littlefs \
	-D_GNU_SOURCE -DLFS2_CONFIG=fs/lfs_config.h

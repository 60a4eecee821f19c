# SPDX-License-Identifier: BSD-2-Clause
#
# mkvol, the host's volume tool: the guest's file system sources over a file.

MKVOL_SRC := $(wildcard tools/mkvol*.c tools/check*.c) \
	$(addprefix tools/,file_blkdev.c image_lock.c gpt_write.c guid.c host_kernel.c) \
	$(addprefix fs/,gpt.c vfs.c path.c mounts.c root.c tar.c archive.c archive_index.c) \
	$(filter-out fs/lfs_flush.c,$(wildcard fs/bcache*.c fs/lfs_*.c))
MKVOL_CFLAGS := -std=gnu11 -O2 -g -Wall -Wextra -I. -isystem third_party/littlefs \
	-D_GNU_SOURCE -DLFS2_CONFIG=fs/lfs_config.h

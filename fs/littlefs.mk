# SPDX-License-Identifier: BSD-2-Clause
#
# littlefs as the image and the tools build it: pristine sources, our own
# configuration header (asserts that contain, CRC, messages).

LITTLEFS_DIR	:= third_party/littlefs
LITTLEFS_SRC	:= $(LITTLEFS_DIR)/lfs2.c
LITTLEFS_INC	:= -isystem $(LITTLEFS_DIR) -DLFS2_CONFIG=fs/lfs_config.h
LITTLEFS_CFLAGS	:= -DLFS2_CONFIG=fs/lfs_config.h

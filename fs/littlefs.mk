# SPDX-License-Identifier: BSD-2-Clause
#
# littlefs as the image and the tools build it: pristine sources, a part of
# fs/lfs_core.c, with our own configuration header (asserts that contain, CRC,
# messages).

LITTLEFS_DIR	:= third_party/littlefs
LITTLEFS_INC	:= -isystem $(LITTLEFS_DIR) -DLFS2_CONFIG=fs/lfs_config.h

# SPDX-License-Identifier: BSD-2-Clause
SRC = main.c options.c server.c conn.c batch.c sender.c respond.c request.c memo.c head.c \
      files.c filecache.c urlpath.c range.c cond.c mime.c date.c text.c now.c accesslog.c status.c
SRC_GLINT = platform_glint.c
SRC_LINUX = platform_linux.c
NEEDS = net fs
LIBS = picohttpparser
PORTS = 80

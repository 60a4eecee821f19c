# SPDX-License-Identifier: BSD-2-Clause
SRC = main.c c_library.c posix.c posix_files.c threads.c sockets.c files.c
NEEDS = net fs
LIBS =

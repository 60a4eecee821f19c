# SPDX-License-Identifier: BSD-2-Clause
SRC = main.c c_library.c threads.c sockets.c files.c
NEEDS = net fs
LIBS =

# SPDX-License-Identifier: BSD-2-Clause
SRC = main.c samples.c sync.c stream.c small.c
SRC_GLINT = platform_glint.c
SRC_LINUX = platform_linux.c
NEEDS = fs
LIBS =

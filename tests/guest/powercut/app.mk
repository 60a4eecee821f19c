# SPDX-License-Identifier: BSD-2-Clause
SRC = main.c files.c loads.c
NEEDS = fs
LIBS =

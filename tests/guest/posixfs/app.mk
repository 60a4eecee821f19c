# SPDX-License-Identifier: BSD-2-Clause
SRC = main.c names.c
NEEDS = fs
LIBS =

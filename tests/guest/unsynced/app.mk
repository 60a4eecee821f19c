# SPDX-License-Identifier: BSD-2-Clause
SRC = main.c
NEEDS = fs
LIBS =

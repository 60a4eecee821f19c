# SPDX-License-Identifier: BSD-2-Clause
SRC = main.c tcp.c udp.c
PORTS = 7
NEEDS = net
LIBS =

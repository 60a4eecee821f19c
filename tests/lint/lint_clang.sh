#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# clang builds every guest object without a warning, too; under it, memory
# shared with a peer is `noderef`: a direct dereference does not compile.
set -u
cd "$(dirname "$0")/../.." || exit 1
if make -k -j2 --no-print-directory objects CC=clang OBJ=build/obj-clang APP=httpd; then
	echo "ok 1 - clang builds every object of httpd"
else
	echo "not ok 1 - clang builds every object of httpd"
fi
if make -k -j2 --no-print-directory build/host/glint-clang HV=build/host/glint-clang HV_CC=clang HV_OBJ=build/obj-hv-clang; then
	echo "ok 3 - clang builds the hypervisor"
else
	echo "not ok 3 - clang builds the hypervisor"
fi
probe=$(mktemp --suffix=.c)
trap 'rm -f "$probe"' EXIT
printf '#include "kernel/lib/shared.h"\nuint16_t peek(const uint16_t SHARED *p);\nuint16_t peek(const uint16_t SHARED *p) { return *p; }\n' > "$probe"
if clang -std=c11 -ffreestanding -Wall -Wextra -Werror -I. -fsyntax-only "$probe" 2> /dev/null; then
	echo "not ok 2 - a direct dereference of shared memory is refused"
else
	echo "ok 2 - a direct dereference of shared memory is refused"
fi
echo 1..3

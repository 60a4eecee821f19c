#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# cppcheck over the guest and the tools. Suppressed: what it cannot know (arrays
# between linker symbols, a base that is never 0, a request that outlives no wait).
set -u
cd "$(dirname "$0")/../.." || exit 1
out=$(cppcheck -q --std=c11 --enable=warning,portability --inline-suppr -I. -D__x86_64__ '-D__attribute__(x)=' \
	--suppress=missingInclude --suppress=preprocessorErrorDirective --suppress=comparePointers --suppress=subtractPointers --suppress=zerodivcond --suppress=autoVariables \
	--template='{file}:{line}: {severity}: {message} [{id}]' boot kernel pv drivers net fs libc apps hv tools 2>&1)
echo "$out" | sed 's/^/# /'
if grep -q ': \(error\|warning\|portability\):' <<< "$out"; then
	echo "not ok 1 - cppcheck finds nothing"
else
	echo "ok 1 - cppcheck finds nothing"
fi
echo 1..1

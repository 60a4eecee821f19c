#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The applications as Linux programs under ASan and UBSan: behaviour, load, arguments.
set -eu
cd "$(dirname "$0")/../.."
out=build/tests/linux
mkdir -p $out
for app in httpd echo; do
	srcs=$(make -s --no-print-directory print-linux-src APP=$app)
	# shellcheck disable=SC2086 # a list of files
	gcc -std=gnu11 -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=undefined -isystem third_party/picohttpparser \
		$srcs -o $out/$app
done
exec python3 tests/http/run_linux.py $out/httpd $out/echo

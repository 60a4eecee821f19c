#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# sizes.sh: how large each image is and which layer takes what; docs/img/sizes.svg with --svg.
set -euo pipefail
case ${1:-} in
--help) echo "usage: tools/sizes.sh [--svg FILE]   (builds hello, echo, httpd; prints bytes by layer against the budgets)"; exit 0 ;;
esac
cd "$(dirname "$0")/.."
for app in hello echo httpd; do
	make -s --no-print-directory "build/$app.elf" "APP=$app" > /dev/null
done
exec python3 tools/sizes.py "$@"

#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The fence of the notification race, as compiled: no host test can see it go,
# because only QEMU's TCG drops the barrier that it stands in for.
set -u
cd "$(dirname "$0")/../.." || exit 1
make --no-print-directory build/obj/drivers/virtio/virtq.o > /dev/null || exit 1
n=$(objdump -d --no-show-raw-insn build/obj/drivers/virtio/virtq.o | grep -A1 'mfence' | grep -c 'rdtsc')
if [ "$n" -ge 2 ]; then
	echo "ok 1 - both sides of the notification race are fenced by mfence and rdtsc"
else
	echo "not ok 1 - both sides of the notification race are fenced by mfence and rdtsc (found $n of 2)"
fi
echo 1..1

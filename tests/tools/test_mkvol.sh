#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# mkvol's wrong uses and failures: status, message, and nothing half made.
cd "$(dirname "$0")/../.." || exit 1
root=$PWD
m=$root/build/host/mkvol
n=0 failed=0
d=$(mktemp -d)
trap 'umount "$d/small" 2> /dev/null; rm -rf "$d"' EXIT

ok() { # RESULT TEXT
	n=$((n + 1))
	if [ "$1" = 0 ]; then echo "ok $n - $2"; else echo "not ok $n - $2"; failed=1; sed 's/^/# /' "$d/log"; fi
}

# expect STATUS PATTERN COMMAND...: the status, and the pattern in what is said.
expect() {
	local want=$1 pattern=$2 got
	shift 2
	timeout 60 "$@" > "$d/log" 2>&1
	got=$?
	[ $got = "$want" ] && grep -qE -- "$pattern" "$d/log"
	ok $? "${*#"$root"/} -> $want, '$pattern'"
}

make -C "$root" --no-print-directory mkvol > /dev/null || exit 1
cd "$d" || exit 1
mkdir src empty
echo hi > src/a
expect 1 'missing: No such file' "$m" volume -o v.img missing
expect 1 'src/a: not a folder' "$m" volume -o v.img src/a
expect 1 'none/v.img: No such file' "$m" volume -o none/v.img src
expect 1 'empty: is a folder' "$m" volume -o empty src
expect 1 'neither a file nor a block device' "$m" volume -o /dev/null src
expect 1 'No space left' "$m" archive -o /dev/full src
[ -c /dev/full ] && [ -c /dev/null ]
ok $? "devices are still there"
expect 2 'not a size' "$m" volume -o v.img --size 1 src
expect 2 'not a size' "$m" volume -o v.img --size -5M src
expect 2 'not a size' "$m" volume -o v.img --size 1073741824G src
expect 2 'not a size' "$m" volume -o v.img --size 5X src
expect 2 'exactly one FOLDER' "$m" volume -o v.img
expect 2 'unknown command: foo' "$m" foo
expect 0 '^usage' "$m" --help
expect 0 '^usage' "$m" volume --help
expect 0 '0 entries' "$m" volume -o e.img empty
expect 0 '0 entries' "$m" archive -o e.tar empty
expect 1 'neither a file nor a block device' "$m" ls src
expect 1 'No such file' "$m" ls nothing
expect 0 '1 entries' "$m" volume -o old.img src
cp old.img kept.img
head -c 300000 /dev/urandom > src/big
expect 1 'does not fit into 64.0 KiB; about' "$m" volume -o old.img --size 64K src
cmp -s old.img kept.img
ok $? "a failure leaves the old image as it was"
truncate -s 3G src/huge
expect 1 'huge: larger than 2 GiB' "$m" volume -o old.img src
rm src/huge
touch "src/$(printf '\377\376')" "src/$(printf '%0255d' 0)"
mkfifo src/fifo
ln -s / src/outside
expect 0 'fifo: skipped: neither' "$m" volume -o n.img src
expect 0 '0{255}' "$m" ls n.img
if [ "$(id -u)" = 0 ] && mkdir small && mount -t tmpfs -o size=200k tmpfs small 2> /dev/null; then
	expect 1 'small/v.img: writing failed: No space left' "$m" volume -o small/v.img src
	expect 1 'small/v.tar: No space left' "$m" archive -o small/v.tar src
	[ -z "$(ls -A small)" ]
	ok $? "nothing half made stays on a full disk"
else
	n=$((n + 1)) && echo "ok $n - a full disk # SKIP needs root and a tmpfs"
fi
[ -z "$(find . -name '*.part')" ]
ok $? "no partial file is left anywhere"
echo "1..$n"
exit $failed

#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# test_deps.sh: tools/deps.sh against everything that goes wrong: offline, gone from the mirror, wrong and damaged
# tarballs, killed half-way. It makes a mirror and a lock file of its own in a temporary folder (apt's `copy:` method), so it
# needs no network and leaves third_party alone. Prints TAP; exits with the number of failures.
# shellcheck disable=SC2317 # the predicates are called by way of check
set -uo pipefail

top=$(cd "$(dirname "$0")/../.." && pwd) || exit 1
w=$(mktemp -d) || exit 1
trap 'rm -rf "$w"' EXIT
export DEPS_DIR=$w/tp DEPS_LOCK=$w/lock DEPS_MIRROR=copy:$w/mirror
n=0
bad=0

# check NAME COMMAND...: one TAP line.
check() {
	local name=$1
	shift
	n=$((n + 1))
	if "$@" > /dev/null 2>&1; then
		echo "ok $n - $name"
	else
		bad=$((bad + 1))
		echo "not ok $n - $name"
		sed 's/^/# /' "$w/out"
	fi
}

# deps ARGS: runs the script, keeps output and status.
deps() {
	timeout 60 "$top/tools/deps.sh" "$@" > "$w/out" 2>&1
	rc=$?
}

says() { grep -q -- "$1" "$w/out"; }
clean() { [ -z "$(find "$w/tp" -name '.tmp.*' 2> /dev/null)" ]; }
absent() { [ ! -e "$1" ] && clean; }
failed() { [ "$rc" -eq 1 ]; }
passed() { [ "$rc" -eq 0 ]; }

# make_tarball NAME: mirror/pool/main/N/NAME/NAME_1.tar.gz with a file and a folder inside/part.
make_tarball() {
	local pool=$w/mirror/pool/main/${1:0:1}/$1
	mkdir -p "$w/src/$1-1/inside/part" "$pool"
	echo "hello $1" > "$w/src/$1-1/readme"
	head -c 200000 /dev/urandom > "$w/src/$1-1/inside/part/data"
	tar -C "$w/src" -czf "$pool/$1_1.tar.gz" "$1-1"
	sum=$(sha256sum < "$pool/$1_1.tar.gz" | cut -d ' ' -f 1)
}

make_tarball alpha
alpha=$sum
make_tarball beta
beta=$sum
lock() { printf '# a comment\nalpha alpha 1 suite alpha_1.tar.gz %s\nbeta beta 1 suite beta_1.tar.gz %s inside/part\n' "$1" "$2" > "$w/lock"; }
lock "$alpha" "$beta"
cached=$w/tp/.cache/alpha_1.tar.gz

deps --check
check 'check: names what is missing' says 'alpha 1 is missing'
check 'check: exits 1' failed
check 'check: makes nothing' absent "$w/tp"

deps
check 'fetch: exits 0' passed
check 'fetch: whole tarball' grep -q 'hello alpha' "$w/tp/alpha/readme"
check 'fetch: a folder of a tarball becomes the folder itself' cmp "$w/tp/beta/data" "$w/src/beta-1/inside/part/data"
check 'fetch: nothing temporary stays' clean
deps --check
check 'check: exits 0 when all is there' passed

start=$(date +%s%N)
DEPS_MIRROR=copy:/nonexistent deps
ms=$((($(date +%s%N) - start) / 1000000))
check 'again: exits 0 without the mirror' passed
check 'again: says nothing' test ! -s "$w/out"
check "again: within 200 ms (took $ms)" test "$ms" -lt 200

rm -rf "$w/tp/alpha"
DEPS_MIRROR=copy:/nonexistent deps
check 'folder removed: unpacked again out of the cache' grep -q 'hello alpha' "$w/tp/alpha/readme"

# A damaged cache is noticed and replaced; without a mirror it is an error, and no folder appears.
rm -rf "$w/tp/alpha"
truncate -s 1000 "$cached"
DEPS_MIRROR=copy:/nonexistent deps
check 'truncated cache, no mirror: exits 1' failed
check 'truncated cache, no mirror: names the file' says 'alpha_1.tar.gz'
check 'truncated cache, no mirror: no folder' absent "$w/tp/alpha"
deps
check 'truncated cache, mirror: exits 0' passed
check 'truncated cache, mirror: says so' says 'damaged'
check 'truncated cache, mirror: right checksum now' grep -q "^$alpha" <(sha256sum < "$cached")

# Another checksum in the lock file than the mirror's tarball has.
lock "$(printf '0%.0s' {1..64})" "$beta"
deps
check 'wrong checksum: exits 1' failed
check 'wrong checksum: says so' says 'alpha_1.tar.gz: wrong checksum'
check 'wrong checksum: says what to do' says 'if the pin is right'
check 'wrong checksum: old folder is whole' grep -q 'hello alpha' "$w/tp/alpha/readme"
check 'wrong checksum: nothing temporary stays' clean

# A mirror that has moved on.
rm -rf "$w/tp"
lock "$alpha" "$beta"
mv "$w/mirror/pool/main/a/alpha" "$w/mirror/pool/main/a/gone"
deps
check 'gone from the mirror: exits 1' failed
check 'gone from the mirror: names the file and why' says 'alpha_1.tar.gz: the mirror does not have it'
check 'gone from the mirror: no folder' absent "$w/tp/alpha"
mv "$w/mirror/pool/main/a/gone" "$w/mirror/pool/main/a/alpha"

# A tarball that has the pinned checksum and is none.
head -c 5000 /dev/urandom > "$w/mirror/pool/main/a/alpha/alpha_1.tar.gz"
lock "$(sha256sum < "$w/mirror/pool/main/a/alpha/alpha_1.tar.gz" | cut -d ' ' -f 1)" "$beta"
deps
check 'not a tarball: exits 1' failed
check 'not a tarball: says so' says 'cannot unpack'
check 'not a tarball: no folder' absent "$w/tp/alpha"

# The real mirror of this machine, with no network at all.
if unshare -n true 2> /dev/null; then
	timeout 120 env -u DEPS_MIRROR DEPS_LOCK="$top/tools/deps.lock" unshare -n "$top/tools/deps.sh" lwip > "$w/out" 2>&1
	rc=$?
	check 'offline: exits 1' failed
	check 'offline: names the file and why' says 'lwip_2.2.1.*no connection'
	check 'offline: says what to do' says 'go online and run again'
	check 'offline: no folder' absent "$w/tp/lwip"
else
	n=$((n + 1))
	echo "ok $n - offline # SKIP this user may not make a network namespace"
fi

# A killed run leaves no folder under its final name, and the next one finishes the work.
rm -rf "$w/tp"
make_tarball alpha
lock "$sum" "$beta"
mkdir -p "$w/bin"
# shellcheck disable=SC2016 # for that script's shell to expand
printf '#!/bin/sh\nmkdir -p "$2/half"\nkill -9 $PPID\n' > "$w/bin/tar"
chmod +x "$w/bin/tar"
PATH=$w/bin:$PATH deps 2> /dev/null
check 'killed while unpacking: no folder' test ! -e "$w/tp/alpha"
deps
check 'killed while unpacking: the next run completes' cmp "$w/tp/alpha/inside/part/data" "$w/src/alpha-1/inside/part/data"
check 'killed while unpacking: its leavings are swept' clean

echo 'alpha alpha 1 suite alpha_1.tar.gz' > "$w/lock"
deps
check 'lock line without checksum: exits 1 and names it' says 'line of alpha has no sha256'
deps --nonsense
check 'unknown option: exits 2' test "$rc" -eq 2
lock "$sum" "$beta"
deps gamma
check 'unknown name: exits 2' test "$rc" -eq 2
check 'unknown name: lists the names' says 'alpha beta'
deps --help
check 'help: exits 0' passed

echo "1..$n"
exit $bad

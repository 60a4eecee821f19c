#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# deps.sh: fetches the pinned upstream sources of tools/deps.lock into third_party/.
#
# Tarballs come from the Debian mirror that this machine's apt is set up with, by apt's own download helper, and are
# taken only if their sha256 is the pinned one. A folder appears by one rename, complete or not at all; its .stamp says
# from which tarball it came, so a second run reads four stamps and is done. Nothing is patched.
set -uo pipefail

usage() {
	cat <<'END'
usage: tools/deps.sh [--check] [NAME...]
Fetches the pinned sources of tools/deps.lock (all, or those named) into third_party/NAME.
  --check   fetch nothing; say what is missing or stale and exit 1 if anything is
  --list    print name, version and tarball of each pin
  --help    this text
environment:
  DEPS_LOCK    the lock file to read       (default: tools/deps.lock)
  DEPS_DIR     the folder to fill          (default: third_party)
  DEPS_MIRROR  base URI of a Debian mirror (default: the one of this machine's apt)
exit status: 0 all there, 1 a source is missing or could not be fetched, 2 wrong usage
END
}

top=$(cd "$(dirname "$0")/.." && pwd) || exit 1
lock=${DEPS_LOCK:-$top/tools/deps.lock}
dir=${DEPS_DIR:-$top/third_party}
cache=$dir/.cache
tmp=

# fail FILE WHY WHAT-TO-DO: the three things a person needs to know.
fail() {
	printf 'deps: error: %s: %s\n      %s\n' "$1" "$2" "$3" >&2
	exit 1
}

# shellcheck disable=SC2317 # called by the trap
cleanup() {
	[ -z "$tmp" ] || rm -rf "$tmp"
}

# The mirror that apt uses for Debian's main archive; security mirrors do not carry every package.
find_mirror() {
	local uri
	uri=${DEPS_MIRROR:-$(apt-get indextargets --format "\$(REPO_URI)" 'Created-By: Packages' 'Component: main' 2>/dev/null |
		grep -v security | head -n 1)}
	[ -n "$uri" ] || fail "$file" "this machine's apt knows no Debian mirror" \
		"add one to /etc/apt/sources.list, or set DEPS_MIRROR to its base URI"
	echo "${uri%/}"
}

have_sum() {
	[ -f "$1" ] && [ "$(sha256sum < "$1" | cut -d ' ' -f 1)" = "$2" ]
}

# Turns the helper's log into a reason and an advice.
explain_download() {
	local log=$1 got
	if grep -qE 'Hash Sum mismatch|Hashes of|different size' "$log"; then
		got=$(sed -nE 's/.*SHA256:([0-9a-f]{64}).*/\1/p' "$log" | grep -v "$sum" | head -n 1)
		fail "$file" "wrong checksum: got ${got:-another one}, $lock wants $sum" \
			"if the pin is right, the mirror sent a bad file: run again later; never change the pin without reading the new source"
	elif grep -qE '404|File not found|No such file' "$log"; then
		fail "$file" "the mirror does not have it (404): Debian $suite may have moved on from $package $version" \
			"pin the version that $suite has now in $lock, or put the tarball into $cache/ by hand"
	elif grep -qE 'resolve|resolving|connect|unreachable|timed out|Timeout' "$log"; then
		fail "$file" "no connection to the Debian mirror (offline?)" \
			"go online and run again, or put the tarball into $cache/ by hand"
	fi
	fail "$file" "download failed: $(grep -E '^E:' "$log" | tail -n 1 | sed 's#[a-z]*://[^ ]*/##')" \
		"run again; the full log of apt's helper is above this line if DEPS_VERBOSE=1"
}

# download: leaves the tarball in the cache, with the right checksum, or exits.
download() {
	local prefix uri helper=/usr/lib/apt/apt-helper
	[ -x "$helper" ] || fail "$file" "$helper is missing" "this needs Debian or a system with its apt; install the package apt"
	mirror=${mirror:-$(find_mirror)} || exit 1
	case $package in
	lib?*) prefix=${package:0:4} ;;
	*) prefix=${package:0:1} ;;
	esac
	uri=$mirror/pool/main/$prefix/$package/${file//+/%2b}
	echo "deps: fetching $file"
	# No user switch: as root, apt would else download as a user who cannot write here. Held to the lock's checksum by apt.
	if ! timeout 600 "$helper" -o APT::Sandbox::User=root -o Acquire::Retries=2 -o Acquire::http::Timeout=30 \
		-o Dir::Cache="$tmp" -o Dir::State::Lists="$tmp" \
		download-file "$uri" "$tmp/$file" "SHA256:$sum" > "$tmp/log" 2>&1; then
		[ -z "${DEPS_VERBOSE:-}" ] || cat "$tmp/log" >&2
		explain_download "$tmp/log"
	fi
	have_sum "$tmp/$file" "$sum" || fail "$file" "wrong checksum after the download" "run again; check the disk"
	mv -f "$tmp/$file" "$cache/$file"
}

# unpack: makes third_party/NAME from the cached tarball (or from one folder inside it) by one rename.
unpack() {
	local new=$tmp/$name old=$tmp/$name.old depth=1 only=()
	if [ -n "$folder" ]; then
		depth=$(($(tr -dc / <<< "$folder" | wc -c) + 2))
		only=(--wildcards "*/$folder/*")
	fi
	mkdir -p "$new"
	tar -C "$new" --strip-components=$depth --no-same-owner -xf "$cache/$file" "${only[@]}" 2> "$tmp/log" ||
		fail "$file" "cannot unpack: $(head -n 1 "$tmp/log")" \
			"install xz-utils if it is missing, check the disk space and the line of $name in $lock, then run again"
	echo "$sum $folder" > "$new/.stamp" || fail "$new" "cannot write" "check the disk space, then run again"
	[ ! -e "$dir/$name" ] || mv -T "$dir/$name" "$old"
	mv -T "$new" "$dir/$name" || fail "$dir/$name" "cannot rename into place" "check the permissions of $dir"
	echo "deps: $name $version in ${dir#"$PWD"/}/$name"
}

fetch() {
	mkdir -p "$cache" || fail "$cache" "cannot make this folder" "check its permissions"
	# Two builds at once must not unpack into each other.
	if [ -z "$tmp" ]; then
		exec 9> "$cache/.lock"
		flock -w 900 9 || fail "$file" "another deps.sh holds $cache/.lock" "wait for it or end it, then run again"
		rm -rf "$dir"/.tmp.* # of runs that were killed
		tmp=$(mktemp -d "$dir/.tmp.XXXXXX") || exit 1
	fi
	if ! have_sum "$cache/$file" "$sum"; then
		[ ! -f "$cache/$file" ] || echo "deps: the cached $file is damaged or not the pinned one: fetching it again"
		download
	fi
	unpack
}

check=0
list=0
while [ $# -gt 0 ]; do
	case $1 in
	--help | -h) usage; exit 0 ;;
	--check) check=1 ;;
	--list) list=1 ;;
	-*) echo "deps: unknown option $1 (see --help)" >&2; exit 2 ;;
	*) break ;;
	esac
	shift
done
wanted=" $* "
[ -r "$lock" ] || fail "$lock" "cannot be read" "it is part of the source tree: git checkout tools/deps.lock"
trap cleanup EXIT
trap 'exit 130' INT TERM

missing=0
seen=' '
# shellcheck disable=SC2094 # the lock file is only named in messages
while read -r name package version suite file sum folder; do
	case $name in '' | '#'*) continue ;; esac
	[[ $sum =~ ^[0-9a-f]{64}$ ]] || fail "$lock" "the line of $name has no sha256" "a line is: folder package version suite tarball sha256 [folder]"
	seen+="$name "
	[ "$wanted" = '  ' ] || [[ $wanted == *" $name "* ]] || continue
	if [ $list = 1 ]; then
		echo "$name $version $file"
		continue
	fi
	stamp=
	[ ! -f "$dir/$name/.stamp" ] || read -r stamp < "$dir/$name/.stamp"
	[ "${stamp% }" != "$sum${folder:+ $folder}" ] || continue
	if [ $check = 1 ]; then
		echo "deps: $name $version is ${stamp:+not the pinned one}${stamp:-missing}: run 'make deps'" >&2
		missing=1
		continue
	fi
	fetch
done < "$lock"

for name in "$@"; do
	[[ $seen == *" $name "* ]] || { echo "deps: no source is called $name in $lock; there are:$seen" >&2; exit 2; }
done
exit $missing

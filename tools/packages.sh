#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# packages.sh: the Debian 12 packages that Glint needs, by what for, and their installation.
#
# The lists below are the only place that names them. As root, what is missing is installed; otherwise one line to paste
# is printed. When everything is there, it says nothing and takes a few hundredths of a second.
set -uo pipefail

groups='build run test bench'

# `make image`, `make deps`, `make glint`
build='gcc binutils make libc6-dev meson ninja-build pkg-config python3 git xz-utils ca-certificates
	grub-common grub-pc-bin grub-efi-amd64-bin xorriso mtools libslirp-dev'

# `make run`
run='qemu-system-x86 ovmf curl iproute2 socat'

# `make test` and `make lint`; the pages that httpd is tested with are those of debian-faq and python3-doc
test='clang libclang-rt-14-dev llvm clang-format clang-tidy cppcheck shellcheck codespell gdb check ethtool tcpdump
	fdisk gdisk mandoc debian-faq python3-doc'

# `make bench`: the load, and what the Linux guest measured beside ours is made with (its own packages are fetched there)
bench='wrk cpio busybox-static iproute2 procps'

usage() {
	cat <<END
usage: tools/packages.sh [--check | --list] [GROUP...]
Installs what is missing of the Debian packages of these groups (default: build run).
  --check   install nothing; exit 1 if something is missing
  --list    print the packages
  --help    this text
groups: $groups all
exit status: 0 all there, 1 missing or not installable, 2 wrong usage
END
}

list_of() {
	case $1 in
	build) echo "$build" ;;
	run) echo "$run" ;;
	test) echo "$test" ;;
	bench) echo "$bench" ;;
	all) echo "$build $run $test $bench" ;;
	*)
		echo "packages: no group is called $1; there are: $groups all" >&2
		return 2
		;;
	esac
}

# Those of the arguments that dpkg does not have installed, one per line.
missing_of() {
	local have
	# shellcheck disable=SC2016 # dpkg's own format, not the shell's
	have=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "$@" 2> /dev/null | sed -n 's/^installed //p' | sort -u)
	comm -13 <(echo "$have") <(printf '%s\n' "$@" | sort -u)
}

mode=install
while [ $# -gt 0 ]; do
	case $1 in
	--help | -h) usage; exit 0 ;;
	--check) mode=check ;;
	--list) mode=list ;;
	-*) echo "packages: unknown option $1 (see --help)" >&2; exit 2 ;;
	*) break ;;
	esac
	shift
done
[ $# -gt 0 ] || set -- build run

wanted=()
for group in "$@"; do
	list=$(list_of "$group") || exit 2
	# shellcheck disable=SC2206 # one word, one package
	wanted+=($list)
done
if [ $mode = list ]; then
	printf '%s\n' "${wanted[@]}" | sort -u
	exit 0
fi
command -v dpkg-query > /dev/null || {
	echo "packages: error: this is not Debian; install what corresponds to: ${wanted[*]}" >&2
	exit 1
}
mapfile -t missing < <(missing_of "${wanted[@]}")
[ ${#missing[@]} -gt 0 ] || exit 0

line="apt-get update && apt-get install --no-install-recommends -y ${missing[*]}"
if [ $mode = check ] || [ "$(id -u)" != 0 ]; then
	echo "packages: ${#missing[@]} missing. As root (or with sudo sh -c '...'), paste:" >&2
	echo "$line" >&2
	exit 1
fi
echo "packages: installing ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
apt-get -q update || echo "packages: warning: apt-get update failed; trying with the lists there are" >&2
apt-get -q -y -o Dpkg::Use-Pty=0 install --no-install-recommends "${missing[@]}" || {
	echo "packages: error: apt could not install them all (offline, or a name unknown to this release: see above)" >&2
	exit 1
}

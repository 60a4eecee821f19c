#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# build-picolibc.sh: builds the unpatched third_party/picolibc for the guest, into build/picolibc/{include,lib/libc.a}.
#
# What Glint decides about its C library is in the two lists below, and only there. A stamp of the source's checksum,
# these lists, this script and the compiler makes a second run a no-op. The result does not depend on the folder it is
# built in. malloc and mem*/str* in libc.a are not meant to be linked: Glint's own objects come ahead of it.
set -uo pipefail

usage() {
	cat <<'END'
usage: tools/build-picolibc.sh [--check] [--force]
Builds third_party/picolibc into build/picolibc, or does nothing if that is up to date.
  --check   build nothing; exit 1 if it is missing or stale
  --force   build even if it is up to date
  --help    this text
environment:
  PICOLIBC_SRC  the source folder             (default: third_party/picolibc)
  PICOLIBC_OUT  the folder to make            (default: build/picolibc; the log is that name with .log)
  PICOLIBC_OPT  optimisation: s or 2          (default: s)
  CC            gcc or clang                  (default: gcc)
  JOBS          compiler processes            (default: 2)
exit status: 0 up to date, 1 failed (the end of the log is shown), 2 wrong usage
END
}

top=$(cd "$(dirname "$0")/.." && pwd) || exit 1
src=${PICOLIBC_SRC:-$top/third_party/picolibc}
out=$(realpath -m "${PICOLIBC_OUT:-$top/build/picolibc}")
# Measured, gcc 12: -Os takes 6 to 9 KB off a program with printf (15 KB instead of 24), and costs it nothing for %d, %s,
# strtol; a third more for %f (150 ns) and qsort 5 %. What must be fast in a string function is Glint's own.
opt=${PICOLIBC_OPT:-s}
cc=${CC:-gcc}
log=$out.log
work=

# The guest's ABI (ARCHITECTURE.md, sections 5 and 8): no red zone because traps share the stack, a fixed address, the
# canary in a global because %fs is not set up when the first functions run.
cflags=(-march=x86-64 -mno-red-zone -fno-pic -fno-pie -fcf-protection=none
	-fstack-protector-strong -mstack-protector-guard=global -ftls-model=local-exec
	-ffunction-sections -fdata-sections)
# gcc -Os turns memcpy and memset into `rep movsb` in place, slow where it is microcoded or emulated: call Glint's own.
libcall=-mstringop-strategy=libcall

options=(
	-Ddebug=false -Dmultilib=false -Dtests=false -Dpicocrt=false -Dsemihost=false -Dpicolib=true
	-Dfortify-source=none -Dstack-protector-guard=global
	-Dtinystdio=true -Dstdio-locking=true -Dfast-bufio=true
	# stdin, stdout and stderr are Glint's own objects: the console must work before files do.
	-Dposix-console=false
	-Dformat-default=double -Dio-c99-formats=true -Dio-long-long=true -Dio-pos-args=true
	-Dthread-local-storage=true -Dtls-model=local-exec
	# The nano one takes time quadratic in the number of live objects; neither is linked.
	-Dnewlib-nano-malloc=false
)

fail() {
	printf 'build-picolibc: error: %s\n      %s\n' "$1" "$2" >&2
	exit 1
}

cleanup() {
	[ -z "$work" ] || rm -rf "$work"
}

make_stamp() {
	{
		cat "$src/.stamp" "$0"
		"$cc" -dumpfullversion -dumpmachine
		"$cc" --version | head -n 1
		echo "$opt"
	} 2>&1 | sha256sum | cut -d ' ' -f 1
}

write_cross_file() {
	local list
	list=$(printf "'%s', " "${cflags[@]}" "-ffile-prefix-map=$src=picolibc" "-ffile-prefix-map=$work=build" \
		"-ffile-prefix-map=$(realpath --relative-to="$work/obj" "$src")=picolibc")
	cat <<END
[binaries]
c = ['$cc', ${list}'-nostdlib']
ar = 'ar'
nm = 'nm'
strip = 'strip'
[host_machine]
system = 'none'
cpu_family = 'x86_64'
cpu = 'x86_64'
endian = 'little'
[properties]
skip_sanity_check = true
needs_exe_wrapper = true
END
}

# step NAME COMMAND...: one line on the terminal, everything else into the log.
step() {
	local name=$1
	shift
	printf 'picolibc: %s\n' "$name"
	{
		printf '== %s\n' "$*"
		"$@" 2>&1
	} >> "$log" && return
	echo "--- $log, errors and last lines:" >&2
	grep -nE 'error:|ERROR:|FAILED:' "$log" | head -n 10 >&2
	tail -n 15 "$log" >&2
	fail "$name failed" "the whole log is $log; if a header or a tool is missing: tools/packages.sh build"
}

# verify LIBC: the flags that a build system could drop without a word.
verify() {
	[ -s "$1" ] || fail "no libc.a was made" "read $log"
	nm "$1" 2> /dev/null > "$work/symbols"
	grep -q 'U __stack_chk_guard' "$work/symbols" || fail "libc.a is without the global stack canary" "read the flags in $log"
	[[ " ${cflags[*]} " != *" $libcall "* ]] || grep -q 'U memcpy$' "$work/symbols" ||
		fail "libc.a copies by itself instead of calling memcpy" "read the flags in $log"
	objdump -tdr "$1" > "$work/code" 2> /dev/null
	grep -q '\.tbss.* errno$' "$work/code" || fail "libc.a has no thread-local errno" "read the options in $log"
	! grep -q '%fs:0x28' "$work/code" || fail "libc.a has the canary at %fs:0x28" "read the flags in $log"
}

build() {
	work=$(mktemp -d "$out.tmp.XXXXXX") || exit 1
	: > "$log" || exit 1
	write_cross_file > "$work/cross.txt"
	step "configure (-O$opt)" meson setup "$work/obj" "$src" --cross-file "$work/cross.txt" --prefix / \
		-Doptimization="$opt" -Dincludedir=include -Dlibdir=lib -Dspecsdir=none "${options[@]}"
	# picolibc's meson.build turns the stack protector off after our flags, and has no option for it.
	sed -i 's/ -fno-stack-protector\>//g' "$work/obj/build.ninja"
	step "compile ($(grep -c '^build .*: c_COMPILER' "$work/obj/build.ninja") files)" ninja -C "$work/obj" -j "${JOBS:-2}"
	step install env DESTDIR="$work/new" meson install -C "$work/obj" --no-rebuild
	# What else it installs (linker scripts, libm, a libnosys of failing stubs) must not be found by a linker.
	find "$work/new/lib" -mindepth 1 ! -name libc.a -delete
	verify "$work/new/lib/libc.a"
	echo "$stamp" > "$work/new/.stamp" || exit 1
	[ ! -e "$out" ] || mv -T "$out" "$work/old"
	mv -T "$work/new" "$out" || exit 1
	echo "picolibc: $(picolibc_version) in ${out#"$PWD"/}, $(size -t "$out/lib/libc.a" | tail -n 1 | cut -f 1) bytes of code in libc.a"
}

picolibc_version() {
	sed -nE 's/.*define __PICOLIBC_VERSION__ "(.*)"/\1/p' "$out/include/picolibc.h"
}

check=0
force=0
for arg in "$@"; do
	case $arg in
	--help | -h) usage; exit 0 ;;
	--check) check=1 ;;
	--force) force=1 ;;
	*) echo "build-picolibc: unknown argument $arg (see --help)" >&2; exit 2 ;;
	esac
done
case $opt in 2 | s) ;; *) echo "build-picolibc: PICOLIBC_OPT is 2 or s, not $opt" >&2; exit 2 ;; esac
[ -f "$src/meson.build" ] || fail "$src is not there" "run 'make deps' first"
for tool in "$cc" meson ninja ar; do
	command -v "$tool" > /dev/null || fail "$tool is not installed" "run tools/packages.sh build"
done
"$cc" $libcall -E -x c /dev/null > /dev/null 2>&1 && cflags+=("$libcall")
trap cleanup EXIT
trap 'exit 130' INT TERM

mkdir -p "$(dirname "$out")" || exit 1
stamp=$(make_stamp)
current=
[ ! -f "$out/.stamp" ] || read -r current < "$out/.stamp"
[ "$current" != "$stamp" ] || [ $force = 1 ] || exit 0
if [ $check = 1 ]; then
	echo "build-picolibc: $out is ${current:+stale}${current:-missing}: run 'make deps'" >&2
	exit 1
fi
exec 9> "$out.lock"
flock -w 900 9 || fail "another build holds $out.lock" "wait for it, then run again"
build
rm -f "$out.lock"

#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# test_picolibc.sh: links tests/tools/picolibc_probe.c with build/picolibc as a static Linux program, compares the symbols
# that libc.a wants from us with the list below, and runs it: formats, files, thread-local errno, overriding. Prints TAP;
# exits with the number of failures.
set -uo pipefail
export LC_ALL=C

top=$(cd "$(dirname "$0")/../.." && pwd) || exit 1
pico=${PICOLIBC_OUT:-$top/build/picolibc}
if [ ! -f "$pico/lib/libc.a" ]; then
	echo "1..0 # SKIP $pico is not built: run 'make deps'"
	exit 0
fi
w=$(mktemp -d) || exit 1
trap 'rm -rf "$w"' EXIT
n=0
bad=0
check() {
	local name=$1
	shift
	n=$((n + 1))
	if "$@" > "$w/why" 2>&1; then
		echo "ok $n - $name"
	else
		bad=$((bad + 1))
		echo "not ok $n - $name"
		head -n 20 "$w/why" "$w/out" 2> /dev/null | sed 's/^/# /'
	fi
}

# Everything that any member of libc.a leaves to the system; TLS symbols only for its own _init_tls and _set_tls.
cat > "$w/needs.want" <<'END'
__heap_end
__heap_start
__tbss_offset
__tbss_size
__tdata_size
__tdata_source
__x86_tls_tcb_offset
_exit
close
fstat
getentropy
gettimeofday
lseek
open
read
sigprocmask
stat
stderr
stdin
stdout
times
unlink
write
END
nm "$pico/lib/libc.a" 2> /dev/null | awk 'NF == 3 { print $3 }' | sort -u > "$w/defined"
nm "$pico/lib/libc.a" 2> /dev/null | awk '$1 == "U" { print $2 }' | sort -u | comm -23 - "$w/defined" |
	grep -vE '^(_GLOBAL_OFFSET_TABLE_|__mul[dsx]c3|__floatuntixf)$' > "$w/needs"
check 'libc.a wants from us what it did before, and libgcc' diff "$w/needs.want" "$w/needs"

flags=(-std=c11 -O2 -Wall -Wextra -Werror -ffreestanding -march=x86-64 -mno-red-zone -fno-pic -fno-pie -fcf-protection=none
	-fno-stack-protector -ftls-model=local-exec -D_GNU_SOURCE -Wno-builtin-declaration-mismatch
	-nostdinc -isystem "$pico/include" -isystem "$(gcc -print-file-name=include)")
check 'probe compiles' gcc "${flags[@]}" -c "$top/tests/tools/picolibc_probe.c" -o "$w/probe.o"

cat > "$w/probe.ld" <<'END'
ENTRY(_start)
PHDRS { text PT_LOAD; data PT_LOAD; tls PT_TLS; }
SECTIONS
{
	. = 0x400000 + SIZEOF_HEADERS;
	.text : { *(.text .text.*) *(.rodata .rodata.*) } :text
	. = ALIGN(4096);
	.tdata : ALIGN(64) { __tdata_start = .; *(.tdata .tdata.*) __tdata_end = .; } :data :tls
	.tbss : { *(.tbss .tbss.*) *(.tcommon) } :data :tls
	__tls_size = ALIGN(SIZEOF(.tdata) + SIZEOF(.tbss), MAX(ALIGNOF(.tdata), ALIGNOF(.tbss)));
	.data : { *(.data .data.*) } :data
	.bss : { *(.bss .bss.*) *(COMMON) } :data
}
END
# Our object comes first: libc.a's memcpy and malloc must not be pulled in.
check 'probe links, no symbol missing or doubled' gcc -nostdlib -static -no-pie -Wl,--gc-sections,--build-id=none,-Map="$w/map" \
	-Wl,-T,"$w/probe.ld" -Wl,--no-warn-rwx-segments "$w/probe.o" "$pico/lib/libc.a" -lgcc -o "$w/probe"
[ -x "$w/probe" ] || exit $bad
check 'our malloc and memcpy win over those of libc.a' \
	sh -c "! grep -E '^[^ ]*libc\\.a\\((malloc-malloc|memcpy)' '$w/map'"
check 'the locks are there' grep -q '__retarget_lock_acquire_recursive' <(nm "$w/probe")
check 'picolibc code checks the canary' grep -q __stack_chk_guard <(objdump -dr "$pico/lib/libc.a" 2> /dev/null)

cat > "$w/want" <<'END'
numbers -7 1099511627776  3.14 64 ff
missing 1 errno 2
file probe
rand 1
copy x
ours 1 1
END
timeout 10 "$w/probe" > "$w/out" 2>&1
status=$?
check 'probe exits 0' test $status -eq 0
check 'probe prints what it should' diff "$w/want" "$w/out"
echo "# probe: $(size "$w/probe" | awk 'NR == 2 { print $1 }') bytes of code with printf, doubles and files"
echo "1..$n"
exit $bad

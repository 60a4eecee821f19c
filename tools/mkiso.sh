#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Makes a hybrid ISO (BIOS and UEFI) that boots a Glint image by GRUB 2 and
# Multiboot2. The command line and boot modules are fixed in the ISO.
set -eu

usage() {
	cat <<-'END'
	usage: mkiso.sh -o OUT.iso [-m NAME=FILE]... [-s] IMAGE.elf [-- WORD...]

	  -o OUT.iso     the ISO to write
	  -m NAME=FILE   boot module: FILE, handed over under NAME
	  -s             GRUB's own messages also go to the first serial port
	  -- WORD...     the image's command line, each word quoted as it is

	Exit status: 0 done, 1 failed, 2 wrong usage, 3 a program is missing.
	END
}
fail() { echo "mkiso.sh: $2" >&2; exit "$1"; }
# GRUB's script syntax: single quotes, with a single quote itself as '\''.
quote() { printf "'%s'" "${1//\'/\'\\\'\'}"; }

out='' image='' serial='' modules=() words=()
while [ $# -gt 0 ]; do
	case $1 in
	-h|--help) usage; exit 0 ;;
	-o) [ $# -gt 1 ] || fail 2 "-o needs a file name"; out=$2; shift ;;
	-m) [ $# -gt 1 ] || fail 2 "-m needs NAME=FILE"
	    [[ $2 == ?*=?* ]] || fail 2 "-m $2: not NAME=FILE"
	    modules+=("$2"); shift ;;
	-s) serial=1 ;;
	--) shift; words=("$@"); break ;;
	-*) usage >&2; fail 2 "unknown option $1" ;;
	*) [ -z "$image" ] || fail 2 "more than one image: $image, $1"; image=$1 ;;
	esac
	shift
done
if [ -z "$out" ] || [ -z "$image" ]; then
	usage >&2
	exit 2
fi
[ -r "$image" ] || fail 1 "cannot read $image (make image APP=... makes it)"

for need in grub-mkrescue:grub-common xorriso:xorriso mformat:mtools; do
	command -v "${need%:*}" >/dev/null ||
		fail 3 "${need%:*} is missing: apt-get install ${need#*:}"
done
for need in i386-pc:grub-pc-bin x86_64-efi:grub-efi-amd64-bin; do
	[ -d "/usr/lib/grub/${need%:*}" ] ||
		fail 3 "GRUB for ${need%:*} is missing: apt-get install ${need#*:}"
done
if command -v grub-file >/dev/null && ! grub-file --is-x86-multiboot2 "$image"; then
	fail 1 "$image has no Multiboot2 header in its first 32 KiB"
fi

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
mkdir -p "$dir/iso/boot/grub"
cp "$image" "$dir/iso/boot/image.elf"
{
	echo 'set timeout=0'
	if [ -n "$serial" ]; then
		echo 'serial --unit=0'
		echo 'terminal_output console serial'
	fi
	echo 'insmod multiboot2'
	printf 'multiboot2 /boot/image.elf'
	for word in ${words[@]+"${words[@]}"}; do
		printf ' %s' "$(quote "$word")"
	done
	echo
	n=0
	for module in ${modules[@]+"${modules[@]}"}; do
		file=${module#*=}
		[ -r "$file" ] || fail 1 "cannot read module $file"
		cp "$file" "$dir/iso/boot/module$n"
		printf 'module2 /boot/module%d %s\n' "$n" "$(quote "${module%%=*}")"
		n=$((n + 1))
	done
	echo boot
} > "$dir/iso/boot/grub/grub.cfg"

# Only the modules that this configuration uses, and those that GRUB's EFI
# start-up loads by name: a quarter of the size.
grub_modules='normal multiboot2 iso9660 fat serial terminal part_gpt part_msdos
	part_acorn part_amiga part_apple part_bsd part_dfly part_dvh part_plan
	part_sun part_sunpc'
if ! grub-mkrescue --install-modules="$grub_modules" --locales= --fonts= \
		--themes= -o "$dir/out.iso" "$dir/iso" > "$dir/log" 2>&1; then
	tail -5 "$dir/log" >&2
	fail 1 "grub-mkrescue failed (its last lines are above)"
fi
mv "$dir/out.iso" "$out"
echo "  ISO $out ($(stat -c %s "$out") bytes)"

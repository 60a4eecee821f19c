#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Builds the peer that Glint is measured against: a Debian cloud kernel with
# busybox as init and nginx (one worker, keep-alive, no access log) that serves
# one folder from the initramfs. Everything comes from Debian packages that are
# downloaded and unpacked, never installed: no boot loader, no service, no root.
#
# Writes OUT/vmlinuz and OUT/initrd. Address: "ip=10.0.0.2/24 gw=10.0.0.1" on
# the kernel command line, read by /init (the cloud kernel has no IP_PNP).
# With --program also OUT/program-initrd: that program, linked statically, as
# the only process, on a console without echo, with /dev and /proc and no net.
set -euo pipefail

usage() {
	cat <<USAGE
usage: ${0##*/} [--site FOLDER | --program FILE] [--out FOLDER] [--force]
  --site   what nginx serves (default: build/bench/site, which bench-http.py makes)
  --program  a static program to run instead of nginx: writes program-initrd
  --out    where vmlinuz and initrd go (default: build/bench/linux)
  --force  fetch and unpack the packages again
exit status: 0 built, 1 failed, 2 wrong usage
USAGE
}

die() { echo "linux-guest: $1" >&2; exit "${2:-1}"; }

top=$(cd "$(dirname "$0")/.." && pwd)
out=$top/build/bench/linux
site=
program=
force=
while (($#)); do
	case $1 in
	--site) site=${2:?--site needs a folder}; shift 2 ;;
	--program) program=${2:?--program needs a file}; shift 2 ;;
	--out) out=${2:?--out needs a folder}; shift 2 ;;
	--force) force=1; shift ;;
	-h | --help) usage; exit 0 ;;
	*) usage >&2; exit 2 ;;
	esac
done
site=${site:-$top/build/bench/site}
[[ $program && ! -x $program ]] && die "no such program: $program" 2
[[ $program || -d $site ]] || die "no such folder: $site (give --site FOLDER)" 2

packages=(nginx nginx-common libpcre2-8-0 libssl3 zlib1g libcrypt1 libc6 busybox-static)
modules=(net/core/failover drivers/net/net_failover
	drivers/virtio/virtio_ring drivers/virtio/virtio drivers/virtio/virtio_mmio
	drivers/virtio/virtio_pci_legacy_dev drivers/virtio/virtio_pci_modern_dev
	drivers/virtio/virtio_pci drivers/net/virtio_net)

# Packages, unpacked into $out/root. "unpacked" is written last.
fetch() {
	local kernel deb
	kernel=$(apt-cache depends linux-image-cloud-amd64 2>/dev/null |
		awk '/Depends: linux-image-/ { print $2; exit }')
	[[ $kernel ]] || die "apt knows no linux-image-cloud-amd64: run 'apt-get update' on a Debian system first"
	rm -rf "$out"
	mkdir -p "$out/debs" "$out/root"
	echo "linux-guest: fetching $kernel ${packages[*]}"
	(cd "$out/debs" && apt-get -qq download "$kernel" "${packages[@]}" 2>apt.log) ||
		{ cat "$out/debs/apt.log" >&2; die "apt-get download failed: check the network and 'apt-get update'"; }
	for deb in "$out"/debs/*.deb; do dpkg-deb -x "$deb" "$out/root"; done
	(cd "$out/debs" && ls -- *.deb) >"$out/packages.txt"
	cp "$out"/root/boot/vmlinuz-* "$out/vmlinuz"
	touch "$out/unpacked"
}

write_init() {
	cat >"$1" <<'INIT'
#!/bin/busybox sh
echo "linux: init"
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
for m in $(cat /modules/order); do insmod /modules/$m.ko; done
for word in $(cat /proc/cmdline); do
	case $word in
	ip=*) ip=${word#ip=} ;;
	gw=*) gw=${word#gw=} ;;
	esac
done
ulimit -n 8192
ip link set lo up
ip addr add "$ip" dev eth0
ip link set eth0 up
[ "$gw" ] && ip route add default via "$gw"
mkdir -p /var/log/nginx /var/lib/nginx /run
nginx -c /etc/nginx.conf
echo "linux: ready"
while :; do sleep 3600; done
INIT
	chmod 755 "$1"
}

write_conf() {
	cat >"$1" <<'CONF'
user root root;
worker_processes 1;
worker_rlimit_nofile 8192;
pid /run/nginx.pid;
error_log stderr crit;
events { worker_connections 4096; multi_accept on; }
http {
	include /etc/nginx/mime.types;
	access_log off;
	sendfile on;
	tcp_nopush on;
	keepalive_timeout 120;
	keepalive_requests 1000000000;
	server {
		listen 80 backlog=2048;
		root /site;
	}
}
CONF
}

write_program_init() {
	cat >"$1" <<'INIT'
#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
for m in $(cat /modules/order); do insmod /modules/$m.ko; done
stty -echo </dev/console
exec /program </dev/console >/dev/console 2>&1
INIT
	chmod 755 "$1"
}

# Folder: the modules that the guest loads, and their order.
copy_modules() {
	local m mods
	mods=$(echo "$out"/root/lib/modules/*/kernel)
	for m in "${modules[@]}"; do
		cp "$mods/$m.ko" "$1/modules/"
		basename "$m"
	done >"$1/modules/order"
}

# Folder, file.
pack() {
	(cd "$1" && find . | LC_ALL=C sort | "$out/root/bin/busybox" cpio -o -H newc -R 0:0 2>/dev/null) >"$2.new"
	mv "$2.new" "$2"
}

build_initrd() {
	local tree=$out/tree root=$out/root lib
	rm -rf "$tree"
	mkdir -p "$tree"/{bin,dev,proc,sys,run,tmp,modules,usr/sbin,etc/nginx,lib64,site}
	cp "$root/bin/busybox" "$tree/bin/"
	cp "$root/usr/sbin/nginx" "$tree/usr/sbin/"
	cp "$root/etc/nginx/mime.types" "$tree/etc/nginx/"
	echo "root:x:0:0::/:/bin/sh" >"$tree/etc/passwd"
	echo "root:x:0:" >"$tree/etc/group"
	mkdir -p "$tree/lib/x86_64-linux-gnu"
	for lib in libpcre2-8.so.0 libssl.so.3 libcrypto.so.3 libz.so.1 libcrypt.so.1 libc.so.6; do
		cp -L "$(find "$root" -name "$lib" | head -1)" "$tree/lib/x86_64-linux-gnu/"
	done
	cp -L "$(find "$root" -name ld-linux-x86-64.so.2 | head -1)" "$tree/lib64/"
	copy_modules "$tree"
	cp -rL "$site/." "$tree/site/"
	write_init "$tree/init"
	write_conf "$tree/etc/nginx.conf"
	pack "$tree" "$out/initrd"
}

build_program_initrd() {
	local tree=$out/program-tree
	rm -rf "$tree"
	mkdir -p "$tree"/{bin,dev,proc,sys,modules}
	cp "$out/root/bin/busybox" "$tree/bin/"
	cp "$program" "$tree/program"
	copy_modules "$tree"
	write_program_init "$tree/init"
	pack "$tree" "$out/program-initrd"
}

[[ $force || ! -e $out/unpacked ]] && fetch
if [[ $program ]]; then
	modules+=(drivers/block/virtio_blk)
	build_program_initrd
	made=$out/program-initrd
else
	build_initrd
	made=$out/initrd
fi
echo "linux-guest: $out/vmlinuz ($(stat -c %s "$out/vmlinuz") bytes), $made ($(stat -c %s "$made") bytes)"

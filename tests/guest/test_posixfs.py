#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Files and names as POSIX has them, over littlefs in a guest under QEMU (see
posixfs/main.c), what is left after a boot, and volumes of other versions.
POSIXFS_MANY=10000 for a directory of that many entries (default 1500)."""
import os, re, struct, subprocess, sys, tempfile, zlib
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from vm import ROOT, Guest, Tap, build

MKVOL = f"{ROOT}/build/host/mkvol"
MANY = int(os.environ.get("POSIXFS_MANY", "1500"))


def crc(data, c=0xffffffff):
    return zlib.crc32(data, c ^ 0xffffffff) ^ 0xffffffff


def edit(image, tag_is, at, value):
    """Changes 4 bytes of an entry of the root's metadata pair; sums put right."""
    changed = 0
    with open(image, "r+b") as f:
        for block in range(2):
            f.seek(block * 4096)
            b = bytearray(f.read(4096))
            off, ptag, c = 4, 0xffffffff, crc(b[:4])
            while off + 8 <= 4096:
                tag = struct.unpack(">I", b[off:off + 4])[0] ^ ptag
                n = 0 if tag & 0x3ff == 0x3ff else tag & 0x3ff
                if tag >> 31 or off + 4 + n > 4096:
                    break
                ptag = tag
                if tag_is(tag >> 20, n):
                    b[off + 4 + at:off + 8 + at] = struct.pack("<I", value)
                    changed += 1
                c = crc(b[off:off + 4], c)
                if tag >> 20 & 0x780 == 0x500:
                    b[off + 4:off + 8] = struct.pack("<I", c)
                    c = 0xffffffff
                    ptag ^= (tag >> 20 & 1) << 31
                else:
                    c = crc(b[off + 4:off + 4 + n], c)
                off += 4 + n
            f.seek(block * 4096)
            f.write(b)
    return changed


def main():
    t = Tap()
    build("posixfs")
    subprocess.run(["make", "-C", ROOT, "--no-print-directory", "mkvol"], check=True, stdout=subprocess.DEVNULL)
    with tempfile.TemporaryDirectory() as d:
        image = f"{d}/vol.img"
        os.mkdir(f"{d}/src")

        def volume(size):
            subprocess.run([MKVOL, "volume", "-o", image, "--size", size, f"{d}/src"], check=True, stdout=subprocess.DEVNULL)

        def boot(args, ro="", timeout=120):
            with Guest("posixfs", mem="32M", kargs=f"mount=disk0:/data:littlefs{ro}", args=args, disks=[image]) as g:
                status = g.wait_exit(timeout)
                return g.text(), status

        def good(what, text, status, least):
            n = len(re.findall(r"^ok \d+", text, re.M))
            for line in re.findall(r"^# .*entries.*", text, re.M):
                t.diag(line[2:])
            if not t.ok(status == 0 and n >= least and "not ok" not in text, f"{what}: {n} checks"):
                t.diag(text[-3000:])

        volume("12M")
        good("one boot", *boot(f"first {MANY}", timeout=60 + MANY / 25), least=30)
        good("the next", *boot("second"), least=4)
        good("mounted read-only", *boot("readonly", ":ro"), least=2)
        listed = subprocess.run([MKVOL, "ls", "-l", image], capture_output=True, text=True, timeout=60).stdout
        t.ok(re.search(r"^-0604 +1 2004-11-09 11:33:20 attr$", listed, re.M) and re.search(r"^d0700 +0 2008-01-10 21:20:00 times/$", listed, re.M),
             "mkvol sees names, modes and times")

        version, superblock = (lambda ty, n: ty == 0x347 and n == 4), (lambda ty, n: ty == 0x201 and n == 24)
        for what, where, value, word in (
                ("format version 0", version, 0, None),
                ("format version 2", version, 2, "the volume has format version 2, this Glint knows up to 1"),
                ("littlefs 2.0", superblock, 0x00020000, None),
                ("littlefs 2.2", superblock, 0x00020002, "Invalid version v2.2 != v2.1")):
            volume("1M")
            changed = edit(image, where, 0, value)
            text, status = boot("nothing" if word else "first 10")
            r = subprocess.run([MKVOL, "ls", image], capture_output=True, text=True, timeout=60)
            if word:
                fine = status == 0 and word in text and r.returncode == 1 and word in r.stderr
            else:
                fine = "littlefs volume, 1024 KiB, on /data" in text and r.returncode == 0
            if not t.ok(changed and fine, f"a volume of {what} {'is refused, and why' if word else 'mounts'}, by guest and mkvol"):
                t.diag(f"{text[-1500:]}\n{r}")
    return t.done()


sys.exit(main())

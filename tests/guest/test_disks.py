#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Partitions and raw devices under QEMU, on disks made by sfdisk and by mkvol:
see disks/main.c for the guest's side."""
import os, re, shutil, subprocess, sys, tempfile
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from vm import ROOT, Guest, Tap, build

MKVOL = f"{ROOT}/build/host/mkvol"
SFDISK = next((p for p in ("/usr/sbin/sfdisk", "/sbin/sfdisk") if os.path.exists(p)), None)


def host(*cmd, stdin=None):
    r = subprocess.run(cmd, input=stdin, capture_output=True, timeout=60, text=True)
    if r.returncode:
        raise RuntimeError(f"{cmd[0]}: {r.stdout}{r.stderr}")
    return r.stdout


def boot(disks, kargs="", args="", way="microvm", mem="32M", timeout=40):
    """Console and exit status. A disk is (image, serial[, drive options[, device options]])."""
    dev = "device" if way == "microvm" else "pci"
    extra = []
    for i, (path, serial, *opts) in enumerate(disks):
        drive, device = (list(opts) + ["", ""])[:2]
        extra += ["-drive", f"if=none,id=v{i},format=raw,file={path}{drive}", "-device",
                  f"virtio-blk-{dev},drive=v{i}{',serial=' + serial if serial else ''}{device}"]
    with Guest("disks", way=way, mem=mem, kargs=kargs, args=args, extra=extra) as g:
        status = g.wait_exit(timeout)
        return g.text(), status


def spoil(path, at, data=b"\xa5"):
    with open(path, "r+b") as f:
        f.seek(at if at >= 0 else os.path.getsize(path) + at)
        f.write(data)


class Check:
    def __init__(self, t):
        self.t = t

    def __call__(self, what, disks, kargs, args, wants, status=0, never=(), **kw):
        text, got = boot(disks, kargs, args, **kw)
        missing = [w for w in wants if w not in text]
        there = [w for w in never if w in text]
        if not self.t.ok(got == status and not missing and not there, f"{what} ({got})"):
            self.t.diag(f"missing: {missing}\nthere: {there}\n{text}")
        return text


def make_sfdisk(d):
    """Three partitions; the first becomes a volume."""
    img = f"{d}/a.img"
    with open(img, "wb") as f:
        f.truncate(48 << 20)
    host(SFDISK, "-q", img, stdin="label: gpt\nstart=2048, size=16384, name=data\nsize=32768, name=raw1\nname=\"web log\"\n")
    host(MKVOL, "volume", "-o", f"{img}:data", f"{d}/src")
    return img


def make_mkvol(d, name="b.img", *opts):
    img = f"{d}/{name}"
    host(MKVOL, "disk", "-o", img, "--size", "40M", *opts, f"www:archive:{d}/src", "db:raw:4M", "state:littlefs:rest")
    return img


def two_disks(check, t, a, b):
    both = [(a, "alpha"), (b, "beta")]
    mounts = "mount=data:/data:littlefs mount=betap1:/site:archive mount=state:/state:littlefs:ro"
    for way in ("microvm", "q35"):
        check(f"{way}: volumes and raw partitions of two disks", both, mounts,
              f"save:/data/x:{way} show:/site/index.html save:/state/x:1 put:/dev/vol/raw1:{way} raw:/dev/vol/betap2 put:/dev/vol/db:db-{way}",
              ["save /data/x: done", "show /site/index.html: hello", "save /state/x: Read-only file system", "put /dev/vol/raw1: done",
               "raw /dev/vol/betap2: 0 failed", "put /dev/vol/db: done", "end, 0 failed"], way=way)
        check(f"{way}: all of it is there in the next boot", both, mounts, f"show:/data/x get:/dev/vol/alphap2:{way} get:/dev/vol/db:db-{way}",
              [f"show /data/x: {way}", f"get /dev/vol/alphap2: {way}", "get /dev/vol/db: db-", "end, 0 failed"], way=way)
    with open(a, "rb") as f:
        f.seek(18432 * 512)
        t.ok(f.read(12) == b"q35q35q35q35", "a partition's bytes are where the table says")
        f.seek((18432 + 32768) * 512 - 3)
        t.ok(f.read(4)[-1] == 0, "and none behind its end")
    check("what /dev/vol has", both, "", "list",
          ["vol data block 8388608 512 rw", "vol raw1 block 16777216 512 rw", "vol web log block", "vol alpha block", "vol db block 4194304", "end, 0 failed"])


def refusals(check, a, b):
    both = [(a, "alpha"), (b, "beta")]
    check("a mounted partition is not opened for writing, an open one is shared", both, "mount=data:/data:littlefs",
          "put:/dev/vol/data:x put:/dev/vol/alpha:x put:/dev/vol/none:x raw:/dev/vol/raw1",
          ["put /dev/vol/data: Device or resource busy", "put /dev/vol/alpha: Device or resource busy",
           "put /dev/vol/none: No such file or directory", "raw /dev/vol/raw1: 0 failed"])
    check("one place is mounted once", both, "mount=data:/data:littlefs mount=alphap1:/again:littlefs mount=state:/data:littlefs",
          "save:/data/x:1 save:/again/x:2", ["is mounted on /data already; /again is not mounted", "save /data/x: done",
                                            "save /again/x: Read-only file system", "cannot be mounted on /data"])
    check("a partitioned disk is not a volume", both, "mount=alpha:/data:littlefs mount=betap9:/x:littlefs", "",
          ["alpha is partitioned: /data cannot be the whole of it", '"data"', "there is no disk or partition \"betap9\"; there are: disk0"])
    check("a wrong name: what there is", both, "mount=dta:/data:littlefs", "",
          ['there is no disk or partition "dta"; there are: disk0 (serial ', '"data"'], timeout=20)
    check("a partition without a volume", both, "mount=raw1:/data:littlefs mount=db:/x:archive", "save:/data/x:1",
          ["disk0p2: holds no littlefs volume", "the archive is corrupt", "save /data/x: Read-only file system"])
    check("no disk at all", [], "mount=data:/data:littlefs", "list", ['there is no disk or partition "data"; there are: none', "end, 0 failed"])


def ambiguous(check, d, a):
    shutil.copy(a, f"{d}/copy.img")
    both = [(a, "alpha"), (f"{d}/copy.img", "gamma")]
    text = check("a label that two have is nobody's", both, "mount=data:/data:littlefs", "put:/dev/vol/raw1:x",
                 ['"data" stands for disk', "/data is not mounted", "put /dev/vol/raw1: No such file"])
    check("their serial numbers tell them apart", both, "mount=gammap1:/data:littlefs", "put:/dev/vol/gammap2:x save:/data/x:g",
          ["put /dev/vol/gammap2: done", "save /data/x: done"])
    return text


def damage(check, t, d, b):
    img = f"{d}/bad.img"
    good = ["save /data/x: done", "end, 0 failed"]
    line = (["mount=state:/data:littlefs"], "save:/data/x:1 put:/dev/vol/db:x")
    for what, at, data, says in (("the header", 512 + 40, b"\xa5", "wrong checksum of the header"), ("an entry", 1024 + 60, b"\xa5", "wrong checksum of the entries"),
                                 ("the signature", 512, b"XXXX", "no signature"), ("the first 34 sectors", 0, os.urandom(34 * 512), "no signature")):
        shutil.copy(b, img)
        spoil(img, at, data)
        check(f"{what} damaged: the backup is used", [(img, "x")], line[0][0], line[1],
              [f"warning: disk0: the partition table is damaged ({says}), its backup is used; repair with: mkvol check --repair"] + good)
    r = subprocess.run([MKVOL, "check", "--repair", img], capture_output=True, timeout=60, text=True)
    if "unknown command" in r.stderr:
        t.skip("mkvol check --repair", "mkvol has no check yet")
    else:
        check("after mkvol check --repair there is nothing to say", [(img, "x")], line[0][0], line[1], good, never=["damaged"])
    shutil.copy(b, img)
    spoil(img, -512 + 40)
    check("a damaged backup is a warning", [(img, "x")], line[0][0], line[1],
          ["warning: disk0: the partition table's backup is damaged (wrong checksum of the header)"] + good)
    spoil(img, 512 + 40)
    check("both damaged: nothing is used, nothing written over", [(img, "x")], line[0][0], "put:/dev/vol/x:1 put:/dev/vol/db:1",
          ["error: disk0: the partition table is damaged: wrong checksum of the header; backup: wrong checksum of the header",
           "put /dev/vol/x: Device or resource busy", "put /dev/vol/db: No such file", 'no disk or partition "state"'])
    shutil.copy(b, img)
    os.truncate(img, os.path.getsize(img) + (8 << 20))
    check("a disk that grew", [(img, "x")], line[0][0], line[1], good, never=["warning", "error"])
    spoil(img, 512 + 91)
    check("and its backup, where the damaged header says", [(img, "x")], line[0][0], line[1], good + ["its backup is used"])
    shutil.copy(b, img)
    os.truncate(img, os.path.getsize(img) // 2)
    check("a disk cut short", [(img, "x")], line[0][0], "", ["the disk has 40960: it was cut short"])


def big_sectors(check, d):
    img = make_mkvol(d, "4k.img", "--sector-size", "4096")
    big = ",logical_block_size=4096,physical_block_size=4096"
    for way in ("microvm", "q35"):
        check(f"{way}: sectors of 4096 bytes", [(img, "k", "", big)], "mount=state:/data:littlefs mount=www:/site:archive",
              "save:/data/x:4096 show:/data/x show:/site/index.html raw:/dev/vol/db put:/dev/vol/db:k get:/dev/vol/kp2:k list",
              ["show /data/x: 4096", "show /site/index.html: hello", "raw /dev/vol/db: 0 failed", "get /dev/vol/kp2: kkkkkkkk", "vol db block 4194304 4096 rw", "end, 0 failed"], way=way)
    check("a table for other sectors", [(img, "k")], "mount=state:/data:littlefs", "",
          ["the partition table is of no use: made for sectors of 4096 bytes, the disk has 512"])


def read_only(check, b):
    check("a read-only disk", [(b, "beta", ",readonly=on")], "mount=state:/data:littlefs mount=www:/site:archive",
          "save:/data/x:1 show:/site/index.html put:/dev/vol/db:x get:/dev/vol/db:db-q35 list",
          ["save /data/x: Read-only file system", "put /dev/vol/db: Read-only file system", "get /dev/vol/db: db-q35", "vol db block 4194304 512 ro",
           "show /site/index.html: hello", "end, 0 failed"])


def changes(t, d, b):
    """The disk shrinks, grows back, goes, under a program that reads its last partition."""
    img = f"{d}/live.img"
    for way, dev, more in (("microvm", "virtio-blk-device", ""), ("q35", "virtio-blk-pci", ",bus=rp")):
        shutil.copy(b, img)
        extra = ["-drive", f"if=none,id=v0,format=raw,file={img}", "-device", f"{dev},drive=v0,id=vd,serial=l{more}"]
        if way == "q35":
            extra = ["-device", "pcie-root-port,id=rp,slot=1"] + extra
        with Guest("disks", way=way, mem="32M", args="watch:/dev/vol/state get:/dev/vol/state:x", extra=extra) as g:
            begun = g.wait_for("watch /dev/vol/state: read", 20)
            g.qmp("block_resize", device="v0", size=20 << 20)
            eio = g.wait_for("watch /dev/vol/state: I/O error", 20)
            g.qmp("block_resize", device="v0", size=40 << 20)
            again = g.wait_for("I/O error\n(.*\n)*watch /dev/vol/state: read", 20)
            if way == "q35":
                g.qmp("device_del", id="vd")
            g.wait_exit(20)
            if not t.ok(begun and eio and again and "end, " in g.text(), f"{way}: a disk that shrinks answers EIO where it ends, and grows back"):
                t.diag(g.text())


def defaults(check, d, a, b):
    check("without mount=: the first partition with a volume or an archive", [(b, "beta")], "", "show:/site/index.html",
          ["disk0p1: archive, 2 entries, on /site", "show /site/index.html: hello"], never=["error", "warning"])
    host(MKVOL, "disk", "-o", f"{d}/s.img", "--size", "16M", "db:raw:4M", "data:littlefs:4M", f"site:littlefs:rest:{d}/src")
    check("but one that is called site goes before", [(f"{d}/s.img", "s")], "", "show:/site/index.html",
          ["disk0p3: littlefs volume", "show /site/index.html: hello"], never=["error", "warning"])
    host(MKVOL, "disk", "-o", f"{d}/r.img", "--size", "8M", "db:raw:4M")
    check("nothing but raw partitions", [(f"{d}/r.img", "r")], "", "put:/dev/vol/db:x",
          ["no partition holds a volume or an archive: nothing is on /site", "put /dev/vol/db: done"])
    # A volume over a disk that was partitioned: its end still has the old table.
    with open(f"{d}/r.img", "rb") as f:
        f.seek(-33 * 512, 2)
        old = f.read()
    host(MKVOL, "volume", "-o", f"{d}/v.img", "--size", "8M", f"{d}/src")
    spoil(f"{d}/v.img", -33 * 512, old)
    check("a volume on the whole disk goes before an old table", [(f"{d}/v.img", "v")], "", "show:/site/index.html list",
          ["show /site/index.html: hello", "vol v block 8388608 512 rw"], never=["partition", "disk0p1"])


def main():
    t = Tap()
    if not SFDISK:
        print("sfdisk is missing: install Debian's fdisk (tools/packages.sh test)")
        return 77
    build("disks")
    host("make", "-C", ROOT, "--no-print-directory", "mkvol")
    check = Check(t)
    with tempfile.TemporaryDirectory() as d:
        os.mkdir(f"{d}/src")
        with open(f"{d}/src/index.html", "w") as f:
            f.write("hello")
        a, b = make_sfdisk(d), make_mkvol(d)
        two_disks(check, t, a, b)
        refusals(check, a, b)
        ambiguous(check, d, a)
        damage(check, t, d, b)
        big_sectors(check, d)
        read_only(check, b)
        changes(t, d, b)
        defaults(check, d, a, b)
    return t.done()


sys.exit(main())

#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Disks that fail under a real guest: QEMU's blkdebug fails the Nth read, write
or flush, once or from then on, and bad sectors; a host without room; a medium
that is taken away; images that may not be written. Each time: the program sees
the error, the console names disk and block, the guest stays up, and afterwards
the volume mounts and holds what was synced. IOERROR_SEED, IOERROR_CASES."""
import os, random, re, shutil, subprocess, sys, tempfile
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from vm import ROOT, Guest, Tap, build

MKVOL = f"{ROOT}/build/host/mkvol"
MOUNT = "mount=disk0:/data:littlefs"
KEEP_KIB, GOOD = 256, "read: 256 KiB of /data/keep are right"


def content(name, kib):
    """What the guest program writes: see ioerror/main.c."""
    return b"".join((b"%s:%06d:%02d" % (name.encode(), n, i)).ljust(63, b".") + b"\n" for n in range(kib // 4) for i in range(64))


def mkvol(*args, check=True):
    r = subprocess.run([MKVOL, *args], capture_output=True, text=True, timeout=120)
    if check and r.returncode:
        raise RuntimeError(f"mkvol {args[0]}: {r.stderr}")
    return r


def make(d, size="4M"):
    """An image whose /keep was synced long ago."""
    shutil.rmtree(f"{d}/src", ignore_errors=True)
    os.mkdir(f"{d}/src")
    for name, kib in (("keep", KEEP_KIB), ("other", 64)):
        with open(f"{d}/src/{name}", "wb") as f:
            f.write(content(name, kib))
    mkvol("volume", "-o", f"{d}/v.img", "--size", size, f"{d}/src")
    return f"{d}/v.img"


def blkdebug(way, image, rules):
    """QEMU's options for a disk that fails by rules, each a dictionary of one inject-error or set-state."""
    words, counts = [], {}
    for kind, rule in rules:
        i = counts[kind] = counts.get(kind, -1) + 1
        words += [f"{kind}.{i}.{k}={v}" for k, v in rule.items()]
    dev = "device" if way == "microvm" else "pci"
    return ["-blockdev", f"driver=blkdebug,node-name=bad,image.driver=file,image.filename={image}," + ",".join(words),
            "-blockdev", "driver=raw,node-name=r,file=bad", "-device", f"virtio-blk-{dev},drive=r,werror=report,rerror=report,serial=x"]


def fail_nth(event, n, once):
    """The Nth such request fails (0 is the first); `once`, or all from there on."""
    rules = [("set-state", dict(event=event, state=i + 1, new_state=i + 2)) for i in range(n + 1)]
    return rules + [("inject-error", dict(event=event, state=n + 2, errno=5, once="on" if once else "off"))]


def ask(g, command, timeout=30):
    """One command's answer; None if the guest is gone."""
    have = len(g.text())
    g.proc.stdin.write(command.encode() + b"\n")
    g.proc.stdin.flush()
    m = None
    while not m:
        before = len(g.text())
        m = re.search(r"(?:.*\n)*?that was \w+\n", g.text()[have:])
        if not m and (g.proc.poll() is not None or not g.wait_for(r"(?s)^.{%d}." % before, timeout)):
            return None
    return m[0]


def failed(g):
    """How many writes and flushes QEMU has failed so far."""
    stats = [b["stats"] for b in g.qmp("query-blockstats")["return"]]
    return sum(b["failed_wr_operations"] + b["failed_flush_operations"] for b in stats)


def ask_and_compare(g, command):
    """An answer, and what is wrong with it: a write is synced although a request of it failed."""
    before = failed(g)
    answer = ask(g, command) or ""
    lie = "are synced" in answer and failed(g) > before
    return answer, lie


def sound(image, d, console=""):
    """What is wrong with the volume afterwards, on the host; None: nothing. Files that the console calls synced are there."""
    r = mkvol("check", image, check=False)
    if r.returncode:
        return f"mkvol check: {r.returncode} {r.stdout[-300:]}{r.stderr[-200:]}"
    shutil.rmtree(f"{d}/x", ignore_errors=True)
    os.mkdir(f"{d}/x")
    r = mkvol("extract", image, f"{d}/x", check=False)
    if r.returncode:
        return r.stderr
    for kib, name in [(KEEP_KIB, "keep")] + re.findall(r"write: (\d+) KiB of /data/(\w+) are synced", console):
        with open(f"{d}/x/{name}", "rb") as f:
            if f.read() != content(name, int(kib)):
                return f"{name} is not what it was"
    return None


def goes_on(image):
    """The next boot, with a disk that is well, reads, writes and syncs; None or what is wrong."""
    with Guest("ioerror", kargs=MOUNT, disks=[image]) as g:
        answers = [ask(g, c) if g.wait_for("ready\n", 20) else None for c in ("read /data/keep", "write /data/new 64", "read /data/new")]
        if not answers[0] or GOOD not in answers[0] or not answers[2] or "read: 64 KiB" not in answers[2]:
            return f"the next boot: {g.text()[-400:]}"
    return None


def nth_requests(t, d, rng):
    """Reads, writes and flushes that fail one after the other, or for good."""
    cases = int(os.environ.get("IOERROR_CASES", "12"))
    seen, bad = {"EIO": 0, "unharmed": 0, "no mount": 0}, []
    for i in range(cases):
        event, once = ("read_aio", "write_aio", "flush_to_disk")[i % 3], rng.random() < 0.5
        n = rng.randrange(14 if event == "read_aio" else 8)
        image, way = make(d), ("microvm", "q35")[i // 3 % 2]
        with Guest("ioerror", way=way, kargs=MOUNT, extra=blkdebug(way, image, fail_nth(event, n, once))) as g:
            g.wait_for("ready\n", 20)
            both = [ask_and_compare(g, c) for c in ("read /data/keep", "write /data/a 32", "write /data/b 8", "write /data/c 16",
                                                     "write /data/d 4", "read /data/keep")]
            answers, lies = [a for a, _ in both], [a for a, lie in both if lie]
            g.proc.stdin.write(b"exit\n")
            g.proc.stdin.flush()
            status, text = g.wait_exit(20), g.text()
        kind = "EIO" if "I/O error" in "".join(answers) else "no mount" if "No such file" in answers[0] else "unharmed"
        seen[kind] += 1
        named = re.search(r"disk0: (block \d+ cannot be read|(write|flush) failed \(block \d+\))|disk0.*(read error|cannot be)", text)
        lost = "the last writes did not reach the disk" in text
        what = [lies and f"not so: {lies}", status != lost and f"status {status}", "failed (block" in text and not lost and "the end hides it", not all(answers) and "no answer", kind != "unharmed" and not named and "no message names disk and block",
                kind == "unharmed" and not once and event != "read_aio" and "failed (block" not in text and "nothing failed", "WRONG" in text and "wrong content",
                once and event == "read_aio" and GOOD not in answers[-1] and kind == "EIO" and "the read fails for good", sound(image, d, text), goes_on(image)]
        if any(what):
            bad.append(f"{way}: {event} {n} {'once' if once else 'for good'}: {[w for w in what if w]}\n{text[-700:]}")
    t.ok(not bad and seen["EIO"], f"{cases} disks that fail: EIO and a message, the guest stays up, the volume is whole {seen}")
    t.diag("\n".join(bad[:3]))


def find_sector(image, what):
    with open(image, "rb") as f:
        return f.read().index(what) // 512


def bad_sectors(t, d):
    image = make(d)
    sector = find_sector(image, b"keep:000030:10")
    for way in ("microvm", "q35"):
        rule = [("inject-error", dict(event="none", iotype="read", sector=sector, errno=5, once="off"))]
        with Guest("ioerror", way=way, kargs=MOUNT, extra=blkdebug(way, image, rule)) as g:
            answers = [ask(g, c) or "" for c in ("read /data/keep", "read /data/other", "write /data/a 32")] if g.wait_for("ready\n", 20) else [""] * 3
            named = re.search(r"disk0: block (\d+) cannot be read", g.text())
        t.ok(re.search(r"read fails at (2[0-9]|30): I/O error", answers[0]) and named and int(named[1]) == sector // 8,
             f"{way}: a bad sector is EIO where it lies, and block {sector // 8} is named")
        # Looking for free blocks may have to read that one: then writing is EIO too.
        t.ok("read: 64 KiB" in answers[1] and re.search("32 KiB of /data/a are synced|I/O error", answers[2]), f"{way}: other files are read as before")
    tar = f"{d}/a.tar"
    mkvol("archive", "-o", tar, f"{d}/src")
    rule = [("inject-error", dict(event="none", iotype="read", sector=find_sector(tar, b"keep:000030:10"), errno=5, once="off"))]
    with Guest("ioerror", kargs="mount=disk0:/data:archive", extra=blkdebug("microvm", tar, rule)) as g:
        answer = ask(g, "read /data/keep") if g.wait_for("ready\n", 20) else None
        t.ok(answer and "I/O error" in answer and "disk0" in g.text(), "a bad sector of an archive is EIO")


def raw_partition(t, d):
    image = f"{d}/r.img"
    mkvol("disk", "-o", image, "--size", "8M", "db:raw:4M")
    start = 2048                # of the first partition: mkvol aligns to 1 MiB
    for iotype in ("read", "write", "flush"):
        rule = dict(event="none", iotype=iotype, errno=5, once="off")
        if iotype != "flush":
            rule["sector"] = start + 5 * 8
        with Guest("ioerror", extra=blkdebug("microvm", image, [("inject-error", rule)])) as g:
            answers = [ask(g, c) or "" for c in ("raw /dev/vol/db 5", "raw /dev/vol/db 6")] if g.wait_for("ready\n", 20) else ["", ""]
            call = {"read": "pread", "write": "pwrite", "flush": "fsync"}[iotype]
            t.ok(f"{call} fails at 5: I/O error" in answers[0] and (iotype == "flush" or "block 6 of /dev/vol/db is right" in answers[1]),
                 f"/dev/vol: a {iotype} that fails is EIO, the next block works")


def medium_gone(t, d):
    """The disk's back end goes while files are written; and a request to unplug that nobody answers."""
    image = make(d)
    with Guest("ioerror", kargs=MOUNT, disks=[(image, ",cache=writeback,werror=report,rerror=report")]) as g:
        if g.wait_for("ready\n", 20):
            g.proc.stdin.write(b"flood /data/a\n")
            g.proc.stdin.flush()
            g.wait_for(r"flood: 20\n", 20)
            g.qmp("human-monitor-command", **{"command-line": "drive_del d0"})
            g.wait_for("that was flood", 20)
        answer = ask(g, "read /data/nowhere") or ""
        t.ok(re.search(r"flood: (write|fsync) fails at \d+: I/O error", g.text()) and re.search(r"disk0: (write|flush) failed \(block \d+\)", g.text())
             and "that was read" in answer, "the medium is taken away while a file is written: EIO, a message, the guest stays up")
        synced = [int(n) for n in re.findall(r"flood: (\d+)\n", g.text())]
    r = subprocess.run([MKVOL, "cat", image, "/a"], capture_output=True, timeout=60)
    want = content("a", (synced[-1] + 1) * 4) if synced else b"?"
    t.ok(r.stdout.startswith(want) and not sound(image, d) and not goes_on(image), f"... and the {len(synced)} blocks that were synced are in the image")
    with Guest("ioerror", way="q35", kargs=MOUNT, extra=["-device", "pcie-root-port,id=rp,slot=1", "-drive", f"if=none,id=u,format=raw,file={image}",
                                                         "-device", "virtio-blk-pci,drive=u,id=disk,bus=rp"]) as g:
        if g.wait_for("ready\n", 20):
            g.qmp("device_del", id="disk")
        t.ok("write: 64 KiB" in (ask(g, "write /data/b 64") or ""), "q35: device_del, which no driver answers: writing goes on")


def host_full(t, d):
    """No room on the host: by default QEMU stops the guest until there is; werror=report says EIO."""
    if os.geteuid():
        t.skip("a host without room", "needs root for a small tmpfs")
        return
    small = f"{d}/small"
    os.mkdir(small)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2M", "tmpfs", small], check=True)
    try:
        for report in (True, False):
            image = f"{small}/v.img"
            shutil.copy(make(d, "16M"), f"{d}/v")
            subprocess.run(["cp", "--sparse=always", f"{d}/v", image], check=True)
            with Guest("ioerror", kargs=MOUNT, disks=[(image, ",cache=writeback" + (",werror=report" if report else ""))]) as g:
                g.wait_for("ready\n", 20)
                g.proc.stdin.write(b"write /data/a 4096\n")
                g.proc.stdin.flush()
                if report:
                    m = g.wait_for(r"write: (write|fsync|close) fails at \d+: I/O error\n(.*\n)*that was write", 30)
                    t.ok(m and "disk0: write failed" in g.text() and GOOD in (ask(g, "read /data/keep") or ""),
                         "no room on the host, werror=report: EIO, a message, reading goes on")
                else:
                    stopped = False
                    for _ in range(100):
                        g.pump(0.1)
                        stopped = stopped or g.qmp("query-status")["return"]["status"] == "io-error"
                        if stopped:
                            break
                    subprocess.run(["mount", "-o", "remount,size=32M", small], check=True)
                    g.qmp("cont")
                    t.ok(stopped and g.wait_for("write: 4096 KiB of /data/a are synced\nthat was write\n", 30),
                         "no room on the host: QEMU stops the guest; with room again it goes on as if nothing had been")
                    t.ok("read: 4096 KiB" in (ask(g, "read /data/a") or ""), "... and what was written is there")
            t.ok(not sound(image, d), f"... and the volume is whole ({'report' if report else 'stop'})")
            os.unlink(image)
    finally:
        subprocess.run(["umount", "-l", small], check=False)


def read_only(t, d):
    for way in ("microvm", "q35"):
        image = make(d)
        with Guest("ioerror", way=way, kargs=MOUNT, disks=[(image, ",readonly=on")]) as g:
            answers = [ask(g, c) or "" for c in ("read /data/keep", "write /data/a 8", "raw /dev/vol/disk0 0")] if g.wait_for("ready\n", 20) else [""] * 3
            t.ok(GOOD in answers[0] and "open fails at 0: Read-only file system" in answers[1] and re.search("fails at 0: (Read-only|Permission)", answers[2])
                 and "disk is read-only" in g.text(), f"{way}: a read-only image is read; writing is EROFS; the console says so")


def main():
    t = Tap()
    seed = int(os.environ.get("IOERROR_SEED", str(random.randrange(1 << 32))), 0)
    t.diag(f"IOERROR_SEED={seed}")
    build("ioerror")
    subprocess.run(["make", "-C", ROOT, "--no-print-directory", "mkvol"], check=True, stdout=subprocess.DEVNULL)
    with tempfile.TemporaryDirectory() as d:
        nth_requests(t, d, random.Random(seed))
        bad_sectors(t, d)
        raw_partition(t, d)
        medium_gone(t, d)
        host_full(t, d)
        read_only(t, d)
    return t.done()


sys.exit(main())

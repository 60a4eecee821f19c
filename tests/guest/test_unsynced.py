#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""What a program wrote and did not sync: it is on the disk after sync-after=
seconds and not before, while nothing is unsynced the guest sleeps, a failure is
said once and fsync still tells it; and a disk without flush is named."""
import os, re, subprocess, sys, tempfile, time
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from vm import ROOT, Guest, Tap, build

MKVOL = f"{ROOT}/build/host/mkvol"
SIZE = 20000


def volume(d):
    subprocess.run([MKVOL, "volume", "-o", f"{d}/v.img", "--size", "4M", f"{d}/empty"], check=True, capture_output=True)
    return f"{d}/v.img"


def on_disk(image):
    """How many bytes of /log a guest would find now: a copy, as the guest has it open."""
    with tempfile.NamedTemporaryFile() as copy:
        with open(image, "rb") as f:
            copy.write(f.read())
        copy.flush()
        r = subprocess.run([MKVOL, "cat", copy.name, "/log"], capture_output=True, timeout=60)
        return len(r.stdout) if r.returncode == 0 else -1


def ask(g, word, timeout=30):
    have = len(g.text())
    g.proc.stdin.write(word.encode() + b"\n")
    g.proc.stdin.flush()
    g.wait_for(r"(?s)^.{%d}.*answered\n" % have, timeout)
    return g.text()[have:]


def cpu_wakes(g):
    """Voluntary context switches of QEMU's vCPU threads: each wake-up of an idle guest is one or more."""
    n = 0
    for task in os.listdir(f"/proc/{g.proc.pid}/task"):
        try:
            with open(f"/proc/{g.proc.pid}/task/{task}/comm") as f:
                if "CPU" not in f.read():
                    continue
            with open(f"/proc/{g.proc.pid}/task/{task}/status") as f:
                n += int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", f.read(), re.M)[1])
        except FileNotFoundError:
            pass
    return n


def test_after(t, elf, d):
    image = volume(d)
    with Guest(elf, disks=[image], mem="8M", net=False, kargs="mount=disk0:/data:littlefs sync-after=2") as g:
        t.ok(g.wait_for("open: done", 60), "a guest that opened a file")
        ask(g, "write")
        began = time.monotonic()
        early = on_disk(image)
        t.ok(early <= 0 or time.monotonic() - began > 1.5, f"what is not synced is not there at once ({early} bytes)")
        while on_disk(image) < SIZE and time.monotonic() - began < 30:
            time.sleep(0.2)
        took = time.monotonic() - began
        t.ok(1.5 < took < 30, f"but after sync-after=2 seconds it is, the file still open ({took:.1f} s)")
        time.sleep(1)
        before = cpu_wakes(g)
        time.sleep(8)
        wakes = cpu_wakes(g) - before
        t.ok(wakes <= 4, f"then the guest sleeps: {wakes} switches in 8 s")
        text = ask(g, "counters")
        t.ok('glint_fs_cache_dirty_bytes{mount="/data"} 0' in text and "glint_fs_cache_bytes" in text, "counters of the cache: nothing waits")
        t.ok("sync: 0" in ask(g, "sync"), "fsync has nothing to complain of")
        g.proc.kill()
        g.proc.wait(10)
    t.ok(on_disk(image) == SIZE, "QEMU killed: the data is there")


def test_never(t, elf, d):
    image = volume(d)
    with Guest(elf, disks=[image], mem="8M", net=False, kargs="mount=disk0:/data:littlefs sync-after=0") as g:
        g.wait_for("open: done", 60)
        ask(g, "write")
        time.sleep(7)
        t.ok(on_disk(image) == 0, "sync-after=0: never")
        t.ok("glint_fs_cache_dirty_bytes" in ask(g, "counters"), "the guest is well")
    with Guest(elf, disks=[image], mem="8M", net=False, kargs="mount=disk0:/data:littlefs sync-after=soon") as g:
        t.ok(g.wait_for("sync-after=soon: expected seconds, 0 .never. to 86400", 60), "a wrong value stops the boot with an example")


def test_failure(t, elf, d):
    image = volume(d)
    # Bad from the second flush on: opening the file takes two.
    rules = (f"driver=blkdebug,node-name=bad,image.driver=file,image.filename={image},"
             "set-state.0.event=flush_to_disk,set-state.0.state=1,set-state.0.new_state=2,"
             "set-state.1.event=flush_to_disk,set-state.1.state=2,set-state.1.new_state=3,"
             "inject-error.0.event=pwritev,inject-error.0.state=3,inject-error.0.errno=5")
    extra = ["-blockdev", rules, "-blockdev", "driver=raw,node-name=r,file=bad",
             "-device", "virtio-blk-device,drive=r,werror=report,rerror=report,serial=x"]
    with Guest(elf, mem="8M", net=False, extra=extra, kargs="mount=x:/data:littlefs sync-after=1") as g:
        t.ok(g.wait_for("open: done", 60), "a disk that will fail")
        ask(g, "write")
        t.ok(g.wait_for("disk0: write failed .block [0-9]+.; the volume takes no more writes", 30), "a failure is said")
        time.sleep(4)
        t.ok(g.text().count("write failed") == 1, "once")
        t.ok("sync: 5" in ask(g, "sync"), "and fsync tells it: EIO")


def test_no_flush(t, elf, d):
    image = volume(d)
    # With config-wce QEMU offers the flush although its cache is off for now.
    for opts, said in (("", False), (",write-cache=off", False), (",write-cache=off,config-wce=off", True)):
        extra = ["-drive", f"if=none,id=d,format=raw,file={image}", "-device", f"virtio-blk-device,drive=d,serial=x{opts}"]
        with Guest(elf, mem="8M", net=False, extra=extra, kargs="mount=x:/data:littlefs") as g:
            g.wait_for("open: ", 60)
            t.ok(("the disk takes no flush" in g.text()) == said, f"virtio-blk{opts}: {'a line says' if said else 'no line'} that there is no flush")


def main():
    t = Tap()
    build("unsynced")
    elf = "unsynced"
    subprocess.run(["make", "-s", "build/host/mkvol"], cwd=ROOT, check=True)
    with tempfile.TemporaryDirectory() as d:
        os.mkdir(f"{d}/empty")
        test_after(t, elf, d)
        test_never(t, elf, d)
        test_failure(t, elf, d)
        test_no_flush(t, elf, d)
    return t.done()


sys.exit(main())

#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Kernel and platform against a host that misbehaves: see core/main.c."""
import os, re, subprocess, sys, tempfile, time
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from vm import ROOT, Guest, Tap, build, hv_ways


def timers(t):
    for way in ("microvm", "q35", *hv_ways()):
        with Guest("core", way=way, args="timers") as g:
            g.wait_for("ready", 20)
            time.sleep(0.1)
            g.proc.stdin.write(b"x\n")
            g.proc.stdin.flush()
            status = g.wait_exit(10)
            t.ok(status == 0, f"{way}: a timer that fires while threads run does not stop the next sleep ({status})")
            t.ok("poll took little" in g.text(), f"{way}: input ends a poll() at once")


def failing_disk(t, d):
    """From the second write, or flush, on the host's disk fails."""
    for event, errno in (("write_aio", 5), ("write_aio", 28), ("flush_to_disk", 5)):
        for way, dev in (("microvm", "device"), ("q35", "pci")):
            subprocess.run([f"{ROOT}/build/host/mkvol", "volume", "-o", f"{d}/v.img", "--size", "2M", f"{d}/src"], check=True, stdout=subprocess.DEVNULL)
            rule = f"inject-error.0.event={event},inject-error.0.errno={errno},inject-error.0.state=2,inject-error.0.once=off," \
                   f"set-state.0.event={event},set-state.0.state=1,set-state.0.new_state=2"
            extra = ["-blockdev", f"driver=blkdebug,node-name=bad,image.driver=file,image.filename={d}/v.img,{rule}",
                     "-blockdev", "driver=raw,node-name=r,file=bad", "-device", f"virtio-blk-{dev},drive=r,werror=report,rerror=report,serial=x"]
            with Guest("core", way=way, kargs="mount=disk0:/data:littlefs", args="disk /data/f", extra=extra) as g:
                status = g.wait_exit(20)
                t.ok(status == 3 and "disk: I/O error\nstill here" in g.text(), f"{way}: {event} fails with {errno}: EIO, and the guest goes on ({status})")


def unread_console(t):
    for way, con in (("microvm", "virtio"), ("q35", "virtio"), ("q35", "serial"), *((w, "virtio") for w in hv_ways())):
        g = Guest("core", way=way, console=con, args="flood")
        try:
            code = g.proc.wait(30)
        except subprocess.TimeoutExpired:
            code = None
        g.close()
        t.ok(code == (6 if way in hv_ways() else 6 * 2 + 1), f"{way}: a program ends though nobody reads its {con} console ({code})")


def machines(t):
    for what, kw in (("two CPUs", dict(extra=["-smp", "2"])), ("RAM above 4 GiB", dict(mem="6G", way="q35")), ("no NX, no x2APIC", dict(cpu="qemu64,-x2apic,-nx")),
                     ("2 MiB", dict(mem="2M"))):
        with Guest("core", args="usage", **kw) as g:
            status = g.wait_exit(20)
            t.ok(status == 2 and "usage" in g.text(), f"{what}: starts and ends ({status})")


def pages(t):
    """The page tables as the CPU sees them: identity, nothing writable and executable, page 0 and low memory absent."""
    for way in ("microvm", "q35"):
        with Guest("core", way=way, args="idle", mem="64M") as g:
            g.wait_for("ready", 20)
            table = g.qmp("human-monitor-command", **{"command-line": "info tlb"})["return"]
        found = [(int(m[1], 16), int(m[2], 16), m[3]) for m in re.finditer(r"^([0-9a-f]+): ([0-9a-f]+) (\S+)", table, re.M)]
        code = [v for v, _, flags in found if "X" not in flags]
        wrong = [hex(v) for v, p, flags in found if v != p or v < 0x100000 or ("W" in flags and "X" not in flags)]
        t.ok(len(found) > 50 and code and not wrong, f"{way}: {len(found)} mappings, {len(code)} of code, none writable and executable {wrong[:5]}")


def unplug(t):
    """The host asks for a device back: no driver answers, nothing breaks."""
    for way, where in (("q35", ["-device", "pcie-root-port,id=rp,slot=1", "-device", "virtio-net-pci,netdev=x,id=nic,bus=rp"]),
                       ("pc", ["-device", "virtio-net-pci,netdev=x,id=nic"])):
        with Guest("core", way=way, args="idle", kargs="ip=10.0.2.15/24", extra=["-netdev", "user,id=x"] + where) as g:
            g.wait_for("ready", 20)
            g.qmp("device_del", id="nic")
            time.sleep(1)
            lives = g.proc.poll() is None
            g.power_button()
            t.ok(lives and g.wait_exit(10) == 0, f"{way}: lives on after device_del and ends by the power button")


def main():
    t = Tap()
    build("core")
    subprocess.run(["make", "-C", ROOT, "--no-print-directory", "mkvol"], check=True, stdout=subprocess.DEVNULL)
    timers(t)
    with tempfile.TemporaryDirectory() as d:
        os.mkdir(f"{d}/src")
        failing_disk(t, d)
    unread_console(t)
    machines(t)
    pages(t)
    unplug(t)
    return t.done()


sys.exit(main())

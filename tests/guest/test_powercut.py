#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""A guest that syncs records, and QEMU killed with SIGKILL at random moments
under cache=writeback: what the guest called synced is in the image, and the
next boot goes on from there. POWERCUT_KILLS=200 for the long form, POWERCUT_SEED
to repeat one (as far as time repeats itself).

SIGKILL loses QEMU, not the host's page cache: this shows that the guest reports
nothing before its requests completed, and that every state of the disk between
two requests mounts. What a medium loses or reorders: tests/unit/test_powercut.c."""
import os, random, re, subprocess, sys, tempfile, time
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from vm import ROOT, Guest, Tap, build

RECORD = 64
MKVOL = f"{ROOT}/build/host/mkvol"


def record(n):
    text = b"record %08d" % n
    return text + b"\0" + bytes([97 + n % 26]) * (RECORD - len(text) - 2) + b"\n"


def mkvol(*args):
    r = subprocess.run([MKVOL, *args], capture_output=True, timeout=60)
    return r.stdout if r.returncode == 0 else None


def last(text, word):
    found = re.findall(rf"^{word} (\d+)\n", text, re.M)     # the last line may be cut as well
    return int(found[-1]) if found else -1


def judge(image, synced, replaced):
    """What is wrong with the image, or None."""
    log, names = mkvol("cat", image, "/log"), mkvol("ls", image)
    if log is None or names is None:
        return "mkvol cannot read the image"
    n = len(log) // RECORD
    if len(log) % RECORD or log != b"".join(record(i) for i in range(n)):
        return f"the log of {len(log)} bytes holds something else"
    if n <= synced:
        return f"record {synced} was synced, the log has {n}"
    state = mkvol("cat", image, "/state")
    if state is None and replaced >= 0:
        return "state is gone"
    if state is not None and (state != record(int(state[7:15] or b"0")) or int(state[7:15]) < replaced):
        return f"state is {state[:20]!r}, {replaced} was renamed there"
    return None


def main():
    t = Tap()
    kills = int(os.environ.get("POWERCUT_KILLS", "12"))
    seed = int(os.environ.get("POWERCUT_SEED", str(random.randrange(1 << 32))), 0)
    rng = random.Random(seed)
    t.diag(f"POWERCUT_SEED={seed}")
    build("powercut")
    subprocess.run(["make", "-C", ROOT, "--no-print-directory", "mkvol"], check=True, stdout=subprocess.DEVNULL)
    with tempfile.TemporaryDirectory() as d:
        image, synced, replaced, bad, slow = f"{d}/vol.img", -1, -1, [], 0
        os.mkdir(f"{d}/src")
        subprocess.run([MKVOL, "volume", "-o", image, "--size", "4M", f"{d}/src"], check=True, stdout=subprocess.DEVNULL)
        for i in range(kills):
            with Guest("powercut", mem="8M", kargs="mount=disk0:/data:littlefs", disks=[(image, ",cache=writeback")]) as g:
                begun = g.wait_for(r"begins with (\d+) records", 30)
                end = time.monotonic() + rng.uniform(0, 0.4)
                while begun and time.monotonic() < end:
                    g.pump(0.002)
                g.proc.kill()
                g.proc.wait(10)
                while g.pump(0):
                    pass
                text = g.text()
            slow += not begun
            synced, replaced = max(synced, last(text, "synced")), max(replaced, last(text, "replaced"))
            wrong = judge(image, synced, replaced)
            if wrong or not begun or "WRONG" in text or 0 <= last(text, "synced") < int(begun[1]):
                bad.append(f"kill {i}: {wrong or text[-400:]}")
            if synced > 50000:      # the volume would fill
                break
        with Guest("powercut", mem="8M", kargs="mount=disk0:/data:littlefs", disks=[(image, ",cache=writeback")]) as g:
            m = g.wait_for(r"begins with (\d+) records", 30)
            t.ok(m and int(m[1]) > synced and g.wait_for(r"synced \d+", 20), f"mounts again and goes on after {m and m[1]} records")
        t.ok(synced > kills, f"the guest synced {synced + 1} records, replaced a file up to record {replaced}")
        if not t.ok(not bad, f"{i + 1} kills, all that was synced is in the image"):
            t.diag("\n".join(bad[:5]))
    return t.done()


sys.exit(main())

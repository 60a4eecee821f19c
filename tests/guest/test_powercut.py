#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""A guest at work on its files, and QEMU killed with SIGKILL at random moments
under cache=writeback: what the guest called safe is in the images, all else is
old or new, and the next boot goes on from there. POWERCUT_KILLS=200 for the
long form, POWERCUT_SEED to repeat one (as far as time repeats itself).

Loads (powercut/loads.c): append with fsync, replace by rename, many small files,
a tree moved about, a volume that is full; one of them or all in turn at a time.

SIGKILL loses QEMU, not the host's page cache: this shows that the guest reports
nothing before its requests completed, and that every state of the disk between
two requests mounts. What a medium loses or reorders: tests/unit/test_powercut.c."""
import os, random, re, shutil, subprocess, sys, tempfile, time
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from vm import ROOT, Guest, Tap, build

RECORD, BIG, PLACES = 64, 24576, 3
MKVOL = f"{ROOT}/build/host/mkvol"
LOADS = ["log", "replace", "small", "dirs", "full", ""]
WORDS = ["synced", "replaced", "made", "gone", "kept", "dropped"]


def record(n):
    text = b"record %08d" % n
    return text + b"\0" + bytes([97 + n % 26]) * (RECORD - len(text) - 2) + b"\n"


def content(n, size):
    return bytes((n * 31 + i * 7 + (i >> 8)) & 255 for i in range(size))


def small_size(n):
    return n * 577 % 3000


def mkvol(*args):
    return subprocess.run([MKVOL, *args], capture_output=True, text=True, timeout=120)


class Files:
    """What an image holds: path -> content, and the directories."""

    def __init__(self, image, folder):
        self.wrong, self.files = None, {}
        shutil.rmtree(folder, ignore_errors=True)
        os.mkdir(folder)
        for words in (["check", image], ["extract", image, folder]):
            r = mkvol(*words)
            if r.returncode:
                self.wrong = f"mkvol {words[0]}: {r.returncode}: " + (r.stderr + r.stdout).strip()[-300:]
                return
        for where, _, names in os.walk(folder):
            for name in names:
                path = os.path.join(where, name)
                with open(path, "rb") as f:
                    self.files[os.path.relpath(path, folder)] = f.read()


def numbered(files, pattern):
    return {int(m[1]): data for path, data in files.items() if (m := re.fullmatch(pattern, path))}


def judge_window(what, have, first_certain, last_certain, gone, good):
    """Files by number: all of first..last are there and good, none up to `gone` is, and beyond the
    last only the one that was being written."""
    for n in range(first_certain, last_certain + 1):
        if n not in have or not good(n, have[n]):
            return f"{what} {n} was synced and is {'gone' if n not in have else 'not what was written'}"
    for n, data in have.items():
        if n <= gone:
            return f"{what} {n} was removed and is there"
        if n > last_certain + 1:
            return f"{what} {n} comes from nowhere"
        # Old or new: not there, empty, or whole; a part of it after a cut between write and fsync.
        if n == last_certain + 1 and not good(n, data) and not content(n, BIG).startswith(data):
            return f"{what} {n} has bytes that nobody wrote"
    return None


def judge_log(data, synced):
    n = len(data) // RECORD
    if len(data) % RECORD or data != b"".join(record(i) for i in range(n)):
        return f"the log of {len(data)} bytes holds something else"
    return f"record {synced} was synced, the log has {n}" if n <= synced else None


def judge_state(data, replaced):
    if data is None:
        return "the state is gone" if replaced >= 0 else None
    n = int(data[7:15]) if len(data) == RECORD and data[7:15].isdigit() else -1
    return f"the state is {data[:20]!r}, {replaced} was renamed there" if data != record(n) or n < replaced else None


def judge_tree(files, place):
    """One whole tree, at the place that was reported or at the next one."""
    if place is None:
        return None
    trees = {m[1] for path in files if (m := re.match(r"dirs/(\d)/tree/", path))}
    if len(trees) != 1 or int(min(trees)) not in (place, (place + 1) % PLACES):
        return f"trees at {sorted(trees)}, reported at {place}"
    for i, below in enumerate(("f0", "a/f1", "a/b/f2")):
        if files.get(f"dirs/{min(trees)}/tree/{below}") != content(i, 1000 * i + 10):
            return f"dirs/{min(trees)}/tree/{below} is not what it was"
    return None


class Judge:
    """What the consoles have promised so far."""

    def __init__(self):
        self.last, self.place = dict.fromkeys(WORDS, -1), None

    def hear(self, text):
        for word in WORDS:
            found = re.findall(rf"^{word} (\d+)\n", text, re.M)     # the last line may be cut as well
            self.last[word] = max(self.last[word], int(found[-1]) if found else -1)
        moved = re.findall(r"^moved (\d)\n", text, re.M)
        if moved:
            self.place = int(moved[-1])

    def verdict(self, data, full):
        """What is wrong with the two volumes, or None."""
        last = self.last
        if data.wrong or full.wrong:
            return data.wrong or full.wrong
        return (judge_log(data.files.get("log", b""), last["synced"])
                or judge_state(data.files.get("state"), last["replaced"])
                or judge_window("small file", numbered(data.files, r"small/s(\d+)"), last["gone"] + 2, last["made"],
                                last["gone"], lambda n, got: got == content(n, small_size(n)))
                or judge_tree(data.files, self.place)
                or judge_window("big file", numbered(full.files, r"b(\d+)"), last["dropped"] + 2, last["kept"],
                                last["dropped"], lambda n, got: got == content(n, BIG)))


def start(d, load, way="microvm"):
    return Guest("powercut", way=way, mem="8M", kargs="mount=disk0:/data:littlefs mount=disk1:/full:littlefs", args=load,
                 disks=[(f"{d}/data.img", ",cache=writeback"), (f"{d}/full.img", ",cache=writeback")])


def kill_one(d, rng, judge):
    """One boot and its end: what is wrong, or None."""
    load = rng.choice(LOADS)
    early = rng.random() < 0.1          # while it starts and mounts
    way = "q35" if rng.random() < 0.25 else "microvm"
    with start(d, load, way) as g:
        begun = None if early else g.wait_for(r"begins\n|WRONG.*\n", 40)
        end = time.monotonic() + rng.uniform(0, 0.1 if early else 0.8)
        while time.monotonic() < end:
            g.pump(0.002)
        g.proc.kill()
        g.proc.wait(10)
        while g.pump(0):
            pass
        text = g.text()
    judge.hear(text)
    trouble = judge.verdict(Files(f"{d}/data.img", f"{d}/x"), Files(f"{d}/full.img", f"{d}/y"))
    if trouble or "WRONG" in text or (not begun and not early):
        return f"{way}, load '{load or 'all'}': {trouble or text[-400:]}"
    return None


def test_of_the_test(t, d):
    """A volume that lost something is found out."""
    judge = Judge()
    judge.hear("synced 0\nmade 5\ngone 1\nmoved 1\n")
    files = {"log": record(0), **{f"small/s{n}": content(n, small_size(n)) for n in range(2, 6)},
             **{f"dirs/1/tree/{b}": content(i, 1000 * i + 10) for i, b in enumerate(("f0", "a/f1", "a/b/f2"))}}

    def say(change):
        have, none = Files.__new__(Files), Files.__new__(Files)
        have.wrong = none.wrong = None
        have.files, none.files = {**files, **change}, {}
        have.files = {k: v for k, v in have.files.items() if v is not None}
        return judge.verdict(have, none)

    bad = [{"log": b""}, {"log": record(1)}, {"log": record(0)[:-1]}, {"small/s4": None}, {"small/s4": b"x"}, {"small/s1": b""},
           {"small/s7": b""}, {"small/s6": b"rubbish"}, {"dirs/1/tree/a/f1": None}, {"dirs/0/tree/f0": b""}]
    missed = [b for b in bad if not say(b)]
    t.ok(not say({}) and not say({"small/s2": None}) and not missed, f"the judge finds {len(bad)} kinds of loss {missed}")


def main():
    t = Tap()
    kills = int(os.environ.get("POWERCUT_KILLS", "12"))
    seed = int(os.environ.get("POWERCUT_SEED", str(random.randrange(1 << 32))), 0)
    rng = random.Random(seed)
    t.diag(f"POWERCUT_SEED={seed}")
    build("powercut")
    subprocess.run(["make", "-C", ROOT, "--no-print-directory", "mkvol"], check=True, stdout=subprocess.DEVNULL)
    with tempfile.TemporaryDirectory() as d:
        test_of_the_test(t, d)
        os.mkdir(f"{d}/src")
        for name, size in (("data", "8M"), ("full", "512K")):
            subprocess.run([MKVOL, "volume", "-o", f"{d}/{name}.img", "--size", size, f"{d}/src"], check=True, stdout=subprocess.DEVNULL)
        judge, bad, done = Judge(), [], 0
        for done in range(1, kills + 1):
            trouble = kill_one(d, rng, judge)
            if trouble:
                keep = tempfile.mkdtemp(prefix="powercut-")
                for name in ("data", "full"):
                    shutil.copy(f"{d}/{name}.img", keep)
                bad.append(f"kill {done}: {trouble}\nthe images: {keep}")
                break                   # what follows builds on it
        with start(d, "") as g:
            g.wait_for(r"begins\n|WRONG.*\n", 40)
            t.ok(g.wait_for(r"begins\n(.*\n)*kept \d+\n", 20), "the next boot finds everything and goes on")
        last = judge.last
        t.ok(sum(v + 1 for v in last.values()) > kills,
             ", ".join(f"{w} {n + 1}" for w, n in last.items()))
        if not t.ok(not bad, f"{done} kills (of {kills}): all that was called safe is there, mkvol check finds nothing"):
            t.diag("\n".join(bad))
    return t.done()


sys.exit(main())

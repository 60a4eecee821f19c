#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Guests that mean harm, in both accelerators: rings that lie, any hypercall, any code,
jumps, floods, doorbells, endless loops. The guest may die, with a message; the monitor
ends by itself with a status it knows, and no file is touched that was not given.
(Single opcodes and system calls: test_confine.py, test_kvm.py. HOSTILE_SEEDS=n: n times as many.)"""
import concurrent.futures, hashlib, os, random, re, select, subprocess, sys, time
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from hvlib import GLINT, KVM, ROOT, TERM, TMP, Tap, alive, build_glint, build_probe, children       # noqa: E402

t = Tap()
MANY = int(os.environ.get("HOSTILE_SEEDS", "1"))
ASAN = f"{ROOT}/build/host/glint-asan"
ASAN_ENV = {**os.environ, "GLIBC_TUNABLES": "glibc.pthread.rseq=0",
            "ASAN_OPTIONS": "detect_leaks=0:handle_segv=0:handle_sigbus=0:handle_sigill=0:handle_sigfpe=0"}
DIR = f"{TMP}/given"        # where the guests run
BASE = 0x100000


class Guest:
    """One run, its output limited, ended by SIGTERM when it has not ended by itself."""

    def __init__(self, accel, *args, glint=GLINT, patience=1.0, grace=0):
        self.args, self.began, log = args, time.monotonic(), open(f"{TMP}/hostile-{time.monotonic_ns()}.log", "w+b")
        p = subprocess.Popen([glint, "run", "--accel", accel, "--grace", str(grace), *map(str, args)], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                             cwd=DIR, env=ASAN_ENV if glint == ASAN else None, preexec_fn=limit_files)
        self.asked = False
        try:
            self.status = p.wait(patience)
        except subprocess.TimeoutExpired:
            self.asked = True
            p.send_signal(TERM)
            try:
                self.status = p.wait(grace + 5)
            except subprocess.TimeoutExpired:       # it hangs
                kids = children(p.pid)
                p.kill()
                p.wait()
                self.status = None
                t.diag(f"hangs: {kids}")
        log.seek(0)
        self.text = log.read(1 << 20).decode(errors="replace")
        log.close()
        os.unlink(log.name)

    def wrong(self):
        """None, or what is not as it should be."""
        crashed = "the guest crashed" in self.text
        # 134 without a reason of the monitor's is the guest's own HV_EXIT_CRASH, or status 134
        # Who runs beside the device code can also say that its process could not be set up.
        bad = self.status is None or self.status < 0 or self.status in (2, 125) and "glint:" in self.text and "cannot be set up: an unknown step" not in self.text or self.status == 137 and not self.asked \
            or "Sanitizer" in self.text or "runtime error" in self.text
        return f"{self.args}: status {self.status} crashed {crashed} {self.text[-1500:]}" if bad else None


def limit_files():
    import resource
    resource.setrlimit(resource.RLIMIT_FSIZE, (64 << 20, 64 << 20))


def judge(what, jobs):
    """Runs them two at a time; all must end as they may."""
    began = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(2) as ex:
        guests = list(ex.map(lambda job: job(), jobs))
    bad, ends = [w for w in (g.wrong() for g in guests) if w], {}
    for g in guests:
        ends[g.status] = ends.get(g.status, 0) + 1
    t.diag("\n".join(bad[:4]))
    t.ok(not bad, f"{what}: {len(guests)} runs end as they may {ends} ({time.monotonic() - began:.1f} s)")
    return guests


def state(*paths):
    """Content and times of all there is."""
    found = {}
    for path in paths:
        for folder, _, files in os.walk(path) if os.path.isdir(path) else [(os.path.dirname(path), (), [os.path.basename(path)])]:
            for name in files:
                f = os.path.join(folder, name)
                st = os.stat(f)
                found[f] = (st.st_size, st.st_mtime_ns, st.st_mode, hashlib.sha256(open(f, "rb").read()).hexdigest())
    return found


# ---- what ends by itself, or is told to ----

def rings(accel, probe):
    n = 16 * MANY

    def disks(s):
        with open(f"{TMP}/disk-{s}", "wb") as f:
            f.write(bytes(65536))
        return "--disk", f.name, "--disk", f"{DIR}/ro.img,ro", "--module", f"{DIR}/module"
    g = judge(f"{accel}: rings that lie, on disks, console and entropy", [lambda s=s: Guest(accel, "--mem", "4M", *disks(s), probe, "rings", s, 3000, patience=20) for s in range(n)])
    done = [x for x in g if "survived" in x.text]
    t.ok(len(done) >= n // 4 and not any(x.asked for x in g), f"{accel}: ... {len(done)} of {n} to their end")
    t.ok({os.path.getsize(f"{TMP}/disk-{s}") for s in range(n)} == {65536}, f"{accel}: ... no disk is longer than it was")
    judge(f"{accel}: rings that lie, user networking", [lambda s=s: Guest(accel, "--mem", "4M", "--net", "user", probe, "rings", s, 3000, patience=20) for s in range(100, 100 + 4 * MANY)])


def calls(accel, probe):
    judge(f"{accel}: any hypercall on any stack with any flags", [lambda s=s: Guest(accel, "--mem", "2M", probe, "anything", s, patience=0.3) for s in range(60 * MANY)])


def code(accel, probe):
    """Bytes of no meaning, and a mixture of instructions that have one."""
    data, rng, jobs = bytearray(open(probe, "rb").read()), random.Random(5), []
    at = data.index(b"ANYCODE>ANYCODE>") + 16
    words = [bytes.fromhex(x) for x in ("0f05", "cd80", "0f34", "e7e0", "efe4", "ee", "ef", "f4", "fa", "cf", "48cf", "cb", "f3a4", "f348ab", "f3aa", "9d", "8ed8", "8ee0", "0f01d0", "0f01f9",
                                        "0fae00", "0fc7f0", "f30faed0", "f30faee3", "0f01ca", "0f0b", "cc", "f1", "48890f", "4889 03", "48 ab", "c3", "ffe0", "ff d7")]
    paths = []
    for i in range(100 * MANY):
        data[at:at + 4096] = rng.randbytes(4096) if i % 2 else b"".join(rng.choice(words) + rng.randbytes(rng.randrange(3)) for _ in range(1500))[:4096]
        paths.append(f"{TMP}/code-{i}.elf")
        with open(paths[-1], "wb") as f:
            f.write(data)
        jobs.append(lambda p=paths[-1]: Guest(accel, "--mem", "2M", p, "code", patience=0.3))
    judge(f"{accel}: any code", jobs)
    for p in paths:
        os.unlink(p)


def loops(accel, probe, disks):
    """They never end; after SIGTERM and the grace period they have ended."""
    for word in ("spin", "doorbells", "floods", "floodring"):
        g = Guest(accel, *disks, probe, word, patience=0.3, grace=1)
        t.ok(g.asked and g.status == 137 and 1 < time.monotonic() - g.began < 4, f"{accel}: {word}, for ever: ended after the grace period ({g.status}, {time.monotonic() - g.began:.2f} s)")
    p = subprocess.Popen([GLINT, "run", "--accel", accel, "--grace", "1", probe, "reboot"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(0.5)
    p.send_signal(TERM)
    try:
        status = p.wait(5)
    except subprocess.TimeoutExpired:
        p.kill()
        status = None
    t.ok(status is not None and status >= 0, f"{accel}: a guest that reboots without end can be ended ({status})")


def readers(accel, probe):
    """A console that is read slowly, or never; the monitor's messages go the same way."""
    for word in ("floods", "floodring"):
        r, w = os.pipe()
        p = subprocess.Popen([GLINT, "run", "--accel", accel, "--grace", "1", probe, word], stdin=subprocess.DEVNULL, stdout=w, stderr=w)
        os.close(w)
        got, end = 0, time.monotonic() + 0.5
        while time.monotonic() < end:
            if select.select([r], [], [], 0.1)[0]:
                got += len(os.read(r, 100))
            time.sleep(0.02)
        began = time.monotonic()
        p.send_signal(TERM)             # and from now on nobody reads
        try:
            status = p.wait(5)
        except subprocess.TimeoutExpired:
            p.kill()
            status = p.wait() and None
        t.ok(status == 137 and got, f"{accel}: {word} to a reader that is slow, then gone to sleep: ended by SIGTERM ({status}, {time.monotonic() - began:.1f} s)")
        os.close(r)
        # nobody ever reads; the second signal ends it at once
        r, w = os.pipe()
        p = subprocess.Popen([GLINT, "run", "--accel", accel, "--grace", "30", probe, word], stdin=subprocess.DEVNULL, stdout=w, stderr=w)
        os.close(w)
        time.sleep(0.3)
        p.send_signal(TERM)
        time.sleep(0.3)
        p.send_signal(TERM)
        try:
            status = p.wait(3)
        except subprocess.TimeoutExpired:
            p.kill()
            status = p.wait() and None
        t.ok(status == 137, f"{accel}: {word} to nobody: two signals end it ({status})")
        os.close(r)


def responsive(accel, probe):
    """Beside four of them, the host does what it did before."""
    def once():
        best = []
        for _ in range(10):
            began = time.monotonic()
            subprocess.run(["/bin/true"])
            best.append(time.monotonic() - began)
        return sorted(best)[5] * 1000
    alone = once()
    procs = [subprocess.Popen([GLINT, "run", "--accel", accel, "--grace", "0", probe, word], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
             for word in ("spin", "doorbells", "floods", "floodring")]
    time.sleep(0.3)
    beside = once()
    for p in procs:
        p.send_signal(TERM)
    t.ok([p.wait(5) for p in procs] == [137] * 4 and beside < alone + 250, f"{accel}: beside four of them a process of the host takes {beside:.1f} ms, alone {alone:.1f}")


# ---- one accelerator only ----

def process_mode(probe):
    jobs = [lambda s=s, glint=glint: Guest("process", "--mem", "2M", probe, "scribble", s, patience=1, glint=glint)
            for glint, n in ((GLINT, 60 * MANY), (ASAN, 30 * MANY)) for s in range(n)]
    judge("process: scribbles over what it shares with the monitor, under ASan, too", jobs)
    for what, name in enumerate(("int 0x80", "sysenter", "syscall", "a division by zero")):
        g = Guest("process", "--mem", "2M", probe, "compat", what)
        t.ok(g.status == 134 and "the guest crashed" in g.text, f"process: 32-bit code, {name}: ends it ({g.status})")
        if what == 3:
            t.ok("rsi 0000000012345678" in g.text and "arithmetic fault" in g.text, "... with its registers")
    p = subprocess.Popen([GLINT, "run", probe, "wait"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    p.stdout.readline()
    pid = children(p.pid)[0]
    fd = [f for f in os.listdir(f"/proc/{pid}/fd") if "eventfd" in os.readlink(f"/proc/{pid}/fd/{f}")]
    p.send_signal(TERM)
    p.communicate(timeout=5)
    g = Guest("process", probe, "event", fd[0], grace=1, patience=0.3)
    t.ok("full" in g.text and "wrote 0x8" in g.text and g.status == 137, f"process: the monitor's wake-up made full: still ended after the grace period ({g.status})")


def kvm_mode(probe):
    judge("kvm: jumps to anywhere", [lambda s=s: Guest("kvm", "--mem", "2M", probe, "wild", s, patience=0.5) for s in range(60 * MANY)])
    g = Guest("kvm", "--mem", "2M", probe, "compat", 0)
    t.ok(g.status == 134 and "the guest crashed" in g.text, "kvm: there is no 32-bit code")


def splinters(accel, probe):
    # by kvm each costs 0.4 ms without hardware
    g = Guest(accel, "--mem", "640M" if accel == "process" else "32M", probe, "splinter", patience=30)
    n = dict(re.findall(r"(done|refused) 0x([0-9a-f]+)", g.text))
    t.ok(g.status == 0 and int(n.get("done", "0"), 16) > 3000 and (accel == "kvm" or int(n["refused"], 16)), f"{accel}: every second page protected, until the host refuses ({n}, {time.monotonic() - g.began:.1f} s)")
    if g.wrong():
        t.diag(g.wrong())


def main():
    build_glint()
    r = subprocess.run(["make", "-C", ROOT, "--no-print-directory", "build/host/glint-asan"], capture_output=True, text=True)
    if r.returncode:
        t.diag(r.stderr[-2000:])
        t.ok(False, "glint builds with the sanitizers")
        return t.done()
    probe = build_probe("hostile", source="hostile.c")
    os.mkdir(DIR)
    for name, size in (("rw.img", 65536), ("ro.img", 65536), ("module", 10000), ("not-given", 5000)):
        with open(f"{DIR}/{name}", "wb") as f:
            f.write(os.urandom(size))
    # that one is for the endless loops
    given = [probe, GLINT, f"{DIR}/ro.img", f"{DIR}/module"]
    before, listed, size = state(*given, f"{DIR}/not-given"), sorted(os.listdir(DIR)), os.path.getsize(f"{DIR}/rw.img")
    disks = ["--disk", f"{DIR}/rw.img", "--disk", f"{DIR}/ro.img,ro"]
    for accel in ("process", "kvm"):
        if accel == "kvm" and not KVM:
            t.skip("kvm mode", "/dev/kvm is missing or not permitted")
            continue
        for what in (rings, calls, code, readers, responsive, splinters):
            what(accel, probe)
        loops(accel, probe, disks)
        {"process": process_mode, "kvm": kvm_mode}[accel](probe)
    t.ok(state(*given, f"{DIR}/not-given") == before and sorted(os.listdir(DIR)) == listed, "image, module, read-only disk, glint and what was not given are as they were; no new file")
    t.ok(os.path.getsize(f"{DIR}/rw.img") == size, "... and the disk is no longer than it was")
    left = [p for p in children(os.getpid()) if alive(p)]
    t.ok(not left, f"no process is left behind {left}")
    return t.done()


sys.exit(main())

#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""What holds a hostile guest: every system call but the listed ones ends it,
nothing of the monitor is in its memory, no descriptor but its devices'."""
import os, random, re, subprocess, sys, time
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from hvlib import GLINT, KILL, TERM, TMP, Run, Tap, alive, build_glint, build_probe, children, glint, gone

t = Tap()
NR = {"read": 0, "write": 1, "mprotect": 10, "exit_group": 231, "clock_gettime": 228, "ppoll": 271, "getrandom": 318, "readv": 19, "writev": 20,
      "ioctl": 16, "futex": 202, "preadv2": 327, "pwritev2": 328, "fdatasync": 75, "fallocate": 285, "arch_prctl": 158}
ALLOWED = {"read", "exit_group", "clock_gettime", "ppoll", "getrandom"}     # with arguments 0, 0, 0
# uretprobe and uprobe: Linux (kernel/seccomp.c, from 6.14 and 6.18) lets them past every filter; they
# do nothing but fail, by SIGILL and -ENXIO, for code that is no probe's trampoline.
EXEMPT = {335: r"invalid instruction", 336: r"returned 0xfffffffffffffff[a-f]|forbids"}
BASE = 0x100000


def dies(probe, *words, opts=()):
    """None if the guest was ended by the filter, else what happened."""
    status, out, err = glint("run", "--mem", "1M", *opts, probe, *words)
    if status == 134 and "that the filter forbids" in err and "returned" not in out:
        return None
    return f"{words}: status {status} {out.strip()} {err.strip()[:200]}"


def every_call(probe):
    bad = []
    for nr in range(461):
        name = next((n for n, v in NR.items() if v == nr), str(nr))
        r = dies(probe, "syscall", nr)
        if nr in EXEMPT and r and re.search(EXEMPT[nr], r):
            continue
        if name in ALLOWED:
            if r is None:
                bad.append(f"{name} is not allowed, and should be")
        elif r:
            bad.append(r)
    for b in bad[:10]:
        t.diag(b)
    t.ok(not bad, f"of the system calls 0 to 460, those that are not listed end the guest ({461 - len(ALLOWED)})")


def arguments(probe):
    no = [("write to stdin", NR["write"], 0, BASE, 1), ("read from stdout", NR["read"], 1, BASE, 1), ("write to a file", NR["write"], 3, BASE, 1),
          ("readv without a network", NR["readv"], 0, BASE, 1), ("mprotect to executable", NR["mprotect"], 0x103000, 4096, 7),
          ("mprotect to executable, not writable", NR["mprotect"], 0x103000, 4096, 5), ("mprotect of the device code", NR["mprotect"], 0x200000000000, 4096, 3),
          ("mprotect of the device's data", NR["mprotect"], 0x200000220000, 4096, 3), ("mprotect below memory", NR["mprotect"], 0xff000, 4096, 1),
          ("mprotect with PROT_GROWSDOWN", NR["mprotect"], 0x103000, 4096, 0x01000003), ("mprotect, high half of the permission", NR["mprotect"], 0x103000, 4096, (1 << 32) | 3),
          ("mprotect above memory", NR["mprotect"], 0x200000, 4096, 3), ("clock_gettime of a process", NR["clock_gettime"], 2, BASE, 0),
          ("futex without disks", NR["futex"], BASE, 129, 1), ("TIOCSTI", NR["ioctl"], 0, 0x5412, BASE), ("ioctl", NR["ioctl"], 1, 0x400454d0, 0),
          ("arch_prctl(ARCH_SET_GS)", NR["arch_prctl"], 0x1001, BASE, 0), ("x32 write", 0x40000000 | 1, 1, BASE, 1)]
    for name, *args in no:
        r = dies(probe, "syscall", *args)
        if not t.ok(r is None, f"ends it: {name}"):
            t.diag(r)
    for nr in (1, 5, 11, 102, 190, 228, 231, 271, 318):    # the last are x86-64 numbers that are listed
        r = dies(probe, "int80", nr)
        if not t.ok(r is None, f"ends it: int 0x80, call {nr}"):
            t.diag(r)
    r = dies(probe, "jump", 0xffffffffff600000)
    t.ok(r is None or "134" in r, f"the vsyscall page is no way out ({r})")
    for word in ("stackcode", ):
        p = subprocess.run(["setarch", "x86_64", "-X", GLINT, "run", probe, word], capture_output=True, text=True, timeout=20)
        t.ok(p.returncode == 134 and "no code may be executed" in p.stderr, "W^X also where READ_IMPLIES_EXEC was set")
    status, out, err = glint("run", "--mem", "1M", probe, "syscall", NR["mprotect"], 0x105000, 4096, 3)
    t.ok(status == 0 and "returned 0x0" in out, "mprotect of its own data is allowed")
    status, out, err = glint("run", probe, "syscall", NR["exit_group"], 77)
    t.ok(status == 77, "exit_group by itself gives its status")


def with_disk(probe):
    disk = f"{TMP}/c.img"
    open(disk, "wb").write(bytes(1 << 20))
    for name, args in (("pwritev2 to the image", (NR["pwritev2"], 0, BASE, 0)), ("futex with a shared key", (NR["futex"], BASE, 0, 0)),
                       ("futex requeue", (NR["futex"], BASE, 131, 0)), ("ftruncate", (77, 4, 0, 0)), ("clone", (56, 0, 0, 0))):
        r = dies(probe, "syscall", *args, opts=("--disk", disk))
        if not t.ok(r is None, f"ends it, with a disk: {name}"):
            t.diag(r)
    with Run("--disk", f"{disk},ro", probe, "wait") as g:
        g.wait_for("waiting")
        tasks = [open(f"/proc/{g.guest_pid()}/task/{x}/status").read() for x in os.listdir(f"/proc/{g.guest_pid()}/task")]
        t.ok(len(tasks) > 1 and all("Seccomp:\t2" in x and "NoNewPrivs:\t1" in x for x in tasks), f"the disks' threads are under the filter, too ({len(tasks)} threads)")
        fd = [f for f in os.listdir(f"/proc/{g.guest_pid()}/fd") if os.readlink(f"/proc/{g.guest_pid()}/fd/{f}").endswith("c.img")]
    r = dies(probe, "syscall", NR["pwritev2"], fd[0] if fd else 0, 0, 0, opts=("--disk", f"{disk},ro"))
    t.ok(len(fd) == 1 and r is None, f"ends it: pwritev2 on a read-only disk (descriptor {fd})")


def memory_map(probe):
    with Run("--mem", "2M", probe, "wait") as g:
        g.wait_for("waiting")
        pid = g.guest_pid()
        maps = open(f"/proc/{pid}/maps").read().splitlines()
        status = open(f"/proc/{pid}/status").read()
        limits = open(f"/proc/{pid}/limits").read()
        fds = sorted(os.readlink(f"/proc/{pid}/fd/{f}") for f in os.listdir(f"/proc/{pid}/fd"))
        group, parent = os.getpgid(pid), g.proc.pid
    bad, execs = [], []
    for line in maps:
        m = re.match(r"([0-9a-f]+)-([0-9a-f]+) (....) (\S+) \S+ \S+\s*(.*)", line)
        a, b, perm, name = int(m[1], 16), int(m[2], 16), m[3], m[5]
        guest = BASE <= a and b <= BASE + (2 << 20)
        blob = 0x200000000000 <= a and b <= 0x200010000000
        if name == "[vsyscall]":
            continue                # not a mapping of the process: every one has it, under the filter, too
        if not guest and not blob or "w" in perm and "x" in perm or name.startswith("["):
            bad.append(line)
        if "x" in perm:
            execs.append(line)
    for b in bad:
        t.diag(b)
    t.ok(not bad, f"its {len(maps)} mappings are guest memory and device code, none of the monitor's, no stack, no vdso")
    t.ok(len(execs) == 2, "two of them are executable: the image's text and the device code")
    t.ok("NoNewPrivs:\t1" in status and "Seccomp:\t2" in status, "no new privileges, filter on")
    t.ok(re.search(r"TracerPid:\t[1-9]", status), "it is traced by the monitor")
    t.ok(len(fds) == 4 and sum("eventfd" in f for f in fds) == 1, f"four descriptors: console, messages, one eventfd ({fds})")
    t.ok(group == pid and group != os.getpgid(os.getpid()), "a process group of its own")
    t.ok(re.search(r"Max core file size\s+0\s+0", limits) and re.search(r"Max locked memory\s+0\s+0", limits) and re.search(r"Max open files\s+64\s+64", limits),
         "limits: no core, no locked memory, 64 descriptors")
    t.ok(parent and not alive(parent), "(that guest has been ended)")


def dies_with_glint(probe):
    for word in ("wait", "spin"):
        with Run(probe, word) as g:
            g.wait_for("ing\n")
            pid = g.guest_pid()
            g.proc.send_signal(KILL)
            t.ok(gone(pid), f"glint killed: the guest goes with it ({word})")


def hostile(probe):
    ok = True
    for seed in range(6):
        status, out, err = glint("run", "--mem", "1M", "--disk", f"{TMP}/c.img", probe, "calls", seed, 60000, timeout=60)
        if status != 0 or "survived" not in out:
            ok = False
            t.diag(f"seed {seed}: status {status} {out} {err}")
    t.ok(ok, "360,000 hypercalls with odd arguments do no harm")
    for word in ("flood", ):
        status, out, err = glint("run", probe, word, 20000, timeout=60)
        t.ok(status == 0 and out.count("\n") == 20000, "20,000 lines to the console arrive")
    status, out, err = glint("run", probe, "jump", 0x200000000000 + 0x40)
    t.ok(status in (0, 134), f"a jump into the device code ends the guest only (status {status})")
    status, out, err = glint("run", probe, "write", 0x200000102000)
    t.ok(status in (0, 125, 134), f"scribbling over what it shares with the monitor harms nobody (status {status})")


def opcodes(probe):
    """Every opcode of one byte, and of two behind 0f, as the guest's code: registers as operands, then returns."""
    data = bytearray(open(probe, "rb").read())
    at = data.index(b"OPCODE>>") + 8
    path, bad, ends = f"{TMP}/opcode.elf", [], {}
    for code in [bytes([n]) for n in range(256)] + [bytes([0x0f, n]) for n in range(256)]:
        data[at:at + 16] = code + b"\xc3" * (16 - len(code))
        with open(path, "wb") as f:
            f.write(data)
        with Run("--grace", "0", "--mem", "1M", path, "opcode") as g:
            status = g.wait(2)
            if status is None:                  # it loops
                g.proc.send_signal(TERM)
                status = g.wait(5)
            ends[status] = ends.get(status, 0) + 1
            text = g.text()
            if status not in (0, 134, 137) or (status == 134 and "the guest crashed" not in text):
                bad.append(f"{code.hex()}: status {status} {text[-200:]}")
        os.unlink(path)
    for b in bad[:10]:
        t.diag(b)
    t.ok(not bad, f"512 opcodes: each comes back, is reported or loops until it is ended (statuses {ends})")


def wild(probe):
    rng, bad = random.Random(7), []
    for _ in range(60):
        to = rng.choice([rng.randrange(1 << 47), BASE + rng.randrange(1 << 20), 0x200000000000 + rng.randrange(0x8000), rng.randrange(1 << 64)])
        with Run("--grace", "0", "--mem", "1M", probe, "jump", to) as g:
            status = g.wait(2)
            if status is None:
                g.proc.send_signal(TERM)
                status = g.wait(5)
            if status is None or status < 0:
                bad.append(f"jump to {to:#x}: status {status}")
    for b in bad:
        t.diag(b)
    t.ok(not bad, "60 jumps to anywhere end the guest only")
    with Run("--grace", "1", "--disk", f"{TMP}/c.img", probe, "kicks") as g:
        g.wait_for("kicking")
        time.sleep(0.5)
        g.proc.send_signal(TERM)
        t.ok(g.wait(5) == 137, "a guest that rings every doorbell without end can be ended")


def main():
    build_glint()
    probe = build_probe()
    every_call(probe)
    arguments(probe)
    with_disk(probe)
    memory_map(probe)
    dies_with_glint(probe)
    hostile(probe)
    opcodes(probe)
    wild(probe)
    t.ok(not [p for p in children(os.getpid())], "no process is left behind")
    return t.done()


sys.exit(main())

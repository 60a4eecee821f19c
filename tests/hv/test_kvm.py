#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""glint run --accel kvm: the tests of process mode again, hostile guests, what the
process that holds the virtual machine may do, and hosts without KVM."""
import concurrent.futures, os, random, re, shutil, subprocess, sys, time
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
os.environ["HV_ACCEL"] = "kvm"
from hvlib import GLINT, KVM, ROOT, TERM, TMP, Run, Tap, alive, build, build_glint, build_probe, glint, gone       # noqa: E402

t = Tap()
VIEW = 0x300000000000
CALL, KICK, FAULT = 0xe0, 0xe4, 0xe8        # hv/kvm/kvm.h


def run(probe, *words, **kw):
    return glint("run", "--mem", "64M", probe, *words, **kw)


def again():
    for name in ("test_run", "test_crash", "test_signals"):
        r = subprocess.run([f"{ROOT}/tests/hv/{name}.py"], capture_output=True, text=True, timeout=300)
        n = len(re.findall(r"^ok ", r.stdout, re.M))
        if not t.ok(r.returncode == 0 and n > 20, f"{name} by kvm: {n} passed"):
            t.diag("\n".join(x for x in (r.stdout + r.stderr).splitlines() if not x.startswith("ok "))[-3000:])


def dies(probe, text, *words, what=None):
    status, out, err = run(probe, *words)
    if not t.ok(status == 134 and re.search(text, err) and "rip " in err, f"ends it: {what or ' '.join(map(str, words))}"):
        t.diag(f"status {status}\n{out}{err}")


def ports(probe):
    """A sample of them all; the three that mean something also in the wrong size and direction."""
    todo = [(d, p, 1) for d in ("in", "out") for p in [*range(0, 256, 5), *random.Random(1).sample(range(256, 65536), 25), 0xffff] if (d, p) != ("out", CALL)]
    todo += [("in", p, s) for p in (CALL, KICK, FAULT) for s in (1, 2, 4)] + [("out", p, s) for p in (CALL, KICK, FAULT) for s in (1, 2, 4) if (p, s) not in ((CALL, 1), (KICK, 4))]
    todo += [("in", 0xffff, 4), ("out", 0xffff, 2)]     # beyond the last port
    bad = []

    def one(job):
        status, out, err = run(probe, *job)
        want = "general protection" if job[1] + job[2] > 0x10000 else f"port {job[1]:#x}, {job[2]} bytes: no such port"
        if status != 134 or out or want not in err:
            bad.append(f"{job}: status {status} {out} {err[:200]}")
    with concurrent.futures.ThreadPoolExecutor(2) as ex:
        list(ex.map(one, todo))
    t.diag("\n".join(bad[:10]))
    t.ok(not bad, f"each port that is not ours ends the guest, by in and out ({len(todo)} tries)")


def opcodes(probe):
    """Whatever it does: an end with a status that glint knows, or a guest that can be ended."""
    odd, seen = [], {}

    def one(n):
        status, out, err = glint("run", "--grace", "0", probe, "opcode", n, timeout=3)
        seen[status] = seen.get(status, 0) + 1
        if status not in (0, 134, None) or (status == 134 and "the guest crashed" not in err) or (status == 0 and "returned" not in out):
            odd.append(f"opcode {n:#x}: status {status} {out} {err[:200]}")
    with concurrent.futures.ThreadPoolExecutor(2) as ex:
        list(ex.map(one, range(512)))
    t.diag("\n".join(odd[:10]))
    t.ok(not odd and seen.get(134, 0) > 300 and seen.get(None, 0) <= 2, f"every one-byte and two-byte opcode: an end that is understood {seen}")


def hostile(probe):
    ports(probe)
    for i in (0, 3, 14, 31):
        dies(probe, "no code may be executed", "jump", VIEW + 4 * 4096 + 16 * i, what=f"a jump to the stub of vector {i}")
    for name, i in (("GDT and IDT", 0), ("TSS", 1), ("I/O bitmap", 2), ("stubs", 4), ("trap page", 6), ("nothing", 9)):
        dies(probe, "page fault", "read", VIEW + i * 4096, what=f"a read of the {name}")
        dies(probe, "page fault", "write", VIEW + i * 4096, what=f"a write to the {name}")
    dies(probe, "page fault", "write", VIEW + 5 * 4096, what="a write to the entry page")
    dies(probe, f"no code may be executed.*{VIEW + 7 * 4096:x}\n", "jump", VIEW + 7 * 4096, what="a jump into the page of events")
    for i in (8, 9, 10, 100):
        dies(probe, "page fault", "read", VIEW + i * 4096, what=f"page tables are not mapped: page {i} of the area")
    dies(probe, "general protection", "far", 0x10, what="a far return to ring 0")
    dies(probe, "general protection", "iret", 0x10, what="an iret to ring 0")
    dies(probe, "breakpoint or trap", "trapflag", what="a single step that nobody asked for")
    for sp in (0, VIEW + 6 * 4096 + 2048, 0x7fffffffffff, 1 << 62):
        dies(probe, "invalid instruction", "badstack", sp, what=f"a fault with the stack pointer {sp:#x}")
    dies(probe, "invalid instruction|null pointer", "syscall", 1, what="syscall")
    dies(probe, "invalid instruction|general protection", "int80", 1, what="int 0x80")
    for seed in range(4):
        for word in ("calls", "portcalls"):
            status, out, err = run(probe, word, seed, 3000)
            if not t.ok(status in (0, 134) and ("survived" in out or "the guest crashed" in err), f"{word}, seed {seed}: hypercalls with random arguments ({status})"):
                t.diag(out + err)
    for word in ("ringtext", "ring"):
        status, out, err = run(probe, word, 0x102000)
        t.ok(status == 134 and "signal 11" in err, f"{word}: rings in memory that cannot be written end the guest ({status})")
    status, out, err = run(probe, "kicks", 20000)
    t.ok(status == 0 and "kicked" in out, "20,000 doorbells with random numbers")
    status, out, err = run(probe, "tls")
    t.ok(status == 0 and "tls 0x1234" in out and "refused" in out, "HV_SET_TLS: what is a base, and what is none")
    status, out, err = run(probe, "live")
    t.ok(status == 0 and "lived" in out, "scribbles over the page of events are its own affair")
    opcodes(probe)
    with Run("--grace", "1", probe, "spin") as g:
        g.wait_for("spinning")
        pid = g.guest_pid()
        g.proc.send_signal(TERM)
        t.ok(g.wait(6) == 137 and "did not end within 1 s" in g.text() and gone(pid), "a guest that spins is ended after --grace")


def memory(probe):
    status, out, _ = run(probe, "protect", 200)
    t.ok(status == 0 and out.endswith("protected\n") and ":" not in out, "HV_PROTECT, 200 times: seen at once, contents kept")
    dies(probe, "does not permit", "protect", 5, "read", what="a read of a page without permission")
    dies(probe, "does not permit", "protect", 5, "write", what="a write to a page that was made read-only")
    for mem in ("1M", "3M", "64M", "3G"):
        status, out, _ = glint("run", "--mem", mem, probe, "touchall")
        t.ok(status == 0 and "bad 0x0" in out, f"--mem {mem}: all of it can be used")


def status_of(pid, tid):
    return dict(re.findall(r"^(\w+):\s+(.*)$", open(f"/proc/{pid}/task/{tid}/status").read(), re.M))


def confined(probe):
    with Run("--mem", "64M", probe, "wait") as g:
        g.wait_for("waiting")
        time.sleep(0.1)
        pid = g.guest_pid()
        tasks = [x for x in os.listdir(f"/proc/{pid}/task") if status_of(pid, x)["Name"].startswith("glint")]
        t.ok(len(tasks) == 2, "two threads: the virtual CPU's and the devices'")
        t.ok(all(status_of(pid, x)["Seccomp"] == "2" and status_of(pid, x)["NoNewPrivs"] == "1" for x in tasks), "both behind the filter, without new privileges")
        fds = sorted(os.path.basename(os.readlink(f"/proc/{pid}/fd/{x}")) for x in os.listdir(f"/proc/{pid}/fd") if int(x) > 2)
        t.ok(fds == ["anon_inode:[eventfd]", "anon_inode:kvm-vcpu:0"] or fds == ["[eventfd]", "anon_inode:kvm-vcpu:0"], f"descriptors: the eventfd and the virtual CPU's ({fds})")
        maps = [x.split() for x in open(f"/proc/{pid}/maps")]
        code = [x for x in maps if "x" in x[1] and "[vsyscall]" not in x]
        t.ok(len(code) == 1 and code[0][0].startswith("200000000000-"), "executable: the device code alone, not the guest's")
        fixed = [x for x in maps if x[1] == "r--p" and len(x) == 5 and int(x[0].split("-")[0], 16) >= 0x100000 + (64 << 20)]
        t.ok([int(b, 16) - int(a, 16) for a, b in (x[0].split("-") for x in fixed)] == [6 * 4096], "the processor's tables, stubs and the entry page are read-only here too")
        t.ok(not [x for x in maps if "w" in x[1] and "x" in x[1]] and not any("[stack]" in x or "[vdso]" in x for x in maps), "nothing writable and executable, nothing of the monitor's")
        g.proc.kill()
        t.ok(gone(pid), "it dies with the monitor")
    t.ok(not alive(pid), "... and is gone")


def hosts(hello):
    shutil.copy(GLINT, f"{TMP}/glint")
    shutil.copy(hello, f"{TMP}/hello.elf")
    os.chmod(TMP, 0o755)
    cmd = [f"{TMP}/glint", "run", "--accel", "kvm", f"{TMP}/hello.elf"]
    if os.geteuid():
        t.skip("hosts without KVM", "needs root to make one")
        return
    for what, mount, text in (("no /dev/kvm", "mount -t tmpfs none /dev", r"no KVM, or its module is not loaded.*--accel"),
                              ("a /dev/kvm that is none", "mount --bind /dev/null /dev/kvm", r"not a KVM of version")):
        r = subprocess.run(["unshare", "-m", "sh", "-c", f"{mount} && exec {' '.join(cmd)}"], capture_output=True, text=True, timeout=10)
        t.ok(r.returncode == 125 and re.search(text, r.stderr), f"{what}: status 125, and what to do")
    r = subprocess.run(cmd, capture_output=True, text=True, timeout=10, user=65534, group=65534, extra_groups=[])
    t.ok(r.returncode == 125 and re.search(r"usermod -aG kvm.*--accel", r.stderr), "no permission: status 125, and the command that gives it")
    gid = os.stat("/dev/kvm").st_gid
    r = subprocess.run(cmd, capture_output=True, text=True, timeout=10, user=65534, group=65534, extra_groups=[gid])
    t.ok(r.returncode == 0 and "hello, world" in r.stdout, "a member of its group needs no root")


def main():
    build_glint()
    hello = build("hello")
    if not KVM:
        t.skip("kvm mode", "/dev/kvm is missing or not permitted")
        return t.done()
    probe = build_probe("kvmprobe", source="kvm_probe.c")
    memory(probe)
    confined(probe)
    hosts(hello)
    hostile(probe)
    again()
    return t.done()


sys.exit(main())

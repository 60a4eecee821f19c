#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""glint on hosts that give less: another user, no ptrace, taps of others, no
room; two guests on one socket."""
import os, re, subprocess, sys, time
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from hvlib import GLINT, KILL, ROOT, TERM, TMP, Run, Tap, build, build_glint, build_probe, gone

t = Tap()
NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]


def run(*cmd, timeout=20):
    p = subprocess.run([*map(str, cmd)], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout)
    return p.returncode, p.stdout, p.stderr


def no_ptrace(probe, hello):
    exe = f"{TMP}/no_ptrace"
    subprocess.run(["gcc", "-O1", f"{ROOT}/tests/hv/no_ptrace.c", "-o", exe], check=True)
    status, out, err = run(exe, GLINT, "run", hello)
    t.ok(status == 0 and "hello, world" in out, "where ptrace is forbidden, guests run")
    status, out, err = run(exe, GLINT, "run", probe, "write", 0)
    t.ok(status == 134 and "signal 11; no registers, because tracing is not permitted" in err, "... and a fault is said, without registers")
    status, out, err = run(exe, GLINT, "run", probe, "syscall", 57)
    t.ok(status == 134 and "the filter forbids" in err, "... and a forbidden system call")
    p = subprocess.Popen([exe, GLINT, "run", probe, "wait"], stdout=subprocess.PIPE)
    p.stdout.readline()
    pid = int(open(f"/proc/{p.pid}/task/{p.pid}/children").read().split()[0])
    p.send_signal(KILL)
    t.ok(gone(pid), "... and the guest dies with glint all the same")
    p.wait()
    p.stdout.close()


def as_nobody(probe, hello):
    os.chmod(TMP, 0o755)
    status, out, _ = run(*NOBODY, GLINT, "run", hello)
    t.ok(status == 0 and "hello, world" in out, "as user nobody: hello")
    status, _, err = run(*NOBODY, GLINT, "run", probe, "write", 0)
    t.ok(status == 134 and "backtrace" in err, "as user nobody: a crash with registers and backtrace")
    disk = f"{TMP}/root.img"
    open(disk, "wb").write(bytes(4096))
    os.chmod(disk, 0o644)
    status, _, err = run(*NOBODY, GLINT, "run", "--disk", disk, probe, "exit", 0)
    t.ok(status == 125 and f"--disk {disk},ro" in err, "a disk that may only be read: how to do that")
    status, _, err = run(*NOBODY, GLINT, "run", "--disk", f"{disk},ro", probe, "exit", 6)
    t.ok(status == 6, "... and so it works")
    script = (f"ip tuntap add dev t0 mode tap user root; ip link set t0 up; {' '.join(NOBODY)} {GLINT} run --net tap=t0 {probe} exit 0; echo =$?;"
              f"ip link set t0 down; {GLINT} run --net tap=t0 {probe} exit 9; echo =$?; {GLINT} run --net tap=t0 {probe} stubborn & sleep 0.3;"
              f"{GLINT} run --net tap=t0 {probe} exit 0; echo =$?; kill -9 $!")
    _, out, err = run("unshare", "-n", "sh", "-c", script)
    t.ok("belongs to somebody else" in err and re.findall(r"=(\d+)", out) == ["125", "9", "125"], "a tap of somebody else is refused, with the way to make it yours")
    t.ok("t0 is down" in err, "a tap that is down is said")
    t.ok("t0: another guest or program uses it" in err, "a tap in use")


def joined(hello):
    path = f"{TMP}/sock"
    echo = build("echo")
    with Run("--net", f"socket=listen:{path}", echo, "ip=10.5.0.1/24") as a:
        a.wait_for("waiting for the other guest")
        t.ok(True, "a guest waits for another at a socket")
        with Run("--net", f"socket={path}", echo, "ip=10.5.0.2/24") as b:
            both = a.wait_for("10.5.0.1/24") and b.wait_for("10.5.0.2/24")
            b.proc.send_signal(TERM)
            t.ok(both and b.wait(10) == 0, "two guests on one socket start, and the second ends in order")
        t.ok(a.wait_for("the other side has ended"), "the first is told")
        time.sleep(0.2)
        t.ok(a.proc.poll() is None, "... and lives on")
        a.proc.send_signal(TERM)
        t.ok(a.wait(10) == 0, "... until it is asked to end")


def full():
    if not os.path.exists("/dev/full"):
        t.skip("a console on a full disk", "no /dev/full")
        return
    status = subprocess.run(f"{GLINT} run {ROOT}/build/hello.elf > /dev/full", shell=True, timeout=20).returncode
    t.ok(status == 0, "a console that takes nothing (/dev/full) does not stop the guest")


def main():
    build_glint()
    hello, probe = build("hello"), build_probe()
    no_ptrace(probe, hello)
    if os.geteuid() == 0:
        as_nobody(probe, hello)
    else:
        t.skip("other users", "needs root to become nobody")
    joined(hello)
    full()
    return t.done()


sys.exit(main())

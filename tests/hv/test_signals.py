#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Signals to glint, its console, its clock, what an idle guest costs."""
import os, pty, re, subprocess, sys, time
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from hvlib import ACCEL, GLINT, INT, TERM, Run, Tap, build, build_glint, build_probe, children, glint, gone

t = Tap()


def shutdown(probe):
    for sig in (TERM, INT, 1):
        with Run(probe, "wait") as g:
            g.wait_for("waiting")
            g.proc.send_signal(sig)
            t.ok(g.wait(5) == 7 and "shutdown asked" in g.text(), f"signal {int(sig)}: the guest is asked, its status is glint's")
    with Run("--grace", "1", probe, "stubborn") as g:
        g.wait_for("waiting")
        start = time.monotonic()
        g.proc.send_signal(TERM)
        status, took = g.wait(6), time.monotonic() - start
        t.ok(status == 137 and 0.9 < took < 3 and "did not end within 1 s" in g.text(), f"a guest that does not obey is ended after --grace ({took:.2f} s, status {status})")
    for word in ("stubborn", "spin"):
        with Run(probe, word) as g:
            g.wait_for("ing\n")
            g.proc.send_signal(TERM)
            time.sleep(0.2)
            start = time.monotonic()
            g.proc.send_signal(TERM)
            t.ok(g.wait(5) == 137 and time.monotonic() - start < 1, f"a second signal ends it at once ({word})")
    with Run("--grace", "0", probe, "spin") as g:
        g.wait_for("spinning")
        g.proc.send_signal(TERM)
        t.ok(g.wait(5) == 137, "--grace 0 ends it without waiting")
    p = subprocess.Popen(["sh", "-c", f"trap '' INT; exec {GLINT} run --accel {ACCEL} {probe} wait"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    p.stdout.readline()
    p.send_signal(INT)
    time.sleep(0.3)
    t.ok(p.poll() is None, "a signal that was set to be ignored is ignored")
    p.send_signal(TERM)
    t.ok(p.wait(5) == 7, "... and SIGTERM still works")
    p.stdout.close()


def stops(probe):
    with Run(probe, "wait") as g:
        g.wait_for("waiting")
        pid = g.guest_pid()
        os.kill(pid, 19)
        time.sleep(0.1)
        os.kill(pid, 18)
        g.proc.send_signal(TERM)
        t.ok(g.wait(5) == 7, "SIGSTOP and SIGCONT to the guest's process do no harm")


def ends_of_pipes(hello, probe):
    p = subprocess.run(f"{GLINT} run --accel {ACCEL} {probe} flood 100000 | head -1", shell=True, capture_output=True, text=True, timeout=30)
    t.ok(p.stdout.startswith("flood"), "a reader that goes away does not hang the guest")
    status = subprocess.run(f"{GLINT} run --accel {ACCEL} {hello} <&- ; echo status $?", shell=True, capture_output=True, text=True, timeout=10).stdout
    t.ok("hello, world" in status and "status 0" in status, "stdin may be closed")
    status = subprocess.run(f"{GLINT} run --accel {ACCEL} {hello} >&- 2>&-; echo status $?", shell=True, capture_output=True, text=True, timeout=10).stdout
    t.ok("status 0" in status, "stdout and stderr may be closed")
    master, slave = pty.openpty()
    p = subprocess.Popen([GLINT, "run", "--accel", ACCEL, hello], stdin=slave, stdout=slave, stderr=slave, start_new_session=True)
    os.close(slave)
    out = b""
    try:
        while chunk := os.read(master, 4096):
            out += chunk
    except OSError:
        pass
    t.ok(p.wait(5) == 0 and b"hello, world" in out, "a terminal as console")
    os.close(master)


def console_input(ends):
    p = subprocess.Popen([GLINT, "run", "--accel", ACCEL, ends, "--", "echo"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    time.sleep(0.3)
    out, _ = p.communicate(b"pipe\n", timeout=10)
    t.ok(p.returncode == 3 and b"hello pipe" in out, "a line from a pipe reaches the guest")
    r = subprocess.run([GLINT, "run", "--accel", ACCEL, ends, "--", "echo"], input=b"early\n", capture_output=True, timeout=10)
    t.ok(r.returncode == 3 and b"hello early" in r.stdout, "... also one that was there before the guest")
    master, slave = pty.openpty()
    p = subprocess.Popen([GLINT, "run", "--accel", ACCEL, ends, "--", "echo"], stdin=slave, stdout=slave, stderr=slave, start_new_session=True)
    os.close(slave)
    time.sleep(0.3)
    os.write(master, b"tty\n")
    status, out = p.wait(10), b""
    try:
        while chunk := os.read(master, 4096):       # in as many pieces as it likes
            out += chunk
    except OSError:
        pass
    t.ok(status == 3 and b"hello tty" in out, "a line typed at a terminal reaches the guest")
    os.close(master)


def spinning(probe):
    with Run("--spin", "300", probe, "wait") as g:
        g.wait_for("waiting")
        g.proc.send_signal(TERM)
        t.ok(g.wait(5) == 7, "--spin: the guest sleeps in the end and is woken")


def clock(probe):
    status, out, _ = glint("run", probe, "clock", 400)
    t.ok(status == 0 and "off-ns" not in out, "the clock record agrees with CLOCK_MONOTONIC within 5 us")
    back = re.search(r"back-ns 0x([0-9a-f]+)", out)
    t.ok(back and int(back.group(1), 16) < 5000, f"corrections never take it back by 5 us ({out.split()})")


def idle(probe):
    with Run("--mem", "1G", probe, "wait") as g:
        g.wait_for("waiting")
        pid, mon = g.guest_pid(), g.proc.pid
        rss = {p: int(re.search(r"VmRSS:\s+(\d+)", open(f"/proc/{p}/status").read()).group(1)) for p in (pid, mon)}
        ticks = [sum(map(int, open(f"/proc/{p}/stat").read().rsplit(")", 1)[1].split()[11:13])) for p in (pid, mon)]
        switches = lambda: sum(int(re.search(r"\nvoluntary_ctxt_switches:\s+(\d+)", open(f"/proc/{p}/status").read()).group(1)) for p in (pid, mon))  # noqa: E731
        before = switches()
        time.sleep(2)
        t.ok(switches() - before <= 2 and sum(ticks) <= 1, f"an idle guest sleeps: {switches() - before} wake-ups in 2 s")
        t.ok(sum(rss.values()) < 1024, f"untouched memory costs nothing: {rss[pid]} KiB for a guest of 1 GiB, {rss[mon]} KiB for glint")


def main():
    build_glint()
    hello, probe = build("hello"), build_probe()
    shutdown(probe)
    stops(probe)
    ends_of_pipes(hello, probe)
    console_input(build("ends"))
    spinning(probe)
    clock(probe)
    idle(probe)
    t.ok(not children(os.getpid()), "no process is left behind")
    return t.done()


sys.exit(main())

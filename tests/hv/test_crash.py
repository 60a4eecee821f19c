#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""A guest that faults: the reason, registers, a backtrace with names, an exit
status, and a core that gdb opens beside the image with debugging information."""
import os, re, shutil, stat, subprocess, sys
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from hvlib import ACCEL, ROOT, TMP, Run, Tap, build, build_glint, build_probe, glint

t = Tap()
# way (tests/guest/die) -> what is said, a function that the backtrace names
FAULTS = {
    "write-text": ("does not permit", "write_text"), "write-rodata": ("does not permit", "write_rodata"), "write-sealed": ("does not permit", "write_sealed"),
    "run-data": ("no code may be executed", "main_thread"), "run-heap": ("no code may be executed", "main_thread"),
    "run-stack": ("no code may be executed", "main"), "read-null": ("null pointer", "read_null"), "call-null": ("null pointer", "main_thread"),
    "stack-overflow": ("stack overflow", "deeper"), "thread-overflow": ("stack overflow", "deeper"), "divide": ("arithmetic fault", "divide"),
    "undefined": ("invalid instruction", "undefined"), "non-canonical": ("general protection", "privileged"),
}
PANICS = {"smash-stack": "smash_stack", "double-free": "double_free", "use-after-free": "use_after_free"}


def faults(die):
    for way, (reason, name) in FAULTS.items():
        status, out, err = glint("run", die, "--", way)
        fine = (status == 134 and reason in err and f"about to {way}" in out and "survived" not in out and re.search(r"rip [0-9a-f]{16}", err)
                and re.search(rf"#\d+ {name}\+0x", err))
        if not t.ok(fine, f"{way}: '{reason}', registers, {name} in the backtrace, status 134"):
            t.diag(f"status {status}\n{out}{err}")
    for way, name in PANICS.items():
        status, out, err = glint("run", die, "--", way)
        if not t.ok(status == 134 and "panic:" in out and name in out and "glint:" not in err, f"{way}: the guest's own report, status 134"):
            t.diag(f"status {status}\n{out}{err}")


def core(die):
    path = f"{TMP}/core"
    status, out, err = glint("run", "--mem", "64M", "--core", path, die, "--", "read-null")
    t.ok(status == 134 and os.path.exists(path) and f"wrote {path}" in err, "--core writes a file")
    st = os.stat(path)
    t.ok(stat.S_IMODE(st.st_mode) == 0o600 and st.st_blocks * 512 < 4 << 20, f"... readable by its owner only, with holes ({st.st_blocks // 2} KiB of {st.st_size >> 10})")
    readelf = subprocess.run(["readelf", "-hlnW", path], capture_output=True, text=True)
    t.ok("CORE (Core file)" in readelf.stdout and "NT_PRSTATUS" in readelf.stdout and not readelf.stderr, "readelf finds nothing wrong with it")
    if not shutil.which("gdb"):
        t.skip("gdb opens the core", "gdb is not installed")
        return
    dbg = f"{ROOT}/build/die.dbg"
    gdb = subprocess.run(["gdb", "-nx", "-batch", "-ex", "bt", "-ex", "info registers rip", "-ex", "x/4xb &_text_start", "-ex", "print words_end", dbg, path],
                         capture_output=True, text=True, timeout=60)
    fine = re.search(r"#0 .*read_null", gdb.stdout) and re.search(r"#\d+ .*main", gdb.stdout) and "Segmentation fault" in gdb.stdout and "Cannot access" not in gdb.stdout + gdb.stderr
    if not t.ok(fine and re.search(r"\$1 = [1-9]", gdb.stdout), "gdb shows the backtrace, registers, code and variables"):
        t.diag(gdb.stdout + gdb.stderr)
    status, _, err = glint("run", "--core", "/nonexistent/core", die, "--", "read-null")
    t.ok(status == 134 and "--core /nonexistent/core: no such file" in err, "a core that cannot be written is said, the status stays")
    os.symlink("/tmp/elsewhere", f"{TMP}/link")
    glint("run", "--core", f"{TMP}/link", die, "--", "read-null")
    t.ok(not os.path.exists("/tmp/elsewhere"), "--core follows no symbolic link")


def others(probe):
    status, _, err = glint("run", probe, "hlt")
    t.ok(status == 134 and "privileged instruction" in err, "a privileged instruction: general protection fault")
    status, _, err = glint("run", probe, "syscall", 57)
    if ACCEL == "process":
        t.ok(status == 134 and "system call 57" in err and "rax 0000000000000039" in err, "a forbidden system call: its number and the registers")
    with Run(probe, "wait") as g:
        g.wait_for("waiting")
        os.kill(g.guest_pid(), 9)
        t.ok(g.wait() == 137 and "killed by somebody else" in g.text(), "a guest that somebody kills: said, status 137")
    with Run(probe, "wait") as g:
        g.wait_for("waiting")
        os.kill(g.guest_pid(), 11)
        t.ok(g.wait() == 134 and "signal 11" in g.text(), "SIGSEGV from outside ends it with 134, without a false report")
        t.ok("page fault" not in g.text(), "... and is not called a page fault")


def main():
    build_glint()
    die = build("die")
    faults(die)
    core(die)
    others(build_probe())
    return t.done()


sys.exit(main())

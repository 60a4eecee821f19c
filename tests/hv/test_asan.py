#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The same runs and crashes with a monitor under ASan and UBSan."""
import os, re, subprocess, sys
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from hvlib import KVM, ROOT, Tap

t = Tap()


def main():
    asan = f"{ROOT}/build/host/glint-asan"
    r = subprocess.run(["make", "-C", ROOT, "--no-print-directory", "build/host/glint-asan"], capture_output=True, text=True)
    if not t.ok(r.returncode == 0, "glint builds with the sanitizers"):
        t.diag(r.stderr[-2000:])
        return t.done()
    env = {**os.environ, "GLINT": asan, "GLIBC_TUNABLES": "glibc.pthread.rseq=0", "ASAN_OPTIONS": "detect_leaks=0:handle_segv=0:handle_sigbus=0:handle_sigill=0:handle_sigfpe=0"}
    for name, accel in [(x, "process") for x in ("test_run", "test_crash", "test_gdb")] + [(x, "kvm") for x in ("test_run", "test_crash")] * KVM:
        r = subprocess.run([f"{ROOT}/tests/hv/{name}.py"], capture_output=True, text=True, env={**env, "HV_ACCEL": accel}, timeout=300)
        n = len(re.findall(r"^ok ", r.stdout, re.M))
        if not t.ok(r.returncode == 0 and "Sanitizer" not in r.stdout + r.stderr and "runtime error" not in r.stdout + r.stderr and n > 20,
                    f"{name} with it, {accel}: {n} passed"):
            t.diag("\n".join(x for x in (r.stdout + r.stderr).splitlines() if not x.startswith("ok "))[-3000:])
    return t.done()


sys.exit(main())

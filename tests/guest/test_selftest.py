#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Runs the selftest guest on each transport and passes its TAP lines on."""
import os, re, subprocess, sys, tempfile
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from vm import ROOT, Guest, Tap, build, hv_ways


def main():
    t = Tap()
    build("selftest")
    subprocess.run(["make", "-C", ROOT, "--no-print-directory", "mkvol"], check=True, stdout=subprocess.DEVNULL)
    for way in ("microvm", "q35", *hv_ways()):
        with tempfile.TemporaryDirectory() as d:
            os.mkdir(f"{d}/src")
            subprocess.run([f"{ROOT}/build/host/mkvol", "volume", "-o", f"{d}/vol.img", "--size", "8M", f"{d}/src"], check=True, stdout=subprocess.DEVNULL)
            with Guest("selftest", way=way, mem="32M", kargs="env.GREETING='good day' mount=disk0:/data:littlefs", args="dir=/data", disks=[f"{d}/vol.img"], ports=(7,)) as g:
                status = g.wait_exit(120)
                text = g.text()
        lines = re.findall(r"^((?:not )?ok) \d+ - (.*)$", text, re.M)
        for verdict, what in lines:
            if "# SKIP" in what:
                t.skip(f"{way}: {what.split(' # SKIP')[0]}", what.split("# SKIP")[1].strip())
            else:
                t.ok(verdict == "ok", f"{way}: {what}")
        plan = re.search(r"^1\.\.(\d+)$", text, re.M)
        if not t.ok(bool(plan) and int(plan.group(1)) == len(lines) and status == 0, f"{way}: the selftest ran to its end, status {status}"):
            t.diag(text[-2500:])
    return t.done()


sys.exit(main())

#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""How programs end: status, last words, what is on the disk afterwards."""
import os, subprocess, sys, tempfile, time
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from vm import ROOT, Guest, Tap, build, hv_ways

# way -> status, text on the console (in this order)
WAYS = {
    "partial": (5, ["a line without its end"]), "unclosed": (6, []), "check": (0, ["found: kept by exit"]),
    "handlers": (300 & 255, ["registered second", "registered first", "destructor"]), "abort": (127, ["exit status 134"]),
    "assert": (127, ["told == 1", "exit status 134"]), "order": (0, ["one", "two", "three four"]), "reader": (4, ["leaving"]),
    "main-exits": (0, ["the last thread"]), "join-main": (11, ["main was joined: 0 its result"]), "usage": (2, ["usage"]),
}
# Our own hypervisor passes every status on.
HV = {"abort": (134, []), "assert": (134, ["told == 1"])}
TERM = {"term-exit": (7, ["handler for 15, a thread of its own: 1"]), "term-save": (8, ["saved: 1"]), "term-flag": (9, ["told"]), "term-sleep": (10, ["told: 1"])}


def in_order(text, words):
    at = 0
    for w in words:
        at = text.find(w, at)
        if at < 0:
            return False
        at += len(w)
    return True


def main():
    t = Tap()
    build("ends")
    subprocess.run(["make", "-C", ROOT, "--no-print-directory", "mkvol"], check=True, stdout=subprocess.DEVNULL)
    with tempfile.TemporaryDirectory() as d:
        os.mkdir(f"{d}/src")
        subprocess.run([f"{ROOT}/build/host/mkvol", "volume", "-o", f"{d}/vol.img", "--size", "1M", f"{d}/src"], check=True, stdout=subprocess.DEVNULL)

        def guest(way, machine="microvm"):
            return Guest("ends", way=machine, mem="8M", kargs="mount=disk0:/data:littlefs", args=way, disks=[f"{d}/vol.img"])

        def judge(way, status, text, want):
            if not t.ok(status == want[0] and in_order(text, want[1]), f"{way}: status {want[0]}" + "".join(f", '{w}'" for w in want[1])):
                t.diag(f"status {status}\n" + text[-1500:])

        for way, want in WAYS.items():
            with guest(way) as g:
                status = g.wait_exit(20)
                judge(way, status, g.text(), want)
            for machine in hv_ways():
                with guest(way, machine) as g:
                    status = g.wait_exit(20)
                    judge(f"{way} on {machine}", status, g.text(), HV.get(way, want))
        for way, want in TERM.items():
            for machine in ("microvm", "q35", *hv_ways()):
                with guest(way, machine) as g:
                    g.wait_for("ready", 20)
                    g.power_button()
                    judge(f"{way} on {machine}", g.wait_exit(8), g.text(), want)
        with guest("term-ignored") as g:
            g.wait_for("ready", 20)
            g.power_button()
            time.sleep(0.5)
            lives = g.proc.poll() is None
            g.power_button()
            t.ok(lives and g.wait_exit(8) == 0, "SIGTERM ignored: the second request powers off")
        for machine in ("microvm", *hv_ways()):
            with guest("echo", machine) as g:
                asked = g.wait_for(r"name\? $", 20)
                g.proc.stdin.write(b"Ann\n")
                g.proc.stdin.flush()
                judge(f"echo on {machine}", g.wait_exit(10), g.text(), (3, ["name? ", "hello Ann"]))
                t.ok(asked, "a prompt without newline is seen before the read")
    return t.done()


sys.exit(main())

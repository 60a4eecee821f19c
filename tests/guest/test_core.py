#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Kernel and platform against a host that misbehaves: see core/main.c."""
import os, sys, time
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from vm import Guest, Tap, build


def timers(t):
    for way in ("microvm", "q35"):
        with Guest("core", way=way, args="timers") as g:
            g.wait_for("ready", 20)
            time.sleep(0.1)
            g.proc.stdin.write(b"x\n")
            g.proc.stdin.flush()
            status = g.wait_exit(10)
            t.ok(status == 0, f"{way}: a timer that fires while threads run does not stop the next sleep ({status})")
            t.ok("poll took little" in g.text(), f"{way}: input ends a poll() at once")


def main():
    t = Tap()
    build("core")
    timers(t)
    return t.done()


sys.exit(main())

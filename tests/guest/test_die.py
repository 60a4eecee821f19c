#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Guests that must die: each protection seen at work, with the report that a
person needs (reason, registers where there are some, symbolised backtrace)."""
import os, re, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from vm import Guest, Tap, build, hv_ways

PANIC = 125
# way -> what the report must say, and a function that its backtrace must name
WAYS = {
    "write-text": (r"(?i)write.*(text|read-only|not writable)", "write_text"), "write-rodata": (r"(?i)write.*(read-only|rodata|not writable)", "write_rodata"),
    "run-data": (r"(?i)(exec|instruction fetch)", None), "run-heap": (r"(?i)(exec|instruction fetch)", None),
    "run-stack": (r"(?i)(exec|instruction fetch)", None), "read-null": (r"(?i)(null|page 0)", "read_null"),
    "call-null": (r"(?i)(null|page 0)", None), "stack-overflow": (r"(?i)stack (overflow|guard)", "deeper"),
    "smash-stack": (r"(?i)stack.*(smash|canary|overwritten|protector)", "smash_stack"), "double-free": (r"(?i)(heap|free)", "double_free"),
    "free-wild": (r"(?i)(heap|free|page)", "free_wild"), "use-after-free": (r"(?i)(heap|free)", "use_after_free"),
    "divide": (r"(?i)divide", "divide"), "undefined": (r"(?i)(undefined|invalid) (opcode|instruction)", "undefined"),
    "non-canonical": (r"(?i)general protection", "privileged"), "write-sealed": (r"(?i)write.*read-only", "write_sealed"),
    "thread-overflow": (r"(?i)stack overflow", "deeper"),
}
# Our own hypervisor tells of faults by itself; a panic is a crash too.
HV_CRASH = 134
HV = {
    "write-text": r"does not permit it", "write-rodata": r"does not permit it", "run-data": r"no code may be executed",
    "run-heap": r"no code may be executed", "run-stack": r"no code may be executed", "read-null": r"null pointer", "call-null": r"null pointer",
    "divide": r"arithmetic fault", "undefined": r"invalid instruction", "non-canonical": r"general protection", "write-sealed": r"does not permit it",
}


def main():
    t = Tap()
    build("die")
    for machine, way in ((m, w) for m in hv_ways() for w in WAYS):
        reason, name = WAYS[way]
        with Guest("die", way=machine, args=way) as g:
            status = g.wait_exit(20)
            text = g.text()
        fine = (status == HV_CRASH and f"about to {way}" in text and "survived" not in text and re.search(HV.get(way, reason), text.split("about to")[-1])
                and re.search(r"#\d+.*\+0x", text) and (not name or re.search(rf"#\d+.*\b{name}\+0x", text)))
        if not t.ok(fine, f"{machine}: {way}: dies with its reason and a backtrace" + (f" that names {name}" if name else "")):
            t.diag(f"status {status}\n" + text[-1500:])
    for way, (reason, name) in WAYS.items():
        with Guest("die", args=way) as g:
            status = g.wait_exit(60)
            text = g.text()
        fine = (status == PANIC and f"about to {way}" in text and "survived" not in text and re.search(reason, text.split("about to")[-1])
                and re.search(r"#\d+.*\+0x", text) and (not name or re.search(rf"#\d+.*\b{name}\+0x", text)))
        if not t.ok(fine, f"{way}: dies with its reason and a backtrace" + (f" that names {name}" if name else "")):
            t.diag(f"status {status}\n" + text[-1500:])
    for machine in hv_ways():
        with Guest("die", way=machine, args="abort") as g:
            t.ok(g.wait_exit(20) == 134 and "crashed" not in g.text(), f"{machine}: abort() ends with 134, and is no crash")
    with Guest("die", args="abort") as g:
        status = g.wait_exit(60)
    t.ok(status not in (0, None), f"abort() ends the machine with status {status}")
    return t.done()


sys.exit(main())

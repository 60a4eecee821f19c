#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
#
# What an idle guest costs: it has answered one request, then nobody asks for a
# while. Counts how often the virtual CPU's thread went to sleep (each time it
# had been woken) and the CPU time of QEMU. All guests idle at the same time.

import argparse
import os
import time

import benchlib as lib


def parse_options():
    p = argparse.ArgumentParser(
        description="Wake-ups and CPU time of idle guests under QEMU TCG (needs root).",
        epilog="exit status: 0 measured, 1 failed or a goal missed with --check, 77 skipped")
    p.add_argument("--guests", default="linux,glint")
    p.add_argument("--seconds", type=int, default=60)
    p.add_argument("--settle", type=int, default=40,
                   help="seconds before the count, so that timers of the last connection are over")
    p.add_argument("--path", default="/index.html")
    p.add_argument("--check", action="store_true", help="exit 1 over one wake-up in 10 seconds")
    lib.guest_options(p)
    return p.parse_args()


def vcpu_sleeps(pid):
    """Voluntary context switches of QEMU's vCPU thread: the one that has used most CPU time."""
    best, sleeps = -1, 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/comm") as file:
            named = file.read().startswith("CPU ")
        with open(f"/proc/{pid}/task/{task}/schedstat") as file:
            used = int(file.read().split()[0])
        if named or used > best:
            with open(f"/proc/{pid}/task/{task}/status") as file:
                sleeps = next(int(line.split()[1]) for line in file
                              if line.startswith("voluntary_ctxt_switches"))
            best = float("inf") if named else used
    return sleeps


def start(scope, options, site):
    guests = []
    with open(os.path.join(site, options.path.lstrip("/")), "rb") as file:
        page = file.read()
    for name in options.guests.split(","):
        make = {"linux": lib.linux_command, "glint": lib.glint_command}[name]
        command = make(options) + ["-name", name + ",debug-threads=on"]
        guests.append(lib.Guest(scope, f"idle-{name}", command, lib.make_namespace(scope, name)))
    for guest in guests:
        guest.wait_ready(options.path, page)
    return guests


def main():
    options = parse_options()
    lib.need("qemu-system-x86_64", "ip")
    lib.need_root()
    wanted, site = options.guests.split(","), lib.make_site(600)
    if "glint" in wanted:
        lib.make_store(options, site)
    if "linux" in wanted:
        lib.build_peer(site)
    rows, too_often = [["guest", "wake-ups in 10 s", "QEMU CPU, % of a core"]], False
    with lib.Scope() as scope:
        guests = start(scope, options, site)
        time.sleep(options.settle)
        before = [(vcpu_sleeps(g.pid), lib.cpu_seconds(g.pid)) for g in guests]
        time.sleep(options.seconds)
        for guest, (sleeps, cpu) in zip(guests, before):
            guest.alive()
            woken = (vcpu_sleeps(guest.pid) - sleeps) * 10 / options.seconds
            used = (lib.cpu_seconds(guest.pid) - cpu) * 100 / options.seconds
            rows.append([guest.name, f"{woken:.1f}", f"{used:.2f}"])
            too_often |= guest.name == "idle-glint" and woken > 1
    lib.table(rows)
    return 1 if options.check and too_often else 0


if __name__ == "__main__":
    lib.main(main)

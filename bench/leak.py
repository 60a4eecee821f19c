#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
#
# Millions of requests against a booted httpd, and the allocation counters of
# /_glint/metrics before and after: live heap bytes and blocks of every owner
# must be equal once the connections are closed. A warm-up with as many
# connections comes first, so that caches and pools have their size.

import argparse
import os
import re
import subprocess
import time

import benchlib as lib

GAUGES = re.compile(r'^(glint_heap_(?:bytes|blocks)\{owner="[^"]*"\})\s+(\d+)', re.M)
FREE = re.compile(r"^glint_memory_free_bytes(?:\{\})?\s+(\d+)", re.M)


def parse_options():
    p = argparse.ArgumentParser(
        description="Counts what the guest still holds after millions of requests (needs root).",
        epilog="exit status: 0 nothing leaked, 1 leaked or failed, 2 wrong usage, 77 skipped")
    p.add_argument("--requests", type=int, default=10_000_000)
    p.add_argument("--chunk", type=int, default=500_000, help="requests between two readings")
    p.add_argument("--connections", type=int, default=30)
    p.add_argument("--path", default="/index.html")
    p.add_argument("--size", type=int, default=600, help="bytes of the page")
    p.add_argument("--metrics", default="/_glint/metrics")
    p.add_argument("--event-idx", default="on", choices=["on", "off"])
    p.add_argument("--guest", default="glint", choices=["glint", "host-nginx"],
                   help="host-nginx tries the harness, with counters that never change")
    p.add_argument("--json", default="leak.json", help="name below build/bench")
    lib.guest_options(p)
    return p.parse_args()


def read_counters(guest, options):
    text = guest.fetch(options.metrics)
    guest.alive()
    if text is None:
        raise lib.Trouble(f"{guest.name}: no answer to GET {options.metrics}; console:\n"
                          + guest.console_tail())
    text = text.decode()
    counters = {name: int(value) for name, value in GAUGES.findall(text)}
    if not counters:
        raise lib.Trouble(f"{options.metrics} has no glint_heap_bytes")
    free = FREE.search(text)
    return counters, int(free[1]) if free else None


def settled_counters(guest, options, limit=60):
    """Counters once two readings, a second apart, agree: closed connections are gone by then."""
    before, end = None, time.monotonic() + limit
    while time.monotonic() < end:
        now, free = read_counters(guest, options)
        if now == before:
            return now, free
        before = now
        time.sleep(1)
    print(f"note: the counters had not settled after {limit} s")
    return before, free


def load(guest, options, requests):
    """Exactly so many requests, every answer checked; connections closed at the end."""
    done = subprocess.run(lib.raised + ["ip", "netns", "exec", guest.ns, "taskset", "-c", str(lib.cores()[1]),
                           lib.build_tool("load"), "-c", str(options.connections), "-n",
                           str(requests), "-b", str(options.size), lib.GUEST_IP, "80",
                           options.path], capture_output=True, text=True)
    guest.alive()
    if done.returncode:
        raise lib.Trouble(f"{guest.name}: not all answered: {done.stdout}{done.stderr}"
                          + guest.console_tail())


def run_load(guest, options):
    sent, start = 0, time.monotonic()
    while sent < options.requests:
        part = min(options.chunk, options.requests - sent)
        load(guest, options, part)
        sent += part
        counters, free = read_counters(guest, options)
        total = sum(v for name, v in counters.items() if "heap_bytes" in name)
        rate = sent / (time.monotonic() - start)
        print(f"{sent:>10} requests, {rate:.0f}/s, heap {total} bytes, free {free}", flush=True)
    return sent / (time.monotonic() - start)


def report(before, after):
    rows, leaked = [["counter", "before", "after", "difference"]], []
    for name in sorted(set(before) | set(after)):
        old, new = before.get(name, 0), after.get(name, 0)
        rows.append([name, old, new, new - old])
        if new != old:
            leaked.append(name)
    lib.table(rows)
    return leaked


def start(scope, options):
    site = lib.make_site(options.size)
    if options.guest == "glint":
        if not os.path.exists(options.image):
            raise lib.Trouble(f"no {options.image}: run 'make image APP=httpd'")
        lib.make_store(options, site)
        guest = lib.Guest(scope, "leak", lib.glint_command(options, options.event_idx),
                          lib.make_namespace(scope, "leak"), lib.cores()[0])
    else:
        fake = os.path.join(site, options.metrics.lstrip("/"))
        os.makedirs(os.path.dirname(fake), exist_ok=True)
        with open(fake, "w") as out:
            out.write('glint_heap_bytes{owner="net"} 1\nglint_heap_blocks{owner="net"} 1\n')
        scope.add(lambda: (os.unlink(fake), os.rmdir(os.path.dirname(fake))))
        guest = lib.start_host_nginx(scope, site)
    with open(os.path.join(site, options.path.lstrip("/")), "rb") as page:
        guest.wait_ready(options.path, page.read())
    return guest


def main():
    options = parse_options()
    lib.set_priority(options)
    lib.need("qemu-system-x86_64", "ip", "taskset")
    lib.need_root()
    with lib.Scope() as scope:
        guest = start(scope, options)
        load(guest, options, max(1000, 100 * options.connections))
        before, free_before = settled_counters(guest, options)
        rate = run_load(guest, options)
        after, free_after = settled_counters(guest, options)
    leaked = report(before, after)
    print(f"free memory: {free_before} before, {free_after} after")
    lib.save(options.json, {"machine": lib.machine_note(), "requests": options.requests,
                            "rate": rate, "connections": options.connections,
                            "memory": options.memory, "before": before, "after": after,
                            "free": [free_before, free_after]})
    if leaked:
        print("leaked: " + ", ".join(leaked))
        return 1
    print(f"nothing leaked in {options.requests} requests")
    return 0


if __name__ == "__main__":
    lib.main(main)

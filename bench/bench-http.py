#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
#
# Requests per second, latency and QEMU's CPU time per request of Glint's httpd
# and of a Debian cloud guest with nginx, in one interleaved run: same machine
# type, same network options, same page, QEMU on one core and wrk on another.
# Each guest runs with the event index on and off. After wrk, `load` looks for
# single connections that went silent, which wrk does not report.

import argparse
import json
import os
import resource
import subprocess
import threading
import time

import benchlib as lib
import charts


def parse_options():
    p = argparse.ArgumentParser(
        description="HTTP benchmark: Glint against a Linux guest under QEMU TCG (needs root).",
        epilog="exit status: 0 measured, 1 failed, 2 wrong usage, 77 skipped")
    p.add_argument("--guests", default="linux,glint",
                   help="of linux, glint, host-nginx (the last only tries the harness)")
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--seconds", type=int, default=5, help="of each round")
    p.add_argument("--warm-up", type=int, default=1, help="seconds before each round")
    p.add_argument("--connections", default="30", help="a list, for example 30,1000")
    p.add_argument("--event-idx", default="on,off", help="a list of on, off")
    p.add_argument("--path", default="/index.html")
    p.add_argument("--size", type=int, default=600, help="bytes of the page")
    p.add_argument("--check", action="store_true",
                   help="exit 1 if a goal of the issue is missed")
    p.add_argument("--json", default="http.json", help="name below build/bench")
    p.add_argument("--svg", default=os.path.join(lib.TOP, "docs", "img", "bench-http.svg"),
                   help="plot to write; empty for none")
    lib.guest_options(p)
    return p.parse_args()


# ---- the guests --------------------------------------------------------------

def start_guests(scope, options, site, page):
    guests = []
    for name in options.guests.split(","):
        if name == "host-nginx":
            guest = lib.start_host_nginx(scope, site)
            guest.label, guest.event_idx = name, "-"
            guests.append(guest)
            continue
        for event_idx in options.event_idx.split(","):
            make = {"linux": lib.linux_command, "glint": lib.glint_command}[name]
            label = f"{name}-{event_idx}"
            ns = lib.make_namespace(scope, label)
            guest = lib.Guest(scope, label, make(options, event_idx), ns, lib.cores()[0])
            guest.label, guest.event_idx = name, event_idx
            guests.append(guest)
    for guest in guests:
        guest.wait_ready(options.path, page)
        print(f"{guest.name}: answers")
    return guests


# ---- one measurement ---------------------------------------------------------

class QuietWatch(threading.Thread):
    """Counts the seconds in which no packet came from the guest, while a process runs."""

    STEP = 0.25

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid, self.ended, self.quiet_steps, self.quiet_seconds = pid, threading.Event(), 0, 0

    def packets(self):
        try:
            with open(f"/proc/{self.pid}/net/dev") as dev:
                for line in dev:
                    name, _, rest = line.partition(":")
                    if name.strip() == "tap0":
                        return int(rest.split()[1])
        except (OSError, IndexError, ValueError):
            pass
        return None

    def run(self):
        before = None
        while not self.ended.wait(self.STEP):
            now = self.packets()
            if now is None:
                continue
            self.quiet_steps = self.quiet_steps + 1 if now == before else 0
            if self.quiet_steps * self.STEP >= 1:
                self.quiet_seconds += 1
                self.quiet_steps = 0
            before = now


def wrk(guest, options, connections, seconds):
    """One run of wrk; a dictionary of what it and the kernel measured."""
    command = lib.raised + ["ip", "netns", "exec", guest.ns, "taskset", "-c",
                            str(lib.cores()[1]), "wrk", "-t1", f"-c{connections}", f"-d{seconds}s",
                            "--latency", "-s", os.path.join(lib.BENCH, "wrk-report.lua"),
                            f"http://{lib.GUEST_IP}{options.path}"]
    cpu, busy, start = lib.cpu_seconds(guest.pid), lib.busy_seconds(), time.monotonic()
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    watch = QuietWatch(process.pid)
    watch.start()
    try:
        output, _ = process.communicate(timeout=seconds + 60)
    finally:
        process.kill()
        watch.ended.set()
    watch.join()
    guest.alive()
    wall = time.monotonic() - start
    cpu = lib.cpu_seconds(guest.pid) - cpu
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    client = after.ru_utime + after.ru_stime - children.ru_utime - children.ru_stime
    reports = [line for line in output.splitlines() if line.startswith("REPORT ")]
    if not reports:
        raise lib.Trouble(f"{guest.name}: wrk gave no result:\n{output}")
    result = json.loads(reports[0][7:])
    requests = max(result["requests"], 1)
    result.update(rate=result["requests"] / (result["duration_us"] / 1e6),
                  cpu_us=cpu / requests * 1e6, qemu_load=cpu / wall, wrk_load=client / wall,
                  other_load=max(0.0, lib.busy_seconds() - busy - cpu - client) / wall,
                  quiet_seconds=watch.quiet_seconds)
    return result


def stall_limit_us(connections, rate):
    """Longer than this for one answer is a stall: 500 ms, or five fair turns of a long queue."""
    return max(500_000, 5e6 * connections / max(rate, 1))


def silent_connections(guest, options, connections, limit_us):
    """What `load` finds: answers later than the limit, silent connections, wrong bodies."""
    seconds = str(3 + 2 * limit_us / 1e6)
    command = ["ip", "netns", "exec", guest.ns, "taskset", "-c", str(lib.cores()[1]),
               lib.build_tool("load"), "-c", str(connections), "-d", seconds, "-b", str(options.size),
               "-s", str(int(limit_us / 1e3)), lib.GUEST_IP, "80", options.path]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    if not done.stdout.startswith("{"):
        raise lib.Trouble(f"{guest.name}: load: {done.stderr.strip()}")
    return json.loads(done.stdout)


def measure(guests, options, connections):
    rounds = {guest.name: [] for guest in guests}
    for guest in guests:  # QEMU translates the guest's hot code only now
        wrk(guest, options, connections, options.seconds)
    for number in range(options.rounds):
        # Every other round goes backwards, so that drift of the host meets all alike.
        for guest in guests if number % 2 == 0 else guests[::-1]:
            if options.warm_up:
                wrk(guest, options, connections, options.warm_up)
            result = wrk(guest, options, connections, options.seconds)
            rounds[guest.name].append(result)
            print(f"round {number + 1} {guest.name} -c{connections}: {result['rate']:.0f} req/s, "
                  f"{result['cpu_us']:.1f} us CPU, p50 {result['p50'] / 1e3:.2f} ms, "
                  f"p99 {result['p99'] / 1e3:.2f} ms, max {result['max'] / 1e3:.0f} ms, "
                  f"other load {result['other_load']:.2f}", flush=True)
    return [summary(guest, rounds[guest.name], options, connections) for guest in guests]


def summary(guest, rounds, options, connections):
    """Medians over the rounds; sums for what must never happen."""
    row = {"guest": guest.label, "event_idx": guest.event_idx, "connections": connections,
           "rounds": rounds}
    for key in ("rate", "cpu_us", "p50", "p99", "qemu_load", "wrk_load", "other_load"):
        row[key] = lib.median([r[key] for r in rounds])
    row["max"] = max(r["max"] for r in rounds)
    limit_us = stall_limit_us(connections, row["rate"])
    row["silent"] = silent_connections(guest, options, connections, limit_us)
    row["errors"] = sum(r["errors"] for r in rounds) + row["silent"]["bad"] + row["silent"]["broken"]
    row["stalls"] = (sum(r["quiet_seconds"] + (r["max"] > limit_us) for r in rounds)
                     + row["silent"]["stuck"] + row["silent"]["zero_seconds"])
    row["tail"] = row["p99"] / max(row["p50"], 1)
    return row


# ---- what comes out ----------------------------------------------------------

def print_table(rows):
    lines = [["guest", "event_idx", "conns", "req/s", "us CPU/req", "p50 ms", "p99 ms", "p99/p50",
              "max ms", "stalls", "errors", "other load"]]
    for r in rows:
        lines.append([r["guest"], r["event_idx"], r["connections"], f"{r['rate']:.0f}",
                      f"{r['cpu_us']:.1f}", f"{r['p50'] / 1e3:.2f}", f"{r['p99'] / 1e3:.2f}",
                      f"{r['tail']:.1f}", f"{r['max'] / 1e3:.0f}", r["stalls"], r["errors"],
                      f"{r['other_load']:.2f}"])
    print()
    lib.table(lines)


def compare(rows):
    """Peer against Glint for each setting; the goals that are missed."""
    missed, ratios = [], []
    for g in (r for r in rows if r["guest"] == "glint"):
        where = f"event_idx={g['event_idx']}, {g['connections']} connections"
        for peer in rows:
            if (peer["guest"] == "linux" and peer["event_idx"] == g["event_idx"]
                    and peer["connections"] == g["connections"]):
                ratio = peer["cpu_us"] / g["cpu_us"]
                ratios.append({"event_idx": g["event_idx"], "connections": g["connections"],
                               "cpu": ratio, "rate": g["rate"] / peer["rate"]})
                print(f"{where}: {ratio:.1f} times less CPU per request than Linux "
                      f"(must 6, aim 15), {g['rate'] / peer['rate']:.1f} times its requests/s")
                if ratio < 6:
                    missed.append(f"{where}: CPU ratio {ratio:.1f}, must be 6")
        if g["tail"] >= 5:
            missed.append(f"{where}: p99 is {g['tail']:.1f} times p50, must be below 5")
        if g["stalls"] or g["errors"]:
            missed.append(f"{where}: {g['stalls']} stalls, {g['errors']} errors")
    for line in missed:
        print("missed: " + line)
    if any(r["other_load"] > 0.15 for r in rows):
        print("note: other work took over 15 % of a core meanwhile: all figures are worse than on a "
              "quiet machine; the ratios, from interleaved rounds, suffer least")
    return ratios, missed


def main():
    options = parse_options()
    lib.set_priority(options)
    lib.need("qemu-system-x86_64", "wrk", "ip", "taskset")
    lib.need_root()
    if "glint" in options.guests.split(",") and not os.path.exists(options.image):
        raise lib.Trouble(f"no {options.image}: run 'make image APP=httpd', or give "
                          "--guests linux to measure the peer alone")
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
    site = lib.make_site(options.size)
    with open(os.path.join(site, options.path.lstrip("/")), "rb") as file:
        page = file.read()
    if "glint" in options.guests.split(","):
        lib.make_store(options, site)
    if "linux" in options.guests.split(","):
        lib.build_peer(site)
    if len(os.sched_getaffinity(0)) < 2:
        print("note: one core only, QEMU and wrk share it")
    rows = []
    with lib.Scope() as scope:
        guests = start_guests(scope, options, site, page)
        for connections in options.connections.split(","):
            rows += measure(guests, options, int(connections))
    print_table(rows)
    ratios, missed = compare(rows)
    settings = {key: getattr(options, key) for key in (
        "rounds", "seconds", "size", "machine", "memory", "peer_memory", "store", "nice", "cpu",
        "peer_append", "glint_append", "glint_args", "glint_qemu")}
    data = {"machine": lib.machine_note(), "settings": settings, "rows": rows, "ratios": ratios}
    lib.save(options.json, data)
    if options.svg:
        charts.http_chart(data, options.svg)
    return 1 if options.check and missed else 0


if __name__ == "__main__":
    lib.main(main)

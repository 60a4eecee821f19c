#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
#
# Glint's httpd by `glint run` (process mode, tap) against the host's own nginx (one
# worker, same page, veth pair), interleaved in the same run: requests per second, CPU
# of the server and of the whole machine per request, latency with one connection with
# and without spinning. The goals are those of issue 4.

import argparse
import json
import os
import subprocess
import time

import benchlib as lib


def parse_options():
    p = argparse.ArgumentParser(
        description="HTTP over tap by `glint run` against nginx on the host (needs root).",
        epilog="exit status: 0 measured, 1 failed or a goal missed (--check), 2 wrong usage, 77 skipped")
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--seconds", type=int, default=5, help="of each round")
    p.add_argument("--warm-up", type=int, default=1, help="seconds before each round")
    p.add_argument("--connections", type=int, default=30)
    p.add_argument("--size", type=int, default=600, help="bytes of the page")
    p.add_argument("--image", default=os.path.join(lib.TOP, "build", "httpd.elf"))
    p.add_argument("--memory", default="64M")
    p.add_argument("--spin", type=int, default=50, help="microseconds, for the spinning guest")
    p.add_argument("--nice", type=int, default=0, help="below 0 on a busy machine")
    p.add_argument("--unpinned", action="store_true", help="leave the cores to the scheduler")
    p.add_argument("--check", action="store_true", help="exit 1 if a goal of the issue is missed")
    p.add_argument("--json", default="hv.json", help="name below build/bench")
    return p.parse_args()


def guest_process(monitor):
    """The process that runs the guest: the monitor's child of the image's name."""
    with open(f"/proc/{monitor}/task/{monitor}/children") as f:
        for child in f.read().split():
            with open(f"/proc/{child}/comm") as comm:
                if comm.read().startswith("glint:"):
                    return int(child)
    raise lib.Trouble("glint run has no guest process")


def start_glint(scope, options, label, spin):
    ns = lib.make_namespace(scope, label)
    command = [os.path.join(lib.TOP, "build", "host", "glint"), "run", "--mem", options.memory,
               "--net", f"tap=tap0,mac={lib.GUEST_MAC}", "--module", options.module]
    if spin:
        command += ["--spin", str(spin)]
    command += [options.image, f"ip={lib.GUEST_IP}/24,gw={lib.HOST_IP}", "--", "--quiet"]
    return lib.Guest(scope, label, command, ns, None if options.unpinned else lib.cores()[0])


def start(scope, options, site, page):
    guests = [start_glint(scope, options, "glint", 0),
              start_glint(scope, options, "glint-spin", options.spin),
              lib.start_host_nginx(scope, site)]
    for guest in guests:
        guest.wait_ready("/index.html", page)
        if guest.name.startswith("glint"):
            guest.pid = guest_process(guest.pid)
    return guests


def wrk(guest, options, connections, seconds):
    pin = [] if options.unpinned else ["taskset", "-c", str(lib.cores()[1])]
    command = lib.raised + ["ip", "netns", "exec", guest.ns] + pin + [
        "wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "-s",
        os.path.join(lib.BENCH, "wrk-report.lua"), f"http://{lib.GUEST_IP}/index.html"]
    cpu, busy = lib.cpu_seconds(guest.pid), lib.busy_seconds()
    output = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 60).stdout
    cpu, busy = lib.cpu_seconds(guest.pid) - cpu, lib.busy_seconds() - busy
    guest.alive()
    reports = [line for line in output.splitlines() if line.startswith("REPORT ")]
    if not reports:
        raise lib.Trouble(f"{guest.name}: wrk gave no result:\n{output}")
    r = json.loads(reports[0][7:])
    n = max(r["requests"], 1)
    return {"rate": r["requests"] / (r["duration_us"] / 1e6), "server_us": cpu / n * 1e6,
            "machine_us": busy / n * 1e6, "p50": r["p50"], "p99": r["p99"], "errors": r["errors"]}


def measure(guests, options):
    rounds = {(g.name, c): [] for g in guests for c in (options.connections, 1)}
    for number in range(options.rounds):
        # every other round goes backwards: drift of the host meets all alike
        for guest in guests if number % 2 == 0 else guests[::-1]:
            for connections in (options.connections, 1):
                if options.warm_up:
                    wrk(guest, options, connections, options.warm_up)
                r = wrk(guest, options, connections, options.seconds)
                rounds[guest.name, connections].append(r)
                print(f"round {number + 1} {guest.name} -c{connections}: {r['rate']:.0f} req/s, "
                      f"server {r['server_us']:.2f} us, machine {r['machine_us']:.2f} us, "
                      f"p50 {r['p50']} us", flush=True)
    rows = []
    for (name, connections), rs in rounds.items():
        row = {"server": name, "connections": connections, "rounds": rs}
        for key in ("rate", "server_us", "machine_us", "p50", "p99"):
            row[key] = lib.median([r[key] for r in rs])
        row["errors"] = sum(r["errors"] for r in rs)
        rows.append(row)
    return rows


def compare(rows, options):
    """Ratios to nginx and the goals: what, value, limit, whether larger is better."""
    by = {(r["server"], r["connections"]): r for r in rows}
    g, n = by["glint", options.connections], by["host-nginx", options.connections]
    goals = [
        ("requests/s", g["rate"] / n["rate"], 1.2, True),
        ("server CPU per request", g["server_us"] / n["server_us"], 0.65, False),
        ("machine's CPU per request", g["machine_us"] / n["machine_us"], 0.8, False),
        ("p50, one connection, spinning", by["glint-spin", 1]["p50"] / by["host-nginx", 1]["p50"],
         0.4, False),
    ]
    print()
    missed = 0
    for what, value, limit, more in goals:
        good = value >= limit if more else value <= limit
        missed += not good
        print(f"{what}: {value:.2f} of nginx's (goal: at {'least' if more else 'most'} {limit}) "
              f"{'' if good else 'MISSED'}")
    errors = sum(r["errors"] for r in rows)
    if errors:
        print(f"errors: {errors}")
    return {what: value for what, value, _, _ in goals}, missed + errors


def main():
    options = parse_options()
    lib.set_priority(options)
    lib.need("wrk", "ip", "taskset", "nginx")
    lib.need_root()
    glint = os.path.join(lib.TOP, "build", "host", "glint")
    for path, how in ((options.image, "make image APP=httpd"), (glint, "make glint")):
        if not os.path.exists(path):
            raise lib.Trouble(f"no {path}: run '{how}'")
    site = lib.make_site(options.size)
    with open(os.path.join(site, "index.html"), "rb") as file:
        page = file.read()
    options.store, options.volume, options.module = "module", None, None
    lib.make_store(options, site)
    with lib.Scope() as scope:
        rows = measure(start(scope, options, site, page), options)
    lines = [["server", "conns", "req/s", "server us", "machine us", "p50 us", "p99 us", "errors"]]
    for r in rows:
        lines.append([r["server"], r["connections"], f"{r['rate']:.0f}", f"{r['server_us']:.2f}",
                      f"{r['machine_us']:.2f}", f"{r['p50']:.0f}", f"{r['p99']:.0f}", r["errors"]])
    print()
    lib.table(lines)
    ratios, missed = compare(rows, options)
    lib.save(options.json, {"machine": lib.machine_note(), "ratios": ratios, "rows": rows,
                            "settings": {k: getattr(options, k) for k in (
                                "rounds", "seconds", "size", "memory", "spin", "unpinned")}})
    return 1 if options.check and missed else 0


lib.main(main)

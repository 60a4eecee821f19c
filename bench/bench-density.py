#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
#
# Many httpd guests at once by `glint run`, process mode, each on a routed tap of its
# own (a /32, no bridge), one site for all from a module: time until each has answered,
# memory for each with the kernel's part, CPU time of all while nobody asks. The goals
# are those of issue 4.
#
# A tap whose carrier the kernel has not yet seen come drops the first SYN: a few guests
# answer a second later than the others, when it is repeated.
#
# The work is done in a process, network and mount namespace of its own, so guests and
# taps are gone when it ends, however it ends.

import argparse
import fcntl
import glob
import os
import re
import resource
import selectors
import signal
import socket
import struct
import subprocess
import sys
import time

import benchlib as lib

HOST = "10.255.255.1"
TUNSETIFF, TUNSETPERSIST, IFF_TAP_NO_PI = 0x400454ca, 0x400454cb, 0x1002
GOALS = {"start": 10.0, "kib": 1536.0, "idle": 2.0}


def parse_options():
    p = argparse.ArgumentParser(
        description="Many httpd guests at once: start, memory, CPU when idle (needs root).",
        epilog="exit status: 0 measured, 1 failed or a goal missed (--check), 2 wrong usage, 77 skipped")
    p.add_argument("--guests", type=int, default=1000)
    p.add_argument("--image", default=os.path.join(lib.TOP, "build", "httpd.elf"))
    p.add_argument("--memory", default="16M", help="--mem of each guest (16M)")
    p.add_argument("--accel", default="process", choices=["process", "kvm"])
    p.add_argument("--size", type=int, default=600, help="bytes of the page")
    p.add_argument("--settle", type=int, default=10, help="seconds between start and measurement")
    p.add_argument("--seconds", type=int, default=10, help="of idling that are measured")
    p.add_argument("--limit", type=int, default=60, help="seconds until all must have answered")
    p.add_argument("--sample", type=int, default=50, help="guests whose memory is looked into")
    p.add_argument("--check", action="store_true", help="exit 1 if a goal of the issue is missed")
    p.add_argument("--json", default="density.json", help="name below build/bench")
    p.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    options = p.parse_args()
    if not 1 <= options.guests <= 60000:
        p.error("--guests: from 1 to 60000")
    return options


# ---- the outer process: a namespace, and waiting ----

def outside(options):
    lib.need("ip", "unshare", "setpriv")
    lib.need_root()
    for path, how in ((options.image, "make image APP=httpd"),
                      (os.path.join(lib.TOP, "build", "host", "glint"), "make glint")):
        if not os.path.exists(path):
            raise lib.Trouble(f"no {path}: run '{how}'")
    with lib.Scope():
        inner = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", "unshare", "--net", "--pid", "--fork",
                                  "--kill-child", "--mount-proc", sys.executable, "-B", __file__,
                                  *sys.argv[1:], "--inside"])
        try:
            return inner.wait()
        finally:
            # At ^C the inner process has been asked by the terminal; else it is ended with all it has.
            try:
                inner.wait(0 if isinstance(sys.exc_info()[1], SystemExit) else 20)
            except subprocess.TimeoutExpired:
                inner.kill()
                inner.wait()


# ---- taps ----

def address(i):
    return f"10.{64 + (i >> 16)}.{i >> 8 & 255}.{i & 255}"


def mac(i):
    return f"52:54:00:64:{i >> 8 & 255:02x}:{i & 255:02x}"


def make_taps(n):
    lib.run("ip", "link", "set", "lo", "up")
    lib.run("ip", "addr", "add", f"{HOST}/32", "dev", "lo")
    lib.run("sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1", "net.ipv6.conf.default.disable_ipv6=1")
    for i in range(n):
        tun = os.open("/dev/net/tun", os.O_RDWR)
        fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH22x", f"tap{i}".encode(), IFF_TAP_NO_PI))
        fcntl.ioctl(tun, TUNSETPERSIST, 1)
        os.close(tun)
    # Neighbours are told, not asked for: the kernel's table holds 1,024 that were learnt.
    batch = "".join(f"link set tap{i} up\nroute add {address(i)}/32 dev tap{i} src {HOST}\n"
                    f"neigh add {address(i)} lladdr {mac(i)} dev tap{i} nud permanent\n" for i in range(n))
    done = subprocess.run(["ip", "-batch", "-"], input=batch, text=True, capture_output=True)
    if done.returncode:
        raise lib.Trouble(f"taps: {done.stderr.strip()[:300]}")


# ---- guests ----

class Guest:
    def __init__(self, i, options, site, devnull):
        self.i, self.console, self.answer, self.ready, self.began = i, b"", b"", False, time.monotonic()
        self.asked = self.answered = None
        glint = os.path.join(lib.TOP, "build", "host", "glint")
        argv = [glint, "run", "--accel", options.accel, "--mem", options.memory, "--net", f"tap=tap{i},mac={mac(i)}",
                "--module", site, options.image, f"ip={address(i)}/32,gw={HOST}", "--", "--quiet"]
        self.pipe, out = os.pipe()
        self.pid = os.posix_spawn(glint, argv, {}, file_actions=[
            (os.POSIX_SPAWN_DUP2, devnull, 0), (os.POSIX_SPAWN_DUP2, out, 1), (os.POSIX_SPAWN_DUP2, out, 2)])
        os.close(out)
        os.set_blocking(self.pipe, False)


class Crowd:
    """All guests, their consoles and the requests under way, in one event loop."""

    def __init__(self, options, site, page):
        self.options, self.site, self.page = options, site, page
        self.sel, self.guests, self.retry, self.waiting = selectors.EpollSelector(), [], [], 0
        self.devnull = os.open(os.devnull, os.O_RDONLY)

    def start(self):
        g = Guest(len(self.guests), self.options, self.site, self.devnull)
        self.guests.append(g)
        self.waiting += 1
        self.sel.register(g.pipe, selectors.EVENT_READ, (self.on_console, g))

    def on_console(self, g, _):
        data = os.read(g.pipe, 4096)
        g.console = (g.console + data)[-4096:]
        if not data:
            raise lib.Trouble(f"guest {g.i} has ended:\n{g.console.decode(errors='replace')}")
        if not g.ready and b"net0: " in g.console:
            g.ready = True
            self.ask(g)

    def ask(self, g):
        g.sock = socket.socket()
        g.sock.setblocking(False)
        g.answer, g.asked, g.answered, g.got = b"", time.monotonic(), None, 0
        g.sock.connect_ex((address(g.i), 80))
        self.sel.register(g.sock, selectors.EVENT_WRITE, (self.on_socket, g))

    def on_socket(self, g, mask):
        try:
            if mask & selectors.EVENT_WRITE:
                g.sock.send(b"GET /index.html HTTP/1.1\r\nHost: density\r\n\r\n")
                self.sel.modify(g.sock, selectors.EVENT_READ, (self.on_socket, g))
                return
            data = g.sock.recv(65536)
        except ConnectionError:             # it has an address, but does not listen yet
            self.drop(g)
            self.retry.append(g)
            return
        g.answer += data
        head, _, body = g.answer.partition(b"\r\n\r\n")
        if not data or len(body) >= len(self.page):
            if not head.startswith(b"HTTP/1.1 200 ") or body != self.page:
                raise lib.Trouble(f"guest {g.i} gave a wrong answer: {g.answer[:200]}")
            g.answered, g.answer = time.monotonic(), b""
            self.drop(g)                    # we close first: no TIME_WAIT in the guest
            self.waiting -= 1

    def drop(self, g):
        self.sel.unregister(g.sock)
        g.sock.close()

    def turn(self, wait):
        for key, mask in self.sel.select(wait):
            key.data[0](key.data[1], mask)
        again, self.retry = self.retry, []
        for g in again:
            self.ask(g)

    def until_answered(self):
        end = time.monotonic() + self.options.limit
        while self.waiting:
            self.turn(0.1)
            if time.monotonic() > end:
                g = next(g for g in self.guests if not g.answered)
                raise lib.Trouble(f"{self.waiting} of {len(self.guests)} guests have not answered in {self.options.limit} s; "
                                  f"console of guest {g.i}:\n{g.console.decode(errors='replace')}")

    def ask_one_by_one(self):
        """ms of each request, all guests in turn."""
        times = []
        for g in self.guests:
            self.waiting = 1
            self.ask(g)
            self.until_answered()
            times.append((g.answered - g.asked) * 1000)
        return times

    def end(self):
        """Seconds until all have ended, and their exit statuses."""
        began, statuses = time.monotonic(), {}
        for g in self.guests:
            os.kill(g.pid, signal.SIGTERM)
        for g in self.guests:
            status = os.waitstatus_to_exitcode(os.waitpid(g.pid, 0)[1])
            statuses[status] = statuses.get(status, 0) + 1
        return time.monotonic() - began, statuses


# ---- what is measured ----

def available():
    with open("/proc/meminfo") as f:
        return int(re.search(r"MemAvailable:\s+(\d+)", f.read())[1])


def processes():
    """All of this namespace but ourselves."""
    return [int(p) for p in os.listdir("/proc") if p.isdigit() and p != "1"]


def cpu_and_sleeps(pids):
    sleeps = 0
    for pid in pids:
        for path in glob.glob(f"/proc/{pid}/task/*/status"):
            with open(path) as f:
                sleeps += int(re.search(r"\nvoluntary_ctxt_switches:\s+(\d+)", f.read())[1])
    return sum(lib.cpu_seconds(pid) for pid in pids), sleeps


def memory_of(pid):
    """KiB: anonymous and shared pages in proportion, page tables."""
    with open(f"/proc/{pid}/smaps_rollup") as f:
        maps = dict(re.findall(r"^(\w+):\s+(\d+)", f.read(), re.M))
    with open(f"/proc/{pid}/status") as f:
        status = dict(re.findall(r"^(\w+):\s+(\d+)", f.read(), re.M))
    anon, pss = int(maps["Anonymous"]), int(maps["Pss"])
    return {"anonymous": anon, "shared": max(pss - anon, 0), "page tables": int(status["VmPTE"])}


def look_into(pids, n):
    """Median KiB of each kind, of n monitors and n guests."""
    rows = {}
    for pid in pids:
        with open(f"/proc/{pid}/comm") as f:
            kind = "guest" if f.read().startswith("glint:") else "monitor"
        kinds = rows.setdefault(kind, [])
        if len(kinds) < n:
            kinds.append(memory_of(pid))
    return {kind: {key: lib.median([m[key] for m in found]) for key in found[0]} for kind, found in rows.items()}


def quantile(values, q):
    return sorted(values)[min(len(values) - 1, int(len(values) * q))]


def measure(options, site, page):
    n = options.guests
    crowd = Crowd(options, site, page)
    free = [available()]
    began = time.monotonic()
    make_taps(n)
    free.append(available())
    print(f"{n} taps in {time.monotonic() - began:.1f} s; starting {n} guests", flush=True)
    began = time.monotonic()
    for _ in range(n):
        crowd.start()
        crowd.turn(0)
    spawned = time.monotonic() - began
    crowd.until_answered()
    started = max(g.answered for g in crowd.guests) - began
    first = [(g.answered - g.began) * 1000 for g in crowd.guests]
    print(f"all {n} have answered after {started:.2f} s; settling for {options.settle} s", flush=True)
    time.sleep(options.settle)
    free.append(available())
    pids = processes()
    (cpu, sleeps), busy, at = cpu_and_sleeps(pids), lib.busy_seconds(), time.monotonic()
    time.sleep(options.seconds)
    (cpu2, sleeps2), busy2, at2 = cpu_and_sleeps(pids), lib.busy_seconds(), time.monotonic()
    crowd.turn(0)                           # says who has ended
    r = {"guests": n, "processes": len(pids), "spawned_s": spawned, "started_s": started,
         "first_ms": [lib.median(first), quantile(first, .9), quantile(first, .99)],
         "kib": (free[0] - free[2]) / n, "kib_tap": (free[0] - free[1]) / n, "inside_kib": look_into(pids, options.sample),
         "idle_percent": (cpu2 - cpu) / (at2 - at) * 100, "wakes_per_s": (sleeps2 - sleeps) / (at2 - at) / n,
         "machine_percent": (busy2 - busy) / (at2 - at) * 100}
    again = crowd.ask_one_by_one()
    r["again_ms"] = [lib.median(again), quantile(again, .99)]
    r["kib_after"] = (free[0] - available()) / n
    r["ended_s"], r["statuses"] = crowd.end()
    time.sleep(1)
    r["kib_left"] = (free[0] - available()) / n
    return r


def report(r):
    def note(value, goal):
        return f"goal: below {goal:g}" + ("" if value < goal else "  MISSED")
    rows = [["guests", r["guests"], f"{r['processes']} processes"],
            ["all started and answered", f"{r['started_s']:.2f} s", note(r["started_s"], GOALS["start"])],
            ["  exec to first answer, median", f"{r['first_ms'][0]:.1f} ms", f"p90 {r['first_ms'][1]:.1f}, p99 {r['first_ms'][2]:.1f}"],
            ["memory for each, MemAvailable", f"{r['kib']:.0f} KiB", note(r["kib"], GOALS["kib"])],
            ["  of it the tap itself", f"{r['kib_tap']:.0f} KiB", ""]]
    known = r["kib_tap"]
    for kind, parts in sorted(r["inside_kib"].items()):
        for key, value in parts.items():
            rows.append([f"  {kind}, {key}, median", f"{value:.0f} KiB", ""])
            known += value
    rows += [["  the rest: stacks, descriptors, tap's queue", f"{r['kib'] - known:.0f} KiB", ""],
             ["all idle, of one core", f"{r['idle_percent']:.2f} %", note(r["idle_percent"], GOALS["idle"])],
             ["  sleeps of a guest and its monitor", f"{r['wakes_per_s']:.2f} /s", ""],
             ["  the whole machine, with others on it", f"{r['machine_percent']:.0f} %", ""],
             ["answer of an idle guest, median", f"{r['again_ms'][0]:.2f} ms", f"p99 {r['again_ms'][1]:.2f}"],
             ["memory for each after that", f"{r['kib_after']:.0f} KiB", ""],
             ["all ended by SIGTERM", f"{r['ended_s']:.2f} s", f"exit statuses {r['statuses']}"],
             ["memory for each, guests gone, taps still there", f"{r['kib_left']:.0f} KiB", ""]]
    lib.table(rows)
    return (r["started_s"] >= GOALS["start"]) + (r["kib"] >= GOALS["kib"]) + (r["idle_percent"] >= GOALS["idle"])


def inside(options):
    need = options.guests * 2 + 64
    if resource.getrlimit(resource.RLIMIT_NOFILE)[1] < need:
        resource.setrlimit(resource.RLIMIT_NOFILE, (need, need))
    resource.setrlimit(resource.RLIMIT_NOFILE, (need, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    folder = lib.make_site(options.size)
    with open(os.path.join(folder, "index.html"), "rb") as f:
        page = f.read()
    options.store, options.volume, options.module = "module", None, None
    lib.make_store(options, folder)
    r = measure(options, f"{options.module},name=site", page)
    missed = report(r)
    lib.save(options.json, {"date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()), "cores": os.cpu_count(),
                            "host kernel": os.uname().release, "memory": options.memory, **r})
    wrong = sum(n for status, n in r["statuses"].items() if status != 0)
    if wrong:
        print(f"{wrong} guests did not end with status 0", file=sys.stderr)
    return 1 if wrong or (options.check and missed) else 0


def main():
    options = parse_options()
    if options.inside:
        signal.signal(signal.SIGTERM, lambda *_: os._exit(143))
        return inside(options)
    return outside(options)


lib.main(main)

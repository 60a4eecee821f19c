#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Runs every test of httpd and echo that needs no guest: starts the Linux programs and talks to them.

  run_linux.py HTTPD [ECHO] [--tree DIR]

HTTPD, ECHO: the programs, as `make linux APP=...` builds them, better with -fsanitize=address,undefined. DIR: a real
tree to fetch and compare. Prints TAP. Exit status: 0 all passed, 1 some failed, 2 wrong usage.
"""
import argparse
import os
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import time

import testsite
from compare_tree import compare
from httpwire import Tap, Wire

HERE = os.path.dirname(os.path.abspath(__file__))


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Server:
    """The program, running, its output in files; ended and looked at when the block is left."""

    def __init__(self, tap, program, args, port, what, before=None):
        self.tap, self.what, self.port = tap, what, port
        self.out = tempfile.TemporaryFile()
        self.err = tempfile.TemporaryFile()
        self.process = subprocess.Popen([program, *args], stdout=self.out, stderr=self.err, preexec_fn=before)
        for _ in range(100):
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                time.sleep(0.05)

    def __enter__(self):
        return self

    def text(self, f):
        f.seek(0)
        return f.read().decode("utf-8", "replace")

    def __exit__(self, *exc):
        self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            status = "killed"
        errors = self.text(self.err)
        bad = "Sanitizer" in errors or "runtime error" in errors
        self.tap.ok(not bad and status in (0, -signal.SIGTERM), f"{self.what}: ends cleanly, nothing found by sanitizers",
                    f"status {status}\n{errors[-3000:]}")


def behaviour(tap, httpd, site):
    """The behaviour tests, as a program of their own: once as delivered, once with small limits."""
    port = free_port()
    args = ["-r", site, "-p", str(port), "--header", "2", "--idle", "2", "--max-conns", "60", "--cache", "64K"]
    with Server(tap, httpd, args, port, "httpd with small limits") as server:
        r = subprocess.run([sys.executable, os.path.join(HERE, "http_behaviour.py"), f"http://127.0.0.1:{port}", "--root", site,
                            "--header-timeout", "2", "--idle-timeout", "2", "--max-conns", "60"],
                           stdout=subprocess.PIPE, timeout=300, check=False)
        failed = [l for l in r.stdout.decode().splitlines() if not l.startswith("ok")]
        n = r.stdout.decode().count("\nok") + 1
        tap.ok(r.returncode == 0, f"all {n} behaviour tests pass", "\n".join(failed))
        log = server.text(server.out)
        tap.ok('"GET /folder?a=b&c HTTP/1.1" 301 0\n' in log, "requests are logged")
        tap.ok(all(c == "\n" or 32 <= ord(c) < 127 for c in log), "and what clients send cannot disturb the console")


def metric(port, name):
    with Wire(("127.0.0.1", port)) as w:
        for line in w.get("/_glint/metrics").body.decode().splitlines():
            if line.startswith(name + " "):
                return int(line.split()[1])
    raise KeyError(name)


def cached(tap, httpd, site):
    """A hot file is not looked at again; a changed one is."""
    port = free_port()
    with Server(tap, httpd, ["-r", site, "-p", str(port), "--quiet"], port, "httpd --quiet") as server:
        with Wire(("127.0.0.1", port)) as w:
            w.get("/README")
            before = metric(port, "httpd_cache_misses_total")
            for _ in range(1000):
                w.get("/README")
            tap.equal(metric(port, "httpd_cache_misses_total") - before, 0, "a thousand hits, no miss")
            with open(os.path.join(site, "README"), "wb") as f:
                f.write(b"changed\n")
            time.sleep(1.2)
            tap.equal(w.get("/README").body, b"changed\n", "a changed file shows within a second")
        testsite.make(site)
        tap.equal(server.text(server.out), "", "--quiet logs nothing")
    with Server(tap, httpd, ["-r", site, "-p", str(port), "--no-status"], port, "httpd --no-status"):
        with Wire(("127.0.0.1", port)) as w:
            tap.equal([w.get(p).status for p in ("/_glint/metrics", "/_glint/status", "/metrics")], [404] * 3,
                      "--no-status switches them off")


def no_root(tap, httpd, folder):
    """The document root is missing, appears, and goes."""
    port, root = free_port(), os.path.join(folder, "later")
    with Server(tap, httpd, ["-r", root, "-p", str(port)], port, "httpd without its root") as server:
        with Wire(("127.0.0.1", port)) as w:
            r = w.get("/")
            tap.ok(r.status == 503 and b"document root" in r.body and r["retry-after"], "503, with the reason", r.status)
            tap.equal(w.get("/_glint/status").status, 200, "the status page is there all the same")
            os.mkdir(root)
            with open(os.path.join(root, "index.html"), "wb") as f:
                f.write(b"here\n")
            time.sleep(1.1)
            tap.equal(w.get("/").body, b"here\n", "served as soon as it appears")
            os.rename(root, root + ".gone")
            time.sleep(1.1)
            tap.equal(w.get("/").status, 503, "and 503 again when it goes")
        tap.ok("document root" in server.text(server.err), "the console says so, too")


def few_descriptors(tap, httpd, site):
    """With few descriptors, connections wait, and files can still be opened."""
    port = free_port()
    limit = lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))
    with Server(tap, httpd, ["-r", site, "-p", str(port), "--quiet"], port, "httpd with 40 descriptors", limit):
        time.sleep(0.2)
        wires = [Wire(("127.0.0.1", port), 0.3) for _ in range(60)]
        for w in wires:
            w.send("GET /small.bin HTTP/1.1\r\nHost: a\r\n\r\n")
        first, served, waiting = None, 0, wires
        for _ in range(10):
            still = []
            for w in waiting:
                try:
                    served += w.response().status == 200
                    w.close()
                except socket.timeout:
                    still.append(w)
            first, waiting = first or served, still
        tap.ok(served == 60, f"60 clients are served with 40 descriptors", f"{first} at first, {served} in all")


def arguments(tap, program, cases):
    for args, status in cases:
        r = subprocess.run([program, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=10, check=False)
        tap.ok(r.returncode == status and r.stderr, f"{os.path.basename(program)} {' '.join(args)}: status {status}, with a message",
               f"{r.returncode}: {r.stderr!r}")


def echo_tests(tap, echo):
    port = free_port()
    arguments(tap, echo, [(["--help"], 0), (["0"], 2), (["65536"], 2), (["x"], 2), (["1", "2"], 2)])
    with Server(tap, echo, [str(port)], port, "echo"):
        arguments(tap, echo, [([str(port)], 1)])
        address = ("127.0.0.1", port)
        greedy = socket.create_connection(address, 10)
        greedy.setblocking(False)
        sent = 0
        try:
            while True:
                sent += greedy.send(b"x" * 65536)
        except BlockingIOError:
            pass
        wires = [socket.create_connection(address, 10) for _ in range(100)]
        for i, s in enumerate(wires):
            s.sendall(b"client %d" % i)
        tap.equal([s.recv(100) for s in wires], [b"client %d" % i for i in range(100)],
                  "a hundred clients beside one that does not read")
        for s in wires:
            s.close()
        greedy.settimeout(10)
        got = 0
        while got < sent:
            got += len(greedy.recv(1 << 20))
        tap.equal(got, sent, f"who did not read gets all {sent} bytes in the end")
        greedy.shutdown(socket.SHUT_WR)
        tap.equal(greedy.recv(1), b"", "closed when the client closes")
        greedy.close()
        for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
            with socket.socket(family, socket.SOCK_DGRAM) as u:
                u.settimeout(5)
                for data in (b"a", b"", b"b" * 1400):
                    u.sendto(data, (host, port))
                    tap.equal(u.recv(2000), data, f"a datagram of {len(data)} bytes to {host}")
        with socket.create_connection(("::1", port), 5) as s:
            s.sendall(b"six")
            tap.equal(s.recv(10), b"six", "TCP over IPv6")


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("httpd")
    p.add_argument("echo", nargs="?")
    p.add_argument("--tree", help="a real tree to serve, fetch and compare")
    a = p.parse_args()
    for program in (a.httpd, a.echo):
        if program and not os.access(program, os.X_OK):
            print(f"run_linux: not a program: {program} (make linux APP=...)", file=sys.stderr)
            return 2
    tap = Tap()
    with tempfile.TemporaryDirectory() as folder:
        site = os.path.join(folder, "site")
        testsite.make(site)
        behaviour(tap, a.httpd, site)
        cached(tap, a.httpd, site)
        no_root(tap, a.httpd, folder)
        few_descriptors(tap, a.httpd, site)
        arguments(tap, a.httpd, [(["--help"], 0), (["--frob"], 2), (["-p"], 2), (["-p", "0"], 2), (["-p", "x"], 2),
                                 (["--cache", "5"], 2), (["--cache", "1G"], 2), (["-r", ""], 2), (["-r", "x" * 300], 2)])
    if a.tree:
        port = free_port()
        with Server(tap, a.httpd, ["-r", a.tree, "-p", str(port), "--quiet"], port, "httpd with a real tree"):
            n, size, problems = compare(f"http://127.0.0.1:{port}", a.tree, clients=50, ranges=True)
            tap.ok(n and not problems, f"{n} files of {a.tree}, {size} bytes, equal, also by ranges", "\n".join(problems[:10]))
    if a.echo:
        echo_tests(tap, a.echo)
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())

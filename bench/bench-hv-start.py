#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Time from exec of `glint run` to the first line and to the end, beside that of
/bin/true and /bin/echo, interleaved; medians. To the first HTTP answer with --http."""
import argparse, os, socket, statistics, subprocess, sys, time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def once(cmd):
    """(ms to the first byte on stdout or None, ms to the end)."""
    r, w = os.pipe()
    start = time.perf_counter()
    pid = os.posix_spawn(cmd[0], cmd, os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, w, 1), (os.POSIX_SPAWN_CLOSE, r), (os.POSIX_SPAWN_CLOSE, w)])
    os.close(w)
    first = None
    while data := os.read(r, 65536):
        if first is None and data:
            first = (time.perf_counter() - start) * 1000
    os.waitpid(pid, 0)
    os.close(r)
    return first, (time.perf_counter() - start) * 1000


def first_answer(cmd, addr):
    start = time.perf_counter()
    p = subprocess.Popen(cmd, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while time.perf_counter() - start < 10:
            try:
                with socket.create_connection(addr, timeout=0.002) as s:
                    s.settimeout(5)
                    s.sendall(b"GET / HTTP/1.0\r\n\r\n")
                    if s.recv(16):
                        return (time.perf_counter() - start) * 1000
            except OSError:
                pass
        return None
    finally:
        p.terminate()
        p.wait(15)


def row(name, values):
    values = sorted(values)
    print(f"{name:34} {statistics.median(values):8.3f} {values[len(values) // 10]:8.3f} {values[len(values) * 9 // 10]:8.3f}")


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("-n", type=int, default=50, help="runs of each")
    p.add_argument("--glint", default=f"{ROOT}/build/host/glint")
    p.add_argument("--image", default=f"{ROOT}/build/hello.elf")
    p.add_argument("--accel", default="process", choices=("process", "kvm"))
    p.add_argument("--tap", help="an existing tap with an address: also measure httpd's first answer")
    p.add_argument("--guest-ip", help="the guest's address on that tap, like 10.0.0.2/24")
    a = p.parse_args()
    for f in (a.glint, a.image):
        if not os.path.exists(f):
            print(f"bench-hv-start: {f} is missing: `make glint image APP=hello`", file=sys.stderr)
            return 2
    cmds = {"glint run hello": [a.glint, "run", "--accel", a.accel, a.image], "glint --version": [a.glint, "--version"],
            "/bin/true": ["/bin/true"], "/bin/echo": ["/bin/echo", "hello"]}
    results = {k: [] for k in cmds}
    for _ in range(a.n):
        for k, cmd in cmds.items():
            results[k].append(once(cmd))
    print(f"{'ms, ' + str(a.n) + ' runs each':34} {'median':>8} {'p10':>8} {'p90':>8}")
    for k, v in results.items():
        if v[0][0] is not None:
            row(f"{k}: first line", [f for f, _ in v])
        row(f"{k}: end", [e for _, e in v])
    if a.tap and a.guest_ip:
        cmd = [a.glint, "run", "--accel", a.accel, "--net", f"tap={a.tap}", f"{ROOT}/build/httpd.elf", f"ip={a.guest_ip}"]
        times = [first_answer(cmd, (a.guest_ip.split("/")[0], 80)) for _ in range(max(5, a.n // 5))]
        row("glint run httpd: first answer", [x for x in times if x is not None])
    return 0


sys.exit(main())

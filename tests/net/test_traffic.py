#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Ping of all sizes, UDP and TCP echo over IPv4 and IPv6: on both transports,
with and without the tap's offloads and the event index; then through a wire
that loses, delays, repeats and reorders frames."""
import hashlib, os, random, socket, sys, threading, time
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from netlib import MAC, NetGuest, Tap, build, drop_tap, enter, ll, make_tap, ping, wait_port
from wire import Wire

t = Tap()
SIZES = (0, 1, 56, 1452, 1453, 1472, 1473, 20000, 65000)
FULL, SHORT = 16 << 20, 3 << 20


def pings(what, sizes=SIZES):
    for host in ("10.0.0.2", "fd00:0::2", ll()):
        missing = [n for n in sizes if ping(host, n) is None]
        t.ok(not missing, f"{what}: ping {host.split('%')[0]}, {len(sizes)} sizes up to {max(sizes)}" + f"; no answer: {missing}" * bool(missing))


def udp(what, sizes=(0, 1, 1472, 1473, 16384, 60000), tries=3, timeout=1.5):
    for family, host in ((socket.AF_INET, "10.0.0.2"), (socket.AF_INET6, "fd00:0::2")):
        bad = []
        with socket.socket(family, socket.SOCK_DGRAM) as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
            s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
            s.settimeout(timeout)
            for n in sizes:
                data, good = os.urandom(n), False
                for _ in range(tries):
                    s.sendto(data, (host, 7))
                    try:
                        while not (good := s.recv(70000) == data):
                            pass
                        break
                    except OSError:
                        pass
                if not good:
                    bad.append(n)
        t.ok(not bad, f"{what}: UDP echo by IPv{4 if family == socket.AF_INET else 6}, {len(sizes)} sizes up to {max(sizes)}" + f"; wrong: {bad}" * bool(bad))


def tcp_echo(host, size, timeout=60, chunk=65536):
    """Seconds for `size` bytes there and back, compared by hash; None: wrong or late."""
    block = random.Random(size).randbytes(chunk)
    sent, got = hashlib.sha256(), hashlib.sha256()
    n = 0
    start = time.monotonic()
    with socket.create_connection((host, 7), timeout=timeout) as s:
        def send():
            left, i = size, 0
            while left:
                part = (i.to_bytes(4, "big") + block[4:])[:min(left, chunk)]
                sent.update(part)
                s.sendall(part)
                left -= len(part)
                i += 1
            s.shutdown(socket.SHUT_WR)
        w = threading.Thread(target=send, daemon=True)
        w.start()
        try:
            while data := s.recv(262144):
                got.update(data)
                n += len(data)
        except OSError:
            return None
        w.join(5)
    took = time.monotonic() - start
    return took if n == size and sent.digest() == got.digest() and took < timeout else None


def tcp(what, size, hosts=("10.0.0.2", "fd00:0::2"), timeout=60):
    for host in hosts:
        try:
            took = tcp_echo(host, size, timeout)
        except OSError as e:
            t.diag(repr(e))
            took = None
        t.ok(took is not None, f"{what}: {size >> 10} KiB by TCP to {host} and back are equal" + (f" ({size / took / 1e6:.0f} MB/s each way)" if took else ""))


def plain(way, offload, event_idx, size, dev_extra="", mem="16M"):
    what = f"{way}, offloads {'on' if offload else 'off'}, event_idx {'on' if event_idx else 'off'}{dev_extra}"
    make_tap(0, offload)
    with NetGuest("echo", way=way, event_idx=event_idx, dev_extra=dev_extra, mem=mem) as g:
        if t.ok(wait_port(g), f"{what}: answers"):
            pings(what)
            udp(what)
            tcp(what, size)
        if not t.ok(g.alive(), f"{what}: the guest is up"):
            t.diag(g.text()[-2000:])
    drop_tap(0)


def bad_wire():
    """loss, delay and so on, in both directions."""
    make_tap(0, offload=False)
    for what, how, size in (("2% loss", dict(loss=0.02), 1 << 20), ("reordering", dict(reorder=0.05), 1 << 20), ("20 ms delay", dict(delay=0.02), 2 << 20),
                            ("1% loss, 3% repeated, 3% late, 10 ms delay", dict(loss=0.01, repeat=0.03, reorder=0.03, delay=0.01), 256 << 10),
                            ("1% of bits wrong in a byte", dict(flip=0.01), 512 << 10)):
        with Wire("tap0", **how) as w, NetGuest("echo", netdev=w.netdev) as g:
            if t.ok(wait_port(g), f"wire with {what}: answers"):
                tcp(f"wire with {what}", size, hosts=("10.0.0.2", "fd00:0::2"), timeout=40)
                udp(f"wire with {what}", sizes=(10, 1400, 9000), tries=12, timeout=0.3)
            t.ok(g.alive(), f"wire with {what}: the guest is up")
    drop_tap(0)


def main():
    enter()
    build("echo")
    plain("microvm", True, True, FULL)
    plain("microvm", False, False, SHORT)
    plain("q35", True, False, FULL)
    plain("q35", False, True, SHORT)
    plain("hv", True, True, FULL)
    plain("hv", False, True, FULL)
    plain("hv", True, True, SHORT, mem="5M")
    plain("microvm", True, True, SHORT, ",mrg_rxbuf=off")
    plain("microvm", True, True, SHORT, ",csum=off,guest_csum=off")
    plain("microvm", True, True, SHORT, mem="5M")
    bad_wire()
    return t.done()


if __name__ == "__main__":
    sys.exit(main())

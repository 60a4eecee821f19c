#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Addresses: static and by DHCP (also from servers that lie), several network
devices, gateways, link down and up, wrong ip= values."""
import os, socket, struct, sys, threading, time
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from netlib import NetGuest, Tap, build, drop_tap, enter, ll, make_tap, ping, sh, wait_port

t = Tap()


class Dhcp(threading.Thread):
    """Gives 10.0.0.50; `lie` makes of the first offers what it likes."""

    def __init__(self, lie=None, silent=0):
        super().__init__(daemon=True)
        self.lie, self.silent, self.seen, self.lease = lie, silent, [], 3600
        self.s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        self.s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"tap0")
        self.s.bind(("", 67))
        self.s.settimeout(0.2)
        self.over = False
        self.start()

    def run(self):
        while not self.over:
            try:
                q = self.s.recv(2000)
            except OSError:
                continue
            kind = q[242] if q[240:242] == b"\x35\x01" else 0
            self.seen.append(kind)
            if len(self.seen) <= self.silent:
                continue
            answer = self.answer(q, {1: 2, 3: 5}.get(kind, 0))
            for a in (self.lie(answer, len(self.seen)) if self.lie else [answer]):
                self.s.sendto(a, ("255.255.255.255", 68))

    def answer(self, q, kind):
        ip = socket.inet_aton
        opts = bytes([53, 1, kind, 54, 4]) + ip("10.0.0.1") + bytes([51, 4]) + struct.pack("!I", self.lease) + bytes([1, 4, 255, 255, 255, 0, 3, 4]) + ip("10.0.0.1") + bytes([6, 4]) + ip("10.0.0.1") + b"\xff"
        return (b"\2\1\6\0" + q[4:8] + b"\0" * 8 + ip("10.0.0.50") + ip("10.0.0.1") + b"\0" * 4 + q[28:44] + b"\0" * 192 + b"\x63\x82\x53\x63" + opts).ljust(300, b"\0")

    def close(self):
        self.over = True
        self.join(2)
        self.s.close()


def liar(a, n):
    """Wrong before right: what a client must not take, then the true answer."""
    o = a[:240]
    nak = lambda server: o + b"\x35\1\6\x36\4" + server + b"\xff" + b"\0" * 60
    return [a[:100], o, a[:4] + b"\xde\xad\xbe\xef" + a[8:], a[:28] + b"\2\2\2\2\2\2" + a[34:], a[:236] + b"\0\0\0\0" + a[240:], o + b"\x35\xff\2", o + b"\x35\0\xff",
            o + b"\x34\1\3" + b"\1\xf0" * 20, o + bytes([3, 255]) + b"\xff" * 20, o + b"\0" * 200, a[:1] + b"\1\xff" + a[3:], nak(b"\x0a\0\0\x42"), nak(b"")] * 2 + [a]


def refuser(a, n):
    """Offers, and refuses what it offered."""
    return [a if a[242] == 2 else a[:242] + b"\6" + a[243:]]


def storm():
    """A server that refuses every request is not asked more often than one that is silent."""
    make_tap(0)
    server = Dhcp(lie=refuser)
    with NetGuest("echo", kargs="ip=dhcp") as g:
        time.sleep(8)
        n = len(server.seen)
        t.ok(2 <= n <= 20, f"DHCP, a server that refuses: {n} messages in 8 s")
        server.lie = None
        t.ok(bool(g.wait_for(r"net0: 10\.0\.0\.50/24", 20)), "DHCP, a server that refuses: an address when it no longer does")
    server.close()
    drop_tap(0)


def dhcp(way, what, most, **kw):
    make_tap(0)
    server = Dhcp(**kw)
    with NetGuest("echo", way=way, kargs="ip=dhcp hostname=net-test") as g:
        start = time.monotonic()
        fine = g.wait_for(r"net0: 10\.0\.0\.50/24 gateway 10\.0\.0\.1", most) and wait_port(g, "10.0.0.50", timeout=3)
        if not t.ok(bool(fine) and g.alive(), f"{way}: DHCP, {what}: an address after {time.monotonic() - start:.1f} s"):
            t.diag(f"requests seen: {server.seen[:40]}\n{g.text()[-800:]}")
    server.close()
    drop_tap(0)


def several(way):
    for n in range(3):
        make_tap(n)
    with NetGuest("echo", way=way, nics=(0, 1, 2)) as g:
        fine = wait_port(g)
        t.ok(fine, f"{way}: three devices: the first answers")
        for host in ("10.0.1.2", "10.0.2.2", "fd00:1::2", "fd00:2::2", ll(0), ll(1), ll(2)):
            t.ok(ping(host) is not None, f"{way}: three devices: ping {host.split('%')[0]}")
        t.ok(all(socket.create_connection((h, 7), timeout=3).close() is None for h in ("10.0.1.2", "10.0.2.2", "fd00:2::2")), f"{way}: three devices: TCP to each")
    for n in range(3):
        drop_tap(n)


def gateway():
    """From an address that only the gateway can reach."""
    make_tap(0)
    sh("ip addr add 192.168.77.1/32 dev lo")
    sh("ip -6 addr add fd77::1/128 dev lo")
    with NetGuest("echo", kargs="ip=10.0.0.2/24,gw=10.0.0.1 ip=fd00:0::2/64,gw=fd00:0::1") as g:
        t.ok(wait_port(g), "gateway: answers")
        for family, source, host in ((socket.AF_INET, "192.168.77.1", "10.0.0.2"), (socket.AF_INET6, "fd77::1", "fd00:0::2")):
            got = b""
            try:
                with socket.create_connection((host, 7), timeout=4, source_address=(source, 0)) as s:
                    s.sendall(b"over the gateway")
                    got = s.recv(100)
            except OSError as e:
                t.diag(repr(e))
            t.ok(got == b"over the gateway", f"gateway: TCP with {source} by the gateway")
    sh("ip addr del 192.168.77.1/32 dev lo")
    sh("ip -6 addr del fd77::1/128 dev lo")
    drop_tap(0)


def link(way):
    make_tap(0)
    with NetGuest("echo", way=way) as g:
        wait_port(g)
        with socket.create_connection(("10.0.0.2", 7), timeout=10) as s:
            for _ in range(2):
                g.qmp("set_link", name="nic0", up=False)
                t.ok(bool(g.wait_for(r"link down", 3)), f"{way}: link down: said so")
                t.ok(ping("10.0.0.2", timeout=0.3, tries=1) is None, f"{way}: link down: no answer")
                s.sendall(b"meanwhile")
                g.qmp("set_link", name="nic0", up=True)
                t.ok(bool(g.wait_for(r"link up", 3)) and ping("10.0.0.2", tries=4) is not None, f"{way}: link up: ping answered again")
                got = b""
                try:
                    while len(got) < 9:
                        got += s.recv(100)
                except OSError:
                    pass
                t.ok(got == b"meanwhile", f"{way}: link up: an open connection goes on")
                g.out = b""
    drop_tap(0)


def wrong():
    make_tap(0)
    for value in ("ip=10.0.0.2", "ip=10.0.0.2/33", "ip=10.0.0/24", "ip=10.0.0.2/24,gw=", "ip=10.0.0.2/24,gw=10.0.0.999", "ip=", "ip=fd00::1/48", "ip=dhcp,dhcp", "ip=none,dhcp",
                  "ip=10.0.0.2/24,dns=x", "ip=0x0a000002/24", "ip=10.0.0.2/24 ip=10.0.0.3/24", "net9.ip=dhcp", "ip=" + "1" * 200):
        with NetGuest("echo", kargs=value) as g:
            status = g.wait_exit(10)
            text = g.text()
        if not t.ok(status == 1 and "is wrong" in text, f"{value[:40]}: said so, status {status}"):
            t.diag(text[-600:])
    with NetGuest("echo", kargs="ip=10.0.0.2/24 net1.ip=dhcp") as g:
        t.ok(wait_port(g) and bool(g.wait_for(r"net1\.ip= given, but there is no net1", 2)), "net1.ip= without a net1: a warning")
    with NetGuest("echo", kargs="ip=none") as g:
        t.ok(bool(g.wait_for(r"net0: not used", 8)) and ping("10.0.0.2", timeout=0.3, tries=1) is None and g.alive(), "ip=none: silent")
    drop_tap(0)


def main():
    enter()
    build("echo")
    dhcp("microvm", "a plain server", 10)
    dhcp("q35", "a plain server", 10)
    dhcp("hv", "a plain server", 10)
    dhcp("microvm", "the first two requests are lost", 20, silent=2)
    dhcp("microvm", "a server that lies first", 20, lie=liar)
    storm()
    several("microvm")
    several("q35")
    several("hv")
    gateway()
    link("microvm")
    link("q35")
    wrong()
    return t.done()


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""A hostile network: malformed frames of every kind from a raw socket, a SYN
flood, resets, windows that stay closed, abandoned connections. After each the
guest answers, open connections live, drops are counted, memory comes back."""
import os, random, socket, struct, sys, tempfile, threading, time
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from frames import Gen
from netlib import TABLES, NetGuest, Tap, build, drop_tap, enter, get, levels, make_site, make_tap, metrics, ping, returned, sh, stack, total_drops, wait_answer

t = Tap()


class KeepAlive:
    """One connection that must live through everything."""

    def __init__(self):
        self.s = socket.create_connection(("10.0.0.2", 80), timeout=3)

    def works(self):
        try:
            self.s.sendall(b"GET / HTTP/1.1\r\nHost: t\r\n\r\n")
            data = b""
            while not data.endswith(b"</h1>\n") or len(data) < 260:
                part = self.s.recv(65536)
                if not part:
                    return False
                data += part
            return data.startswith(b"HTTP/1.1 200")
        except OSError:
            return False


def answers(n=3):
    for _ in range(n):
        try:
            if get(timeout=2)[0] == 200:
                return True
        except OSError:
            pass
    return False


def malformed(g, raw, gen, what, before):
    keep = KeepAlive()
    keep.works()
    for kind, frames in gen.kinds():
        m0 = metrics()
        n = 0
        for f in frames:
            try:
                raw.send(f)
                n += 1
            except OSError:
                pass            # this host's own limits
        try:
            fine = answers() and ping("10.0.0.2") is not None
            m1 = metrics()
        except OSError:
            fine, m1 = False, {}
        dropped = total_drops(m1) - total_drops(m0)
        must = kind not in gen.ACCEPTED
        if not t.ok(fine and (dropped > 0 or not must), f"{what}: {kind}: {n} frames, {dropped} counted as dropped, the guest answers"):
            t.diag("" if g.alive() else g.text()[-1500:])
            if not g.alive():
                return
    t.ok(keep.works(), f"{what}: an open connection lived through all of it")
    keep.s.close()
    left = returned(before, 40)
    t.ok(not left, f"{what}: memory is back" + f": {left}" * bool(left))


def flood(g, raw, gen, before):
    keep = [KeepAlive() for _ in range(5)]
    bad = 0
    n = 6000
    start = time.monotonic()
    for i in range(n):
        try:
            raw.send(gen.syn(i))
        except OSError:
            time.sleep(0.001)
        if i % 600 == 0:
            bad += not keep[i // 600 % 5].works()
    took = time.monotonic() - start
    bad += sum(not k.works() for k in keep)
    t.ok(bad == 0, f"SYN flood: {n} from spoofed addresses in {took:.1f} s: 5 open connections go on")
    start = time.monotonic()
    fine = answers(3)
    t.ok(fine, f"SYN flood: a new connection after {time.monotonic() - start:.1f} s")
    m = metrics()
    t.ok(stack(m, "stack", "syn_dropped") + stack(m, "stack", "syn_evicted") > 0,
         f"SYN flood: {stack(m, 'stack', 'syn_dropped')} dropped, {stack(m, 'stack', 'syn_evicted')} evicted, counted")
    for k in keep:
        k.s.close()
    left = returned(before, 40, tables=TABLES)
    t.ok(not left, "SYN flood: memory is back" + f": {left}" * bool(left))


def resets(raw, gen, before):
    """Guessed sequence numbers must not end a connection (RFC 5961)."""
    keep = KeepAlive()
    port = keep.s.getsockname()[1]
    keep.works()
    rnd = random.Random(3)
    for _ in range(1000):
        raw.send(gen.tcp(port, flags=rnd.choice((4, 4, 2, 0x14, 1, 0x11)), seq=rnd.randrange(1 << 32), ack=rnd.randrange(1 << 32)))
    t.ok(keep.works(), "1,000 RST, SYN and FIN with guessed sequence numbers: the connection lives")
    for i in range(100):                                # real ones
        s = socket.create_connection(("10.0.0.2", 80), timeout=3)
        s.sendall(b"GET /big.bin HTTP/1.1\r\nHost: t\r\n\r\n")
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        s.close()
    t.ok(answers() and keep.works(), "100 connections reset in mid-answer: the guest answers")
    keep.s.close()
    left = returned(before, 40, tables=TABLES)
    t.ok(not left, "resets: memory is back" + f": {left}" * bool(left))


def stuck_clients(before):
    """They ask for much, read nothing; others are served; they vanish or close."""
    stuck = []
    for i in range(40):
        s = socket.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        s.settimeout(3)
        s.connect(("10.0.0.2", 80))
        s.sendall(b"GET /big.bin HTTP/1.1\r\nHost: t\r\n\r\n" * 20)
        stuck.append(s)
    half = [socket.create_connection(("10.0.0.2", 80), timeout=3) for _ in range(40)]
    for s in half:
        s.sendall(b"GET / HT")
    start = time.monotonic()
    fine = all(answers(1) for _ in range(20))
    t.ok(fine, f"40 clients with closed windows, 40 with half a request: 20 others served in {time.monotonic() - start:.2f} s")
    slow = stuck[0]
    slow.settimeout(2)
    try:
        n = sum(len(slow.recv(500)) for _ in range(200))
    except OSError:
        n = 0
    t.ok(n > 20000, f"a slow reader gets its answer ({n} bytes in small pieces)")
    # abandoned without a word: their packets vanish
    sh("ip neigh replace 10.0.0.2 lladdr 02:00:00:00:00:99 nud permanent dev tap0")
    for s in stuck[20:] + half[20:]:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        s.close()
    sh("ip neigh del 10.0.0.2 dev tap0")
    for s in stuck[:20] + half[:20]:
        s.close()
    t.ok(answers(), "half of them closed, half vanished: the guest answers")
    left = returned(before, 40, tables=TABLES)
    t.ok(not left, "abandoned connections: memory is back" + f": {left}" * bool(left))


def attack(way, tar, everything, seed):
    make_tap(0)
    with NetGuest("httpd", way=way, mem="16M", initrd=tar, args="--quiet --send 4 --header 4 --idle 20") as g:
        first = wait_answer(g)
        if not t.ok(bool(first), f"{way}: answers"):
            t.diag(g.text()[-1500:])
            return
        for _ in range(10):
            answers()
        get(path="/big.bin")
        ping("fd00:0::2")
        time.sleep(0.3)
        before = levels(metrics())
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as raw:
            raw.bind(("tap0", 0))
            gen = Gen(seed)
            malformed(g, raw, gen, way, before)
            if everything and g.alive():
                flood(g, raw, gen, before)
                resets(raw, gen, before)
                stuck_clients(before)
        if not t.ok(g.alive(), f"{way}: the guest is up at the end"):
            t.diag(g.text()[-2500:])
    drop_tap(0)


def main():
    enter()
    build("httpd")
    with tempfile.TemporaryDirectory() as tmp:
        tar, _ = make_site(tmp)
        attack("microvm", tar, True, 1)
        attack("q35", tar, False, 2)
        attack("hv", tar, True, 3)
    return t.done()


if __name__ == "__main__":
    sys.exit(main())

# SPDX-License-Identifier: BSD-2-Clause
"""Many clients, slow clients, clients that never finish."""
import random
import socket
import threading
import time

from compare_tree import compare
from httpwire import Closed, Wire


def many(ctx):
    """many clients at once"""
    n, size, problems = compare(ctx.url, ctx.root, clients=ctx.clients, everyone=True, timeout=60 * ctx.scale)
    ctx.tap.ok(not problems and n, f"{ctx.clients} clients fetch the whole site: {n} files, {size} bytes, all equal",
               "\n".join(problems[:10]))
    n, size, problems = compare(ctx.url, ctx.root, clients=min(ctx.clients, 10), ranges=True, timeout=60 * ctx.scale)
    ctx.tap.ok(not problems and n, f"{n} files put together from ranges are equal", "\n".join(problems[:10]))


def latency(ctx, n):
    """The worst of n requests on a fresh connection, in seconds."""
    worst = 0.0
    for _ in range(n):
        start = time.monotonic()
        with Wire(ctx.address, 10 * ctx.scale) as w:
            if w.get("/").status != 200:
                raise ValueError("not 200")
        worst = max(worst, time.monotonic() - start)
    return worst


def slow_readers(ctx):
    """slow readers"""
    t, data = ctx.tap, ctx.file("big.bin")
    slow = [Wire(ctx.address, 30 * ctx.scale, rcvbuf=4096) for _ in range(10)]
    for w in slow:
        w.send("GET /big.bin HTTP/1.1\r\nHost: a\r\n\r\n")
    time.sleep(0.3 * ctx.scale)
    worst = latency(ctx, 50)
    t.ok(worst < 1.0 * ctx.scale, f"others are served while ten clients do not read ({worst * 1000:.1f} ms at worst)")
    good = sum(w.response().body == data for w in slow)
    t.equal(good, 10, "and the ten still get every byte")
    for w in slow:
        w.close()


def slow_writers(ctx):
    """clients that do not finish their request"""
    t = ctx.tap
    slow = [Wire(ctx.address) for _ in range(20)]
    for w in slow:
        w.send("GET / HTTP/1.1\r\nHost: a\r\nX: ")
    worst = latency(ctx, 50)
    t.ok(worst < 1.0 * ctx.scale, f"others are served while twenty requests hang ({worst * 1000:.1f} ms at worst)")
    for w in slow:
        w.send("y\r\n\r\n")
    t.equal([w.response().status for w in slow], [200] * 20, "and the twenty are answered when they end")
    for w in slow:
        w.close()


def rude(ctx):
    """clients that vanish"""
    for i in range(60):
        w = Wire(ctx.address, rcvbuf=4096)
        w.send("GET /big.bin HTTP/1.1\r\nHost: a\r\n\r\n" * (1 + i % 5))
        w.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        w.close()
    ctx.tap.ok(latency(ctx, 5) < 1.0 * ctx.scale, "sixty clients that reset their connections do no harm")


GOOD = ["GET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET /big.bin HTTP/1.1\r\nHost: a\r\n\r\n", "HEAD /page.html HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /medium.bin HTTP/1.1\r\nHost: a\r\nRange: bytes=5-70000\r\n\r\n", "GET /page.html HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n",
        "GET /folder HTTP/1.0\r\n\r\n", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n0123456789", "GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /_glint/metrics HTTP/1.1\r\nHost: a\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "\r\n"]


def misbehave(ctx, rng):
    """One connection of random requests, some damaged, sent in random pieces, read now and then, left at random."""
    data = bytearray("".join(rng.choice(GOOD) for _ in range(rng.randint(1, 40))).encode())
    for _ in range(rng.choice((0, 0, 1, 5))):
        data[rng.randrange(len(data))] = rng.randrange(256)
    with Wire(ctx.address, 0.05, rcvbuf=rng.choice((None, 2048))) as w:
        try:
            while data:
                n = rng.choice((1, 7, 100, 3000, len(data)))
                w.send(bytes(data[:n]))
                del data[:n]
                if rng.random() < 0.5:
                    w.sock.recv(rng.choice((1, 1000, 1 << 20)))
            if rng.random() < 0.5:
                w.sock.shutdown(socket.SHUT_WR)
                while w.sock.recv(1 << 20):
                    pass
        except OSError:
            pass


def monkeys(ctx):
    """random clients"""
    if not ctx.random:
        ctx.tap.skip("clients do everything at random", "left out by --no-random")
        return
    count, failures = 8 * ctx.clients, []

    def run(seed):
        rng = random.Random(seed)
        for _ in range(count // 8):
            try:
                misbehave(ctx, rng)
            except OSError as e:
                failures.append(e)

    threads = [threading.Thread(target=run, args=(i,), daemon=True) for i in range(8)]
    for th in threads:
        th.start()
    for th in threads:
        th.join()
    worst = latency(ctx, 20)
    ctx.tap.ok(worst < 1.0 * ctx.scale and not failures, f"{count} clients do everything at random ({worst * 1000:.1f} ms at worst afterwards)",
               failures[:3])
    with Wire(ctx.address, 20 * ctx.scale) as w:
        good = all(w.get("/" + n).body == ctx.file(n) for n in ("big.bin", "medium.bin", "small.bin", "index.html"))
        ctx.tap.ok(good, "and the files are what they were")


def request_timeout(ctx):
    """slowloris"""
    limit = ctx.header_timeout
    if not limit:
        ctx.tap.skip("a request that never ends is 408", "needs --header-timeout")
        return
    with Wire(ctx.address, limit * 2 + 10) as w:
        start = time.monotonic()
        w.send("GET / HTTP/1.1\r\nHost: a\r\n")
        w.sock.settimeout(0.5)
        while time.monotonic() - start < limit * 2 + 5:
            try:
                if not w.more():
                    break
            except socket.timeout:
                try:
                    w.send("X: y\r\n")    # a byte now and then must not help
                except ConnectionError:
                    break
            else:
                break
        took = time.monotonic() - start
        w.sock.settimeout(5)
        r = w.response()
        ctx.tap.ok(r.status == 408 and limit - 0.5 <= took <= limit * 1.5 + 2 * ctx.scale and w.ended(),
                   f"a request that never ends is 408, closed ({took:.1f} s)", r.status)
    with Wire(ctx.address) as w:
        start = time.monotonic()
        ended = w.ended(limit * 2 + 5)
        ctx.tap.ok(ended, f"a client that says nothing is let go ({time.monotonic() - start:.1f} s)")


def idle_timeout(ctx):
    """idle connections"""
    limit = ctx.idle_timeout
    if not limit:
        ctx.tap.skip("an idle connection is closed", "needs --idle-timeout")
        return
    with Wire(ctx.address) as w:
        w.get("/")
        start = time.monotonic()
        ended = w.ended(limit * 2 + 5)
        took = time.monotonic() - start
        ctx.tap.ok(ended and took > limit - 0.5, f"an idle connection is closed without a word ({took:.1f} s)")


def full(ctx):
    """more connections than allowed"""
    t, n = ctx.tap, ctx.max_conns
    if not n:
        t.skip("beyond the greatest number of connections, new ones wait", "needs --max-conns")
        return
    time.sleep(0.5 * ctx.scale)
    wires = [Wire(ctx.address, 10 * ctx.scale) for _ in range(n)]
    t.equal(sum(w.get("/").status == 200 for w in wires), n, f"{n} connections are served")
    extra = Wire(ctx.address, 1.0 * ctx.scale)
    try:
        extra.get("/")
        waited = False
    except socket.timeout:
        waited = True
    t.ok(waited, "one more waits")
    t.equal(sum(w.get("/").status == 200 for w in wires), n, "the others go on")
    wires.pop().close()
    extra.sock.settimeout(5 * ctx.scale)
    try:
        t.equal(extra.response().status, 200, "when one leaves, it is served")
    except (Closed, OSError) as e:
        t.ok(False, "when one leaves, it is served", e)
    for w in wires + [extra]:
        w.close()


TESTS = [many, slow_readers, slow_writers, rude, monkeys, request_timeout, idle_timeout, full]

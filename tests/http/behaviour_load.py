# SPDX-License-Identifier: BSD-2-Clause
"""Many clients, slow clients, clients that never finish."""
import socket
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


TESTS = [many, slow_readers, slow_writers, rude, request_timeout, idle_timeout, full]

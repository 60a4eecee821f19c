# SPDX-License-Identifier: BSD-2-Clause
"""Requests, well-formed and not: which status, and does the connection live on?"""
import re

from httpwire import Closed, Wire


def raw(ctx, data, head=False):
    """(answer, closed afterwards?) to bytes sent as they are; answer None when there was none."""
    with Wire(ctx.address, 10 * ctx.scale) as w:
        try:
            w.send(data)
        except ConnectionError:
            pass
        try:
            r = w.response(head)
        except (Closed, ConnectionError):
            return None, True
        return r, w.ended(1.0 * ctx.scale)


def methods(ctx):
    """methods"""
    t = ctx.tap
    with Wire(ctx.address) as w:
        t.equal(w.get("/").status, 200, "GET is 200")
        r = w.get("/", method="HEAD")
        t.equal((r.status, r["content-length"]), (200, str(len(ctx.file("index.html")))), "HEAD is 200 with the length")
        t.equal(w.get("/").body, ctx.file("index.html"), "HEAD has no body: the next answer follows at once")
        for m in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"):
            r = w.get("/", method=m)
            t.equal((r.status, r["allow"]), (405, "GET, HEAD"), f"{m} is 405 with Allow")
        t.equal(w.get("/", method="BREW").status, 501, "an unknown method is 501")
        t.equal(w.get("/", method="get").status, 501, "methods are case-sensitive")
        t.equal(w.get("/").status, 200, "the connection lives on after all that")


def headers(ctx):
    """headers of an answer"""
    t = ctx.tap
    with Wire(ctx.address) as w:
        r = w.get("/")
        t.equal(r["server"], "Glint", "Server")
        t.ok(re.fullmatch(r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT", r["date"] or ""),
             "Date is an IMF-fixdate", r["date"])
        t.equal([len(r.all(n)) for n in ("date", "content-length", "content-type")], [1, 1, 1], "one of each")
        t.equal(r["accept-ranges"], "bytes", "Accept-Ranges")
        for status, path in ((404, "/nothing"), (403, "/noindex/")):
            r = w.get(path)
            t.ok(r.status == status and b"<h1>" in r.body and r["content-type"].startswith("text/html"),
                 f"{status} has a small page", r.status)
        r = w.get("/nothing", method="HEAD")
        t.equal(r.status, 404, "HEAD of nothing is 404")
        t.equal(w.get("/").status, 200, "and has no body")


def versions(ctx):
    """HTTP versions and keep-alive"""
    t = ctx.tap
    r, closed = raw(ctx, "GET / HTTP/1.0\r\n\r\n")
    t.equal((r.status, closed), (200, True), "HTTP/1.0 without Host: 200, then closed")
    r, closed = raw(ctx, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
    t.equal((r.status, (r["connection"] or "").lower(), closed), (200, "keep-alive", False), "HTTP/1.0 keep-alive")
    r, closed = raw(ctx, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    t.equal((r.status, (r["connection"] or "").lower(), closed), (200, "close", True), "Connection: close")
    r, closed = raw(ctx, "GET / HTTP/1.1\r\nHost: a\r\nConnection: Foo, CLOSE\r\n\r\n")
    t.equal((r.status, closed), (200, True), "close in a list, in capitals")
    r, closed = raw(ctx, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    t.equal((r.status, closed), (200, False), "HTTP/1.1 keeps the connection")
    for v in ("2.0", "0.9", "3.0"):
        r, closed = raw(ctx, f"GET / HTTP/{v}\r\nHost: a\r\n\r\n")
        t.equal((r.status, closed), (505, True), f"HTTP/{v} is 505")
    for bad in ("HTTP/1", "HTTP/1.", "http/1.1", "HTTPS/1.1", "HTTP/11", "HTTP/1.1x", "FOO"):
        r, closed = raw(ctx, f"GET / {bad}\r\nHost: a\r\n\r\n")
        t.equal((r and r.status, closed), (400, True), f"version {bad} is 400")


def malformed(ctx):
    """malformed requests"""
    t = ctx.tap
    cases = [
        ("GET / HTTP/1.1\r\n\r\n", "no Host"),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "two Hosts"),
        ("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", "a Host with a slash"),
        ("GET / HTTP/1.1\r\nHost : a\r\n\r\n", "a blank before the colon"),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\n folded\r\n\r\n", "a folded header"),
        ("GET / HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n", "a header without colon"),
        ("GET / HTTP/1.1\r\nHost: a\r\n: empty\r\n\r\n", "a header without name"),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: \x00\r\n\r\n", "a NUL in a header"),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n", "a lone CR in a header"),
        ("GET /\r\nHost: a\r\n\r\n", "no version"),
        ("GET\r\n\r\n", "no target"),
        ("G(T / HTTP/1.1\r\nHost: a\r\n\r\n", "a method that is no token"),
        ("GET nothing HTTP/1.1\r\nHost: a\r\n\r\n", "a target without slash"),
        ("GET * HTTP/1.1\r\nHost: a\r\n\r\n", "GET *"),
        ("GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n", "a foreign scheme"),
        ("GET /#x HTTP/1.1\r\nHost: a\r\n\r\n", "a fragment"),
        ("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", "TLS on a plain port"),
        ("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", "a negative length"),
        ("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1x\r\n\r\n", "a length that is no number"),
        ("GET / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n", "an empty length"),
        ("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: 5\r\n\r\nabcde", "two lengths"),
        ("GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n", "both framings"),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n", "both, for POST"),
        ("GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "chunked in HTTP/1.0"),
    ]
    for data, what in cases:
        r, closed = raw(ctx, data)
        t.equal((r and r.status, closed), (400, True), f"{what}: 400, closed")


def bodies(ctx):
    """requests with a body, and no smuggling"""
    t = ctx.tap
    inner = "GET /small.bin HTTP/1.1\r\nHost: a\r\n\r\n"
    cases = [
        (f"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: {len(inner)}\r\n\r\n{inner}", 413, "GET with a body"),
        (f"HEAD / HTTP/1.1\r\nHost: a\r\nContent-Length: {len(inner)}\r\n\r\n{inner}", 413, "HEAD with a body"),
        (f"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n{inner}", 413, "a chunked body"),
        (f"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n{inner}", 501, "an unknown transfer coding"),
        (f"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {len(inner)}\r\n\r\n{inner}", 405, "POST with a body"),
        (f"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n{inner}", 405, "POST, unknown coding"),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n", 405, "POST that waits for 100"),
        ("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n", 413, "GET that waits for 100"),
        ("GET / HTTP/1.1\r\nHost: a\r\nExpect: miracles\r\n\r\n", 417, "an unknown expectation"),
    ]
    for data, status, what in cases:
        r, closed = raw(ctx, data, head=data.startswith("HEAD"))
        t.equal((r and r.status, closed), (status, True), f"{what}: {status}, and nothing behind it is answered")
    r, closed = raw(ctx, "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
    t.equal((r.status, closed), (200, False), "Content-Length: 0 is no body")
    r, closed = raw(ctx, "GET / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n")
    t.equal((r.status, closed), (200, False), "100-continue without a body: 200")
    big = "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 300000\r\n\r\n" + "x" * 300000
    r, closed = raw(ctx, big)
    t.equal((r and r.status, closed), (413, True), "the answer arrives although a large body was sent")


def sizes(ctx):
    """limits on sizes"""
    t = ctx.tap
    pad = "x" * 100
    r, _ = raw(ctx, "GET / HTTP/1.1\r\nHost: a\r\n" + "".join(f"X-{i}: {pad}\r\n" for i in range(50)) + "\r\n")
    t.equal(r.status, 200, "5 KiB of headers: 200")
    r, closed = raw(ctx, "GET / HTTP/1.1\r\nHost: a\r\n" + "".join(f"X-{i}: {pad * 4}\r\n" for i in range(30)) + "\r\n")
    t.equal((r and r.status, closed), (431, True), "12 KiB of headers: 431")
    r, closed = raw(ctx, "GET / HTTP/1.1\r\nHost: a\r\n" + "X: y\r\n" * 200 + "\r\n")
    t.equal((r and r.status, closed), (431, True), "200 headers: 431")
    r, closed = raw(ctx, "GET / HTTP/1.1\r\nHost: a\r\nX: " + "y" * 100000)
    t.equal((r and r.status, closed), (431, True), "a header without end: 431")
    r, closed = raw(ctx, "GET /" + "x" * 5000 + " HTTP/1.1\r\nHost: a\r\n\r\n")
    t.equal((r and r.status, closed), (414, True), "a long target: 414")
    r, closed = raw(ctx, "GET /" + "x" * 100000)
    t.equal((r and r.status, closed), (414, True), "a target without end: 414")
    r, _ = raw(ctx, "GET /?" + "x" * 3000 + " HTTP/1.1\r\nHost: a\r\n\r\n")
    t.equal(r.status, 200, "a long query: 200")
    r, _ = raw(ctx, "GET /" + "x" * 300 + " HTTP/1.1\r\nHost: a\r\n\r\n")
    t.equal(r.status, 404, "a name longer than any file's: 404")


def pieces(ctx):
    """requests in pieces, and lenient line ends"""
    t = ctx.tap
    request = "GET /small.bin HTTP/1.1\r\nHost: a\r\n\r\n"
    with Wire(ctx.address, 10 * ctx.scale) as w:
        for c in request:
            w.send(c)
        t.equal(w.response().body, ctx.file("small.bin"), "a request byte by byte")
        w.send(request + request[:20])
        t.equal(w.response().body, ctx.file("small.bin"), "one and a half requests: the first")
        w.send(request[20:])
        t.equal(w.response().body, ctx.file("small.bin"), "and the second, after its rest")
        w.send("\r\n\r\n" + request)
        t.equal(w.response().status, 200, "empty lines before a request")
        w.send("GET / HTTP/1.1\nHost: a\n\n")
        t.equal(w.response().status, 200, "lines that end without CR")
    with Wire(ctx.address) as w:
        w.send("GET / HTTP/1.0\r\n\r\n")
        w.sock.shutdown(1)
        t.equal(w.response().status, 200, "a client that closes its side after asking gets its answer")


def pipelining(ctx):
    """pipelining"""
    t = ctx.tap
    names = ["small.bin", "index.html", "big.bin", "README", "medium.bin", "empty.txt"]
    with Wire(ctx.address, 20 * ctx.scale) as w:
        w.send("".join(f"GET /{n} HTTP/1.1\r\nHost: a\r\n\r\n" for n in names))
        t.equal([w.response().body == ctx.file(n) for n in names], [True] * 6, "six files in one go, in order")
        w.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n" * 1000)
        good = sum(w.response().body == ctx.file("index.html") for _ in range(1000))
        t.equal(good, 1000, "a thousand requests in one go")
        w.send("GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /nothing HTTP/1.1\r\nHost: a\r\n\r\n"
               "HEAD / HTTP/1.1\r\nHost: a\r\n\r\nGET /README HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
               "GET /small.bin HTTP/1.1\r\nHost: a\r\n\r\n")
        got = [w.response().status, w.response().status, w.response(head=True).status, w.response().status]
        t.equal((got, w.ended(2 * ctx.scale)), ([200, 404, 200, 200], True), "nothing is answered after Connection: close")
    with Wire(ctx.address, 20 * ctx.scale, rcvbuf=4096) as w:
        w.send("GET /medium.bin HTTP/1.1\r\nHost: a\r\n\r\n" * 60)
        good = sum(w.response().body == ctx.file("medium.bin") for _ in range(60))
        t.equal(good, 60, "sixty pipelined answers to a client with a small window")


TESTS = [methods, headers, versions, malformed, bodies, sizes, pieces, pipelining]

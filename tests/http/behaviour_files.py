# SPDX-License-Identifier: BSD-2-Clause
"""Files: names, types, ranges, conditions, codings."""
import gzip

from httpwire import Wire


def names(ctx):
    """names of files"""
    t = ctx.tap
    with Wire(ctx.address, 20 * ctx.scale) as w:
        for path, name in (("/", "index.html"), ("/index.html", "index.html"), ("/folder/", "folder/index.html"),
                           ("/with%20space.txt", "with space.txt"), ("/100%25.txt", "100%.txt"), ("/a+b.txt", "a+b.txt"),
                           ("/%c3%bcn%C3%AFcode.txt", "\u00fcn\u00efcode.txt"), ("/empty.txt", "empty.txt"),
                           ("/big.bin", "big.bin"), ("//deep///a/b/c/d.txt", "deep/a/b/c/d.txt"),
                           ("/deep/./a/../a/b/c/d.txt", "deep/a/b/c/d.txt"), ("/%72eadme/../README", "README"),
                           ("/README?query=1/../..", "README"), ("http://test/README", "README"),
                           ("HTTP://test:8080/folder/x.txt?q", "folder/x.txt"), ("http://test", "index.html")):
            r = w.get(path)
            t.ok(r.status == 200 and r.body == ctx.file(name), f"{path} is {name}", f"{r.status}, {len(r.body)} bytes")
        for path, status in (("/nothing", 404), ("/folder/nothing", 404), ("/README/", 404), ("/README/x", 404),
                             ("/Readme", 404), ("/noindex/", 403), ("/deep/", 403), ("/nothing/", 404)):
            t.equal(w.get(path).status, status, f"{path} is {status}")


def redirects(ctx):
    """folders without slash"""
    t = ctx.tap
    with Wire(ctx.address) as w:
        for path, to in (("/folder", "/folder/"), ("/folder?a=b&c", "/folder/?a=b&c"),
                         ("/spaced%20folder", "/spaced%20folder/"), ("/noindex", "/noindex/"), ("/deep/a/b", "/deep/a/b/"),
                         ("//folder", "/folder/"), ("//example.org/../folder", "/folder/")):
            r = w.get(path)
            t.equal((r.status, r["location"]), (301, to), f"{path} is 301 to {to}")


def escapes(ctx):
    """no way out of the root"""
    t = ctx.tap
    for path in ("/..", "/../", "/../../etc/passwd", "/folder/../../etc/passwd", "/%2e%2e/etc/passwd", "/.%2e/etc/passwd",
                 "/folder/%2e%2e/%2e%2e/etc/passwd", "/..%2fetc/passwd", "/folder%2fx.txt", "/%5c..%5cetc", "/\\..\\etc",
                 "/README%00", "/README%00.html", "/%", "/%4", "/%zz", "/%%", "/README%", "/....//../../etc/passwd"):
        with Wire(ctx.address) as w:
            r = w.get(path)
            t.ok(r.status == 400, f"{path} is 400", f"{r.status}: {r.body[:80]!r}")
    with Wire(ctx.address) as w:
        t.equal(w.get("/.../README").status, 404, "three dots are a name")
        t.equal(w.get("/%252e%252e/README").status, 404, "escapes are decoded once")


def types(ctx):
    """media types"""
    want = {"index.html": "text/html", "style.css": "text/css", "code.js": "text/javascript", "data.json": "application/json",
            "picture.PNG": "image/png", "paper.pdf": "application/pdf", "README": "text/plain; charset=utf-8",
            "thing.unknownext": "application/octet-stream", "empty.txt": "text/plain; charset=utf-8",
            "page.html.gz": "application/gzip"}
    with Wire(ctx.address) as w:
        for name, kind in want.items():
            ctx.tap.equal(w.get("/" + name)["content-type"], kind, f"{name} is {kind}")


def ranges(ctx):
    """ranges"""
    t = ctx.tap
    for name in ("small.bin", "big.bin"):
        data = ctx.file(name)
        n, path = len(data), "/" + name
        with Wire(ctx.address, 20 * ctx.scale) as w:
            for spec, first, last in (("0-0", 0, 0), ("0-99", 0, 99), ("100-", 100, n - 1), ("-1", n - 1, n - 1),
                                      ("-500", n - 500, n - 1), (f"-{n + 5}", 0, n - 1), (f"{n - 1}-", n - 1, n - 1),
                                      (f"10-{n + 100}", 10, n - 1), ("5-99999999999999999999999", 5, n - 1), ("500-999", 500, 999)):
                r = w.get(path, Range="bytes=" + spec)
                t.ok(r.status == 206 and r.body == data[first:last + 1] and r["content-range"] == f"bytes {first}-{last}/{n}",
                     f"{name} bytes={spec}", f"{r.status} {r['content-range']} {len(r.body)}")
            for spec in (f"{n}-", f"{n + 1}-{n + 5}", "-0", "99999999999999999999999-"):
                r = w.get(path, Range="bytes=" + spec)
                t.equal((r.status, r["content-range"]), (416, f"bytes */{n}"), f"{name} bytes={spec} is 416")
            for value in ("bytes=5-4", "bytes=", "bytes=-", "bytes=a-b", "lines=1-2", "bytes=1", "bytes 0-1", "bytes=0-1,3-4",
                          "bytes=-1-2", "bytes=0x1-2"):
                r = w.get(path, Range=value)
                t.ok(r.status == 200 and r.body == data, f"{name} Range {value!r} is ignored", r.status)
            r = w.get(path, method="HEAD", Range="bytes=0-9")
            t.equal((r.status, r["content-length"]), (200, str(n)), f"HEAD {name} ignores Range")
            r = w.get(path)
            etag, modified = r["etag"], r["last-modified"]
            for value, status in ((etag, 206), (modified, 206), ('"other"', 200), ("W/" + etag, 200),
                                  ("Sun, 06 Nov 1994 08:49:37 GMT", 200), ("nonsense", 200)):
                r = w.get(path, Range="bytes=0-9", If_Range=value)
                t.ok(r.status == status and r.body == (data[:10] if status == 206 else data), f"{name} If-Range {value}: {status}",
                     r.status)
    with Wire(ctx.address) as w:
        t.equal(w.get("/empty.txt", Range="bytes=0-").status, 416, "any range of an empty file is 416")


def conditions(ctx):
    """conditional requests"""
    t = ctx.tap
    with Wire(ctx.address) as w:
        r = w.get("/page.html")
        etag, modified = r["etag"], r["last-modified"]
        t.ok(etag and etag.startswith('"') and etag.endswith('"'), "a strong ETag", etag)
        t.equal(modified, "Tue, 14 Nov 2023 22:13:20 GMT", "Last-Modified is the file's")
        t.ok(w.get("/small.bin")["etag"] != etag, "different files have different ETags")
        for value, status in ((etag, 304), ("W/" + etag, 304), ("*", 304), (f'"a", {etag} , "b"', 304), ('"other"', 200),
                              (f'"a,b", W/{etag}', 304), (etag.strip('"'), 200), ("", 200)):
            r = w.get("/page.html", If_None_Match=value)
            t.equal(r.status, status, f"If-None-Match: {value} is {status}")
            if status == 304:
                t.equal((r["etag"], r["vary"], r["content-length"]), (etag, "Accept-Encoding", None), "with ETag and Vary")
        for value, status in ((modified, 304), ("Tue, 14 Nov 2023 22:13:21 GMT", 304), ("Tue, 14 Nov 2023 22:13:19 GMT", 200),
                              ("Tuesday, 14-Nov-23 22:13:20 GMT", 304), ("Tue Nov 14 22:13:20 2023", 304), ("yesterday", 200),
                              ("Sun, 06 Nov 1994 08:49:37 GMT", 200), ("Tue, 99 Nov 2023 22:13:20 GMT", 200)):
            t.equal(w.get("/page.html", If_Modified_Since=value).status, status, f"If-Modified-Since: {value} is {status}")
        r = w.get("/page.html", If_None_Match='"other"', If_Modified_Since=modified)
        t.equal(r.status, 200, "If-None-Match overrules If-Modified-Since")
        t.equal(w.get("/page.html", method="HEAD", If_None_Match=etag).status, 304, "HEAD, too")
        r = w.get("/page.html", If_None_Match=etag, Range="bytes=0-1")
        t.equal(r.status, 304, "304 comes before a range")
        t.equal(w.get("/nothing", If_None_Match="*").status, 404, "no condition on what is not there")


def codings(ctx):
    """precompressed files"""
    t = ctx.tap
    plain, packed = ctx.file("page.html"), ctx.file("page.html.gz")
    with Wire(ctx.address) as w:
        p, z = w.get("/page.html"), w.get("/page.html", Accept_Encoding="gzip")
        t.equal((p.body, p["content-encoding"], p["vary"]), (plain, None, "Accept-Encoding"), "plain by default, with Vary")
        t.equal((z.body, z["content-encoding"], z["vary"], z["content-type"]), (packed, "gzip", "Accept-Encoding", "text/html"),
                "gzip when accepted")
        t.equal(gzip.decompress(z.body), plain, "both are the same page")
        t.ok(p["etag"] != z["etag"], "each has its own ETag")
        for value, coded in (("gzip, deflate, br", True), ("br;q=1.0, gzip;q=0.8, *;q=0.1", True), ("*", True), ("x-gzip", True),
                             ("GZIP", True), ("gzip;q=0", False), ("gzip; q=0.000", False), ("identity", False), ("", False),
                             ("*;q=0", False), ("br", False), ("gzip;q=0.5, identity;q=1", False), ("gzip;q=0.001", True),
                             ("gzipped", False), ("identity;q=0.5, *;q=0.9", True), ("*;q=1, gzip;q=0", False)):
            r = w.get("/page.html", Accept_Encoding=value)
            t.equal((r.status, r["content-encoding"]), (200, "gzip" if coded else None), f"Accept-Encoding: {value}")
        r = w.get("/page.html", Accept_Encoding="gzip", If_None_Match=z["etag"])
        t.equal((r.status, r["etag"]), (304, z["etag"]), "304 by the packed form's ETag")
        t.equal(w.get("/page.html", Accept_Encoding="gzip", If_None_Match=p["etag"]).status, 200, "not by the other's")
        r = w.get("/page.html", Accept_Encoding="gzip", Range="bytes=10-19")
        t.equal((r.status, r.body), (206, packed[10:20]), "a range of the packed form")
        r = w.get("/stale.html", Accept_Encoding="gzip")
        t.equal((r.body, r["content-encoding"], r["vary"]), (b"new\n", None, None), "a packed form older than its file is not used")
        r = w.get("/small.bin", Accept_Encoding="gzip")
        t.equal((r["content-encoding"], r["vary"]), (None, None), "no Vary where there is no choice")
        r = w.get("/page.html.gz", Accept_Encoding="gzip")
        t.equal((r.body, r["content-encoding"]), (packed, None), "the .gz itself is an ordinary file")


def status_pages(ctx):
    """metrics and status"""
    t = ctx.tap
    with Wire(ctx.address) as w:
        if w.get("/_glint/metrics").status == 404:
            t.skip("metrics", "switched off")
            return
        for path in ("/_glint/metrics", "/metrics"):
            r = w.get(path)
            rows = [l for l in r.body.decode().splitlines() if l and not l.startswith("#")]
            bad = [l for l in rows if len(l.rsplit(" ", 1)) != 2 or not l.rsplit(" ", 1)[1].isdigit()]
            t.ok(r.status == 200 and r["content-type"].startswith("text/plain") and len(rows) > 10 and not bad,
                 f"{path} is Prometheus text", bad)
        r = w.get("/_glint/metrics", method="HEAD")
        t.equal(r.status, 200, "HEAD of the metrics")
        r = w.get("/_glint/status")
        t.ok(r.status == 200 and b"fetch(" in r.body and b"http://" not in r.body, "the status page is self-contained")
        t.equal(w.get("/_glint/nothing").status, 404, "nothing else is there")


TESTS = [names, redirects, escapes, types, ranges, conditions, codings, status_pages]

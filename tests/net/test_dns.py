#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Names: an application in the guest (tests/guest/dnsq) resolves what its
command line says, against a server that answers, lies, garbles or is silent."""
import os, re, socket, struct, sys, threading
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from netlib import NetGuest, Tap, build, drop_tap, enter, make_tap

t = Tap()


def name_end(q):
    i = 12
    while q[i]:
        i += q[i] + 1
    return i + 1


def answers(q):
    """The datagrams for one query, by the first label of the name."""
    end = name_end(q)
    label = q[13:13 + q[12]].decode()
    kind = struct.unpack("!H", q[end:end + 2])[0]
    body = q[12:end + 4]

    def reply(rr=b"", n=1, ident=q[:2], flags=0x8180, question=body):
        return ident + struct.pack("!HHHHH", flags, 1, n, 0, 0) + question + rr
    rr = lambda data, name=b"\xc0\x0c", k=kind, cls=1, length=None: name + struct.pack("!HHIH", k, cls, 60, len(data) if length is None else length) + data
    good = rr(socket.inet_aton("10.1.2.3")) if kind == 1 else rr(socket.inet_pton(socket.AF_INET6, "fd01::3"))
    evil = rr(b"\6\6\6\6" if kind == 1 else b"\6" * 16)
    return {
        "good": [reply(good)],
        "cname": [reply(rr(b"\1x\0", k=5) + good.replace(b"\xc0\x0c", b"\1x\0", 1), 2)],
        "missing": [reply(n=0, flags=0x8183)],
        "wrongid": [reply(evil, ident=bytes([q[0] ^ 0x55, q[1]])), reply(good)],
        "wrongname": [reply(evil, question=b"\4evil\0" + q[end:end + 4]), reply(good)],
        "query": [reply(evil, flags=0x0100), reply(good)],
        "loop": [reply(rr(b"\1\1\1\1", name=b"\xc0" + bytes([len(body) + 12])))],
        "ahead": [reply(rr(b"\1\1\1\1", name=b"\xff\xff"))],
        "length": [reply(rr(b"\1\1\1\1", length=60000))],
        "short": [reply(good)[:n] for n in range(0, len(reply(good)), 3)],
        "count": [reply(good[:6], n=65535)],
        "labels": [reply(rr(b"\1\1\1\1", name=b"\x3f" * 400))],
        "random": [q[:2] + b"\x81\x80\0\1\0\7" + os.urandom(200) for _ in range(20)],
        "silent": [],
    }.get(label, [])


def serve(stop):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind(("10.0.0.1", 53))
        s.settimeout(0.2)
        while not stop.is_set():
            try:
                q, who = s.recvfrom(2000)
                for a in answers(q):
                    s.sendto(a, who)
            except OSError:
                pass


RIGHT = ["good", "cname", "wrongid", "wrongname", "query"]
NONE = ["missing", "loop", "ahead", "length", "short", "count", "labels", "random", "silent"]
EITHER = ["loop", "ahead"]      # lwIP steps over an answer's name without following it: it may take the address, but must end


def main():
    enter()
    build("dnsq")
    make_tap(0)
    stop = threading.Event()
    threading.Thread(target=serve, args=(stop,), daemon=True).start()
    for way, names in (("microvm", RIGHT + NONE + ["good"]), ("q35", ["good", "missing", "good"])):
        with NetGuest("dnsq", way=way, kargs="ip=10.0.0.2/24,gw=10.0.0.1,dns=10.0.0.1", args=" ".join(n + ".test" for n in names)) as g:
            status = g.wait_exit(60)
            text = g.text()
        got = re.findall(r"^(\w+)\.test (\S+) (\d+) ms$", text, re.M)
        for want, line in zip(names, got + [("", "", "0")] * len(names)):
            right = line[1] == "10.1.2.3" if want in RIGHT else want in EITHER or line[1].startswith("error")
            t.ok(line[0] == want and right and int(line[2]) < 20000, f"{way}: {want}: {line[1]} after {line[2]} ms")
        if not t.ok(status == 0, f"{way}: the guest ended by itself"):
            t.diag(text[-1500:])
    stop.set()
    drop_tap(0)
    return t.done()


sys.exit(main())

# SPDX-License-Identifier: BSD-2-Clause
"""Frames that nobody should send: by kind, each kind a list of raw Ethernet
frames for the guest 10.0.0.2 / fd00:0::2 of netlib, random but repeatable."""
import random, socket, struct
from netlib import MAC, checksum

GUEST = bytes.fromhex((MAC % 1).replace(":", ""))
EVIL = bytes.fromhex("02aabbccddee")
IP4, IP6, ARP = 0x0800, 0x86dd, 0x0806
A4, G4 = socket.inet_aton("10.0.0.77"), socket.inet_aton("10.0.0.2")
A6, G6 = socket.inet_pton(socket.AF_INET6, "fd00:0::77"), socket.inet_pton(socket.AF_INET6, "fd00:0::2")


def eth(kind, payload, dst=GUEST):
    return dst + EVIL + struct.pack("!H", kind) + payload


def ip4(proto, payload, ident=1, off=0, ihl=5, ver=4, length=None, csum=None, options=b"", src=A4, ttl=64):
    total = ihl * 4 + len(payload) if length is None else length
    h = struct.pack("!BBHHHBBH4s4s", ver << 4 | ihl, 0, total & 0xffff, ident & 0xffff, off, ttl, proto, 0, src, G4) + options
    c = checksum(h) if csum is None else csum
    return h[:10] + struct.pack("!H", c) + h[12:] + payload


def ip6(nexth, payload, length=None, src=A6, hops=64, dst=G6):
    return struct.pack("!IHBB", 6 << 28, len(payload) if length is None else length, nexth, hops) + src + dst + payload


def with_sum(proto, data, at, src=A4, dst=G4):
    pseudo = src + dst + (struct.pack("!BBH", 0, proto, len(data)) if len(src) == 4 else struct.pack("!IHBB", len(data), 0, 0, proto))
    return data[:at] + struct.pack("!H", checksum(pseudo + data)) + data[at + 2:]


def udp(n=20, port=9, length=None, src=A4, dst=G4, good=True):
    d = struct.pack("!HHHH", 5555, port, 8 + n if length is None else length, 0) + b"u" * n
    return with_sum(17, d, 6, src, dst) if good else d[:6] + b"\x12\x34" + d[8:]


def tcp(sport=5000, dport=80, flags=2, seq=1, ack=0, offset=None, options=b"", data=b"", src=A4, dst=G4, good=True, win=1000):
    off = (20 + len(options)) // 4 if offset is None else offset
    d = struct.pack("!HHIIBBHHH", sport, dport, seq, ack, (off & 15) << 4, flags, win, 0, 0) + options + data
    return with_sum(6, d, 16, src, dst) if good else d[:16] + b"\x12\x34" + d[18:]


def icmp6(body, src=A6):
    return with_sum(58, body[:2] + b"\0\0" + body[4:], 2, src, G6)


class Gen:
    ACCEPTED = {"TCP: options garbage", "IPv6: long chains of good extension headers", "ICMP: echo with odd sizes", "ARP: spoofed answers", "TCP: every set of flags",
                "IPv4: overlapping fragments", "IPv6: neighbour garbage", "IPv6: overlapping fragments", "IPv4: first fragments only, 300 of them", "TCP: to closed ports", "any protocol: random bytes"}

    def __init__(self, seed):
        self.r = random.Random(seed)

    def syn(self, i):
        src = struct.pack("!I", 0x0b000000 + i * 7919 % (1 << 24))
        return eth(IP4, ip4(6, tcp(1024 + i % 60000, seq=self.r.randrange(1 << 32), src=src), src=src))

    def tcp(self, sport, **kw):
        src = socket.inet_aton("10.0.0.1")
        return eth(IP4, ip4(6, tcp(sport, src=src, **kw), src=src))

    def kinds(self):
        r = self.r
        b = r.randbytes
        good4, good6 = ip4(17, udp()), ip6(17, udp(src=A6, dst=G6))
        yield "short frames", [eth(k, b(n)) for k in (IP4, IP6, ARP) for n in range(0, 28)] + [eth(IP4, good4[:n]) for n in range(0, len(good4) - 1)] + [eth(IP6, good6[:n]) for n in range(0, len(good6) - 1)]
        yield "IPv4: bad lengths", [eth(IP4, ip4(17, udp(), length=n)) for n in (0, 1, 19, 20, 21, 27, 49, 1500, 65535)]
        yield "IPv4: bad header lengths and versions", [eth(IP4, ip4(17, udp(), ihl=n)) for n in (0, 1, 4, 6, 15)] + [eth(IP4, ip4(17, udp(), ver=v)) for v in (0, 5, 6, 15)]
        yield "IPv4: bad checksums", [eth(IP4, ip4(17, udp(), csum=r.randrange(1 << 16))) for _ in range(30)]
        yield "IPv4: options garbage", [eth(IP4, ip4(17, udp(), ihl=5 + n, options=b(4 * n))) for n in range(1, 11) for _ in range(5)] + [eth(IP4, good4[:1] + b"\0" * 20)]
        yield "IPv4: unknown protocols, odd sources", [eth(IP4, ip4(p, b(40))) for p in (0, 2, 47, 50, 132, 255)] + [eth(IP4, ip4(17, udp(), src=socket.inet_aton(a))) for a in ("127.0.0.1", "255.255.255.255", "224.0.0.1", "0.0.0.0", "10.0.0.2")]
        yield "IPv4: bad fragments", [eth(IP4, ip4(17, b(n), ident=i, off=o)) for i, (n, o) in enumerate([(7, 0x2000), (0, 0x2001), (1480, 0x1fff), (1400, 0x3fff), (8, 0x1ffe), (64, 0x3ffe), (1, 0x1), (1480, 0x1ff0), (5, 0x3fff), (1001, 0x2010)] * 5)]
        yield "IPv4: overlapping fragments", [eth(IP4, ip4(17, b(n * 8), ident=900 + i, off=o | mf)) for i in range(6) for n, o, mf in ((10, 0, 0x2000), (10, 5, 0x2000), (3, 2, 0x2000), (30, 1, 0x2000), (2, 12, 0))]
        yield "IPv4: first fragments only, 300 of them", [eth(IP4, ip4(1, b"\x08\0" + b(1398), ident=2000 + i, off=0x2000)) for i in range(300)]
        yield "IPv6: bad lengths and versions", [eth(IP6, ip6(17, udp(src=A6, dst=G6), length=n)) for n in (0, 1, 7, 27, 29, 1400, 65535)] + [eth(IP6, bytes([v << 4]) + good6[1:]) for v in (0, 4, 15)]
        def ext(nexth, length, body):
            return bytes([nexth, length]) + body
        chain = b""
        for h in (0,) + (60,) * 20:
            chain += ext(60, 0, b"\1\4\0\0\0\0")
        yield "IPv6: long chains of good extension headers", [eth(IP6, ip6(60, chain[:8 * n] + ext(17, 0, b"\1\4\0\0\0\0") + udp(src=A6, dst=G6))) for n in (1, 5, 20)]
        yield "IPv6: extension headers garbage", [eth(IP6, ip6(h, ext(r.choice((0, 43, 44, 60, 17, 58, 6, 59, 255)), r.randrange(256), b(r.randrange(80))))) for h in (0, 43, 44, 60, 51, 59, 135, 140, 254) for _ in range(30)]
        frag = lambda nexth, off, more, ident, body: struct.pack("!BBHI", nexth, 0, off << 3 | more, ident) + body
        yield "IPv6: bad fragments", [eth(IP6, ip6(44, frag(58, o, m, i, b(n)))) for i, (o, m, n) in enumerate([(0, 1, 7), (8191, 1, 1400), (8191, 0, 1400), (0, 1, 0), (1, 1, 3), (100, 1, 9)] * 8)] + [eth(IP6, ip6(44, b(n))) for n in range(8)]
        yield "IPv6: overlapping fragments", [eth(IP6, ip6(44, frag(58, o, m, 70 + i, b(n * 8)))) for i in range(5) for o, m, n in ((0, 1, 10), (5, 1, 10), (2, 1, 3), (12, 0, 2))]
        yield "IPv6: neighbour garbage", [eth(IP6, ip6(58, icmp6(bytes([k, 0, 0, 0]) + b(r.randrange(60))), hops=255)) for k in (133, 134, 135, 136, 137, 130, 131, 132, 143) for _ in range(20)]
        yield "ICMP: garbage", [eth(IP4, ip4(1, bytes([k, r.randrange(256)]) + b(r.randrange(60)))) for k in range(0, 256, 3)] + [eth(IP4, ip4(1, b(n))) for n in range(8)] + [eth(IP6, ip6(58, b(n))) for n in range(12)]
        e = lambda n: b"\x08\0" + struct.pack("!H", checksum(b"\x08\0\0\0" + b"e" * n)) + b"e" * n
        yield "ICMP: echo with odd sizes", [eth(IP4, ip4(1, e(n))) for n in (4, 5, 7, 100, 1471)]
        yield "UDP: bad lengths and checksums", [eth(IP4, ip4(17, udp(length=n))) for n in (0, 7, 9, 27, 29, 65535)] + [eth(IP4, ip4(17, udp(good=False, port=p))) for p in (9, 68, 53)] + [eth(IP4, ip4(17, b(n))) for n in range(8)] + [eth(IP6, ip6(17, udp(good=False)))]
        yield "TCP: bad header lengths", [eth(IP4, ip4(6, tcp(offset=n))) for n in (0, 1, 4, 6, 15)] + [eth(IP4, ip4(6, tcp()[:n])) for n in range(20)] + [eth(IP6, ip6(6, tcp(src=A6, dst=G6)[:n])) for n in range(20)]
        yield "TCP: bad checksums", [eth(IP4, ip4(6, tcp(good=False))) for _ in range(20)] + [eth(IP6, ip6(6, tcp(good=False))) for _ in range(20)]
        yield "TCP: options garbage", [eth(IP4, ip4(6, tcp(6000 + i, options=b(4 * r.randrange(1, 11))))) for i in range(100)] + [eth(IP4, ip4(6, tcp(6200 + i, options=o))) for i, o in enumerate((b"\2\0\0\0", b"\2\xff\0\0", b"\3\0\1\1", b"\1\1\1\2", b"\1\1\1\5", b"\5\1\1\1"))]
        yield "TCP: every set of flags", [eth(IP4, ip4(6, tcp(7000 + i, flags=i, seq=r.randrange(1 << 32), ack=r.randrange(1 << 32), data=b(i % 40)))) for i in range(256)]
        yield "TCP: to closed ports", [eth(IP4, ip4(6, tcp(8000 + i, dport=1 + i * 97 % 60000, flags=2))) for i in range(100)]
        arp = lambda op, s4, t4, hw=1, proto=IP4, hl=6, pl=4, mac=EVIL: struct.pack("!HHBBH", hw, proto, hl, pl, op) + mac + s4 + GUEST + t4
        yield "ARP: garbage", [eth(ARP, arp(1, A4, G4, hw=r.randrange(2, 99))) for _ in range(5)] + [eth(ARP, arp(1, A4, G4, hl=n)) for n in (0, 5, 255)] + [eth(ARP, arp(1, A4, G4, pl=n)) for n in (0, 6, 255)] + [eth(ARP, arp(1, A4, G4, proto=0x1234))] + [eth(ARP, b(n)) for n in range(28)]
        yield "ARP: spoofed answers", [eth(ARP, arp(2, struct.pack("!I", 0x0a000003 + i % 250), G4, mac=b"\2" + b(5))) for i in range(500)] + [eth(ARP, arp(2, G4, G4))]
        yield "unknown protocols, VLAN, LLC", [eth(k, b(46)) for k in (0, 46, 0x05dc, 0x8100, 0x88a8, 0x8863, 0x8864, 0x88cc, 0x9000, 0xffff)] + [eth(0x8100, b"\0\1\x08\0" + good4)]
        yield "any protocol: random bytes", [eth(r.choice((IP4, IP6, ARP)), r.choice((b"\x45\0", b"\x60\0", b"\0\1")) + b(r.randrange(1490))) for _ in range(1000)] + [eth(IP4, ip4(r.choice((1, 6, 17)), b(r.randrange(1400)))) for _ in range(500)] + [eth(IP6, ip6(r.choice((0, 6, 17, 43, 44, 58, 60)), b(r.randrange(1400)))) for _ in range(500)]

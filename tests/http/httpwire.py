# SPDX-License-Identifier: BSD-2-Clause
"""A raw HTTP client for tests: sends exactly what it is given and says exactly what came back.

http.client and urllib repair requests and answers; a test of a server must not. Standard library only.
"""
import socket
import urllib.parse


class Closed(Exception):
    """The server closed the connection where an answer, or the rest of one, was due."""


class Response:
    def __init__(self, version, status, reason, headers, body):
        self.version, self.status, self.reason = version, status, reason
        self.headers, self.body = headers, body

    def __getitem__(self, name):
        """The header's value, or None."""
        values = self.all(name)
        return values[0] if values else None

    def all(self, name):
        return [v for n, v in self.headers if n == name.lower()]


def split_url(url):
    u = urllib.parse.urlsplit(url)
    if u.scheme != "http" or not u.hostname:
        raise SystemExit(f"not an http URL: {url}")
    return u.hostname, u.port or 80


class Wire:
    """One connection."""

    def __init__(self, address, timeout=10.0, rcvbuf=None):
        self.address = address
        infos = socket.getaddrinfo(*address, type=socket.SOCK_STREAM)
        family, kind, proto, _, sockaddr = infos[0]
        self.sock = socket.socket(family, kind, proto)
        if rcvbuf:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
        self.sock.settimeout(timeout)
        self.sock.connect(sockaddr)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buf = b""

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    def close(self):
        self.sock.close()

    def send(self, data):
        self.sock.sendall(data if isinstance(data, bytes) else data.encode("latin-1"))

    def more(self):
        """Reads on; False at the end."""
        data = self.sock.recv(262144)
        self.buf += data
        return bool(data)

    def line(self):
        while b"\n" not in self.buf:
            if not self.more():
                raise Closed(f"in the head, after {self.buf!r}")
        line, self.buf = self.buf.split(b"\n", 1)
        if not line.endswith(b"\r"):
            raise ValueError(f"line ends without CR: {line!r}")
        return line[:-1].decode("latin-1")

    def exactly(self, n):
        parts, have = [self.buf], len(self.buf)
        self.buf = b""
        while have < n:
            data = self.sock.recv(min(1 << 20, n - have))
            if not data:
                raise Closed(f"in the body, after {have} of {n} bytes")
            parts.append(data)
            have += len(data)
        data = b"".join(parts)
        self.buf = data[n:]
        return data[:n]

    def response(self, head=False):
        """The next answer. head: it belongs to a HEAD request, so it has no body."""
        status_line = self.line()
        version, code, reason = status_line.split(" ", 2)
        headers = []
        while True:
            line = self.line()
            if not line:
                break
            name, value = line.split(":", 1)
            headers.append((name.lower(), value.strip()))
        r = Response(version, int(code), reason, headers, b"")
        if head or r.status == 304 or r.status < 200:
            return r
        if r["content-length"] is None:
            raise ValueError(f"answer without Content-Length: {status_line}")
        r.body = self.exactly(int(r["content-length"]))
        return r

    def get(self, path, method="GET", host="test", **headers):
        extra = "".join(f"{k.replace('_', '-')}: {v}\r\n" for k, v in headers.items())
        self.send(f"{method} {path} HTTP/1.1\r\nHost: {host}\r\n{extra}\r\n")
        return self.response(head=method == "HEAD")

    def ended(self, within=5.0):
        """True if the server closes the connection (nothing more arrives before)."""
        self.sock.settimeout(within)
        try:
            return not self.buf and self.sock.recv(1) == b""
        except ConnectionResetError:
            return True
        except socket.timeout:
            return False


class Tap:
    """Test Anything Protocol: `ok N - what`."""

    def __init__(self):
        self.n = self.failed = 0

    def ok(self, good, what, detail=""):
        self.n += 1
        self.failed += not good
        print(f"{'ok' if good else 'not ok'} {self.n} - {what}", flush=True)
        if not good and detail:
            print("# " + str(detail).replace("\n", "\n# "), flush=True)
        return bool(good)

    def equal(self, got, want, what):
        def short(v):
            return v if not isinstance(v, bytes) or len(v) < 200 else f"{v[:80]!r}... ({len(v)} bytes)"
        return self.ok(got == want, what, f"got  {short(got)}\nwant {short(want)}")

    def skip(self, what, why):
        self.n += 1
        print(f"ok {self.n} - {what} # SKIP {why}", flush=True)

    def done(self):
        print(f"1..{self.n}")
        if self.failed:
            print(f"# {self.failed} of {self.n} failed")
        return 1 if self.failed else 0

#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""httpd over every kind of network that glint run has, with disks of every kind: each
file of a site comes back byte for byte. What the host's kernel, libslirp, or a plain
reader of captures makes of our frames is the other half of the check."""
import errno, fcntl, http.client, os, random, select, shutil, signal, socket, struct, subprocess, sys, threading, time
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from hvlib import ROOT, TMP, Run, Tap, build, build_glint, children, glint, gone

t = Tap()
TUNSETIFF, TUNSETOFFLOAD, TUNSETVNETHDRSZ = 0x400454ca, 0x400454d0, 0x400454d8
PORT = 20000 + os.getpid() % 20000


def make_site():
    rnd = random.Random(1)
    site = f"{TMP}/site"
    os.makedirs(f"{site}/deep/er")
    files = {}
    for i, size in enumerate([0, 1, 100, 1459, 1460, 1461, 4096, 65535, 65536, 300000, 3000000]):
        files[f"f{i}"] = size
    files["deep/er/page.html"] = 12345
    for name, size in files.items():
        with open(f"{site}/{name}", "wb") as f:
            f.write(rnd.randbytes(size))
    with open(f"{site}/index.html", "w") as f:
        f.write("<p>hello\n")
    return site, sorted(files) + ["index.html"]


def fetch_all(host, port, site, names, timeout=10):
    """What is wrong with the answers; None: nothing."""
    try:
        c = http.client.HTTPConnection(host, port, timeout=timeout)
        for name in names:
            c.request("GET", "/" + name)
            r = c.getresponse()
            if r.status != 200 or r.read() != open(f"{site}/{name}", "rb").read():
                return f"{name}: status {r.status}, or another content"
        c.close()
    except OSError as e:
        return f"{e}"
    except http.client.HTTPException as e:
        return f"{e!r}"
    return None


def wait_http(host, port, limit=10):
    end = time.monotonic() + limit
    while time.monotonic() < end:
        try:
            socket.create_connection((host, port), 0.5).close()
            return True
        except OSError:
            time.sleep(0.02)
    return False


def check(what, run, host, port, site, names):
    wrong = None if wait_http(host, port) else "no answer"
    wrong = wrong or fetch_all(host, port, site, names)
    if not t.ok(wrong is None, what):
        t.diag(f"{wrong}\n{run.text()[-1500:]}")


# ---- taps, where the test may make them --------------------------------------

class TapDev:
    """A tap of the test's own, and its host address 10.x.y.1."""

    def __init__(self, n, flags=()):
        self.name, self.net = f"ght{os.getpid() % 10000}{n}", f"10.{100 + os.getpid() % 100}.{n}"
        for cmd in (["tuntap", "add", "dev", self.name, "mode", "tap", *flags], ["addr", "add", f"{self.net}.1/24", "dev", self.name],
                    ["link", "set", self.name, "up"]):
            subprocess.run(["ip", *cmd], check=True, capture_output=True)
        self.guest = f"{self.net}.2"

    def close(self):
        subprocess.run(["ip", "link", "del", self.name], capture_output=True)


def forward(tap, sock, kind, stop):
    """Joins a tap with a guest's socket: the kernel is the guest at the other end. As
    `seqpacket`, with virtio headers both ways; as `stream`, plain frames with lengths."""
    dev = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(dev, TUNSETIFF, struct.pack("16sH22x", tap.encode(), 0x1002 | (0x4000 if kind == "seqpacket" else 0)))
    if kind == "seqpacket":
        fcntl.ioctl(dev, TUNSETVNETHDRSZ, struct.pack("i", 12))
        fcntl.ioctl(dev, TUNSETOFFLOAD, 7)
    buf = b""
    sizes = [0]
    try:
        while not stop.is_set():
            ready = select.select([dev, sock], [], [], 0.2)[0]
            if dev in ready:
                frame = os.read(dev, 70000)
                sock.sendall(frame if kind == "seqpacket" else struct.pack(">I", len(frame)) + frame)
            if sock in ready:
                data = sock.recv(70000)
                if not data:
                    break
                if kind == "seqpacket":
                    sizes[0] = max(sizes[0], len(data))
                    os.write(dev, data)
                    continue
                buf += data
                while len(buf) >= 4 and len(buf) >= 4 + struct.unpack(">I", buf[:4])[0]:
                    n = struct.unpack(">I", buf[:4])[0]
                    sizes[0] = max(sizes[0], n)
                    os.write(dev, buf[4:4 + n])
                    buf = buf[4 + n:]
    except OSError as e:
        if e.errno not in (errno.ECONNRESET, errno.EPIPE):
            raise
    finally:
        os.close(dev)
        sock.close()
        stop.sizes = sizes[0]


def over_tap(image, img, site, names):
    for what, extra in (("tap, disk", ["--disk", f"{img},ro"]), ("tap, O_DIRECT", ["--disk", f"{img},ro,direct"])):
        dev = TapDev(1)
        try:
            with Run("--mem", "32M", "--net", f"tap={dev.name}", *extra, image, f"ip={dev.guest}/24", "--", "--quiet") as run:
                check(f"httpd over {what}: every file byte for byte", run, dev.guest, 80, site, names)
        finally:
            dev.close()


def over_sockets(image, img, site, names):
    for kind in ("seqpacket", "stream"):
        dev, stop = TapDev(2, ["vnet_hdr"] if kind == "seqpacket" else []), threading.Event()
        theirs, ours = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET if kind == "seqpacket" else socket.SOCK_STREAM)
        thread = threading.Thread(target=forward, args=(dev.name, ours, kind, stop))
        try:
            os.set_inheritable(theirs.fileno(), True)
            with Run("--mem", "32M", "--net", f"socket=fd:{theirs.fileno()}", "--disk", f"{img},ro", image, f"ip={dev.guest}/24", "--",
                     "--quiet", pass_fds=[theirs.fileno()]) as run:
                theirs.close()
                thread.start()
                check(f"httpd over a {kind} socket", run, dev.guest, 80, site, names)
        finally:
            stop.set()
            if thread.ident:
                thread.join(5)
            dev.close()
        big = getattr(stop, "sizes", 0)
        if kind == "seqpacket":
            t.ok(big > 20000, f"large frames cross it whole ({big} bytes)")
        else:
            t.ok(0 < big <= 1514, f"a peer that takes none gets none ({big} bytes)")


def over_qemu(image, img, site, names):
    """QEMU's own end of a stream socket, with no guest in it: a hub joins it with a tap."""
    if not shutil.which("qemu-system-x86_64"):
        t.skip("httpd over QEMU's -netdev stream", "no QEMU")
        return
    dev, path = TapDev(3), f"{TMP}/qemu.sock"
    qemu = subprocess.Popen(["qemu-system-x86_64", "-M", "none", "-display", "none", "-nodefaults",
                             "-netdev", f"stream,id=n,server=on,addr.type=unix,addr.path={path}", "-netdev", "hubport,id=h1,hubid=0,netdev=n",
                             "-netdev", f"tap,id=t,ifname={dev.name},script=no,downscript=no", "-netdev", "hubport,id=h2,hubid=0,netdev=t"],
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        end = time.monotonic() + 10
        while not os.path.exists(path) and time.monotonic() < end:
            time.sleep(0.05)
        with Run("--mem", "32M", "--net", f"socket={path}", "--disk", f"{img},ro", image, f"ip={dev.guest}/24", "--", "--quiet") as run:
            check("httpd over QEMU's -netdev stream", run, dev.guest, 80, site, names)
    finally:
        qemu.kill()
        qemu.wait()
        dev.close()


# ---- user networking -------------------------------------------------------------

def read_pcap(path):
    data = open(path, "rb").read()
    magic, = struct.unpack("<I", data[:4])
    at, frames = 24, []
    while at + 16 <= len(data):
        sec, nsec, cap, full = struct.unpack("<IIII", data[at:at + 16])
        frames.append((sec + nsec / 1e9, full, data[at + 16:at + 16 + cap]))
        at += 16 + cap
    return magic, frames, at == len(data)


def user_net(image, img, site, names):
    pcap = f"{TMP}/user.pcap"
    before = time.time()
    with Run("--mem", "32M", "--net", f"user,fwd=tcp:{PORT}:80,pcap={pcap}", "--disk", f"{img},ro", image, "--", "--quiet") as run:
        check("httpd over user networking, by DHCP", run, "127.0.0.1", PORT, site, names)
        kids = children(run.proc.pid)
        many = [threading.Thread(target=lambda: results.append(fetch_all("127.0.0.1", PORT, site, names))) for _ in range(8)]
        results = []
        for x in many:
            x.start()
        for x in many:
            x.join(30)
        t.ok(results == [None] * 8, f"eight clients at once {[r for r in results if r]}")
        status, out, err = glint("run", "--net", f"user,fwd=tcp:{PORT}:80", image, timeout=10)
        t.ok(status not in (0, None) and f"port {PORT}" in err and "in use" in err, f"a busy port is named (status {status})")
        run.proc.send_signal(signal.SIGTERM)
        t.ok(run.wait() == 0, "SIGTERM ends it in order")
    t.ok(all(gone(pid) for pid in kids), "guest and helper are gone with it")
    magic, frames, whole = read_pcap(pcap)
    t.ok(magic == 0xa1b23c4d and whole and len(frames) > 100, f"a capture of {len(frames)} frames")
    t.ok(all(before <= f[0] <= time.time() and f[1] == len(f[2]) >= 14 for f in frames) and frames == sorted(frames, key=lambda f: f[0]),
         "their times and lengths are right")
    bodies = b"".join(f[2] for f in frames)
    t.ok(b"GET /deep/er/page.html" in bodies and b"HTTP/1.1 200" in bodies, "both directions are in it")


def echo_both():
    echo = build("echo")
    port = PORT + 1
    with Run("--net", f"user,fwd=tcp:{port}:7,fwd=udp:{port}:7", echo) as run:
        ok = wait_http("127.0.0.1", port)
        data = random.Random(5).randbytes(3000000)
        got = b""
        if ok:
            with socket.create_connection(("127.0.0.1", port), 5) as c:
                threading.Thread(target=lambda: (c.sendall(data), c.shutdown(socket.SHUT_WR)), daemon=True).start()
                while True:
                    piece = c.recv(65536)
                    if not piece:
                        break
                    got += piece
        if not t.ok(got == data, f"3 MB there and back by TCP ({len(got)})"):
            t.diag(run.text()[-500:])
        u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        u.settimeout(2)
        good = 0
        for i in range(20):
            u.sendto(b"%d" % i * 100, ("127.0.0.1", port))
            try:
                good += u.recv(2000) == b"%d" % i * 100
            except socket.timeout:
                pass
        t.ok(good == 20, f"UDP too ({good} of 20)")


def dns_server():
    """Answers every question for an IPv4 address with 192.0.2.7."""
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind(("127.0.0.1", 53))
    while True:
        q, who = s.recvfrom(2000)
        end = q.index(b"\0", 12) + 5
        a = q[end - 4:end - 2] == b"\0\1"
        s.sendto(q[:2] + b"\x81\x80\0\1" + (b"\0\1" if a else b"\0\0") + bytes(4) + q[12:end] +
                 (b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\xc0\0\2\7" if a else b""), who)


def dns_inside(image):
    """In namespaces of its own, where this process is the name server of resolv.conf."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    conf = f"{TMP}/resolv.conf"
    with open(conf, "w") as f:
        f.write("nameserver 127.0.0.1\n")
    subprocess.run(["mount", "--bind", conf, os.path.realpath("/etc/resolv.conf")], check=True)
    threading.Thread(target=dns_server, daemon=True).start()
    status, out, err = glint("run", "--net", "user", image, "ip=10.0.2.15/24,gw=10.0.2.2,dns=10.0.2.3", "--", "some.name.test", timeout=15)
    print(status, out, err)
    return 0 if "some.name.test 192.0.2.7" in out else 1


def helper_alone():
    helper = f"{ROOT}/build/host/glint-net-user"

    def run(*args, **kw):
        r = subprocess.run([helper, *args], capture_output=True, text=True, timeout=10, **kw)
        return r.returncode, r.stdout + r.stderr

    t.ok(run("--help")[0] == 0 and run()[0] == 2, "glint-net-user: help, usage")
    a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    fds = {"pass_fds": [b.fileno()]}
    for rule in ("tcp:80", "tcp:0:80", "tcp:80:99999", "ip:80:80", "tcp:1.2.3:80:80", "tcp:1:2:3:4", "", "x" * 90):
        status, text = run("--fd", str(b.fileno()), f"fwd={rule}", **fds)
        t.ok(status == 2 and "fwd=" in text, f"fwd={rule[:20]} is refused")
    t.ok(run("--fd", "0", stdin=subprocess.DEVNULL)[0] in (1, 2), "a descriptor that is no socket")
    p = subprocess.Popen([helper, "--fd", str(b.fileno())], pass_fds=[b.fileno()])
    b.close()
    rnd = random.Random(3)
    for i in range(3000):       # rubbish of all lengths: it neither ends nor hangs
        head = rnd.randbytes(12) if i & 1 else bytes(12)
        eth = b"\x52\x55\x0a\x00\x02\x02" + rnd.randbytes(6) + rnd.choice([b"\x08\x00\x45\x00", b"\x08\x06\x00\x01", b"\x86\xdd\x60\x00", rnd.randbytes(4)])
        try:
            a.send(head + (eth + rnd.randbytes(rnd.choice([0, 20, 40, 60, 1400, 60000])))[:rnd.choice([5, 20, 100, 70000])])
        except OSError:
            break
        while select.select([a], [], [], 0)[0]:
            if not a.recv(70000):
                break
    mac = bytes.fromhex("525400123456")
    a.send(bytes(12) + b"\xff" * 6 + mac + b"\x08\x06" + struct.pack("!HHBBH", 1, 0x800, 6, 4, 1) + mac + bytes([10, 0, 2, 15]) + bytes(6) + bytes([10, 0, 2, 2]))
    answer = False
    end = time.monotonic() + 5
    while not answer and time.monotonic() < end and select.select([a], [], [], 1)[0]:
        m = a.recv(70000)
        answer = m[12:18] == mac and m[24:26] == b"\x08\x06"
    t.ok(answer and p.poll() is None, "it survives rubbish and still answers ARP")
    with open(f"/proc/{p.pid}/status") as f:
        text = f.read()
    t.ok("Seccomp:\t2" in text and "NoNewPrivs:\t1" in text and "CapEff:\t0000000000000000" in text, "confined: seccomp, no new privileges, no capabilities")
    a.close()
    try:
        t.ok(p.wait(5) == 0, "it ends when the guest's end is closed")
    except subprocess.TimeoutExpired:
        p.kill()
        t.ok(False, "it ends when the guest's end is closed")


def main():
    build_glint()
    image = build("httpd")
    r = subprocess.run(["make", "-s", "-C", ROOT, "mkvol"], capture_output=True, text=True)
    site, names = make_site()
    img = f"{TMP}/site.img"
    r = subprocess.run([f"{ROOT}/build/host/mkvol", "volume", "-o", img, site], capture_output=True, text=True)
    if r.returncode:
        t.ok(False, "mkvol: " + r.stderr)
        return t.done()
    helper_alone()
    echo_both()
    user_net(image, img, site, names)
    if os.geteuid() or not os.path.exists("/dev/net/tun") or not shutil.which("ip"):
        t.skip("taps and sockets", "needs root and /dev/net/tun to make a tap")
        return t.done()
    r = subprocess.run(["unshare", "-mn", "--propagation", "private", sys.executable, __file__, "--dns", build("dnsq")], capture_output=True,
                       text=True, timeout=60)
    if not t.ok(r.returncode == 0, "names by libslirp's DNS and the host's resolv.conf"):
        t.diag(r.stdout + r.stderr)
    over_tap(image, img, site, names)
    over_sockets(image, img, site, names)
    over_qemu(image, img, site, names)
    return t.done()


sys.exit(dns_inside(sys.argv[2]) if sys.argv[1:2] == ["--dns"] else main())

# SPDX-License-Identifier: BSD-2-Clause
"""What the network tests share: a network namespace of the test's own (it ends
with the process, so nothing can stay behind), taps in it, guests on the taps,
the guest's counters, and clients. Host 10.0.N.1 and fd00:N::1, guest .2 and ::2."""
import ctypes, os, re, select, shutil, socket, struct, subprocess, sys, tarfile, threading, time
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
from vm import ROOT, Guest, Tap, build

MAC = "52:54:00:67:6c:%02x"


def skip(why):
    print(why)
    sys.exit(77)


def enter():
    """Moves this process into a network namespace of its own, or skips the test."""
    if os.geteuid() != 0:
        skip("needs root for a network namespace and a tap")
    if not os.path.exists("/dev/net/tun"):
        skip("there is no /dev/net/tun here")
    missing = [t for t in ("ip", "ethtool", "qemu-system-x86_64") if not shutil.which(t)]
    if missing:
        skip("missing " + " ".join(missing) + "; run: apt install iproute2 ethtool qemu-system-x86")
    if ctypes.CDLL(None, use_errno=True).unshare(0x40000000):
        skip("no network namespace: " + os.strerror(ctypes.get_errno()))
    sh("ip link set lo up")
    for key, value in (("ipv4/tcp_tw_reuse", 1), ("ipv4/ip_local_port_range", "2000 65000"), ("ipv6/conf/default/accept_dad", 0),
                       ("ipv6/conf/default/router_solicitations", 0)):
        with open(f"/proc/sys/net/{key}", "w") as f:
            f.write(str(value))
    for key in ("core/somaxconn", "core/rmem_max"):
        try:
            with open(f"/proc/sys/net/{key}", "w") as f:
                f.write("4194304" if "rmem" in key else "4096")
        except OSError:
            pass


def sh(line, check=True):
    r = subprocess.run(line.split(), capture_output=True, text=True, timeout=20)
    if check and r.returncode:
        raise RuntimeError(f"{line}: {r.stderr.strip()}")
    return r.returncode


def make_tap(n=0, offload=True, addresses=True):
    sh(f"ip tuntap add dev tap{n} mode tap")
    if addresses:
        sh(f"ip addr add 10.0.{n}.1/24 dev tap{n}")
        sh(f"ip -6 addr add fd00:{n}::1/64 dev tap{n} nodad")
    if not offload:
        sh(f"ethtool -K tap{n} tx off tso off gso off gro off", check=False)
    sh(f"ip link set tap{n} up")
    return f"tap{n}"


def drop_tap(n=0):
    sh(f"ip link del tap{n}", check=False)


def ll(n=0):
    """The guest's link-local address as a scoped one of this host."""
    return f"fe80::5054:ff:fe67:6c{n + 1:02x}%tap{n}"


def static(n=0):
    key = "ip" if n == 0 else f"net{n}.ip"
    return f"{key}=10.0.{n}.2/24,gw=10.0.{n}.1 {key}=fd00:{n}::2/64" if n == 0 else f"{key}=10.0.{n}.2/24 {key}=fd00:{n}::2/64"


class NetGuest(Guest):
    """A guest with one network device on each of the taps `nics` (numbers, or whole -netdev values by number)."""

    def __init__(self, app, way="microvm", mem="16M", nics=(0,), kargs=None, event_idx=True, dev_extra="", netdev=None, extra=(), **kw):
        bus = "device" if way.startswith("microvm") else "pci"
        ev = "" if event_idx else ",event_idx=off"
        more = list(extra)
        for n in nics if way == "hv" else ():
            more += ["--net", f"tap=tap{n},mac={MAC % (n + 1)}"]
        for n in nics if way != "hv" else ():
            more += ["-netdev", (netdev or "tap,ifname=tap{n},script=no,downscript=no,vhost=off").format(n=n) + f",id=n{n}",
                     "-device", f"virtio-net-{bus},id=nic{n},netdev=n{n},mac={MAC % (n + 1)}{ev}{dev_extra}" + (",romfile=" if bus == "pci" else "")]
        super().__init__(app, way=way, mem=mem, kargs=" ".join(static(n) for n in nics) if kargs is None else kargs, extra=more, **kw)

    def alive(self):
        return self.proc.poll() is None

    def processes(self):
        """The host's, the guest's own one last."""
        if self.way != "hv":
            return [self.proc.pid]
        with open(f"/proc/{self.proc.pid}/task/{self.proc.pid}/children") as f:
            return [self.proc.pid] + [int(x) for x in f.read().split()]

    def cpu_seconds(self):
        return sum(time.clock_gettime((~pid << 3) | 2) for pid in self.processes())


def make_site(folder):
    """A small page, a larger file, and the tar of both; returns the tar and the contents."""
    os.makedirs(f"{folder}/s", exist_ok=True)
    files = {"index.html": b"<h1>net</h1>\n" * 20, "big.bin": bytes((i * 131 + (i >> 8)) & 255 for i in range(40000))}
    for name, data in files.items():
        with open(f"{folder}/s/{name}", "wb") as f:
            f.write(data)
    with tarfile.open(f"{folder}/s.tar", "w", format=tarfile.USTAR_FORMAT) as tar:
        tar.add(f"{folder}/s", ".")
    return f"{folder}/s.tar", files


def get(host="10.0.0.2", path="/", port=80, timeout=3, family=socket.AF_INET):
    """(status, body) of one request on a connection of its own."""
    with socket.socket(family, socket.SOCK_STREAM) as s:
        s.settimeout(timeout)
        s.connect(socket.getaddrinfo(host, port, family, socket.SOCK_STREAM)[0][4])
        s.sendall(f"GET {path} HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n".encode())
        data = b""
        while chunk := s.recv(65536):
            data += chunk
    head, _, body = data.partition(b"\r\n\r\n")
    return (int(head.split()[1]) if head.startswith(b"HTTP/") else 0), body


def wait_answer(g, host="10.0.0.2", path="/", timeout=20, port=80, **kw):
    end = time.monotonic() + timeout
    while time.monotonic() < end and g.proc.poll() is None:
        g.pump(0.01)
        try:
            return get(host, path, port, timeout=1, **kw)
        except OSError:
            time.sleep(0.02)
    return None


def wait_port(g, host="10.0.0.2", port=7, timeout=20):
    end = time.monotonic() + timeout
    while time.monotonic() < end and g.alive():
        g.pump(0.01)
        try:
            socket.create_connection((host, port), timeout=1).close()
            return True
        except OSError:
            time.sleep(0.02)
    return False


def metrics(host="10.0.0.2", tries=3):
    for i in range(tries):
        try:
            text = get(host, "/metrics")[1].decode()
            return {m[1]: int(m[2]) for m in re.finditer(r"^([a-z]\S*) (\d+)$", text, re.M)}
        except OSError:
            if i == tries - 1:
                raise


def stack(m, proto, kind):
    return m.get(f'glint_net_stack{{proto="{proto}",kind="{kind}"}}', 0)


def total_drops(m):
    """Everything that was refused, wherever it was counted."""
    kinds = "drop|chkerr|lenerr|memerr|rterr|proterr|opterr|err|rx_malformed|rx_nomem|syn_dropped"
    return sum(v for k, v in m.items() if re.match(rf'glint_net_stack{{proto="\w+",kind="({kinds})"}}', k) or k.startswith("glint_net_rx_dropped"))


LEVELS = [f'glint_heap_bytes{{owner="{o}"}}' for o in ("kernel", "driver", "net", "app")] + [f'glint_net_stack{{proto="stack",kind="mem_bytes"}}']


def levels(m):
    return {k: m.get(k, 0) for k in LEVELS}


TABLES = 64 << 10       # of connections, by number: they grow and stay


def returned(before, timeout=20, slack=2048, host="10.0.0.2", tables=0):
    """Waits until memory is where it was; returns what is not, or nothing. `tables`: what heaps may keep beyond `slack`."""
    end = time.monotonic() + timeout
    while True:
        try:
            now = levels(metrics(host))
            more = {k: (before[k], now[k]) for k in now if now[k] > before[k] + slack + tables * ("heap" in k)}
        except OSError as e:
            more = {"no answer": str(e)}
        if not more or time.monotonic() > end:
            return more
        time.sleep(0.5)


# ---- ping ----
def checksum(data):
    if len(data) & 1:
        data += b"\0"
    s = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while s >> 16:
        s = (s & 0xffff) + (s >> 16)
    return ~s & 0xffff


def ping(host, size=56, timeout=1.5, tries=2):
    """Seconds until the right answer came, or None."""
    v6 = ":" in host
    addr = socket.getaddrinfo(host, None, socket.AF_INET6 if v6 else socket.AF_INET, socket.SOCK_DGRAM)[0][4]
    with socket.socket(socket.AF_INET6 if v6 else socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMPV6 if v6 else socket.IPPROTO_ICMP) as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        for seq in range(tries):
            payload = bytes((i + seq * 7) & 255 for i in range(256)) * (size // 256 + 1)
            packet = struct.pack("!BBHHH", 128 if v6 else 8, 0, 0, 0x476c, seq) + payload[:size]
            if not v6:
                packet = packet[:2] + struct.pack("!H", checksum(packet)) + packet[4:]
            start = time.monotonic()
            try:
                s.sendto(packet, addr)
            except OSError:
                time.sleep(0.1)
                continue
            while (left := start + timeout - time.monotonic()) > 0:
                if not select.select([s], [], [], left)[0]:
                    break
                got = s.recv(70000)
                got = got if v6 else got[(got[0] & 15) * 4:]
                if got[0] == (129 if v6 else 0) and got[4:] == packet[4:]:
                    return time.monotonic() - start
    return None

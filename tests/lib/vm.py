# SPDX-License-Identifier: BSD-2-Clause
"""One guest for the tests, under QEMU or (way="hv", "hv-kvm") our own hypervisor: start it
in some way, read its console, reach its ports, ask it to stop, know how it ended.
Nothing outlives close()."""
import json, os, re, select, shlex, shutil, signal, socket, subprocess, tempfile, time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
EXIT_PORT = 0xf4
OVMF = "/usr/share/OVMF"

# way of entry -> machine; the ISO ones boot through GRUB.
WAYS = {"microvm": "microvm,pic=off,pit=off,isa-serial=off", "microvm-noacpi": "microvm,acpi=off,pic=off,pit=off,isa-serial=off",
        "q35": "q35", "pc": "pc", "bios": "q35", "uefi": "q35"}
HV_WAYS = {"hv": "process", "hv-kvm": "kvm"}            # by `glint run`


def hv_ways():
    """Those that this machine has."""
    return ["hv"] + ["hv-kvm"] * os.access("/dev/kvm", os.R_OK | os.W_OK)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def build(app, fmt="elf", **env):
    """Builds the image once; returns its path or raises with make's last lines."""
    r = subprocess.run(["make", "-C", ROOT, "--no-print-directory", f"build/{app}.{fmt}", f"APP={app}"] + [f"{k}={v}" for k, v in env.items()],
                       capture_output=True, text=True, timeout=600)
    if r.returncode:
        raise RuntimeError(f"{app}.{fmt} does not build: " + " | ".join((r.stdout + r.stderr).splitlines()[-5:]))
    return f"{ROOT}/build/{app}.{fmt}"


def make_iso(elf, out, cmdline, modules=()):
    cmd = [f"{ROOT}/tools/mkiso.sh", "-o", out]
    for m in modules:
        cmd += ["-m", m if "=" in m else f"{os.path.basename(m)}={m}"]
    r = subprocess.run(cmd + [elf, "--", *shlex.split(cmdline)], capture_output=True, text=True, timeout=120)
    if r.returncode:
        raise RuntimeError("mkiso: " + r.stdout + r.stderr)


class Guest:
    def __init__(self, app, way="microvm", mem="16M", kargs="", args="", disks=(), ports=(), nics=1, net=True, extra=(), cpu="max",
                 console="virtio", event_idx=True, elf=None, initrd=None, iso_modules=(), legacy=False):
        self.tmp = tempfile.mkdtemp(prefix="glint-test-")
        self.out = b""
        self.way = way
        if way == "uefi":
            mem = "256M"            # what OVMF itself needs
        self.ports = {p: free_port() for p in ports}
        pci = way not in ("microvm", "microvm-noacpi")
        dev = "pci" if pci else "device"
        elf = elf or f"{ROOT}/build/{app}.elf"
        if way in HV_WAYS:
            self.start(self.hv_command(elf, mem, kargs, args, disks, nics if net and (ports or nics > 1) else 0, initrd, extra))
            return
        words = [f"exit-port={EXIT_PORT:#x}"]
        if ports and "ip=" not in kargs:
            words.append("ip=10.0.2.15/24,gw=10.0.2.2,dns=10.0.2.3")
        cmdline = " ".join(words + [kargs] * bool(kargs)) + (f" -- {args}" if args else "")
        cmd = ["qemu-system-x86_64", "-accel", "tcg", "-cpu", cpu, "-M", WAYS[way], "-m", mem, "-nodefaults", "-no-user-config",
               "-display", "none", "-no-reboot", "-global", f"virtio-mmio.force-legacy={'true' if legacy else 'false'}",
               "-device", f"isa-debug-exit,iobase={EXIT_PORT:#x},iosize=4", "-qmp", f"unix:{self.tmp}/qmp,server=on,wait=off",
               "-chardev", "stdio,id=con,signal=off"]
        if console == "virtio":
            cmd += ["-device", f"virtio-serial-{dev}", "-device", "virtconsole,chardev=con"]
        elif console == "debugcon":
            cmd += ["-device", "isa-debugcon,iobase=0xe9,chardev=con"]
        elif console == "serial":
            cmd += ["-device", "isa-serial,chardev=con"]
        if way in ("bios", "uefi"):
            iso = f"{self.tmp}/boot.iso"
            make_iso(elf, iso, cmdline, iso_modules)
            cmd += ["-drive", f"if=none,id=cd,format=raw,media=cdrom,readonly=on,file={iso}", "-device", "ide-cd,drive=cd"]
            if way == "uefi":
                shutil.copy(f"{OVMF}/OVMF_VARS_4M.fd", f"{self.tmp}/vars.fd")
                cmd += ["-drive", f"if=pflash,format=raw,readonly=on,file={OVMF}/OVMF_CODE_4M.fd", "-drive", f"if=pflash,format=raw,file={self.tmp}/vars.fd"]
        else:
            cmd += ["-kernel", elf, "-append", cmdline]
            if initrd:
                cmd += ["-initrd", initrd]
        cmd += ["-device", f"virtio-rng-{dev}"]
        for i, d in enumerate(disks):
            path, opts = d if isinstance(d, tuple) else (d, "")
            cmd += ["-drive", f"if=none,id=d{i},format=raw,file={path}{opts}", "-device", f"virtio-blk-{dev},drive=d{i},serial=disk{i}"]
        if net and (ports or nics > 1):
            fwd = "".join(f",hostfwd={proto}:127.0.0.1:{h}-:{g}" for g, h in self.ports.items() for proto in ("tcp", "udp"))
            ev = "" if event_idx else ",event_idx=off"
            cmd += ["-netdev", f"user,id=n0{fwd}", "-device", f"virtio-net-{dev},netdev=n0{ev}"]
            for i in range(1, nics):
                cmd += ["-netdev", f"user,id=n{i},net=10.0.{2 + i}.0/24", "-device", f"virtio-net-{dev},netdev=n{i}"]
        self.start(cmd + list(extra))

    def hv_command(self, elf, mem, kargs, args, disks, nics, module, extra):
        subprocess.run(["make", "-C", ROOT, "--no-print-directory", "build/host/glint", "build/host/glint-net-user"], check=True, stdout=subprocess.DEVNULL)
        fwd = "".join(f",fwd={proto}:127.0.0.1:{h}:{g}" for g, h in self.ports.items() for proto in ("tcp", "udp"))
        cmd = [f"{ROOT}/build/host/glint", "run", "--accel", HV_WAYS[self.way], "--mem", mem, *extra]
        for i in range(nics):
            cmd += ["--net", "user" + fwd * (i == 0)]
        for d in disks:
            cmd += ["--disk", d if isinstance(d, str) else d[0] + (",ro" if "readonly=on" in d[1] else "")]
        if module:
            cmd += ["--module", module]
        words = ["ip=10.0.2.15/24,gw=10.0.2.2,dns=10.0.2.3"] * ("ip=" not in kargs and nics > 0)
        return cmd + [elf, *words, *shlex.split(kargs), *(["--", *shlex.split(args)] if args else [])]

    def start(self, cmd):
        self.cmd = cmd
        self.started = time.monotonic()
        self.proc = subprocess.Popen(self.cmd, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        os.set_blocking(self.proc.stdout.fileno(), False)

    # -- console
    def pump(self, wait=0.05):
        r, _, _ = select.select([self.proc.stdout], [], [], wait)
        if r:
            data = self.proc.stdout.read()
            if data:
                self.out += data
            return bool(data)
        return False

    def text(self):
        self.pump(0)
        return self.out.decode(errors="replace").replace("\r", "")

    def wait_for(self, pattern, timeout=30):
        """The match of a regular expression on the console, or None."""
        end = time.monotonic() + timeout
        while True:
            m = re.search(pattern, self.text())
            if m or time.monotonic() > end or (self.proc.poll() is not None and not self.pump()):
                return m
            self.pump()

    # -- ends
    def wait_exit(self, timeout=60):
        """The guest's exit status; None if it still runs."""
        end = time.monotonic() + timeout
        while self.proc.poll() is None and time.monotonic() < end:
            self.pump()
        if self.proc.poll() is None:
            return None
        while self.pump(0):
            pass
        rc = self.proc.returncode
        return rc >> 1 if rc > 1 and rc & 1 and self.way not in HV_WAYS else rc

    def qmp(self, command, **args):
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(20)
            for tries in range(100):            # QEMU may not have come to it yet
                try:
                    s.connect(f"{self.tmp}/qmp")
                    break
                except (FileNotFoundError, ConnectionRefusedError):
                    if tries == 99 or self.proc.poll() is not None:
                        raise
                    time.sleep(0.1)
            f = s.makefile("rw")
            f.readline()
            for c in ({"execute": "qmp_capabilities"}, {"execute": command, **({"arguments": args} if args else {})}):
                f.write(json.dumps(c) + "\n")
                f.flush()
                while True:
                    answer = json.loads(f.readline())
                    if "event" not in answer:
                        break
            return answer

    def power_button(self):
        if self.way in HV_WAYS:
            return self.proc.send_signal(signal.SIGTERM)
        return self.qmp("system_powerdown")

    def close(self):
        if self.proc.poll() is None:
            self.proc.kill()
            self.proc.wait(10)
        self.proc.stdout.close()
        self.proc.stdin.close()
        shutil.rmtree(self.tmp, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Tap:
    def __init__(self):
        self.n = self.failed = 0

    def ok(self, cond, what):
        self.n += 1
        print(("ok" if cond else "not ok"), self.n, "-", what, flush=True)
        self.failed += not cond
        return cond

    def skip(self, what, why):
        self.n += 1
        print("ok", self.n, "-", what, "# SKIP", why, flush=True)

    def diag(self, text):
        for line in text.splitlines():
            print("#", line, flush=True)

    def done(self):
        print(f"1..{self.n}")
        return 1 if self.failed else 0


def http_get(port, path="/", timeout=5, headers=""):
    with socket.create_connection(("127.0.0.1", port), timeout=timeout) as s:
        s.sendall(f"GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n{headers}\r\n".encode())
        data = b""
        while chunk := s.recv(65536):
            data += chunk
    head, _, body = data.partition(b"\r\n\r\n")
    return int(head.split()[1]) if head.startswith(b"HTTP/") else 0, head.decode(errors="replace"), body


def wait_http(guest, gport=80, timeout=30):
    end = time.monotonic() + timeout
    while time.monotonic() < end and guest.proc.poll() is None:
        guest.pump(0.01)
        try:
            answer = http_get(guest.ports[gport], timeout=2)
            if answer[0]:           # else the host took the connection, and no server was there yet
                return answer
        except OSError:
            pass
        time.sleep(0.02)
    return None

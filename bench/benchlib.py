# SPDX-License-Identifier: BSD-2-Clause
#
# What the benchmarks share: a network namespace with one tap for each guest,
# the QEMU command lines of Glint and of its Linux peer, starting and stopping
# them, and CPU times read from the kernel. All guests are 10.0.0.2, each in a
# namespace of its own where the host is 10.0.0.1, so that nothing differs
# between them but the guest. Nothing is left behind: see Scope.

import fcntl
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BENCH = os.path.join(TOP, "bench")
OUT = os.path.join(TOP, "build", "bench")
HOST_IP, GUEST_IP, GUEST_MAC = "10.0.0.1", "10.0.0.2", "52:54:00:67:6c:01"
SKIPPED = 77
BARE_MICROVM = "microvm,pic=off,pit=off,rtc=off,isa-serial=off,acpi=off"
PREFIX = "glintbench-"

PACKAGES = {"qemu-system-x86_64": "qemu-system-x86", "wrk": "wrk", "ip": "iproute2",
            "taskset": "util-linux", "unshare": "util-linux", "setpriv": "util-linux", "gcc": "gcc", "nginx": "nginx-light"}


class Trouble(Exception):
    """A message for the user: what is wrong and what to do about it."""


def skip(why):
    print(f"skipped: {why}")
    sys.exit(SKIPPED)


def need(*tools):
    missing = [t for t in tools if not shutil.which(t) and not os.path.exists(f"/usr/sbin/{t}")]
    if missing:
        raise Trouble("missing: " + " ".join(missing) + "; run: apt install "
                      + " ".join(sorted({PACKAGES[t] for t in missing})))


def need_root():
    if os.geteuid() != 0:
        skip("needs root for a network namespace and a tap; run it with sudo")
    if not os.path.exists("/dev/net/tun"):
        skip("no /dev/net/tun here")


def set_priority(options):
    """For the guests and clients. Linux groups processes by session (autogroup), which makes
    nice idle between sessions, so each gets a session of its own whose group is raised."""
    if options.nice:
        raised.extend(["setsid", "sh", "-c", "n=$1; shift; renice -n $n $$ >/dev/null; "
                       "echo $n > /proc/self/autogroup; exec \"$@\"", "sh", str(options.nice)])


raised = []  # the prefix of commands whose speed matters


def run(*words):
    done = subprocess.run(words, capture_output=True, text=True)
    if done.returncode:
        raise Trouble(f"{' '.join(words)}: {done.stderr.strip() or done.returncode}")
    return done.stdout


def build_tool(name):
    """Compile bench/NAME.c into build/bench/NAME if it is older; returns its path."""
    source, program = os.path.join(BENCH, name + ".c"), os.path.join(OUT, name)
    os.makedirs(OUT, exist_ok=True)
    if not os.path.exists(program) or os.path.getmtime(program) < os.path.getmtime(source):
        need("gcc")
        run("gcc", "-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-o", program, source)
    return program


def make_store(options, site):
    """What Glint's httpd serves, unless --volume or --module names it."""
    if options.volume or options.module:
        return
    if options.store == "module":
        options.module = os.path.join(OUT, "site.tar")
        with tarfile.open(options.module, "w", format=tarfile.USTAR_FORMAT) as archive:
            archive.add(site, ".")
        return
    maker = os.path.join(TOP, "build", "host", "mkvol")
    if not os.path.exists(maker):
        run("make", "-s", "-C", TOP, "build/host/mkvol")
    options.volume = os.path.join(OUT, "site.img")
    run(maker, "volume", "-o", options.volume, site)


def build_peer(site):
    """The Linux guest's kernel and initramfs, rebuilt so that it serves `site`."""
    subprocess.run([os.path.join(BENCH, "linux-guest.sh"), "--site", site], check=True,
                   stdout=sys.stderr)


def make_site(size):
    """build/bench/site with one index.html of `size` bytes."""
    site = os.path.join(OUT, "site")
    os.makedirs(site, exist_ok=True)
    head = "<!doctype html>\n<title>bench</title>\n<p>"
    text = head + "The quick brown fox jumps over the lazy dog. " * (size // 44 + 1)
    with open(os.path.join(site, "index.html"), "w") as page:
        page.write(text[:size - 1] + "\n")
    return site


# ---- namespaces -------------------------------------------------------------

class Scope:
    """Everything to be undone at the end, in reverse order, also after ^C or SIGTERM."""

    def __enter__(self):
        self.undo = []
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        # Two benchmarks at once would measure each other. Closed, so unlocked, when we end.
        os.makedirs(OUT, exist_ok=True)
        self.lock = open(os.path.join(OUT, "lock"), "w")
        try:
            fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("waiting for another benchmark to end", flush=True)
            fcntl.flock(self.lock, fcntl.LOCK_EX)
        sweep_namespaces()
        return self

    def __exit__(self, *_):
        for action in reversed(self.undo):
            try:
                action()
            except Exception as error:  # the rest must still be undone
                print(f"clean-up: {error}", file=sys.stderr)

    def add(self, action):
        self.undo.append(action)


def sweep_namespaces():
    """Delete what a killed benchmark left: namespaces named after a dead process."""
    for line in run("ip", "netns", "list").splitlines():
        match = re.match(PREFIX + r"(\d+)-", line)
        if match and not os.path.exists(f"/proc/{match[1]}"):
            subprocess.run(["ip", "netns", "del", line.split()[0]], stderr=subprocess.DEVNULL)


def make_namespace(scope, label, tap=True):
    ns = f"{PREFIX}{os.getpid()}-{label}"
    run("ip", "netns", "add", ns)
    scope.add(lambda: run("ip", "netns", "del", ns))
    inside = ["ip", "netns", "exec", ns]
    run(*inside, "sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1",
        "net.ipv6.conf.default.disable_ipv6=1", "net.ipv4.ip_local_port_range=2000 65000",
        "net.ipv4.tcp_tw_reuse=1")
    run(*inside, "ip", "link", "set", "lo", "up")
    if tap:
        run(*inside, "ip", "tuntap", "add", "dev", "tap0", "mode", "tap")
        run(*inside, "ip", "addr", "add", f"{HOST_IP}/24", "dev", "tap0")
        # The default, 500 frames, overflows when 1,000 clients ask at once, whoever the guest.
        run(*inside, "ip", "link", "set", "tap0", "txqueuelen", "4000", "up")
        # Known beforehand, so that no benchmark waits for the host's ARP timer.
        run(*inside, "ip", "neigh", "replace", GUEST_IP, "lladdr", GUEST_MAC, "nud",
            "permanent", "dev", "tap0")
    return ns


# ---- guests -----------------------------------------------------------------

def net_options(bus, event_idx, net_extra=""):
    """The same for every guest, but for the name of the bus."""
    return ["-netdev", "tap,id=n,ifname=tap0,script=no,downscript=no,vhost=off",
            "-device", f"virtio-net-{bus},netdev=n,mac={GUEST_MAC},event_idx={event_idx}"
            + (",romfile=" if bus == "pci" else "") + net_extra]


def qemu_base(machine, memory, cpu):
    base = ["qemu-system-x86_64", "-M", machine, "-accel", "tcg", "-nodefaults",
            "-no-user-config", "-display", "none", "-no-reboot", "-smp", "1", "-m", memory,
            "-global", "virtio-mmio.force-legacy=false"]
    return base + (["-cpu", cpu] if cpu else [])


def tsc_khz():
    """The host's TSC rate, which is the guest's under TCG: half of BogoMIPS by definition."""
    with open("/proc/cpuinfo") as info:
        return int(float(re.search(r"bogomips\s*:\s*([\d.]+)", info.read(), re.I)[1]) * 500)


def linux_command(options, event_idx="on", net=True):
    bus = "device" if options.machine == "microvm" else "pci"
    machine = "microvm,acpi=on" if bus == "device" else "q35"
    # On a busy core Linux fails to calibrate the TSC against the PIT and hangs: tell it.
    append = (f"console=ttyS0 quiet tsc=reliable tsc_early_khz={tsc_khz()} panic=-1 "
              f"ip={GUEST_IP}/24 gw={HOST_IP}")
    folder = os.path.join(OUT, "linux")
    return (qemu_base(machine, options.peer_memory, options.cpu)
            + ["-kernel", f"{folder}/vmlinuz", "-initrd", f"{folder}/initrd",
               "-append", f"{append} {options.peer_append}".strip(), "-serial", "stdio"]
            + (net_options(bus, event_idx) if net else []))


def glint_command(options, event_idx="on", net=True):
    bus = "device" if options.machine == "microvm" else "pci"
    machine = BARE_MICROVM if bus == "device" else "q35"
    append = f"ip={GUEST_IP}/24,gw={HOST_IP} {options.glint_append}".strip()
    if options.glint_args:
        append += f" -- {options.glint_args}"
    command = qemu_base(machine, options.memory, options.cpu) + [
        "-kernel", options.image, "-append", append,
        "-device", f"virtio-serial-{bus}", "-device", "virtconsole,chardev=c",
        "-chardev", "stdio,id=c,signal=off", "-device", f"virtio-rng-{bus}"]
    if options.volume:
        command += ["-drive", f"file={options.volume},if=none,id=d,format=raw,readonly=on",
                    "-device", f"virtio-blk-{bus},drive=d,serial=site"]
    if options.module:
        command += ["-initrd", options.module]
    return (command + (net_options(bus, event_idx) if net else [])
            + options.glint_qemu.split())


def guest_options(parser):
    """The options that say which guests, with the values they usually have."""
    parser.add_argument("--image", default=os.path.join(TOP, "build", "httpd.elf"),
                        help="Glint's ELF (build/httpd.elf)")
    parser.add_argument("--store", default="volume", choices=["volume", "module"],
                        help="how Glint gets the page: a littlefs volume, or a tar as boot module")
    parser.add_argument("--volume", help="this disk image instead")
    parser.add_argument("--module", help="this tar archive instead")
    parser.add_argument("--glint-append", default="", help="more kernel command line for Glint")
    parser.add_argument("--glint-args", default="--quiet", help="httpd's arguments (--quiet)")
    parser.add_argument("--glint-qemu", default="", help="more QEMU options for Glint")
    parser.add_argument("--memory", default="256M", help="Glint's memory (256M)")
    parser.add_argument("--peer-memory", default="256M", help="the Linux guest's memory (256M)")
    parser.add_argument("--peer-append", default="", help="more kernel command line for Linux")
    parser.add_argument("--machine", default="microvm", choices=["microvm", "q35"])
    parser.add_argument("--nice", type=int, default=0,
                        help="for guests and clients; below 0 on a busy machine, for quiet tails")
    parser.add_argument("--cpu", default="", help="QEMU's -cpu, for both (QEMU's default)")


def cpu_seconds(pid):
    """CPU time of a process, all threads, dead ones too: its POSIX CPU-time clock."""
    return time.clock_gettime((~pid << 3) | 2)


def busy_seconds():
    """CPU time that all processors have spent not idle, steal included."""
    with open("/proc/stat") as stat:
        fields = [int(f) for f in stat.readline().split()[1:9]]
    return (sum(fields) - fields[3] - fields[4]) / os.sysconf("SC_CLK_TCK")


class Guest:
    """A running guest: `pid` is the process whose CPU time counts."""

    def __init__(self, scope, name, command, ns, core=None, env=None):
        self.name, self.ns = name, ns
        self.log_path = os.path.join(OUT, f"{name}.log".replace(" ", "-"))
        # Should this process be killed, the guest dies with it; the next run sweeps the rest.
        pin = ["setpriv", "--pdeathsig", "KILL"]
        pin += ["taskset", "-c", str(core)] if core is not None else []
        self.log = open(self.log_path, "w")
        # Every word before the command execs, so this pid is QEMU's.
        self.process = subprocess.Popen(raised + ["ip", "netns", "exec", ns] + pin + command,
                                        stdin=subprocess.DEVNULL, stdout=self.log,
                                        stderr=subprocess.STDOUT, env=env)
        self.pid = self.process.pid
        scope.add(self.stop)

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.log.close()

    def console_tail(self):
        with open(self.log_path, errors="replace") as log:
            return "\n".join("    | " + line for line in log.read().splitlines()[-12:])

    def alive(self):
        if self.process.poll() is not None:
            raise Trouble(f"{self.name}: QEMU ended with {self.process.returncode}; console:\n"
                          + self.console_tail())

    def fetch(self, path, timeout=3):
        """Body of one GET from inside the namespace, or None. We close the connection first, so
        that no TIME_WAIT stays with the guest and shows in its counters."""
        code = ("import sys,http.client as h;c=h.HTTPConnection(sys.argv[1],80,timeout="
                "float(sys.argv[3]));c.request('GET',sys.argv[2]);r=c.getresponse();b=r.read();"
                "sys.stdout.buffer.write(b);sys.exit(r.status!=200)")
        got = subprocess.run(["ip", "netns", "exec", self.ns, sys.executable, "-c", code,
                              GUEST_IP, path, str(timeout)], capture_output=True)
        return got.stdout if got.returncode == 0 else None

    def wait_ready(self, path, want, limit=40):
        end = time.monotonic() + limit
        while time.monotonic() < end:
            self.alive()
            got = self.fetch(path, 1)
            if got is not None:
                if got != want:
                    raise Trouble(f"{self.name}: GET {path} is not the page of the site "
                                  f"({len(got)} bytes instead of {len(want)})")
                return
            time.sleep(0.2)
        raise Trouble(f"{self.name}: no answer within {limit} s; console:\n" + self.console_tail())


def start_host_nginx(scope, site):
    """nginx in a namespace of its own behind a veth pair: no guest, only a target."""
    need("nginx")
    ns = make_namespace(scope, "host-nginx", tap=False)
    server = make_namespace(scope, "host-nginx-server", tap=False)
    inside, there = ["ip", "netns", "exec", ns], ["ip", "netns", "exec", server]
    run(*inside, "ip", "link", "add", "tap0", "type", "veth", "peer", "name", "veth1",
        "netns", server)
    for prefix, device, address in ((inside, "tap0", HOST_IP), (there, "veth1", GUEST_IP)):
        run(*prefix, "ip", "addr", "add", f"{address}/24", "dev", device)
        run(*prefix, "ip", "link", "set", device, "up")
    conf = os.path.join(OUT, "host-nginx.conf")
    with open(conf, "w") as out:
        out.write(f"""user root root; daemon off; master_process off; error_log stderr crit;
pid {OUT}/host-nginx.pid; worker_rlimit_nofile 8192; events {{ worker_connections 4096; }}
http {{ access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000000;
include /etc/nginx/mime.types; server {{ listen 80 backlog=2048; root {site}; }} }}
""")
    return Guest(scope, "host-nginx", ["ip", "netns", "exec", server, "taskset", "-c",
                                       str(cores()[0]), "nginx", "-c", conf], ns)


def cores():
    """The core for QEMU and the core for the client."""
    allowed = sorted(os.sched_getaffinity(0))
    return allowed[0], allowed[-1]


def median(values):
    ordered = sorted(values)
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2


def save(name, data):
    path = os.path.join(OUT, name)
    with open(path, "w") as out:
        json.dump(data, out, indent=1)
        out.write("\n")
    print(f"wrote {os.path.relpath(path, TOP)}")


def table(rows):
    """Print rows of cells, the first being the heading; numbers to the right."""
    widths = [max(len(str(row[i])) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        print("  ".join(str(c).ljust(w) if i == 0 else str(c).rjust(w)
                        for i, (c, w) in enumerate(zip(row, widths))))


def machine_note():
    with open("/proc/cpuinfo") as info:
        model = re.search(r"model name\s*:\s*(.*)", info.read())
    version = run("qemu-system-x86_64", "--version").splitlines()[0]
    return {"cpu": model[1] if model else "?", "cores": os.cpu_count(),
            "host kernel": os.uname().release, "qemu": version,
            "date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())}


def main(function):
    try:
        sys.exit(function())
    except (Trouble, subprocess.CalledProcessError) as error:
        print(f"{os.path.basename(sys.argv[0])}: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)

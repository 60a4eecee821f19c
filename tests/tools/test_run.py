#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""tools/run: wrong values, statuses, every way to stop it, and nothing left."""
import os, re, signal, socket, subprocess, sys, tempfile, time, urllib.request
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from vm import ROOT, Tap, build, free_port

TMP = tempfile.mkdtemp(prefix="glint-test-run-")
ENV = {k: v for k, v in os.environ.items() if k not in ("APP", "ON", "SITE", "DISK", "PORT", "MEM", "ARGS", "KARGS", "MACHINE", "MAKEFLAGS")} | {"TMPDIR": TMP}


class Run:
    def __init__(self, env, shell=None):
        self.out = b""
        self.proc = subprocess.Popen(shell or [f"{ROOT}/tools/run", "--no-build"], shell=bool(shell), env=ENV | env, stdin=None if shell else subprocess.DEVNULL,
                                     stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True, cwd=ROOT,
                                     # A shell's background job, as CI may be, ignores SIGINT: a user's terminal does not.
                                     preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
        os.set_blocking(self.proc.stdout.fileno(), False)

    def pump(self):
        self.out += self.proc.stdout.read() or b""
        return self.out.decode(errors="replace")

    def wait_for(self, text, timeout=30):
        end = time.monotonic() + timeout
        while time.monotonic() < end and text not in self.pump() and self.proc.poll() is None:
            time.sleep(0.03)
        return text in self.pump()

    def end(self, signum=None, timeout=30):
        """Its status, None if it had to be killed."""
        if signum and self.proc.poll() is None:
            self.proc.send_signal(signum)
        until = time.monotonic() + timeout
        while self.proc.poll() is None and time.monotonic() < until:
            self.pump()
            time.sleep(0.03)
        if self.proc.poll() is None:
            os.killpg(self.proc.pid, signal.SIGKILL)
            self.proc.wait()
            return None
        self.pump()
        return self.proc.returncode


def left():
    """What still runs or lies about: every hypervisor of ours names its socket or its disk in TMP."""
    for _ in range(20):
        alive = subprocess.run(["pgrep", "-f", f"{TMP}/glint-run"], capture_output=True, text=True).stdout.split()
        if not alive:
            break
        time.sleep(0.05)
    return alive + [f for f in os.listdir(TMP) if f.startswith("glint-run")]


def refuses(t):
    busy = socket.socket()
    busy.bind(("127.0.0.1", 0))
    busy.listen()
    busy_udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    busy_udp.bind(("127.0.0.1", 0))
    wrong = [({"MEM": "abc"}, 2, "not a size"), ({"MEM": "1M"}, 2, "at least"), ({"PORT": "abc"}, 2, "not a port"), ({"PORT": "0"}, 2, "not a port"),
             ({"PORT": "65536"}, 2, "not a port"), ({"MACHINE": "vax"}, 2, "not one of"), ({"ON": "xen-pv"}, 2, "not landed"), ({"ACCEL": "none"}, 2, "not one of"), ({"SITE": "/none"}, 2, "not a folder"),
             ({"DISK": "/none"}, 2, "no such file"), ({"DISK": "/tmp"}, 2, "a folder"), ({"APP": "none"}, 2, "no application"),
             ({"PORT": str(busy.getsockname()[1])}, 1, "in use"), ({"APP": "echo", "PORT": str(busy_udp.getsockname()[1])}, 1, "in use"),
             ({"ARGS": "--nonsense"}, 2, "unknown argument"), ({"APP": "echo", "ARGS": "nonsense"}, 2, "not a port"), ({"KARGS": "mount=x"}, 1, "boot stops"),
             ({"APP": "die", "ARGS": "read-null"}, 134, "crashed"), ({"ON": "qemu", "APP": "die", "ARGS": "read-null"}, 125, "panic"),
             ({"ON": "qemu", "APP": "ends", "ARGS": "handlers"}, 44, "registered"), ({"MACHINE": "q35", "APP": "hello"}, 0, "Glint on kvm"), ({"APP": "ends", "ARGS": "handlers"}, 44, "registered"), ({"APP": "hello"}, 0, "hello")]
    for env, status, text in wrong:
        r = Run(env)
        got = r.end()
        if not t.ok(got == status and text in r.pump() and "Traceback" not in r.pump(), " ".join(f"{k}={v}" for k, v in env.items()) + f": status {status}, '{text}'"):
            t.diag(f"status {got}\n{r.pump()}")


def port_closed(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) != 0


def stops(t, on):
    site = f"{TMP}/a site, with blanks"
    os.makedirs(site, exist_ok=True)
    with open(f"{site}/index.html", "w") as f:
        f.write("page")
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        port = free_port()
        r = Run({"ON": on, "SITE": site, "PORT": str(port)})
        page = r.wait_for("answers") and urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5).read()
        fine = page == b"page" and r.end(getattr(signal, name)) == 0 and not left() and port_closed(port)
        if not t.ok(fine, f"{on}, {name}: the guest powers off, status 0, nothing is left"):
            t.diag(f"{page}\n{r.pump()}")
    for delay in (0.05, 0.15, 0.25):
        r = Run({"ON": on})
        time.sleep(delay)
        status = r.end(signal.SIGINT)
        if not t.ok(status is not None and not left(), f"{on}, Ctrl-C {delay} s after the start leaves nothing"):
            t.diag(f"status {status}, left {left()}\n{r.pump()}")
    port = free_port()
    r = Run({"ON": on, "PORT": str(port)})
    r.wait_for("answers")
    r.proc.kill()
    time.sleep(0.3)
    t.ok(not [x for x in left() if x.isdigit()] and port_closed(port), f"{on}, killed: the hypervisor goes with it")
    subprocess.run(f"rm -rf {TMP}/glint-run*", shell=True)      # a killed program cannot


def together(t, on):
    a, b = Run({"ON": on}), Run({"ON": on})
    both = a.wait_for("answers") and b.wait_for("answers")
    urls = {re.search(r"http://[\d.:]+", x.pump()).group() for x in (a, b)} if both else set()
    t.ok(len(urls) == 2 and a.end(signal.SIGINT) == 0 and b.end(signal.SIGINT) == 0, f"{on}: two at once have a port each")
    r = Run({}, shell=f"exec tools/run --on {on} --no-build <&-")
    t.ok(r.wait_for("answers") and r.end(signal.SIGINT) == 0, f"{on}: works with stdin closed")
    disk = f"{TMP}/a,b.img"
    with open(disk, "wb") as f:
        f.truncate(1 << 20)
    r = Run({"ON": on, "APP": "ends", "ARGS": "order", "DISK": disk})
    t.ok(r.end() == 0 and "1024 KiB" in r.pump(), f"{on}: a comma in DISK")


def main():
    t = Tap()
    for app in ("httpd", "echo", "hello", "die", "ends"):
        build(app)
    subprocess.run(["make", "-C", ROOT, "--no-print-directory", "mkvol", "glint"], check=True, stdout=subprocess.DEVNULL)
    r = subprocess.run(["make", "-C", ROOT, "-s", "--no-print-directory", "run", "APP=hello"], env=ENV, capture_output=True, text=True, timeout=300)
    t.ok(r.returncode == 0 and "Glint on hv" in r.stdout, "make run: on our own hypervisor, if nothing else is said") or t.diag(r.stdout + r.stderr)
    refuses(t)
    for on in ("glint", "qemu"):
        stops(t, on)
        together(t, on)
    subprocess.run(["rm", "-rf", TMP])
    return t.done()


sys.exit(main())

# SPDX-License-Identifier: BSD-2-Clause
"""`glint run` for the tests: build what is needed, run a guest, see its end."""
import atexit, os, shutil, signal, subprocess, sys, tempfile, time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests", "lib"))
from vm import Tap, build           # noqa: E402,F401 (for the tests)

# A shell's background job, as CI may be, ignores SIGINT, and so would what it starts.
signal.signal(signal.SIGINT, signal.default_int_handler)

GLINT = os.environ.get("GLINT", f"{ROOT}/build/host/glint")
ACCEL = os.environ.get("HV_ACCEL", "process")
KVM = os.access("/dev/kvm", os.R_OK | os.W_OK)
TMP = tempfile.mkdtemp(prefix="glint-hv-")
atexit.register(shutil.rmtree, TMP, True)


def build_glint():
    r = subprocess.run(["make", "-C", ROOT, "--no-print-directory", "glint"], capture_output=True, text=True, timeout=600)
    if r.returncode:
        raise RuntimeError("glint does not build: " + " | ".join((r.stdout + r.stderr).splitlines()[-5:]))


def build_probe(name="probe", *flags, ld=(), source="probe.c"):
    """The guest of probe.c, which does one odd thing at a time."""
    out = f"{TMP}/{name}.elf"
    here = f"{ROOT}/tests/hv"
    cmd = ["gcc", "-std=gnu11", "-O1", "-g", "-Wall", "-Wextra", f"-I{ROOT}", "-ffreestanding", "-fno-pic", "-no-pie", "-nostdlib", "-static",
           "-fno-stack-protector", "-fcf-protection=none", "-fno-omit-frame-pointer", "-mno-red-zone", "-T", f"{here}/probe.ld",
           "-Wl,--build-id=none", "-Wl,-z,noexecstack", *ld, *flags, f"{here}/{source}", "-o", out]
    r = subprocess.run(cmd, capture_output=True, text=True)
    if r.returncode:
        raise RuntimeError("probe does not build: " + r.stderr)
    return out


def glint(*args, timeout=20, stdin=subprocess.DEVNULL, **kw):
    """(exit status or None for a time-out, stdout, stderr)."""
    if args[:1] == ("run",):
        args = ("run", "--accel", ACCEL, *args[1:])
    p = subprocess.Popen([GLINT, *map(str, args)], stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **kw)
    try:
        out, err = p.communicate(timeout=timeout)
        status = p.returncode
    except subprocess.TimeoutExpired:
        p.kill()
        out, err = p.communicate()
        status = None
    return status, out.decode(errors="replace"), err.decode(errors="replace")


class Run:
    """A guest that goes on running."""

    def __init__(self, *args, **kw):
        self.log = open(f"{TMP}/run-{time.monotonic_ns()}.log", "w+b")
        self.started = time.monotonic()
        self.proc = subprocess.Popen([GLINT, "run", "--accel", ACCEL, *map(str, args)], stdin=kw.pop("stdin", subprocess.DEVNULL),
                                     stdout=self.log, stderr=subprocess.STDOUT, **kw)

    def text(self):
        self.log.flush()
        with open(self.log.name, errors="replace") as f:
            return f.read()

    def wait_for(self, what, timeout=10):
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            if what in self.text():
                return True
            if self.proc.poll() is not None:
                return what in self.text()
            time.sleep(0.01)
        return False

    def guest_pid(self):
        """The guest's process: glint's child that is not the helper."""
        for pid in children(self.proc.pid):
            if "net-user" not in open(f"/proc/{pid}/comm").read():
                return pid
        return None

    def wait(self, timeout=10):
        try:
            return self.proc.wait(timeout)
        except subprocess.TimeoutExpired:
            return None

    def close(self):
        if self.proc.poll() is None:
            self.proc.kill()
            self.proc.wait(5)
        self.log.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def children(pid):
    try:
        return [int(p) for p in open(f"/proc/{pid}/task/{pid}/children").read().split()]
    except OSError:
        return []


def alive(pid):
    try:
        return open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


def gone(pid, timeout=3):
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        if not alive(pid):
            return True
        time.sleep(0.01)
    return False


TERM, KILL, INT = signal.SIGTERM, signal.SIGKILL, signal.SIGINT

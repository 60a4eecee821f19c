# SPDX-License-Identifier: BSD-2-Clause
#
# What bench-disk.py needs of guests and disks: images with a littlefs or an
# ext4 volume made on the host, QEMU command lines that differ in nothing but
# the guest, and the dialogue with the program diskbench (bench/diskbench).

import os
import re
import select
import shutil
import subprocess
import sys
import time

import benchlib as lib

MKVOL = os.path.join(lib.TOP, "build", "host", "mkvol")
IMAGES = {"glint": os.path.join(lib.TOP, "build", "diskbench.elf")}
DATA = "/data"
TIMED = ("append", "overwrite", "replace", "first")     # they take their own time only, and send a histogram


def build():
    """The guest program for both systems, mkvol, the Linux guest's initramfs."""
    lib.need("gcc")
    for target in (["build/diskbench.elf", "APP=diskbench"], ["build/host/mkvol"]):
        lib.run("make", "-s", "-C", lib.TOP, *target)
    sources = lib.run("make", "-s", "-C", lib.TOP, "print-linux-src", "APP=diskbench").split()
    program = os.path.join(lib.OUT, "diskbench-linux")
    os.makedirs(lib.OUT, exist_ok=True)
    lib.run("gcc", "-static", "-std=gnu11", "-O2", "-Wall", "-o", program,
            *(os.path.join(lib.TOP, s) for s in sources))
    subprocess.run([os.path.join(lib.BENCH, "linux-guest.sh"), "--program", program], check=True,
                   stdout=sys.stderr)


# ---- images --------------------------------------------------------------------

def sbin(name):
    return shutil.which(name) or f"/usr/sbin/{name}"


def make_volume(kind, path, mib, full, source=None):
    """An image of `mib` MiB with a volume on it, empty or with the folder `source`. `full`: every
    block of the image is allocated on the host beforehand."""
    if os.path.exists(path):
        os.unlink(path)
    if full:
        with open(path, "wb") as image:
            zeros = bytes(1 << 20)
            for _ in range(mib):
                image.write(zeros)
            os.fsync(image.fileno())
    if kind == "glint":
        empty = os.path.join(lib.OUT, "empty")
        os.makedirs(empty, exist_ok=True)
        maker = path + ".new" if full else path
        lib.run(MKVOL, "volume", "-o", maker, "--size", f"{mib}M", source or empty)
        if full:        # mkvol makes its file anew: copy what it wrote into the allocated one
            subprocess.run(["dd", f"if={maker}", f"of={path}", "bs=1M", "conv=notrunc,sparse",
                            "status=none"], check=True)
            os.unlink(maker)
    else:
        if not full:
            with open(path, "wb") as image:
                image.truncate(mib << 20)
        # Tables written now: otherwise a kernel thread does it during the measurement.
        lib.run(sbin("mkfs.ext4"), "-q", "-F", "-E",
                "lazy_itable_init=0,lazy_journal_init=0,nodiscard", path)
    with open(path, "rb") as image:
        os.fsync(image.fileno())


def make_filled(kind, path, gib, percent):
    """A volume that is `percent` full; an old one (--keep) is used again. Linux reserves its files
    in the guest, see reserve(): ext4 notes unwritten space like any other."""
    if os.path.exists(path):
        return
    source = None
    if percent and kind == "glint":
        source = os.path.join(lib.OUT, "filling")
        shutil.rmtree(source, ignore_errors=True)
        os.makedirs(os.path.join(source, "small"))
        for i in range(200):
            with open(os.path.join(source, "small", f"file-{i}"), "wb") as out:
                out.write(bytes([i]) * 3000)
        left = gib * 1024 * percent // 100
        while left > 0:         # sparse here, not on the volume
            with open(os.path.join(source, f"long-{left}"), "wb") as out:
                out.truncate(min(left, 1024) << 20)
            left -= 1024
    make_volume(kind, path, gib * 1024, False, source)
    if source:
        shutil.rmtree(source)


def make_raw(kind, path, mib, full):
    """A disk with a GPT and one partition for raw writes; the name the guest has for it."""
    if os.path.exists(path):
        os.unlink(path)
    lib.run(MKVOL, "disk", "-o", path, "--size", f"{mib}M", f"raw:raw:{mib - 8}M")
    if full:
        with open(path, "r+b") as image:
            image.seek(2 << 20)         # behind the table, inside the partition
            image.write(bytes((mib - 12) << 20))
            os.fsync(image.fileno())
    return "/dev/vdb1" if kind == "linux" else "/dev/vol/raw"


def has_direct(folder):
    """Whether O_DIRECT works there."""
    path = os.path.join(folder, "direct")
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_DIRECT, 0o600))
        return True
    except OSError:
        return False
    finally:
        if os.path.exists(path):
            os.unlink(path)


# ---- guests --------------------------------------------------------------------

class DiskGuest:
    """QEMU with diskbench on one image; `pid` is QEMU's."""

    def __init__(self, scope, kind, options, image, raw=None, memory=None, trace=False):
        self.kind, self.image = kind, image
        self.log_path = os.path.join(lib.OUT, f"disk-{kind}.log")
        self.started = time.monotonic()
        command = self.command(options, raw, memory or options.memory[kind], trace)
        self.process = subprocess.Popen(lib.raised + ["setpriv", "--pdeathsig", "KILL"] + command,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT)
        self.pid, self.text, self.taken = self.process.pid, b"", 0
        os.set_blocking(self.process.stdout.fileno(), False)
        if scope:
            scope.add(self.stop)

    def command(self, options, raw, memory, trace):
        micro = options.machine == "microvm"
        bus = "device" if micro else "pci"
        if self.kind == "glint":
            machine = lib.BARE_MICROVM if micro else "q35"
            append = f"mount=disk0:{DATA}:littlefs" + (" boot-trace=1" if trace else "")
            more = ["-kernel", IMAGES["glint"], "-append", f"{append} {options.glint_append}".strip(),
                    "-device", f"virtio-serial-{bus}", "-device", "virtconsole,chardev=c",
                    "-chardev", "stdio,id=c,signal=off"]
        else:
            machine = "microvm,acpi=on" if micro else "q35"
            folder = os.path.join(lib.OUT, "linux")
            more = ["-kernel", f"{folder}/vmlinuz", "-initrd", f"{folder}/program-initrd", "-append",
                    "console=ttyS0 quiet loglevel=1 tsc=reliable panic=-1 "
                    f"tsc_early_khz={lib.tsc_khz()} {options.peer_append}".strip(),
                    "-chardev", "stdio,id=c,signal=off", "-serial", "chardev:c"]
        command = lib.qemu_base(machine, memory, options.cpu) + more
        command += ["-device", f"virtio-rng-{bus}"]
        for i, path in enumerate([self.image] + ([raw] if raw else [])):
            command += ["-drive", f"file={path},if=none,id=d{i},format=raw,{cache_words(options)}",
                        "-device", f"virtio-blk-{bus},drive=d{i},serial=disk{i}"]
        return command

    # -- the console

    def pump(self, wait):
        if select.select([self.process.stdout], [], [], wait)[0]:
            got = self.process.stdout.read()
            if got:
                self.text += got
            elif self.process.poll() is not None:
                raise lib.Trouble(f"{self.kind}: QEMU ended with {self.process.returncode}; "
                                  "console:\n" + self.tail())

    def tail(self):
        lines = self.text.decode(errors="replace").replace("\r", "").splitlines()
        return "\n".join("    | " + line for line in lines[-12:])

    def line(self, pattern, limit):
        """The next line that matches, with what came before it taken."""
        end = time.monotonic() + limit
        while True:
            while (stop := self.text.find(b"\n", self.taken)) >= 0:
                line = self.text[self.taken:stop].decode(errors="replace").strip("\r ")
                self.taken = stop + 1
                if re.match(pattern, line):
                    return line
            if time.monotonic() > end:
                raise lib.Trouble(f"{self.kind}: no answer within {limit} s; console:\n"
                                  + self.tail())
            self.pump(0.5)

    def ready(self, limit=60):
        self.line("diskbench ready", limit)
        self.boot_s = time.monotonic() - self.started
        return self

    def do(self, command, limit=120):
        """Numbers of one command's answer, with the host's: wall_s, cpu_s (QEMU's, all threads).
        "error" instead of numbers if the guest could not."""
        cpu, began = lib.cpu_seconds(self.pid), time.monotonic()
        self.process.stdin.write(command.encode() + b"\n")
        self.process.stdin.flush()
        got = self.line("done$|! ", limit)
        cpu, wall = lib.cpu_seconds(self.pid) - cpu, time.monotonic() - began
        result = {"command": command, "cpu_s": cpu, "wall_s": wall}
        if got.startswith("!"):
            return dict(result, error=got[2:])
        for word in self.line("=", 20)[1:].split():
            name, _, value = word.partition("=")
            result[name] = int(value)
        took = result.get("ns", 0) / 1e9 + result.get("sync_us", 0) / 1e6
        if took > 1.1 * wall or (command.split()[0] in TIMED and wall > 0.5 and took < 0.8 * wall):
            raise lib.Trouble(f"{self.kind}: its clock is wrong: '{command}' took {wall:.2f} s, it says {took:.2f}")
        if "p50" in result and command.split()[0] in TIMED:
            words = self.line("h ", 20).split()[2:]
            result["histogram"] = [[int(n) for n in w.split(":")] for w in words]
        return result

    def must(self, command, limit=120):
        result = self.do(command, limit)
        if "error" in result:
            raise lib.Trouble(f"{self.kind}: {command}: {result['error']}; console:\n" + self.tail())
        return result

    def stop(self, gently=True):
        if self.process.poll() is None and gently:
            try:
                self.do("sync", 60)
            except (lib.Trouble, OSError):
                pass
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        with open(self.log_path, "ab") as log:
            log.write(self.text)
        for pipe in (self.process.stdin, self.process.stdout):
            try:
                pipe.close()
            except OSError:
                pass


def mount(guest):
    """Microseconds that mounting took: Linux' mount(2), the phase "fs" of Glint's start-up (with
    trace; all of its file systems, and finding the disk's volume)."""
    if guest.kind == "linux":
        return guest.must(f"mount /dev/vda {DATA}")["ns"] / 1e3
    found = re.search(rb"boot: fs (\d+) us", guest.text)
    return int(found[1]) if found else 0


def reserve(guest, mib):
    """Fills a Linux guest's volume without writing. False on Glint: mkvol did it."""
    if guest.kind != "linux":
        return False
    for i in range(0, mib, 1024):
        guest.must(f"reserve {DATA}/long-{i} {min(mib - i, 1024) * 1024}")
    guest.must("sync")
    return True


def cache_bytes(guest):
    """What the guest's own counters call caches of files and blocks."""
    got = guest.do("metrics")
    if guest.kind == "linux":
        return sum(got.get(k, 0) for k in ("Buffers", "Cached", "SReclaimable"))
    pages = sum(v for k, v in got.items() if k.startswith("glint_fs_cache_bytes"))
    return pages + got.get("glint_heap_bytes.fs", 0)    # blocks; names and handles


def cache_words(options):
    words = f"cache={options.cache}"
    return words + (",aio=native" if options.cache in ("none", "directsync") else "")

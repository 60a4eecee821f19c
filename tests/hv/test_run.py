#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""glint run: hello, exit statuses, guest memory, and every bad input with the
message that it must give."""
import os, re, struct, subprocess, sys
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from hvlib import ROOT, TMP, Tap, build, build_glint, build_probe, glint

t = Tap()


def check(what, args, status, *texts, **kw):
    got, out, err = glint(*args, **kw)
    fine = got == status and all(re.search(x, out + err) for x in texts)
    if not t.ok(fine, what):
        t.diag(f"status {got}, wanted {status}, and {texts}\n{out}{err}")
    return out + err


def patched(path, name, *patches):
    data = bytearray(open(path, "rb").read())
    for off, raw in patches:
        data[off:off + len(raw)] = raw
    out = f"{TMP}/{name}"
    open(out, "wb").write(data)
    return out


def statuses(probe, hello):
    check("hello prints its line and ends with 0", ["run", hello], 0, r"hello, world")
    check("the guest's exit status is glint's", ["run", probe, "exit", 42], 42, "exiting")
    check("a crash that the guest reports ends with 134", ["run", probe, "crash"], 134)
    got, out, _ = glint("run", probe, "reboot", timeout=1)
    t.ok(got is None and out.count("booted") > 20, f"a reboot starts the image again ({out.count('booted')} times in a second)")
    check("words before -- and after it reach the guest", ["run", probe, "cmdline", "a=b", "--", "x y", "it's", ""], 0, r"a=b -- 'x y' 'it'\\''s' ''")
    check("--opt=value works like --opt value", ["run", "--mem=1M", probe, "exit", 3], 3)


def memory(probe):
    mod = f"{TMP}/module.bin"
    data = bytes(range(256)) * 20 + b"tail"
    open(mod, "wb").write(data)
    out = check("the start block says what was given", ["run", "--mem", "1M", "--module", f"{mod},name=first", probe, "start"], 0, "magic 0x31564847", "first\n")
    num = {k: int(v, 16) for k, v in re.findall(r"^(\w+) 0x([0-9a-f]+)$", out, re.M)}
    t.ok(num.get("mem") == 1 << 20, "memory is exactly --mem")
    t.ok(num.get("at") == 0x200000 - num.get("size", 0), "the start block is at the top of memory")
    t.ok(num.get("module") == num.get("at", 0) - 8192 and num.get("len") == len(data) and num.get("sum") == sum(data), "a module is below it, byte for byte")
    t.ok(num.get("zero") == 0, "what was not loaded is zero")
    check("a module is read-only", ["run", "--module", mod, probe, "module"], 134, "modules and start block are read-only")
    for word in ("text", "constant", "startblock", "stackcode"):
        check(f"W^X: {word} is refused", ["run", probe, word], 134, "page fault")
    check("least memory that inspect names is enough", ["run", "--mem", re.search(r"minimum memory: (\w+)", glint("inspect", probe)[1]).group(1), probe, "exit", 1], 1)


def bad_input(probe, hello):
    check("no command", [], 2, "a command is missing")
    check("an unknown command", ["fly"], 2, "'fly' is no command")
    check("no image", ["run"], 2, "no image")
    check("a missing image", ["run", "/nonexistent.elf"], 2, "/nonexistent.elf: no such file")
    check("an image that is a folder", ["run", "/tmp"], 2, "not a regular file")
    check("an image that is no ELF file", ["run", f"{ROOT}/Makefile"], 2, "not an ELF file")
    check("a host program is no image", ["run", "/bin/true"], 2, "not a static executable|dynamic linker")
    empty = patched("/dev/null", "empty")
    check("an empty image", ["run", empty], 2, "it is empty")
    cut = f"{TMP}/cut.elf"
    open(cut, "wb").write(open(hello, "rb").read()[:8192])
    check("an image that was cut short", ["run", cut], 2, "cut short")
    note = open(probe, "rb").read().index(b"Glint\0") - 12
    check("no hv note", ["run", patched(probe, "nonote.elf", (note + 12, b"Glunt"))], 2, "no hv note", "PV=")
    check("another version: both are named", ["run", build_probe("v9", "-DPROBE_ABI=9")], 2, "version 9 ", "version 1")
    check("an entry point outside of the code", ["run", patched(probe, "entry.elf", (note + 28, struct.pack("<Q", 0x102000)))], 2, "entry point 0x102000 lies outside")
    phoff = struct.unpack_from("<Q", open(probe, "rb").read(), 32)[0]
    check("a segment that is writable and executable", ["run", patched(probe, "wx.elf", (phoff + 56 + 4, struct.pack("<I", 7)))], 2, "writable and executable")
    check("overlapping segments", ["run", patched(probe, "lap.elf", (phoff + 112 + 16, struct.pack("<Q", 0x101000)))], 2, "overlaps")
    check("for another machine", ["run", patched(probe, "arm.elf", (18, struct.pack("<H", 183)))], 2, "not for x86-64")
    check("a segment below guest memory", ["run", patched(probe, "low.elf", (phoff + 16, struct.pack("<Q", 0x80000)))], 2, "below guest memory")
    out = check("memory too small: says how much", ["run", "--mem", "300K", build_probe("big", "-DPROBE_MIN_KIB=3000")], 2, r"at least --mem 3008K")
    check("... and that is enough", ["run", "--mem", re.search(r"least --mem (\w+)", out).group(1) if "least" in out else "1K", f"{TMP}/big.elf", "exit", 6], 6)
    check("--mem 0", ["run", "--mem", "0", probe], 2, "not a size")
    check("--mem x", ["run", "--mem", "lots", probe], 2, "not a size")
    check("--mem not of whole pages", ["run", "--mem", "1000001", probe], 2, "multiple of 4096")
    check("--mem beyond all bounds", ["run", "--mem", "4096G", probe], 2, "more than the greatest memory")
    check("an unknown option", ["run", "--frob", "1", probe], 2, "--frob is unknown")
    check("an option without its value", ["run", "--mem"], 2, "value is missing")
    check("--accel of no kind", ["run", "--accel", "xen", probe], 2, "not one of process, kvm")
    check("--gdb with kvm is refused by name", ["run", "--accel", "kvm", "--gdb", "1", probe], 2, "gdb with --accel kvm has not landed")
    check("a module that is missing", ["run", "--module", "/nonexistent", probe], 2, "module /nonexistent: no such file")
    check("a command line that is too long", ["run", probe, "x" * 3000], 2, "longer than 2047")


def networks_and_disks(probe):
    check("a network of no kind", ["run", "--net", "carrier-pigeon", probe], 2, "not one of tap=NAME, user, socket=PATH, none")
    check("--net none", ["run", "--net", "none", probe, "exit", 4], 4)
    check("a tap that is missing: how to make it", ["run", "--net", "tap=nosuchtap0", probe], 125, "does not exist", "ip tuntap add dev nosuchtap0 mode tap user")
    check("a tap's name that is too long", ["run", "--net", "tap=averyveryverylongname", probe], 2, "at most 15")
    check("an interface that is no tap", ["run", "--net", "tap=lo", probe], 125, "lo: .*no tap")
    check("a MAC address that is none", ["run", "--net", "tap=x,mac=52:54:00", probe], 2, "mac=52:54:00 is not like")
    check("a group address", ["run", "--net", "tap=x,mac=01:00:00:00:00:01", probe], 2, "group address")
    check("fwd= without user networking", ["run", "--net", "tap=x,fwd=tcp:1:1", probe], 2, "unknown here")
    check("a socket where nobody listens", ["run", "--net", f"socket={TMP}/none", probe], 125, "needs socket=listen:")
    disk = f"{TMP}/disk.img"
    for size, word in ((1000, "multiple of 512"), (0, "empty")):
        open(disk, "wb").write(bytes(size))
        check(f"a disk of {size} bytes", ["run", "--disk", disk, probe], 2, word)
    check("a disk that is missing", ["run", "--disk", "/nonexistent", probe], 2, "disk /nonexistent: no such file")
    check("a disk that is a folder", ["run", "--disk", "/tmp,ro", probe], 2, "neither a regular file")
    check("an unknown word for a disk", ["run", "--disk", f"{disk},rw", probe], 2, "'rw' is unknown")
    open(disk, "wb").write(bytes(65536))
    with open(disk) as f:
        subprocess.run(["flock", "-n", f"{disk}", "true"], check=True)
        import fcntl
        fcntl.flock(f, fcntl.LOCK_EX)
        check("a disk in use", ["run", "--disk", disk, probe, "exit", 0], 125, "another guest or program uses it")
    check("the same disk twice", ["run", "--disk", disk, "--disk", disk, probe, "exit", 0], 125, "uses it")
    check("the same disk twice, read only", ["run", "--disk", f"{disk},ro", "--disk", f"{disk},ro", probe, "start"], 0, "disk0", "disk1")


def commands(probe, hello):
    check("--version", ["--version"], 0, r"glint \d+\.\d+\.\d+ \(hv interface version 1\)")
    check("--help", ["--help"], 0, "usage: glint run")
    for topic in ("run", "net", "disk", "status"):
        check(f"help {topic}", ["help", topic], 0, "--|status")
    check("help on nothing known", ["help", "cooking"], 2, "no help on 'cooking'")
    readelf = subprocess.run(["readelf", "-n", hello], capture_output=True, text=True).stdout
    build_id = re.search(r"Build ID: (\w+)", readelf)
    check("inspect: platforms, entry, segments, build id, memory", ["inspect", hello], 0, r"hv\(version 1\)", "multiboot2", "pvh", r"r-x", r"rw-",
          f"build id: {build_id.group(1) if build_id else 'none'}", "minimum memory: \\d+K", "glint run: yes")
    check("inspect: an image that cannot be run says why", ["inspect", f"{TMP}/v9.elf"], 0, "glint run: no:.*version 9")
    check("inspect: no image", ["inspect"], 2, "usage")


def main():
    build_glint()
    hello = build("hello")
    probe = build_probe()
    statuses(probe, hello)
    memory(probe)
    bad_input(probe, hello)
    networks_and_disks(probe)
    commands(probe, hello)
    return t.done()


sys.exit(main())

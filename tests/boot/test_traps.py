#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""What a loader, a machine or an operator does wrong ends in a message and an
exit status, never in a silent reset; and the entry that no QEMU option reaches
by itself."""
import os, re, subprocess, sys, tempfile
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from vm import ROOT, Guest, Tap, build

HERE = os.path.dirname(os.path.abspath(__file__))
PANIC, BOOT_FAILED = 125, 1
t = Tap()


def fails(what, pattern, status=BOOT_FAILED, via_port=False, timeout=60, **kw):
    """The guest prints the message and says its exit status; before the
    command line is known that is a line of text."""
    kw.setdefault("console", "debugcon")
    with Guest("hello", **kw) as g:
        rc = g.wait_exit(timeout)
        text = g.text()
    said = rc == status if via_port else rc == 0 and f"exit status {status}" in text
    if not t.ok(re.search(pattern, text) and said, f"{what}: a message and exit status {status}"):
        t.diag(f"status {rc}\n" + text[-1500:])


def boot_structures():
    for way in ("microvm", "q35", "bios"):
        fails(f"{way}: command line of 2048 bytes and more", r"command line is longer", way=way, args="x" * 2100)
    with Guest("hello", way="microvm", console="debugcon", args="x" * 1900) as g:
        t.ok(g.wait_exit(30) == 0, "microvm: 1900 bytes of arguments boot")
    with tempfile.NamedTemporaryFile() as f:
        f.write(b"m" * 5000)
        f.flush()
        fails("bios: nine modules", r"more than 8 modules", way="bios", iso_modules=[f"m{i}={f.name}" for i in range(9)])
        fails("bios: a module's name of 70 bytes", r"name is longer", way="bios", iso_modules=[f"{'n' * 70}={f.name}"])
        with Guest("hello", way="bios", console="debugcon", iso_modules=[f"m{i}={f.name}" for i in range(8)]) as g:
            t.ok(g.wait_exit(60) == 0, "bios: eight modules boot")


def small_machine():
    """With less the image itself has no RAM under it."""
    with Guest("hello", way="microvm", mem="2M", console="debugcon", net=False) as g:
        rc = g.wait_exit(20)
        text = g.text()
    if not t.ok(rc == 0 and "hello" in text, "microvm with 2 MiB: hello"):
        t.diag(f"status {rc}\n" + text[-800:])


def nmi():
    build("echo")
    for way in ("microvm", "q35"):
        with Guest("echo", way=way, console="debugcon", ports=(7,)) as g:
            up = g.wait_for(r"net0: 10\.0\.2\.15", 30)
            g.qmp("inject-nmi")
            rc = g.wait_exit(20)
            text = g.text()
        if not t.ok(up and rc == PANIC and re.search(r"(?i)non-maskable interrupt", text), f"{way}: an NMI makes an idle guest report where it is"):
            t.diag(f"status {rc}\n" + text[-1500:])


def linux_entry():
    elf = build("hello")
    head = subprocess.run(["readelf", "-h", elf], capture_output=True, text=True, check=True).stdout
    entry = re.search(r"Entry point address:\s+(0x[0-9a-f]+)", head).group(1)
    with tempfile.TemporaryDirectory() as d:
        stub = f"{d}/stub.elf"
        subprocess.run(["gcc", f"-DENTRY={entry}", "-c", f"{HERE}/linux64_stub.S", "-o", f"{d}/stub.o"], check=True)
        subprocess.run(["ld", "-nostdlib", "-z", "noexecstack", "--no-warn-rwx-segments", "-Ttext=0x2000000", "-e", "start", f"{d}/stub.o", "-o", stub], check=True)
        for cpu in ("qemu64", "max"):
            with Guest("hello", way="microvm-noacpi", mem="64M", cpu=cpu, elf=stub, extra=["-device", f"loader,file={elf}"]) as g:
                rc = g.wait_exit(30)
                text = g.text()
            if not t.ok(rc == 0 and re.search(r"^hello", text, re.M), f"Linux 64-bit entry, {cpu}: hello"):
                t.diag(f"status {rc}\n" + text[-1500:])


def image_layout():
    """The link rules of boot/link.ld, seen in the file (notes: QEMU, GRUB and a
    process loader each refuse something else)."""
    elf = build("hello")
    segs = re.findall(r"^\s+(LOAD|NOTE)\s+(0x\w+) (0x\w+) (0x\w+) (0x\w+) (0x\w+) (.{3}) (0x\w+)",
                      subprocess.run(["readelf", "-lW", elf], capture_output=True, text=True, check=True).stdout, re.M)
    load = [s for s in segs if s[0] == "LOAD"]
    t.ok(all(int(s[1], 16) % 4096 == int(s[2], 16) % 4096 for s in load if int(s[4], 16)), "segments: file offset and address are congruent")
    t.ok(all(not ("W" in s[6] and "E" in s[6]) for s in load) and [s[6].strip() for s in load] == ["R", "R E", "RW"], "segments: R, RX, RW")
    t.ok(all(int(s[7], 16) == 4 for s in segs if s[0] == "NOTE"), "PT_NOTE is aligned to 4")
    t.ok(all(int(s[4], 16) % 4096 == 0 for s in load[:2]), "the first two segments fill their pages: no gap for GRUB's data")
    t.ok(b"\xd6\x50\x52\xe8" in open(elf, "rb").read(32768), "the Multiboot2 header is in the first 32 KiB")
    t.ok(max(int(s[2], 16) + int(s[5], 16) for s in load) <= 7 << 20, "image and bss end below 7 MiB")


build("hello")
image_layout()
boot_structures()
small_machine()
linux_entry()
nmi()
sys.exit(t.done())

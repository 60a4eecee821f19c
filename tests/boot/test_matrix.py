#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The boot matrix: every way of entry, judged by output, exit status and, for
httpd, by what two clients get. Then the power button, memory sizes, consoles,
disks that are missing, blank, corrupt or full, and wrong command lines."""
import concurrent.futures, os, re, shutil, subprocess, sys, tempfile
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from vm import ROOT, Guest, Tap, build, hv_ways, http_get, wait_http

MKVOL = f"{ROOT}/build/host/mkvol"
t = Tap()


def hello(way, what, **kw):
    with Guest("hello", way=way, **kw) as g:
        status = g.wait_exit(60)
        text = g.text()
    if not t.ok(status == 0 and re.search(r"^hello", text, re.M), f"hello: {what}: one line, then power-off with status 0"):
        t.diag(f"status {status}\n{text[-1500:]}")


def entries():
    for way in (*hv_ways(), "microvm", "microvm-noacpi", "q35", "pc", "bios", "uefi"):
        hello(way, way)
    for way in hv_ways():
        hello(way, f"{way}, 1 MiB", mem="1M")
        hello(way, f"{way}, 5 GiB", mem="5G")
    hello("microvm", "microvm, qemu64", cpu="qemu64")
    hello("q35", "q35, 5 GiB", mem="5G")
    hello("microvm", "microvm, 4 MiB", mem="4M")
    hello("microvm", "debug console only", console="debugcon")
    hello("q35", "serial port only", console="serial")


def make_tree(d):
    os.makedirs(f"{d}/sub", exist_ok=True)
    for i in range(20):
        with open(f"{d}/sub/file{i}.txt", "wb") as f:
            f.write(bytes((j * 7 + i) & 255 for j in range(i * 997)))
    with open(f"{d}/index.html", "w") as f:
        f.write("<h1>matrix</h1>\n")


def same_tree(g, d, clients):
    def get(p):
        return http_get(g.ports[80], f"/{p}", timeout=20)[2] == open(f"{d}/{p}", "rb").read()
    paths = ["index.html"] + [f"sub/file{i}.txt" for i in range(20)]
    with concurrent.futures.ThreadPoolExecutor(clients) as ex:
        return all(ex.map(get, paths * clients))


def served(d, img, tar):
    for way in (*hv_ways(), "microvm", "q35", "bios", "uefi"):
        with Guest("httpd", way=way, mem="32M", disks=[img], ports=(80,)) as g:
            first = wait_http(g, timeout=60)
            fine = first and first[0] == 200 and same_tree(g, d, 2)
            if not t.ok(fine, f"httpd: {way}: a volume on a disk is served to 2 clients, byte for byte"):
                t.diag(g.text()[-1500:])
            if way != "uefi":
                g.power_button()
                if not t.ok(g.wait_exit(20) == 0, f"httpd: {way}: the power button ends it with status 0"):
                    t.diag(g.text()[-800:])
    for way, how in (*((w, {"initrd": tar}) for w in hv_ways()), ("microvm", {"initrd": tar}), ("bios", {"iso_modules": [tar]})):
        with Guest("httpd", way=way, mem="32M", ports=(80,), **how) as g:
            first = wait_http(g, timeout=60)
            if not t.ok(first and first[0] == 200 and same_tree(g, d, 2), f"httpd: {way}: an archive as boot module is served"):
                t.diag(g.text()[-1500:])
    with Guest("httpd", way="microvm", mem="32M", disks=[img], ports=(80,), event_idx=False) as g:
        first = wait_http(g)
        t.ok(first and first[0] == 200 and same_tree(g, d, 2), "httpd: microvm: without the event index")
    with Guest("httpd", way="q35", mem="32M", disks=[img], ports=(80,), nics=2, kargs="ip=10.0.2.15/24,gw=10.0.2.2 net1.ip=10.0.3.15/24") as g:
        first = wait_http(g)
        fine = first and first[0] == 200 and g.wait_for(r"net1: .*10\.0\.3\.15", 5)
        if not t.ok(bool(fine), "httpd: q35: two network devices, both configured"):
            t.diag(g.text()[-1500:])
    intx = [w for d in ("blk", "net", "rng", "serial") for w in ("-global", f"virtio-{d}-pci.vectors=0")]
    with Guest("httpd", way="q35", mem="32M", disks=[img, img + ".2"], ports=(80,), extra=intx) as g:
        first = wait_http(g)
        t.ok(bool(first and first[0] == 200 and same_tree(g, d, 2)), "httpd: q35: devices on shared INTx lines, no MSI")
    for way in (*hv_ways(), "microvm"):
        with Guest("httpd", way=way, mem="32M", disks=[img], ports=(80,), kargs="ip=dhcp") as g:
            first = wait_http(g)
            t.ok(bool(first and first[0] == 200), f"httpd: {way}: address by DHCP")
    for way in (*hv_ways(), "microvm"):
        with Guest("httpd", way=way, mem="4M", disks=[img], ports=(80,)) as g:
            first = wait_http(g)
            if not t.ok(bool(first and first[0] == 200 and same_tree(g, d, 8)), f"httpd: {way}: in 4 MiB of memory"):
                t.diag(g.text()[-1500:])


def disks(tmp, img):
    def case(what, want_text, disk=None, **kw):
        with Guest("httpd", mem="32M", disks=[disk] if disk else [], ports=(80,), **kw) as g:
            first = wait_http(g)
            fine = first and first[0] == 503 and re.search(want_text, g.text())
            if not t.ok(bool(fine), f"httpd: {what}: said so, and 503"):
                t.diag(f"answer {first and first[0]}\n" + g.text()[-1500:])
    with open(f"{tmp}/blank.img", "wb") as f:
        f.truncate(4 << 20)
    bad = bytearray(open(img, "rb").read())
    for block in (0, 4096):             # both superblocks: the magic stays, the checksum fails
        bad[block + 40] ^= 0x55
    open(f"{tmp}/bad.img", "wb").write(bad)
    with open(f"{tmp}/other.img", "wb") as f:
        f.write(os.urandom(1 << 20))
    case("no disk", r"(?i)no disk")
    case("a blank disk", r"(?i)blank", f"{tmp}/blank.img")
    case("a disk of something else", r"(?i)holds no littlefs volume", f"{tmp}/other.img")
    case("a corrupt volume", r"(?i)corrupt", f"{tmp}/bad.img")
    with Guest("httpd", mem="32M", disks=[(img, ",readonly=on")], ports=(80,)) as g:
        first = wait_http(g)
        t.ok(bool(first and first[0] == 200), "httpd: a read-only disk is served")


def bad_lines():
    def case(kargs, want, status, app="hello"):
        with Guest(app, kargs=kargs, ports=(80,) if app == "httpd" else ()) as g:
            got = g.wait_exit(20)
            text = g.text()
        # A line that could not be read carries no exit-port=: the printed status counts.
        got = 1 if "exit status 1\n" in text else got
        if not t.ok(got == status and re.search(want, text), f"command line `{kargs[:40]}`: said so, status {status}"):
            t.diag(f"status {got}\n{text[-800:]}")
    case("nonsense=1", r"(?i)unknown.*nonsense", 0)
    case("log=loud", r"log=?.*loud", 1)
    case("ip=10.0.0.300/24", r"ip.*10\.0\.0\.300", 1, "httpd")
    case("mount=disk0", r"mount", 1, "httpd")
    case("x='unterminated", r"(?i)quote", 1)
    case("x=" + "y" * 3000, r"(?i)(long|longer|exceeds)", 1)


def legacy():
    with Guest("hello", way="microvm", console="debugcon", legacy=True, extra=("-device", "virtio-serial-device")) as g:
        g.wait_exit(20)
        text = g.text()
    if not t.ok("force-legacy=false" in text, "a version 1 virtio-mmio device is reported with the option to add"):
        t.diag(text[-800:])


def main():
    for app in ("hello", "httpd"):
        build(app)
    subprocess.run(["make", "-C", ROOT, "--no-print-directory", "mkvol"], check=True, stdout=subprocess.DEVNULL)
    with tempfile.TemporaryDirectory() as tmp:
        make_tree(f"{tmp}/site")
        subprocess.run([MKVOL, "volume", "-o", f"{tmp}/site.img", f"{tmp}/site"], check=True, stdout=subprocess.DEVNULL)
        shutil.copy(f"{tmp}/site.img", f"{tmp}/site.img.2")
        subprocess.run([MKVOL, "archive", "-o", f"{tmp}/site.tar", f"{tmp}/site"], check=True, stdout=subprocess.DEVNULL)
        entries()
        served(f"{tmp}/site", f"{tmp}/site.img", f"{tmp}/site.tar")
        disks(tmp, f"{tmp}/site.img")
        bad_lines()
        legacy()
    return t.done()


sys.exit(main())

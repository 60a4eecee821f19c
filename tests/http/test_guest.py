#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""httpd in the guest, on a real disk file: every behaviour test, and real trees
(the Debian FAQ, the Python manual) byte for byte: by one client, after a
reboot, by 50 clients at once, by ranges. Then 64 clients in 4 MiB. Through
user networking, so limits on connections and times are not tested here: QEMU
answers in the guest's place (tests/net/test_behaviour.py has them)."""
import os, subprocess, sys, tempfile, time
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "lib"), HERE]
import testsite
from compare_tree import compare
from vm import ROOT, Guest, Tap, build, wait_http

MKVOL = f"{ROOT}/build/host/mkvol"
t = Tap()


def volume(folder, img):
    subprocess.run([MKVOL, "volume", "-o", img, folder], check=True, stdout=subprocess.DEVNULL)


def behaviour(tmp):
    site = f"{tmp}/site"
    testsite.make(site)
    volume(site, f"{tmp}/site.img")
    with Guest("httpd", mem="32M", disks=[f"{tmp}/site.img"], ports=(80,), args="--idle 30 --header 30 --cache 64K --quiet") as g:
        if not t.ok(bool(wait_http(g)), "httpd answers"):
            t.diag(g.text()[-1500:])
            return
        r = subprocess.run([sys.executable, f"{HERE}/http_behaviour.py", f"http://127.0.0.1:{g.ports[80]}", "--root", site, "--scale", "2", "--clients", "10",
                            "--no-random"], capture_output=True, text=True, timeout=400)
        for line in r.stdout.splitlines():
            if line.startswith(("ok", "not ok")):
                t.ok(line.startswith("ok"), "guest: " + line.split(" - ", 1)[-1])
            elif line.startswith("#"):
                print(line)
        t.ok(r.returncode == 0 and g.proc.poll() is None, "the behaviour tests ran to their end and the guest is up")
        if r.returncode:
            t.diag(r.stderr[-800:] + g.text()[-800:])


def same(g, tree, what, **kw):
    start = time.monotonic()
    try:
        n, size, problems = compare(f"http://127.0.0.1:{g.ports[80]}", tree, **kw)
    except Exception as e:                                      # a dead guest is a failed test, not a broken one
        n, size, problems = 0, 0, [repr(e)]
    s = time.monotonic() - start
    if not t.ok(n and not problems, f"{what}: {n} files, {size} bytes equal in {s:.0f} s"):
        t.diag("\n".join(problems[:10]) + "\n" + g.text()[-800:])


def real_tree(tmp, tree, name, mem):
    if not os.path.isdir(tree):
        t.skip(f"{name}: real tree", f"{tree} is not installed (apt-get install debian-faq python3-doc)")
        return
    # Links that lead out of the folder become what they lead to.
    subprocess.run(["cp", "-rL", tree, f"{tmp}/{name}"], check=True)
    tree, img = f"{tmp}/{name}", f"{tmp}/{name}.img"
    volume(tree, img)
    with Guest("httpd", mem=mem, disks=[img], ports=(80,), args="--quiet") as g:
        wait_http(g)
        same(g, tree, f"{name}: one client", clients=1)
        same(g, tree, f"{name}: 50 clients", clients=50)
        same(g, tree, f"{name}: 8 clients, also by ranges", clients=8, ranges=True)
        g.power_button()
        t.ok(g.wait_exit(20) == 0, f"{name}: powers off")
    with Guest("httpd", way="q35", mem=mem, disks=[img], ports=(80,), args="--quiet") as g:
        wait_http(g)
        same(g, tree, f"{name}: after a reboot, on q35", clients=4)


def small_memory(tmp):
    site = f"{tmp}/site"
    with Guest("httpd", mem="4M", disks=[f"{tmp}/site.img"], ports=(80,), args="--quiet") as g:
        wait_http(g)
        same(g, site, "4 MiB: 64 clients, each the whole tree", clients=64, everyone=True)


def main():
    build("httpd")
    subprocess.run(["make", "-C", ROOT, "--no-print-directory", "mkvol"], check=True, stdout=subprocess.DEVNULL)
    with tempfile.TemporaryDirectory() as tmp:
        behaviour(tmp)
        small_memory(tmp)
        real_tree(tmp, "/usr/share/doc/debian/FAQ", "debian-faq", "16M")
        real_tree(tmp, "/usr/share/doc/python3.11/html", "python3-doc", "32M")
    return t.done()


sys.exit(main())

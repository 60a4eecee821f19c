#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Every behaviour test of httpd against the guest over a tap: unlike user
networking, nothing stands between client and guest that answers in its place."""
import os, subprocess, sys, tempfile
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "http")]
import testsite
from netlib import ROOT, NetGuest, Tap, build, enter, make_tap, wait_answer

LIMITS = {"header": 3, "idle": 3}


def main():
    enter()
    t = Tap()
    build("httpd")
    subprocess.run(["make", "-C", ROOT, "--no-print-directory", "mkvol"], check=True, stdout=subprocess.DEVNULL)
    make_tap(0)
    with tempfile.TemporaryDirectory() as tmp:
        site = f"{tmp}/site"
        testsite.make(site)
        subprocess.run([f"{ROOT}/build/host/mkvol", "volume", "-o", f"{tmp}/site.img", site], check=True, stdout=subprocess.DEVNULL)
        args = f"--header {LIMITS['header']} --idle {LIMITS['idle']} --max-conns 60 --cache 64K --quiet"
        with NetGuest("httpd", mem="16M", disks=[f"{tmp}/site.img"], args=args) as g:
            if t.ok(bool(wait_answer(g)), "httpd with small limits answers"):
                r = subprocess.run([sys.executable, f"{HERE}/../http/http_behaviour.py", "http://10.0.0.2", "--root", site, "--header-timeout", str(LIMITS["header"]),
                                    "--idle-timeout", str(LIMITS["idle"]), "--max-conns", "60"], capture_output=True, text=True, timeout=400)
                for line in r.stdout.splitlines():
                    if line.startswith(("ok", "not ok")):
                        t.ok(line.startswith("ok"), "tap: " + line.split(" - ", 1)[-1])
                    elif line.startswith("#"):
                        print(line)
                if not t.ok(r.returncode == 0 and g.alive(), "the behaviour tests ran to their end and the guest is up"):
                    t.diag(r.stderr[-800:] + g.text()[-1500:])
    return t.done()


sys.exit(main())

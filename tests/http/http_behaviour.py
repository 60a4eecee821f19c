#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Tests how a web server behaves, from outside: status codes, ranges, conditions, pipelining, slow and hostile clients.

  http_behaviour.py --make-site DIR      write the test site into DIR (serve it, or pack it into a volume)
  http_behaviour.py URL --root DIR       run the tests; DIR is the test site that URL serves

Prints TAP. Exit status: 0 all passed, 1 some failed, 2 wrong usage.
"""
import argparse
import os
import sys

import behaviour_files
import behaviour_load
import behaviour_syntax
import testsite
from httpwire import Tap, split_url

GROUPS = {"syntax": behaviour_syntax, "files": behaviour_files, "load": behaviour_load}


class Context:
    """What every test gets."""

    def __init__(self, a):
        self.tap, self.url, self.address = Tap(), a.url, split_url(a.url)
        self.root, self.scale = a.root, a.scale
        self.header_timeout, self.idle_timeout, self.max_conns = a.header_timeout, a.idle_timeout, a.max_conns
        self.clients, self.random = a.clients, not a.no_random

    def file(self, name):
        with open(os.path.join(self.root, name), "rb") as f:
            return f.read()


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("url", nargs="?")
    p.add_argument("--root", help="the test site, as served by URL")
    p.add_argument("--make-site", metavar="DIR", help="write the test site and end")
    p.add_argument("--only", choices=GROUPS, help="one group of tests")
    p.add_argument("--scale", type=float, default=1, help="stretch every time limit by this (slow guests)")
    p.add_argument("--clients", type=int, default=50, help="connections at once in the load tests (default 50)")
    p.add_argument("--no-random", action="store_true", help="leave out the clients that do everything at random")
    p.add_argument("--header-timeout", type=float, metavar="S", help="the server's; without it, not tested")
    p.add_argument("--idle-timeout", type=float, metavar="S", help="the server's; without it, not tested")
    p.add_argument("--max-conns", type=int, metavar="N", help="the server's; without it, not tested")
    a = p.parse_args()
    if a.make_site:
        testsite.make(a.make_site)
        return 0
    if not a.url or not a.root or not os.path.isfile(os.path.join(a.root, "index.html")):
        p.print_usage(sys.stderr)
        print("http_behaviour: needs a URL and --root, a folder made by --make-site", file=sys.stderr)
        return 2
    context = Context(a)
    for name, group in GROUPS.items():
        if a.only in (None, name):
            for test in group.TESTS:
                try:
                    test(context)
                except Exception as e:  # pylint: disable=broad-except
                    context.tap.ok(False, test.__doc__ or test.__name__, f"{type(e).__name__}: {e}")
    return context.tap.done()


if __name__ == "__main__":
    sys.exit(main())

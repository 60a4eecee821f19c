#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Fetches every file under a folder from a web server and compares it, byte for byte, with the original.

Many clients at once, each with one kept-alive connection. With --ranges every file is fetched once more in
pieces, which are put together again. Exit status: 0 all equal, 1 differences, 2 wrong usage.
"""
import argparse
import os
import queue
import random
import sys
import threading
import time
import urllib.parse

from httpwire import Closed, Wire, split_url


def files_under(root):
    """Regular files, links to files included, as paths relative to root."""
    for folder, folders, names in os.walk(root, followlinks=True):
        folders.sort()
        for name in sorted(names):
            path = os.path.join(folder, name)
            if os.path.isfile(path):
                yield os.path.relpath(path, root)


def url_path(name):
    return "/" + urllib.parse.quote(name)


class Client:
    def __init__(self, address, timeout):
        self.address, self.timeout, self.wire = address, timeout, None

    def get(self, path, **headers):
        """Once more on a new connection if the kept one was closed meanwhile."""
        for attempt in (1, 2):
            fresh = self.wire is None
            if fresh:
                self.wire = Wire(self.address, self.timeout)
            try:
                r = self.wire.get(path, **headers)
            except (Closed, ConnectionError):
                self.close()
                if fresh or attempt == 2:
                    raise
                continue
            if (r["connection"] or "").lower() == "close":
                self.close()
            return r

    def close(self):
        if self.wire:
            self.wire.close()
        self.wire = None


def in_pieces(client, path, size, rng):
    """The file by Range requests of random lengths, in order; the last one open-ended."""
    parts, at, piece = [], 0, max(1, size // 7)
    while at < size:
        n = rng.randint(1, 2 * piece)
        last = "" if at + n >= size else str(at + n - 1)
        r = client.get(path, Range=f"bytes={at}-{last}")
        if r.status != 206:
            raise ValueError(f"status {r.status} for a range")
        want = f"bytes {at}-{min(at + n, size) - 1}/{size}"
        if r["content-range"] != want:
            raise ValueError(f"Content-Range {r['content-range']!r}, not {want!r}")
        parts.append(r.body)
        at += len(r.body)
    return b"".join(parts)


def check(client, root, name, ranges, rng):
    """None, or what is wrong."""
    with open(os.path.join(root, name), "rb") as f:
        original = f.read()
    path = url_path(name)
    try:
        r = client.get(path)
        if r.status != 200:
            return f"status {r.status}"
        if r.body != original:
            return f"differs: {len(r.body)} bytes, original {len(original)}"
        if ranges and original and in_pieces(client, path, len(original), rng) != original:
            return "differs when put together from ranges"
    except Exception as e:  # pylint: disable=broad-except
        client.close()
        return f"{type(e).__name__}: {e}"
    return None


def compare(url, root, clients=50, ranges=False, timeout=60.0, everyone=False, seed=1):
    """(files compared, bytes, list of problems). everyone: each client fetches the whole tree."""
    address, names = split_url(url), list(files_under(root))
    work, problems, lock, total = queue.Queue(), [], threading.Lock(), [0, 0]

    if not everyone:
        for name in names:
            work.put(name)

    def run(number):
        rng, client = random.Random(seed * 1000 + number), Client(address, timeout)
        mine = list(names)
        rng.shuffle(mine)
        while True:
            try:
                name = mine.pop() if everyone else work.get_nowait()
            except (IndexError, queue.Empty):
                break
            problem = check(client, root, name, ranges, rng)
            with lock:
                total[0] += 1
                total[1] += os.path.getsize(os.path.join(root, name))
                if problem:
                    problems.append(f"{name}: {problem}")
        client.close()

    threads = [threading.Thread(target=run, args=(i,), daemon=True) for i in range(clients)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return total[0], total[1], problems


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("url")
    p.add_argument("dir", help="the original")
    p.add_argument("--clients", type=int, default=50, help="connections at once (default 50)")
    p.add_argument("--ranges", action="store_true", help="fetch every file in pieces, too")
    p.add_argument("--everyone", action="store_true", help="every client fetches the whole tree")
    p.add_argument("--timeout", type=float, default=60, help="seconds without a byte (default 60)")
    a = p.parse_args()
    if not os.path.isdir(a.dir):
        print(f"compare_tree: no such folder: {a.dir}", file=sys.stderr)
        return 2
    start = time.monotonic()
    n, size, problems = compare(a.url, a.dir, a.clients, a.ranges, a.timeout, a.everyone)
    for line in problems[:20]:
        print("different: " + line)
    print(f"{n} files, {size} bytes, {len(problems)} different, {a.clients} clients"
          f"{', also by ranges' if a.ranges else ''}, {time.monotonic() - start:.1f} s")
    if not n:
        print(f"compare_tree: there are no files under {a.dir}", file=sys.stderr)
        return 2
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())

# SPDX-License-Identifier: BSD-2-Clause
#
# What bench-disk.py measures: the tests, the rounds in which the guests take
# turns, volumes of several sizes and fillings, and how little memory does.

import os
import sys
import time

import benchlib as lib
import disklib as disk

PARTS = ["work", "volumes", "memory"]

# name, title, the commands: what is prepared, what is measured, what is tidied up. {ms}, {n} and
# the like are filled in by `fill`. A measured command may follow another's (its result stays).
# "synced" tests run in each setting, the rest in the first only.
TESTS = [
    ("append4k", "4 KiB append + fsync", "synced", [], "append /data/a 4096 {ms}", ["unlink /data/a"]),
    ("append100", "100 byte append + fsync", "synced", [], "append /data/a 100 {ms}",
     ["unlink /data/a"]),
    ("replace", "1 KiB file replaced (write, fsync, rename)", "synced", [], "replace /data {ms}", []),
    ("write", "sequential write, 64 KiB at a time, with fsync", "all", [], "write /data/w {kib}", []),
    ("read", "sequential read, warm", "all", [], "read /data/w", []),
    ("create", "create, write 1 KiB, close", "all", ["unlink? /data/w", "sync"], "create /data/s {n} 1024 {long}", []),
    ("load", "open, read 1 KiB, close", "all", [], "load /data/s {n}:{made} {long}", []),
    ("remove", "remove", "all", [], "remove /data/s {n}:{made} {long}", ["tidy /data/s"]),
    ("create-sync", "create, write 1 KiB, fsync, close", "synced", [],
     "create /data/s {few} 1024 {long} fsync", ["tidy /data/s"]),
    ("create-many", "10,000 in a directory: create", "all", [], "create /data/m {many} 0 {longer}", []),
    ("list-many", "... list", "all", [], "list /data/m", []),
    ("stat-many", "... stat", "all", [], "stat /data/m {many}:{made} {long}", []),
    ("remove-many", "... remove", "all", [], "remove /data/m {many}:{made} {longer}",
     ["tidy /data/m"]),
    ("overwrite", "4 KiB overwritten in a 16 MiB file + fsync", "all", ["write /data/w 16384"],
     "overwrite /data/w 4096 16384 {ms}", ["unlink /data/w", "sync"]),
    ("raw", "4 KiB overwritten in a raw partition + fsync", "synced", [],
     "overwrite {raw} 4096 65536 {ms} direct", []),
]
NAMES = [t[0] for t in TESTS]
TITLES = {"glint": "Glint", "linux": "Linux"}
SMALL = {"many": 10000, "n": 1000, "few": 200}


# ---- the tests, in rounds ----------------------------------------------------------

class Bench:
    """The guests of one setting."""

    def __init__(self, scope, options, everything):
        self.scope, self.options = scope, options
        self.ms = options.ms if everything else options.ms // 2
        self.paths = {k: os.path.join(options.dir, f"{k}.img") for k in options.kinds}
        self.raw = {k: os.path.join(options.dir, f"{k}-raw.img") for k in options.kinds}
        self.raw_names, self.guests = {}, {}
        for kind in options.kinds:
            disk.make_volume(kind, self.paths[kind], options.size, options.full)
            self.raw_names[kind] = disk.make_raw(kind, self.raw[kind], 80, options.full)
        self.start()

    def start(self):
        for kind in self.options.kinds:
            self.guests[kind] = disk.DiskGuest(self.scope, kind, self.options, self.paths[kind],
                                               self.raw[kind])
        for guest in self.guests.values():
            guest.ready()
            disk.mount(guest)

    def stop(self):
        for guest in self.guests.values():
            guest.stop()

    def fill(self, kind, command, made):
        ms = self.ms
        return command.format(ms=ms, long=ms * 2, longer=ms * 4, made=made, kib=65536,
                              raw=self.raw_names[kind], **SMALL)

    def run_test(self, guest, test, made):
        """One test on one guest: the result of its measured command."""
        before, measured, after = test[3:]
        for command in before:
            if "? " in command:         # what may not be there
                guest.do(command.replace("?", ""))
            else:
                guest.must(self.fill(guest.kind, command, made))
        result = guest.do(self.fill(guest.kind, measured, made), 300)
        if measured.startswith("create"):
            made = result.get("ops", 0)
        for command in after:
            guest.must(self.fill(guest.kind, command, made), 300)
        return result


def run_work(scope, options, setting, everything):
    print(f"setting {setting}", flush=True)
    wanted = options.tests.split(",") if options.tests else NAMES
    tests = [t for t in TESTS if t[0] in wanted and (everything or t[2] == "synced")]
    bench = Bench(scope, options, everything)
    rows = {(t[0], k): [] for t in tests for k in options.kinds}
    caches = dict.fromkeys(options.kinds, 0)
    for number in range(options.rounds if everything else max(1, options.rounds - 2)):
        made = {k: 0 for k in options.kinds}
        order = options.kinds if number % 2 == 0 else options.kinds[::-1]
        for test in tests:
            for kind in order:
                result = bench.run_test(bench.guests[kind], test, made[kind])
                if test[4].startswith("create"):
                    made[kind] = result.get("ops", 0)
                rows[test[0], kind].append(result)
                say_result(number, kind, test[0], result)
                if number == 0 and not test[5]:     # its files are still there
                    caches[kind] = max(caches[kind], disk.cache_bytes(bench.guests[kind]))
    made = [summary(setting, t, k, rows[t[0], k]) for t in tests for k in options.kinds]
    if everything and "read" in wanted:
        made += run_cold(bench, options, setting)
    for row in made:
        row["cache_bytes"] = caches[row["guest"]]
    bench.stop()
    if not options.keep:
        for path in list(bench.paths.values()) + list(bench.raw.values()):
            if os.path.exists(path):
                os.unlink(path)
    return made


def run_cold(bench, options, setting):
    """A file read by guests that have just started; the host's page cache is what it is."""
    test = ("read-cold", "sequential read, guest just started")
    rows = {k: [] for k in options.kinds}
    for guest in bench.guests.values():
        guest.must("write /data/cold 65536")
    for number in range(min(3, options.rounds)):
        bench.stop()
        bench.start()
        for kind in options.kinds:
            rows[kind].append(bench.guests[kind].do("read /data/cold"))
            say_result(number, kind, test[0], rows[kind][-1])
    return [summary(setting, test, k, rows[k]) for k in options.kinds]


def say_result(number, kind, name, result):
    if "error" in result:
        print(f"  round {number + 1} {kind} {name}: {result['error']}", flush=True)
        return
    ops = max(result["ops"], 1)
    print(f"  round {number + 1} {kind} {name}: {ops} operations, {ops / result['ns'] * 1e9:.0f}/s, "
          f"{result['cpu_s'] / ops * 1e6:.0f} us CPU, longest {result.get('max', 0) / 1e3:.1f} ms",
          flush=True)


def summary(setting, test, kind, rounds):
    """Medians of the rounds; the longest of all."""
    row = {"setting": setting, "test": test[0], "title": test[1], "guest": kind, "rounds": rounds}
    bad = [r["error"] for r in rounds if "error" in r]
    good = [r for r in rounds if "error" not in r and r["ops"]]
    if bad or not good:
        return dict(row, error=bad[0] if bad else "nothing done")
    rates = [r["ops"] / r["ns"] * 1e9 for r in good]
    row.update(rate=lib.median(rates), low=min(rates), high=max(rates),
               cpu_us=lib.median([r["cpu_s"] / r["ops"] * 1e6 for r in good]))
    for key in ("p50", "p99", "sync_p50", "sync_p99"):
        if key in good[0]:
            row[key] = lib.median([r[key] for r in good])
    if "max" in good[0]:
        row["max"] = max(r["max"] for r in good)
    if "bytes" in good[0]:
        row["mb_s"] = lib.median([r["bytes"] / r["ns"] * 1e3 for r in good])
    return row


# ---- volumes: mount, first write, steady state ---------------------------------------

def run_volumes(scope, options):
    rows = []
    sizes = [(1, 0), (1, 50)] + ([] if options.quick else [(16, 0), (16, 50)])
    for gib, percent in sizes:
        for kind in options.kinds:
            path = os.path.join(options.dir, f"{kind}-{gib}g-{percent}.img")
            began = time.monotonic()
            disk.make_filled(kind, path, gib, percent)
            row = {"guest": kind, "gib": gib, "percent": percent,
                   "made_s": time.monotonic() - began}
            rows.append(row)
            measure_volume(scope, options, row, path)
            print("  volume {gib} GiB, {percent} % full, {guest}: ".format(**row)
                  + ", ".join(f"{k} {v}" for k, v in row.items() if k.endswith("us")), flush=True)
            if not options.keep or gib == 1:
                os.unlink(path)
    return rows


def measure_volume(scope, options, row, path):
    mounts, first = [], {}
    for _ in range(1 if options.quick else 3):
        guest = disk.DiskGuest(scope, row["guest"], options, path, trace=True).ready()
        mounts.append(disk.mount(guest))
        if row["percent"] and "reserved" not in row:
            row["reserved"] = disk.reserve(guest, row["gib"] * row["percent"] * 1024 // 100)
            if row["reserved"]:     # Linux: now it is half full; mount again to measure
                guest.stop()
                guest = disk.DiskGuest(scope, row["guest"], options, path).ready()
                mounts = [disk.mount(guest)]
        if first:
            guest.stop()
            continue
        try:
            first = guest.do("first /data/first", options.patience)
            steady = guest.do(f"append /data/steady 4096 {options.ms * 3}", options.patience)
            row["steady_us"], row["steady_rate"] = steady.get("max"), 0
            if steady.get("ops"):
                row["steady_rate"] = steady["ops"] / steady["ns"] * 1e9
            guest.stop()
        except lib.Trouble as trouble:
            first = {"ns": options.patience * 10 ** 9, "late": True}
            row["late"] = str(trouble).splitlines()[0]
            guest.stop(gently=False)
    row["mount_us"] = lib.median(mounts)
    row["first_us"] = first["ns"] / 1e3


def volume_table(rows):
    out = [["volume", "guest", "mount", "first write + fsync", "longest append + fsync", "appends/s"]]
    for r in rows:
        late = ">" if r.get("late") else ""
        out.append([f"{r['gib']} GiB, {r['percent']} % full" if r["percent"] else f"{r['gib']} GiB, empty",
                    TITLES[r["guest"]], f"{r['mount_us'] / 1e3:.1f} ms", f"{late}{r['first_us'] / 1e3:,.1f} ms",
                    "-" if r.get("steady_us") is None else f"{r['steady_us'] / 1e3:.1f} ms",
                    f"{r.get('steady_rate', 0):.0f}"])
    return out


# ---- memory ---------------------------------------------------------------------------

SIZES = {"glint": [1, 2, 3, 4, 6, 8, 16, 64], "linux": [48, 56, 64, 72, 80, 96, 128, 256]}
WORKLOADS = [
    ("start, mount, one synced append", ["first /data/f"]),
    ("4 KiB appends + fsync", ["append /data/a 4096 500"]),
    ("write and read 16 MiB", ["write /data/w 16384", "read /data/w"]),
    ("1,000 files of 1 KiB: create, read, remove", ["create /data/s 1000 1024 60000",
                                                    "load /data/s 1000 60000",
                                                    "remove /data/s 1000 60000"]),
]


def fits(scope, options, kind, path, mib, commands):
    guest = disk.DiskGuest(scope, kind, options, path, memory=f"{mib}M")
    try:
        guest.ready(20)
        disk.mount(guest)
        for command in commands:
            guest.must(command, 120)
        return True
    except (lib.Trouble, OSError):
        return False
    finally:
        guest.stop(gently=False)


def run_memory(scope, options):
    rows = []
    for kind in options.kinds:
        for name, commands in WORKLOADS if kind == "glint" else WORKLOADS[1:2]:
            path = os.path.join(options.dir, f"{kind}-mem.img")
            low, high = 0, len(SIZES[kind])     # the answer is in [low, high]
            while low < high:
                middle = (low + high) // 2
                disk.make_volume(kind, path, 256, False)
                if fits(scope, options, kind, path, SIZES[kind][middle], commands):
                    high = middle
                else:
                    low = middle + 1
            mib = SIZES[kind][low] if low < len(SIZES[kind]) else None
            rows.append({"guest": kind, "workload": name, "mib": mib})
            print(f"  memory {kind}, {name}: {mib} MiB", file=sys.stdout, flush=True)
            os.unlink(path)
    return rows


def memory_table(rows, work_rows):
    """Least memory; and the caches, from the guests' own counters, while files were there."""
    out = [["what", "guest", "memory"]] + [
        ["least for: " + r["workload"], TITLES[r["guest"]],
         f"{r['mib']} MiB" if r["mib"] else "none tried was enough"] for r in rows]
    seen = set()
    for r in work_rows:
        if r["guest"] not in seen and "cache_bytes" in r:
            seen.add(r["guest"])
            out.append(["caches at their largest during the work", TITLES[r["guest"]],
                        f"{r['cache_bytes'] / 2 ** 20:.1f} MiB"])
    return out

#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
#
# Glint's littlefs against ext4 in a Debian cloud guest, on virtio-blk with the
# same image settings, in one interleaved run: operations per second, latency,
# QEMU's CPU time for each operation, stalls, mount time, memory. The work is
# bench/diskbench, the same program in both guests; times of operations are the
# guest's, CPU times the host's. Writes build/bench/disk.json and disk.md.

import argparse
import os
import resource
import shlex
import sys
import time

import benchlib as lib
import diskcharts
import disklib as disk
import diskwork as work


def parse_options():
    p = argparse.ArgumentParser(
        description="Disk benchmark: Glint (littlefs) against a Linux guest (ext4) under QEMU TCG.",
        epilog="exit status: 0 measured, 1 failed or a goal missed with --check, 2 wrong usage")
    p.add_argument("--guests", default="linux,glint", help="of linux, glint")
    p.add_argument("--quick", action="store_true",
                   help="two minutes: one round, the main setting, no 16 GiB volume, no search for "
                   "the least memory")
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--ms", type=int, default=2000, help="length of each timed test")
    p.add_argument("--only", default="", help="of " + ",".join(work.PARTS) + " (all)")
    p.add_argument("--tests", default="", help="of " + ",".join(work.NAMES) + " (all)")
    p.add_argument("--settings", default="microvm/writeback/sparse,microvm/writeback/full,"
                   "microvm/none/full,q35/writeback/sparse",
                   help="MACHINE/CACHE/ALLOCATION,...; the first runs all tests, the others the "
                   "synced ones. CACHE is QEMU's cache=; sparse or full: are the image's blocks "
                   "allocated on the host beforehand")
    p.add_argument("--size", type=int, default=1024, help="MiB of the volumes (1024)")
    p.add_argument("--dir", default=os.path.join(lib.OUT, "disk"), help="where the images go")
    p.add_argument("--memory", default="256M", help="Glint's memory (256M)")
    p.add_argument("--peer-memory", default="256M", help="the Linux guest's memory (256M)")
    p.add_argument("--patience", type=int, default=60,
                   help="seconds that a first write to an old volume may take (60)")
    p.add_argument("--cpu", default="", help="QEMU's -cpu, for both (QEMU's default)")
    p.add_argument("--glint-append", default="", help="more kernel command line for Glint")
    p.add_argument("--peer-append", default="", help="more kernel command line for Linux")
    p.add_argument("--nice", type=int, default=0, help="for the guests; below 0 on a busy machine")
    p.add_argument("--keep", action="store_true", help="keep the images (the 16 GiB ones are made "
                   "only once then; 8 GiB on the host)")
    p.add_argument("--check", action="store_true",
                   help="exit 1 if Glint does fewer synced 4 KiB appends per second than Linux")
    p.add_argument("--json", default="disk.json", help="name below build/bench")
    p.add_argument("--docs", action="store_true", help="put the tables into docs/performance.md")
    p.add_argument("--svg", default=os.path.join(lib.TOP, "docs", "img"),
                   help="folder for bench-disk.svg and bench-fsync.svg; empty for none")
    options = p.parse_args()
    if options.quick:
        options.rounds, options.ms = 1, min(options.ms, 1000)
        options.settings = options.settings.split(",")[0]
    options.memory = {"glint": options.memory, "linux": options.peer_memory}
    options.kinds = options.guests.split(",")
    check(p, options.kinds, ["glint", "linux"])
    check(p, options.only.split(","), [""] + work.PARTS)
    check(p, options.tests.split(","), [""] + work.NAMES)
    return options


def check(parser, words, known):
    for word in words:
        if word not in known:
            parser.error(f"'{word}': not one of {', '.join(k for k in known if k)}")


def choose_setting(options, setting):
    """machine, cache, full of the options; False if the host cannot."""
    try:
        options.machine, options.cache, allocation = setting.split("/")
    except ValueError:
        raise lib.Trouble(f"--settings: {setting}: not MACHINE/CACHE/ALLOCATION") from None
    options.full = allocation == "full"
    if options.cache in ("none", "directsync") and not disk.has_direct(options.dir):
        print(f"skipped: {setting}: the file system of {options.dir} has no O_DIRECT")
        return False
    return True


# ---- what comes out -------------------------------------------------------------

def number(value):
    if value is None:
        return "-"
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def us(value):
    if value is None:
        return "-"
    return f"{value / 1e3:,.0f} ms" if value >= 1e5 else \
        f"{value / 1e3:.3g} ms" if value >= 1e3 else f"{value:.0f} us"


def rate(row):
    """Median, and the least and most of the rounds: operations or MB per second."""
    if row.get("error"):
        return row["error"]
    scale, unit = (row["mb_s"] / row["rate"], " MB/s") if "mb_s" in row else (1, "")
    text = number(row["rate"] * scale) + unit
    if len(row["rounds"]) > 1:
        text += f" ({number(row['low'] * scale)}-{number(row['high'] * scale)})"
    return text


def latency(row):
    return " / ".join(us(row[k]) for k in ("p50", "p99", "max")) if "p50" in row else "-"


def work_table(rows):
    """One line for each setting and test, both guests in it."""
    out = [["test", "Glint: per second (range)", "Linux", "ratio", "Glint: CPU for one", "Linux",
            "Glint: p50 / p99 / longest", "Linux"]]
    by, setting = {(r["setting"], r["test"], r["guest"]): r for r in rows}, None
    for row in rows:
        if row["setting"] != setting:
            setting = row["setting"]
            out.append([setting] + [""] * 7)
        pair = [by.get((setting, row["test"], k), {"error": "-"}) for k in ("glint", "linux")]
        if row is not (pair[0] if "test" in pair[0] else pair[1]):
            continue
        good = not any(r.get("error") for r in pair)
        out.append([row["title"], *map(rate, pair),
                    f"{pair[0]['rate'] / pair[1]['rate']:.2f}" if good else "-"]
                   + [us(r.get("cpu_us")) for r in pair] + [latency(r) for r in pair])
    return out


def markdown(table):
    lines = ["| " + " | ".join(str(c) for c in row) + " |" for row in table]
    lines.insert(1, "|" + "---|" * len(table[0]))
    return "\n".join(lines) + "\n"


def ratios(rows):
    """Glint against Linux, for each setting and test that both did."""
    made, by = [], {(r["setting"], r["test"], r["guest"]): r for r in rows if not r.get("error")}
    for (setting, test, guest), g in by.items():
        peer = by.get((setting, test, "linux"))
        if guest == "glint" and peer:
            made.append({"setting": setting, "test": test, "rate": g["rate"] / peer["rate"],
                         "cpu": peer["cpu_us"] / max(g["cpu_us"], 1e-3)})
    return made


def machine_line(data):
    m, s = data["machine"], data["settings"]
    return (f"{m['cpu']}, {m['cores']} cores, Linux {m['host kernel']}, {m['qemu'].split(' (')[0]}, {m['date']}: "
            f"`{s['command']}`, CPU that others used meanwhile: {s['other_load']:.2f} cores.")


def put_into_docs(text):
    """Between the two marks of docs/performance.md."""
    path = os.path.join(lib.TOP, "docs", "performance.md")
    with open(path) as file:
        old = file.read()
    before, mark, rest = old.partition("<!-- bench-disk: tables -->\n")
    end = rest.find("<!-- bench-disk: end -->")
    if not mark or end < 0:
        raise lib.Trouble(f"{path} has no place for the tables: the two bench-disk marks are gone")
    with open(path, "w") as file:
        file.write(before + mark + text + rest[end:])
    print(f"wrote {os.path.relpath(path, os.getcwd())}")


def report(data, docs):
    """Prints everything, writes disk.md; the goals that are missed."""
    parts = [(title, table) for title, table in (
        ("Work", work_table(data["rows"])), ("Volumes", work.volume_table(data["volumes"])),
        ("Memory", work.memory_table(data["memory"], data["rows"]))) if len(table) > 1]
    for title, table in parts:
        print(f"\n{title}")
        lib.table(table)
    print()
    for r in data["ratios"]:
        if r["test"] == "append4k":
            print(f"{r['setting']}: {r['rate']:.2f} times Linux' synced 4 KiB appends per second, "
                  f"Linux takes {r['cpu']:.2f} times the CPU for one")
    text = "\n".join(f"{title}:\n\n{markdown(table)}" for title, table in parts)
    with open(os.path.join(lib.OUT, "disk.md"), "w") as out:
        out.write(text)
    if docs:
        put_into_docs(f"{machine_line(data)}\n\n{text}")
    return [f"{r['setting']}: {r['rate']:.2f} times Linux' synced 4 KiB appends per second, must be 1"
            for r in data["ratios"] if r["test"] == "append4k" and r["rate"] < 1]


def main():
    options = parse_options()
    lib.set_priority(options)
    lib.need("qemu-system-x86_64", "setpriv")
    os.makedirs(options.dir, exist_ok=True)
    disk.build()
    parts = [p for p in options.only.split(",") if p] or work.PARTS[:2 if options.quick else 3]
    data = {"rows": [], "volumes": [], "memory": [], "machine": lib.machine_note(),
            "settings": {k: getattr(options, k) for k in ("rounds", "ms", "size", "memory", "nice",
                                                          "cpu", "settings", "quick")}}
    data["settings"]["command"] = shlex.join(["bench/bench-disk.py"] + sys.argv[1:])
    began, busy = time.monotonic(), lib.busy_seconds()
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    children = used.ru_utime + used.ru_stime
    with lib.Scope() as scope:
        if "work" in parts:
            for i, setting in enumerate(options.settings.split(",")):
                if choose_setting(options, setting):
                    data["rows"] += work.run_work(scope, options, setting, everything=i == 0)
        choose_setting(options, options.settings.split(",")[0])
        if "volumes" in parts:
            data["volumes"] = work.run_volumes(scope, options)
        if "memory" in parts:
            data["memory"] = work.run_memory(scope, options)
    data["ratios"] = ratios(data["rows"])
    wall = time.monotonic() - began
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    data["settings"]["other_load"] = max(
        0.0, lib.busy_seconds() - busy - used.ru_utime - used.ru_stime + children) / wall
    missed = report(data, options.docs)
    for line in missed:
        print("missed: " + line)
    lib.save(options.json, data)
    if options.svg and data["ratios"]:
        diskcharts.draw(data, options.svg)
    sys.stdout.flush()
    return 1 if options.check and missed else 0


if __name__ == "__main__":
    lib.main(main)

#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
#
# Time from QEMU's start to the guest's first console line and to the first HTTP
# answer, on microvm under TCG: Glint, the Linux peer, and the floor, an empty
# PVH guest (floor.S). Runs are interleaved; bootwatch.c takes the times. The
# floor runs twice, bare and with the same devices as Glint, because QEMU's own
# work for a device is not the guest's. Without root: first lines only.

import argparse
import json
import os
import subprocess

import benchlib as lib
import charts


def parse_options():
    p = argparse.ArgumentParser(
        description="Boot time of Glint and its peer under QEMU TCG.",
        epilog="exit status: 0 measured, 1 failed or a goal missed with --check, 2 wrong usage, "
               "77 skipped")
    p.add_argument("--guests", default="floor,glint,linux", help="of floor, hello, glint, linux")
    p.add_argument("--hello", default=os.path.join(lib.TOP, "build", "hello.elf"))
    p.add_argument("--runs", type=int, default=21)
    p.add_argument("--path", default="/index.html")
    p.add_argument("--size", type=int, default=600, help="bytes of the page")
    p.add_argument("--check", action="store_true", help="exit 1 if a budget is missed")
    p.add_argument("--json", default="boot.json", help="name below build/bench")
    p.add_argument("--svg", default=os.path.join(lib.TOP, "docs", "img", "boot.svg"),
                   help="plot to write; empty for none")
    lib.guest_options(p)
    return p.parse_args()


def build_floor():
    source, image = os.path.join(lib.BENCH, "floor.S"), os.path.join(lib.OUT, "floor.elf")
    lib.need("gcc")
    os.makedirs(lib.OUT, exist_ok=True)
    lib.run("gcc", "-m32", "-c", "-o", image + ".o", source)
    lib.run("ld", "-m", "elf_i386", "-z", "max-page-size=4096", "-Ttext=0x100000", "-o", image,
            image + ".o")
    return image


class Subject:
    """One thing that boots: its command, and whether it answers HTTP."""

    def __init__(self, kind, name, command, http):
        self.kind, self.name, self.command, self.http = kind, name, command, http
        self.lines, self.answers, self.failed, self.text = [], [], 0, ""


def subjects(options, net):
    made, wanted = [], options.guests.split(",")
    if "floor" in wanted:
        floor = build_floor()
        bare = lib.qemu_base(lib.BARE_MICROVM,
                             options.memory, options.cpu)
        made.append(Subject("floor", "empty PVH guest", bare
                            + ["-kernel", floor, "-debugcon", "stdio"], False))
        devices = ["-device", "virtio-serial-device", "-device", "virtconsole,chardev=v",
                   "-chardev", "null,id=v", "-device", "virtio-rng-device"]
        devices += lib.net_options("device", "on") if net else []
        made.append(Subject("floor", "the same, with devices", made[0].command + devices, False))
    if "hello" in wanted:
        hello = argparse.Namespace(**vars(options))
        hello.image, hello.volume, hello.module = options.hello, None, None
        hello.glint_args = ""
        made.append(Subject("glint", "Glint hello", lib.glint_command(hello, net=False), False))
    if "glint" in wanted:
        made.append(Subject("glint", "Glint httpd", lib.glint_command(options, net=net), net))
    if "linux" in wanted:
        made.append(Subject("linux", "Linux, nginx", lib.linux_command(options, net=net), net))
    return made


def boot_once(subject, ns, options):
    cores = sorted(os.sched_getaffinity(0))
    command = lib.raised + (["ip", "netns", "exec", ns] if ns else []) + [
        lib.build_tool("bootwatch"), "-p", str(cores[0]), "-q", str(cores[-1])]
    if subject.http:
        command += ["-g", lib.GUEST_IP + options.path]
    done = subprocess.run(command + subject.command, capture_output=True, text=True, timeout=60)
    if not done.stdout.startswith("{"):
        raise lib.Trouble(f"{subject.name}: bootwatch: {done.stderr.strip()}")
    result = json.loads(done.stdout)
    subject.text = result["line"] or subject.text
    if done.returncode:
        subject.failed += 1
        print(f"{subject.name}: incomplete: {result}")
        return
    subject.lines.append(result["line_us"] / 1e3)
    if subject.http:
        subject.answers.append(result["http_us"] / 1e3)


def quartiles(values):
    ordered = sorted(values)
    return ordered[len(ordered) // 4], ordered[(3 * len(ordered)) // 4]


def summary(subject):
    row = {"kind": subject.kind, "name": subject.name, "failed": subject.failed,
           "first_line": subject.text, "lines": subject.lines, "answers": subject.answers}
    for key, values in (("line", subject.lines), ("http", subject.answers)):
        if values:
            row[key + "_ms"] = lib.median(values)
            row[key + "_low"], row[key + "_high"] = quartiles(values)
            row[key + "_least"], row[key + "_most"] = min(values), max(values)
    return row


def cell(row, key):
    if key + "_ms" not in row:
        return ["-", "-", "-"]
    return [f"{row[key + '_ms']:.1f}", f"{row[key + '_low']:.1f}-{row[key + '_high']:.1f}",
            f"{row[key + '_least']:.1f}-{row[key + '_most']:.1f}"]


def print_table(rows):
    lines = [["guest", "first line ms", "quartiles", "range", "HTTP ms", "quartiles", "range",
              "failed"]]
    for row in rows:
        lines.append([row["name"]] + cell(row, "line") + cell(row, "http") + [row["failed"]])
    print()
    lib.table(lines)
    for row in rows:
        print(f"{row['name']}: first line was \"{row['first_line']}\"")


def judge(rows):
    """The budgets of ARCHITECTURE.md section 11 and of the issue."""
    missed = []
    floors = [row["line_ms"] for row in rows if row["kind"] == "floor" and "line_ms" in row]
    for row in rows:
        if row["kind"] == "glint" and "line_ms" in row and floors:
            over = row["line_ms"] - floors[0]
            print(f"{row['name']}: first line {over:.1f} ms over the bare floor (must 15, aim 5)")
            if over > 15:
                missed.append(f"{row['name']}: first line {over:.1f} ms over the floor")
        if row["kind"] == "glint" and row.get("http_ms", 0) > 60:
            missed.append(f"{row['name']}: first answer after {row['http_ms']:.1f} ms, must be 60")
        if row["failed"]:
            missed.append(f"{row['name']}: {row['failed']} runs incomplete")
    for line in missed:
        print("missed: " + line)
    return missed


def measure(options, ns):
    made = subjects(options, ns is not None)
    for number in range(options.runs + 1):
        for subject in made:
            boot_once(subject, ns, options)
            if number == 0:  # the first only fills the page cache
                subject.lines, subject.answers = [], []
    return [summary(subject) for subject in made]


def main():
    options = parse_options()
    options.machine = "microvm"
    lib.set_priority(options)
    lib.need("qemu-system-x86_64")
    wanted = options.guests.split(",")
    for name, image in (("glint", options.image), ("hello", options.hello)):
        if name in wanted and not os.path.exists(image):
            raise lib.Trouble(f"no {image}: run 'make image APP=...', or give --guests")
    site = lib.make_site(options.size)
    if "glint" in wanted:
        lib.make_store(options, site)
    if "linux" in wanted:
        lib.build_peer(site)
    if os.geteuid() == 0 and os.path.exists("/dev/net/tun"):
        with lib.Scope() as scope:
            ns = lib.make_namespace(scope, "boot")
            lib.run("ip", "netns", "exec", ns, "ip", "link", "set", "tap0", "txqueuelen", "4")
            rows = measure(options, ns)
    else:
        print("note: not root, or no /dev/net/tun: first lines only, no HTTP")
        rows = measure(options, None)
    print_table(rows)
    missed = judge(rows)
    data = {"machine": lib.machine_note(), "runs": options.runs, "memory": options.memory,
            "rows": rows}
    lib.save(options.json, data)
    if options.svg:
        charts.boot_chart(data, options.svg)
    return 1 if options.check and missed else 0


if __name__ == "__main__":
    lib.main(main)

#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
#
# Draws the benchmarks' JSON as SVG: panels of horizontal bars with their values
# written beside them. Plain SVG 1.1 with its own white ground, so that it reads
# the same in a browser, in a dark README and through rsvg-convert.

import json
import math
import os
import sys
from xml.sax.saxutils import escape

WIDTH, LABELS, RIGHT, BAR, GAP = 760, 190, 110, 18, 8
INK, FAINT, GROUND = "#1c2430", "#68727f", "#ffffff"
COLOURS = {"glint": "#0b7a75", "linux": "#b5651d", "floor": "#8a93a0", "host-nginx": "#6d5aa8"}


def text(x, y, words, size=13, anchor="start", colour=INK, weight="normal"):
    return (f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" '
            f'fill="{colour}" font-weight="{weight}">{escape(words)}</text>')


def panel(y, title, bars, log=False):
    """`bars` are (label, value, written value, colour, low, high); low and high may be None.
    Returns SVG pieces and the y below them."""
    out = [text(16, y + 14, title, 14, weight="bold")]
    y += 28
    room = WIDTH - LABELS - RIGHT
    most = max(max(b[1], b[5] or 0) for b in bars)
    least = 10 ** math.floor(math.log10(min(b[1] for b in bars) * 0.7)) if log else 0

    def place(value):
        if log:
            return room * math.log(max(value, least) / least) / math.log(most / least)
        return room * value / most

    for label, value, written, colour, low, high in bars:
        out.append(text(LABELS - 10, y + BAR - 5, label, 12, "end"))
        out.append(f'<rect x="{LABELS}" y="{y}" width="{max(place(value), 1):.1f}" '
                   f'height="{BAR}" fill="{colour}" rx="2"/>')
        end = place(value)
        if high is not None:
            x1, x2, mid = LABELS + place(low), LABELS + place(high), y + BAR / 2
            out.append(f'<path d="M{x1:.1f} {mid}H{x2:.1f}M{x1:.1f} {mid - 4}v8M{x2:.1f} '
                       f'{mid - 4}v8" stroke="{INK}" stroke-width="1.2" fill="none"/>')
            end = max(end, place(high))
        out.append(text(LABELS + end + 7, y + BAR - 5, written, 12))
        y += BAR + GAP
    return out, y + 14


def write(path, title, notes, panels):
    """`panels` are (title, bars, log)."""
    body, y = [], 56
    for name, bars, log in panels:
        pieces, y = panel(y, name, bars, log)
        body += pieces
    for note in notes:
        body.append(text(16, y + 6, note, 11, colour=FAINT))
        y += 16
    height = y + 8
    head = (f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
            f'viewBox="0 0 {WIDTH} {height}" font-family="DejaVu Sans, Verdana, sans-serif" '
            f'role="img" aria-label="{escape(title)}">')
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    with open(path, "w") as out:
        out.write("\n".join([head, f'<rect width="{WIDTH}" height="{height}" fill="{GROUND}"/>',
                             text(16, 32, title, 17, weight="bold")] + body + ["</svg>", ""]))
    print(f"wrote {os.path.relpath(path, os.getcwd())}")


NAMES = {"glint": "Glint httpd", "linux": "Linux, nginx", "host-nginx": "host's nginx (no guest)"}


def spread(row, key, scale=1.0):
    values = [r[key] * scale for r in row["rounds"]]
    return min(values), max(values)


def http_chart(data, path):
    panels = []
    for count in sorted({r["connections"] for r in data["rows"]}):
        rows = sorted((r for r in data["rows"] if r["connections"] == count),
                      key=lambda r: (r["guest"] != "glint", r["guest"], r["event_idx"] != "on"))

        def bars(key, scale, form):
            made = []
            for r in rows:
                name = NAMES[r["guest"]] + ("" if r["event_idx"] == "on" or r["guest"] ==
                                            "host-nginx" else ", event_idx off")
                made.append((name, r[key] * scale, form(r), COLOURS[r["guest"]],
                             *spread(r, key, scale)))
            return made

        panels += [
            (f"QEMU CPU time per request, {count} connections (us, log scale; less is better)",
             bars("cpu_us", 1, lambda r: f"{r['cpu_us']:.1f} us"), True),
            (f"Requests per second, {count} connections",
             bars("rate", 1, lambda r: f"{r['rate']:,.0f}"), False),
            (f"Latency, {count} connections: median (bar), 99th percentile (written)",
             bars("p50", 1e-3, lambda r: f"{r['p50'] / 1e3:.1f} / {r['p99'] / 1e3:.1f} ms"), False)]
    m, s = data["machine"], data["settings"]
    write(path, "A small page under QEMU TCG, one vCPU", [
        f"Medians of {s['rounds']} rounds of {s['seconds']} s; whiskers: least and most. "
        f"wrk -t1, keep-alive, {s['size']} bytes; tap and virtio-net, vhost off.",
        f"{m['cpu']}, {m['cores']} cores, {m['qemu'].split(' (')[0]}, {m['date']}"], panels)


def boot_chart(data, path):
    first = [(r["name"], r["line_ms"], f"{r['line_ms']:.1f} ms", COLOURS[r["kind"]],
              r["line_low"], r["line_high"]) for r in data["rows"] if r.get("line_ms")]
    answer = [(r["name"], r["http_ms"], f"{r['http_ms']:.1f} ms", COLOURS[r["kind"]],
               r["http_low"], r["http_high"]) for r in data["rows"] if r.get("http_ms")]
    panels = [("QEMU's start to the guest's first line (ms, log scale)", first, True)]
    if answer:
        panels.append(("QEMU's start to the first HTTP answer (ms, log scale)", answer, True))
    m = data["machine"]
    write(path, "Boot time on QEMU microvm, TCG", [
        f"Medians of {data['runs']} interleaved runs; whiskers: quartiles.",
        f"{m['cpu']}, {m['cores']} cores, {m['qemu'].split(' (')[0]}, {m['date']}"], panels)


if __name__ == "__main__":
    if len(sys.argv) != 4 or sys.argv[1] not in ("http", "boot"):
        sys.exit("usage: charts.py http|boot FILE.json FILE.svg")
    with open(sys.argv[2]) as source:
        {"http": http_chart, "boot": boot_chart}[sys.argv[1]](json.load(source), sys.argv[3])

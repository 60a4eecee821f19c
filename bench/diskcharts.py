# SPDX-License-Identifier: BSD-2-Clause
#
# Plots of bench-disk.py: bars of rates and CPU times, and the distribution of
# the time that a synced append takes.

import math
import os
import sys
from xml.sax.saxutils import escape

import charts

NAMES = {"glint": "Glint, littlefs", "linux": "Linux, ext4"}


def bars_of(rows, test, key, scale, form):
    made = []
    for r in sorted((r for r in rows if r["test"] == test and not r.get("error")),
                    key=lambda r: r["guest"] != "glint"):
        several = key == "rate" and len(r["rounds"]) > 1
        low, high = (r["low"] * scale, r["high"] * scale) if several else (None, None)
        made.append((NAMES[r["guest"]], r[key] * scale, form(r), charts.COLOURS[r["guest"]], low, high))
    return made


def bar_chart(data, path):
    main = data["rows"][0]["setting"]
    rows, panels = [r for r in data["rows"] if r["setting"] == main], []
    for test, title in (("append4k", "4 KiB append + fsync, per second"),
                        ("replace", "1 KiB file replaced safely, per second"),
                        ("raw", "4 KiB overwritten in a raw partition + fsync, per second"),
                        ("create-sync", "1 KiB file created with fsync, per second"),
                        ("create", "1 KiB file created, per second"),
                        ("create-many", "10,000 empty files in a directory: created per second")):
        bars = bars_of(rows, test, "rate", 1, lambda r: f"{r['rate']:,.0f}")
        if bars:
            panels.append((title, bars, False))
    for test, title in (("write", "sequential write with fsync, MB/s"),
                        ("read-cold", "sequential read, guest just started, MB/s")):
        bars = bars_of(rows, test, "rate", 65536 / 1e6, lambda r: f"{r['mb_s']:.0f} MB/s")
        if bars:
            panels.append((title, bars, False))
    bars = bars_of(rows, "append4k", "cpu_us", 1, lambda r: f"{r['cpu_us']:,.0f} us")
    if bars:
        panels.append(("QEMU's CPU time for a 4 KiB append + fsync (us; less is better)", bars, False))
    s = data["settings"]
    charts.write(path, "Files on virtio-blk under QEMU TCG, one vCPU", [
        f"Medians of {s['rounds']} interleaved rounds; whiskers: least and most. {main}: "
        "the same image settings for both.", machine_line(data)], panels)


def machine_line(data):
    m = data["machine"]
    return f"{m['cpu']}, {m['cores']} cores, {m['qemu'].split(' (')[0]}, {m['date']}"


# ---- distribution ------------------------------------------------------------------

def merged(row):
    """Sorted (microseconds, count) of all rounds."""
    total = {}
    for r in row["rounds"]:
        for us, n in r.get("histogram", []):
            total[us] = total.get(us, 0) + n
    return sorted(total.items())


def curve(points, x_of, y_of):
    """SVG path: share of the operations that took longer, over time; both axes logarithmic."""
    all_n = sum(n for _, n in points)
    left, path = all_n, []
    for us, n in points:
        path.append((x_of(us), y_of(left / all_n)))
        left -= n
        path.append((x_of(us), y_of(max(left, 0.5) / all_n)))
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in path)


def axes(x0, y0, width, height, least, most, decades):
    out = []
    for d in range(int(math.log10(least)), int(math.log10(most)) + 1):
        x = x0 + width * math.log10(10 ** d / least) / math.log10(most / least)
        label = f"{10 ** d} us" if d < 3 else f"{10 ** (d - 3)} ms" if d < 6 else f"{10 ** (d - 6)} s"
        out.append(f'<path d="M{x:.1f} {y0}v{height}" stroke="#d9dde2" fill="none"/>')
        out.append(charts.text(x, y0 + height + 18, label, 12, "middle"))
    for d in range(decades + 1):
        y = y0 + height * d / decades
        label = "all" if d == 0 else f"1 in {10 ** d:,}"
        out.append(f'<path d="M{x0} {y:.1f}h{width}" stroke="#d9dde2" fill="none"/>')
        out.append(charts.text(x0 - 8, y + 4, label, 12, "end"))
    return out


def latency_chart(data, path):
    main = data["rows"][0]["setting"]
    rows = [r for r in data["rows"] if r["test"] == "append4k" and r["setting"] == main
            and not r.get("error")]
    points = {r["guest"]: merged(r) for r in rows}
    points = {k: v for k, v in points.items() if v}
    if not points:
        return
    least = 10 ** math.floor(math.log10(min(p[0][0] for p in points.values())))
    most = 10 ** math.ceil(math.log10(max(p[-1][0] for p in points.values())))
    x0, y0, width, height, decades = 100, 76, 620, 300, 4
    body = axes(x0, y0, width, height, least, most, decades)
    for kind, pts in points.items():
        def x_of(us):
            return x0 + width * math.log10(us / least) / math.log10(most / least)

        def y_of(share):
            return y0 + height * min(-math.log10(share), decades) / decades

        body.append(f'<path d="{curve(pts, x_of, y_of)}" stroke="{charts.COLOURS[kind]}" '
                    'stroke-width="2.2" fill="none" stroke-linejoin="round"/>')
    for i, kind in enumerate(points):
        n = sum(c for _, c in points[kind])
        body.append(f'<rect x="{x0 + 14}" y="{y0 + height - 46 + 22 * i}" width="22" height="4" '
                    f'fill="{charts.COLOURS[kind]}"/>')
        body.append(charts.text(x0 + 44, y0 + height - 40 + 22 * i, f"{NAMES[kind]} ({n:,} appends)", 12))
    title = "How long a 4 KiB append with fsync takes"
    notes = [f"Share of the operations that took longer than the time below. {main}.", machine_line(data)]
    y = y0 + height + 44
    for note in notes:
        body.append(charts.text(16, y, note, 11, colour=charts.FAINT))
        y += 16
    head = (f'<svg xmlns="http://www.w3.org/2000/svg" width="{charts.WIDTH}" height="{y}" viewBox="0 0 '
            f'{charts.WIDTH} {y}" font-family="DejaVu Sans, Verdana, sans-serif" role="img" '
            f'aria-label="{escape(title)}">')
    with open(path, "w") as out:
        out.write("\n".join([head, f'<rect width="{charts.WIDTH}" height="{y}" fill="{charts.GROUND}"/>',
                             charts.text(16, 32, title, 17, weight="bold")] + body + ["</svg>", ""]))
    print(f"wrote {os.path.relpath(path, os.getcwd())}", file=sys.stdout)


def draw(data, folder):
    bar_chart(data, os.path.join(folder, "bench-disk.svg"))
    latency_chart(data, os.path.join(folder, "bench-fsync.svg"))

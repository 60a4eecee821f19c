#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Bytes of each image by layer, from the sections that the linker kept, beside
the budgets of the architecture; a size map as SVG on request."""
import argparse, glob, os, re, subprocess, sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
APPS = ["hello", "echo", "httpd"]
HV_LINES = 6000                                      # of the host side that must be right
BUDGET = {"hello": 256, "httpd": 512}                # KiB, all platforms
LAYERS = [("boot", "boot/"), ("kernel", "kernel/"), ("pv", "pv/"), ("drivers", "drivers/"), ("net", "net/"), ("lwIP", "third_party/lwip"),
          ("fs", "fs/"), ("littlefs", "third_party/littlefs"), ("libc", "libc/"), ("picolibc", "libc.a"), ("app", "apps/"), ("other", "")]
COLORS = ["#8d99ae", "#2a6f97", "#014f86", "#468faf", "#2a9d8f", "#8ac6b8", "#e9c46a", "#f4d9a0", "#e76f51", "#f2b8a5", "#9d4edd", "#cccccc"]


def layer_of(path):
    for name, part in LAYERS:
        if f"obj/{part}" in path or (part.endswith(".a") and part in path):
            return name
    return "symbols" if "syms" in path else "other"


def link_map(app):
    """Section sizes by object, read out of a link map of the same link."""
    objs = open(f"{ROOT}/build/.objs-{app}").read().split()
    syms = f"build/{app}.syms.o"
    libgcc = subprocess.run(["gcc", "-print-libgcc-file-name"], capture_output=True, text=True, check=True).stdout.strip()
    cmd = ["ld", "-nostdlib", "-static", "-no-pie", "-z", "noexecstack", "-z", "max-page-size=4096", "--gc-sections", "--no-warn-rwx-segments",
           "-T", "boot/link.ld", *objs, syms, "--start-group", "build/picolibc/lib/libc.a", libgcc, "--end-group", "-o", "/dev/null", "-Map=-"]
    return subprocess.run(cmd, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("Linker script and memory map")[-1]


def by_layer(app):
    file_bytes, bss = {}, {}
    kind = None
    for line in re.sub(r"\n\s{10,}(0x)", r" \1", link_map(app)).splitlines():
        m = re.match(r"^\.(\w[\w.]*)", line)
        if m:
            kind = m.group(1)
        m = re.match(r"^ \.?[\w.*]+\s+0x([0-9a-f]+)\s+0x([0-9a-f]+)\s+(\S.*)$", line)
        if not m or int(m.group(1), 16) < 0x100000:
            continue
        size, where = int(m.group(2), 16), layer_of(m.group(3))
        if where == "symbols" or kind == "symbols":
            where = "symbols"
        d = bss if kind == "bss" else file_bytes
        if kind in ("bss", "text", "rodata", "data", "symbols", "multiboot2", "note.boot", "tdata"):
            d[where] = d.get(where, 0) + size
    return file_bytes, bss


def svg(rows, path):
    names = [n for n, _ in LAYERS] + ["symbols"]
    color = dict(zip(names, COLORS + ["#b0b0b0"]))
    top = max(sum(f.values()) for _, f, _ in rows)
    w, h = 900, 70 + 70 * len(rows) + 60
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {w} {h}" font-family="sans-serif" font-size="13"><rect width="{w}" height="{h}" fill="#fff"/>',
           f'<text x="20" y="28" font-size="17">Size of the images by layer (bytes in the file, KiB)</text>']
    for i, (app, f, _) in enumerate(rows):
        y, x = 55 + 70 * i, 90.0
        out.append(f'<text x="20" y="{y + 27}">{app}</text>')
        for n in names:
            v = f.get(n, 0)
            bw = v / top * (w - 190)
            if bw > .5:
                out.append(f'<rect x="{x:.1f}" y="{y}" width="{bw:.1f}" height="42" fill="{color[n]}"><title>{n}: {v}</title></rect>')
                if bw > 34:
                    out.append(f'<text x="{x + bw / 2:.1f}" y="{y + 26}" text-anchor="middle" font-size="11" fill="#fff">{v // 1024}</text>')
            x += bw
        out.append(f'<text x="{x + 8:.1f}" y="{y + 27}">{sum(f.values()) // 1024}</text>')
    x, y = 90, h - 50
    for n in names:
        if any(f.get(n) for _, f, _ in rows):
            out.append(f'<rect x="{x}" y="{y}" width="12" height="12" fill="{color[n]}"/><text x="{x + 17}" y="{y + 11}">{n}</text>')
            x += 34 + 8 * len(n)
            if x > w - 90:
                x, y = 90, y + 22
    out.append("</svg>")
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    open(path, "w").write("\n".join(out) + "\n")


def hypervisor():
    """Lines of the host side. What runs only where the seccomp filter holds it, the devices, the code in the guest's process and
    user networking, is counted apart: nothing depends on it being right."""
    blob = re.search(r"^hv_blob_c\s*:=(.*)$", open(f"{ROOT}/hv/hv.mk").read(), re.M).group(1).split()
    trusted = confined = 0
    for path in glob.glob(f"{ROOT}/hv/**/*.[chS]", recursive=True):
        name = os.path.relpath(path, ROOT)
        both = name in ("hv/clock.c", "hv/mem.c", "hv/kvm/tables.c")
        lines = len(open(path).read().splitlines())
        if name.startswith(("hv/dev/", "hv/net-user/")) or (name in blob and not both) or name in ("hv/proc/entry.S", "hv/kvm/guest.S"):
            confined += lines
        else:
            trusted += lines
    print(f"glint: trusted {trusted} lines, at most {HV_LINES}: {'ok' if trusted <= HV_LINES else 'OVER'}; confined by the filter {confined} lines more")
    return trusted > HV_LINES


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--svg", help="file to write the size map to")
    a = p.parse_args()
    rows = [(app, *by_layer(app)) for app in APPS]
    names = [n for n in [n for n, _ in LAYERS] + ["symbols"] if any(f.get(n) or b.get(n) for _, f, b in rows)]
    print(f"{'':10}" + "".join(f"{app:>22}" for app in APPS) + "\n" + f"{'layer':10}" + f"{'file':>13}{'bss':>9}" * len(APPS))
    for n in names:
        print(f"{n:10}" + "".join(f"{f.get(n, 0):13}{b.get(n, 0):9}" for _, f, b in rows))
    bad = 0
    for app, f, b in rows:
        size = os.path.getsize(f"{ROOT}/build/{app}.elf")
        budget = BUDGET.get(app)
        over = budget and size > budget * 1024
        bad |= bool(over)
        print(f"{app}: {size} bytes ({size / 1024:.0f} KiB), bss {sum(b.values()) // 1024} KiB" + (f"; must be at most {budget} KiB: {'OVER' if over else 'ok'}" if budget else ""))
    bad |= hypervisor()
    if a.svg:
        svg(rows, a.svg)
        print(f"wrote {a.svg}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())

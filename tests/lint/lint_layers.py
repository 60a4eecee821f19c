#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Who may include whom, headers alone, SPDX lines, file and function sizes.

The guest build enforces the layers by its include paths; this says it of
every file, also of those that no image links.
"""
import glob, os, re, subprocess, sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
os.chdir(ROOT)
ALLOW = {
    "boot": ("boot/", "kernel/", "pv/hv/abi.h"),
    "kernel": ("kernel/", "pv/pv.h"),
    "pv": ("pv/", "kernel/"),
    "drivers": ("drivers/", "kernel/", "pv/pv.h", "pv/hv/abi.h"),
    "net": ("net/", "kernel/", "pv/pv.h", "lwip/", "netif/", "arch/"),
    "fs": ("fs/", "kernel/", "pv/pv.h"),
    "libc": ("libc/", "kernel/", "pv/pv.h"),
}
PLAIN = {"stdint.h", "stddef.h", "stdbool.h", "stdarg.h", "limits.h", "errno.h", "cpuid.h", "emmintrin.h"}
NAMES = re.compile(r"\b(xen|qemu|kvm|hyper-?v|vmware|firecracker)\b", re.I)
LIMIT_FILE, LIMIT_FUNC = 500, 80
bad = []
n = 0


def ok(cond, what):
    global n
    n += 1
    print(("ok" if cond else "not ok"), n, "-", what)
    if not cond:
        bad.append(what)


def tracked(*patterns):
    out = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "--", *patterns], capture_output=True, text=True, check=True)
    return [f for f in out.stdout.split("\n") if f and os.path.exists(f)]


def report(title, rows):
    for r in rows[:20]:
        print("#", r)
    ok(not rows, title)


def includes(path):
    for i, line in enumerate(open(path, errors="replace"), 1):
        m = re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', line)
        if m:
            yield i, m.group(1), m.group(2)


def check_layers():
    rows = []
    for layer, allowed in ALLOW.items():
        for f in tracked(f"{layer}/*.[chS]", f"{layer}/**/*.[chS]"):
            if f.startswith("libc/include/"):
                continue
            for line, how, inc in includes(f):
                if ".." in inc:
                    rows.append(f"{f}:{line}: '..' in an include")
                elif how == '"' and "/" in inc and not inc.startswith(allowed):
                    rows.append(f"{f}:{line}: {layer}/ may not include {inc}")
                elif how == "<" and layer in ("boot", "kernel", "pv", "drivers") and inc not in PLAIN:
                    rows.append(f"{f}:{line}: <{inc}> in {layer}/")
    report("each layer includes only what it may", rows)


def check_names():
    rows = []
    for layer in ("kernel", "net", "fs", "libc", "apps"):
        for f in tracked(f"{layer}/*.[chS]", f"{layer}/**/*.[chS]"):
            for i, line in enumerate(open(f, errors="replace"), 1):
                code = re.sub(r"/\*.*?\*/|^\s*\*.*|/\*.*", "", line)
                if NAMES.search(code) and "BOOT_" not in code:
                    rows.append(f"{f}:{i}: a hypervisor's name: {line.strip()[:60]}")
    report("no hypervisor's name in kernel, net, fs, libc, apps", rows)


def check_headers():
    rows = []
    picolibc = "build/picolibc/include"
    for layer in ALLOW:
        if layer in ("net", "fs"):
            continue                        # need lwIP's and littlefs' own paths: compiled by every user
        for f in tracked(f"{layer}/*.h", f"{layer}/**/*.h"):
            if f.startswith("libc/") or "For the assembly" in open(f).read(400):
                continue
            cmd = ["gcc", "-std=c11", "-ffreestanding", "-Wall", "-Wextra", "-Werror", "-I.", "-idirafter", picolibc, "-x", "c", "-fsyntax-only", "-"]
            r = subprocess.run(cmd, input=f'#include "{f}"\n', capture_output=True, text=True)
            if r.returncode:
                rows.append(f"{f}: does not compile alone: {r.stderr.splitlines()[0] if r.stderr else ''}")
            if "#pragma once" not in open(f).read():
                rows.append(f"{f}: no #pragma once")
    report("every header compiles alone", rows)


def check_spdx():
    rows = [f for f in tracked("*.[chS]", "*.py", "*.sh", "*.mk", "*.lds", "*.ld", "Makefile", "tools/*", "tests/run", ".ci/run")
            if not f.endswith((".lock", ".md")) and "/corpus/" not in f and "SPDX-License-Identifier: BSD-2-Clause" not in open(f, errors="replace").read(600)]
    report("SPDX line in every source", rows)


def check_sizes():
    rows = []
    for f in tracked("boot/*.c", "kernel/**/*.c", "kernel/*.c", "pv/**/*.c", "drivers/**/*.c", "drivers/*.c", "net/*.c", "fs/*.c", "libc/*.c", "apps/**/*.c", "tools/*.c"):
        lines = open(f, errors="replace").read().split("\n")
        if len(lines) > LIMIT_FILE + 1:
            rows.append(f"{f}: {len(lines)} lines (limit {LIMIT_FILE})")
        start = None
        for i, line in enumerate(lines, 1):
            if line == "{":
                start = i
            elif line == "}" and start:
                if i - start > LIMIT_FUNC:
                    rows.append(f"{f}:{start}: function of {i - start} lines (limit {LIMIT_FUNC})")
                start = None
    report(f"files at most {LIMIT_FILE} lines, functions at most {LIMIT_FUNC}", rows)


def check_ifdefs():
    total = ifs = 0
    rows = []
    for f in tracked("boot/*.c", "kernel/**/*.c", "kernel/*.c", "pv/**/*.c", "drivers/**/*.c", "drivers/*.c", "net/*.c", "fs/*.c", "libc/*.c", "apps/**/*.c"):
        for i, line in enumerate(open(f, errors="replace"), 1):
            total += 1
            if re.match(r"\s*#\s*(if|ifdef|ifndef)\b", line):
                ifs += 1
                rows.append(f"{f}:{i}: {line.strip()}")
    for r in rows[:20]:
        print("#", r)
    ok(ifs * 1000 <= total, f"conditional compilation: {ifs} #if in {total} lines (at most 1 per 1000)")


for check in (check_layers, check_names, check_headers, check_spdx, check_sizes, check_ifdefs):
    check()
print(f"1..{n}")
sys.exit(1 if bad else 0)

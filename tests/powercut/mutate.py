#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Mutants of the storage layer itself: each line that orders writes and flushes
is taken out of a copy, the power-cut test is built with it, and must fail.
usage: mutate.py        exit status: 0 each was found, 1 one was not"""
import os, re, subprocess, sys, tempfile
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TEST = "tests/unit/test_powercut.c"
BD, IO, CORE = "fs/lfs_bd.c", "fs/bcache_io.c", "fs/lfs_fast.inc"
# name -> (file, text in it, once; what stands there instead)
MUTANTS = {
    "flush before the held block": (BD, "\tif (r == 0 && bcache_unflushed(bd->cache))\n\t\tr = flush(bd);\n", ""),
    "flush after the held block": (BD, "\t\tr = write_held(bd);\n\t\tif (r == 0)\n\t\t\tr = flush(bd);\n", "\t\tr = write_held(bd);\n"),
    "rest of an erased block first": (BD, "\t\twrite_from(bd, unit);\n", "\t\t;\n"),
    "hold-back": (BD, "\tif (off + size > bd->dirty_to)\n\t\tbd->dirty_to = off + size;\n\treturn 0;\n",
                  "\tif (off + size > bd->dirty_to)\n\t\tbd->dirty_to = off + size;\n\treturn write_held(bd);\n"),
    "write-out before the flush": (BD, "\tbcache_write_out(bd->cache);\n\t/* An erased block.", "\t/* An erased block."),
    "waiting before the flush": (BD, "\tr = settle(bd);\n\tif (r == 0 && bcache", "\tr = 0;\n\tif (r == 0 && bcache"),
    "waiting for the held block": (BD, "\treturn settle(bd);\n}\n\n/* Another", "\treturn 0;\n}\n\n/* Another"),
    "waiting for all requests": (IO, "\twhile (c->write_flight)\n\t\twait_for_one(c);\n\treturn c->failed", "\twhile (c->write_flight > 1)\n\t\twait_for_one(c);\n\treturn c->failed"),
    "what is unsynced being noted": ("fs/lfs_file.c", "\tlfs_unsynced(v);\n\tn->mtime", "\tn->mtime"),
    "the mode in the commit of the name": (CORE, "\tall[n].buffer = v->new_attrs;\n", "\tall[n].buffer = v->new_attrs; n -= v->n_new_attrs > 1;\n"),
}


def main():
    if len(sys.argv) > 1:
        print(__doc__)
        return 0 if sys.argv[1] in ("-h", "--help") else 2
    head = open(f"{ROOT}/{TEST}").read()
    sources = " ".join(re.findall(r"^ \* SOURCES: *(.*)$", head, re.M)).split()
    flags = " ".join(re.findall(r"^ \* FLAGS: *(.*)$", head, re.M)).split()
    bad = 0
    with tempfile.TemporaryDirectory() as d:
        for name, (file, old, new) in {"nothing": (BD, "", ""), **MUTANTS}.items():
            right = open(f"{ROOT}/{file}").read()
            if old and right.count(old) != 1:
                sys.exit(f"mutate.py: {file} has changed: adapt '{name}'")
            os.makedirs(f"{d}/fs", exist_ok=True)
            mutant = f"{d}/{file}"
            with open(mutant, "w") as f:
                f.write(right.replace(old, new) if old else right)
            subprocess.run(["gcc", "-std=gnu11", "-w", f"-I{d}", "-I.", "-D_GNU_SOURCE", *flags, TEST,
                            *[mutant if s == file else s for s in sources], "-o", f"{d}/test"], cwd=ROOT, check=True)
            os.unlink(mutant)
            try:
                r = subprocess.run([f"{d}/test"], env={**os.environ, "POWERCUT_ONLY_CUTS": "1", "POWERCUT_IMAGES": "40000"}, capture_output=True, text=True, timeout=300)
            except subprocess.TimeoutExpired:
                sys.exit(f"mutate.py: without {name}: no end after 300 s")
            found = r.returncode != 0
            fine = found == (name != "nothing")
            bad += not fine
            first = re.search(r"^# FAILED: (.*)$", r.stdout, re.M) or re.search(r"^(.*(?:assertion|not ok).*)$", r.stdout + r.stderr, re.M)
            print(f"{'ok' if fine else 'NOT OK'}: without {name}: {first[1] if first else 'no failure'}", flush=True)
    return 1 if bad else 0


sys.exit(main())

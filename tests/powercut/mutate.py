#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Mutants of fs/lfs_bd.c itself: each line that orders writes and flushes is
taken out of a copy, the power-cut test is built with it, and must fail.
usage: mutate.py        exit status: 0 each was found, 1 one was not"""
import os, re, subprocess, sys, tempfile
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TEST = "tests/unit/test_powercut.c"
# name -> (text in fs/lfs_bd.c, once; what stands there instead)
MUTANTS = {
    "flush before the held block": ("\tif (r == 0 && bd->unflushed)\n\t\tr = flush(bd);\n", ""),
    "flush after the held block": ("\t\tr = write_held(bd);\n\t\tif (r == 0)\n\t\t\tr = flush(bd);\n", "\t\tr = write_held(bd);\n"),
    "rest of an erased block first": ("\t\tr = write_from(bd, unit);\n", "\t\tr = 0;\n"),
    "hold-back": ("\tif (off + size > bd->dirty_to)\n\t\tbd->dirty_to = off + size;\n\treturn 0;\n",
                  "\tif (off + size > bd->dirty_to)\n\t\tbd->dirty_to = off + size;\n\treturn write_held(bd);\n"),
}


def main():
    if len(sys.argv) > 1:
        print(__doc__)
        return 0 if sys.argv[1] in ("-h", "--help") else 2
    head = open(f"{ROOT}/{TEST}").read()
    sources = " ".join(re.findall(r"^ \* SOURCES: *(.*)$", head, re.M)).split()
    flags = " ".join(re.findall(r"^ \* FLAGS: *(.*)$", head, re.M)).split()
    right = open(f"{ROOT}/fs/lfs_bd.c").read()
    bad = 0
    with tempfile.TemporaryDirectory() as d:
        for name, (old, new) in {"nothing": ("", ""), **MUTANTS}.items():
            if old and right.count(old) != 1:
                sys.exit(f"mutate.py: fs/lfs_bd.c has changed: adapt '{name}'")
            with open(f"{d}/lfs_bd.c", "w") as f:
                # Old commits follow new ones where these end with a unit of the device.
                text = right.replace("prog_size = LFS_PROG", "prog_size = unit") if name.startswith("rest") else right
                f.write(text.replace(old, new) if old else text)
            subprocess.run(["gcc", "-std=gnu11", "-w", "-I.", "-D_GNU_SOURCE", *flags, TEST,
                            *[f"{d}/lfs_bd.c" if s == "fs/lfs_bd.c" else s for s in sources], "-o", f"{d}/test"], cwd=ROOT, check=True)
            r = subprocess.run([f"{d}/test"], env={**os.environ, "POWERCUT_ONLY_CUTS": "1"}, capture_output=True, text=True, timeout=300)
            found = r.returncode != 0
            fine = found == (name != "nothing")
            bad += not fine
            first = re.search(r"^# FAILED: (.*)$", r.stdout, re.M)
            print(f"{'ok' if fine else 'NOT OK'}: without {name}: {first[1] if first else 'no failure'}", flush=True)
    return 1 if bad else 0


sys.exit(main())

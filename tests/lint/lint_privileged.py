#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""No privileged instruction but in the ring 0 parts of boot/ and pv/: the same
objects must run in ring 3, all of boot/*.c, pv/hv and pvclock too. Disassembles
every guest object that was built, and then a probe object that has one, to show
that the check can fail."""
import glob, os, re, subprocess, sys, tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
os.chdir(ROOT)
OPS = r"cli|sti|hlt|in[bwl]?|out[bwl]?|ins[bwl]|outs[bwl]|rdmsr|wrmsr|l[gil]dt|lgdtl?|lidtl?|lldt|ltr|lmsw|clts|invd|wbinvd|invlpg|invpcid|vmcall|vmmcall|swapgs|iret[qlw]?|sysret[ql]?|rdpmc|xsetbv"
PRIV = re.compile(rf"^\s*[0-9a-f]+:\s+(?:[0-9a-f]{{2}} )*\s*((?:{OPS})\b.*|mov\w*\s+.*%(?:cr|db)\d.*)$")


RING0 = tuple(f"build/obj/{p}" for p in ("boot/start.o", "boot/entry_pvh.o", "boot/entry_multiboot2.o", "boot/entry_linux64.o", "pv/kvm/",
                                         *(f"pv/x86/{f}" for f in ("ioapic", "irq", "lapic", "paging", "trap", "tsc.o"))))


def offenders(obj):
    out = subprocess.run(["objdump", "-d", "--no-show-raw-insn", obj], capture_output=True, text=True, check=True).stdout
    return [m.group(1) for line in out.splitlines() if (m := PRIV.match(line))]


def main():
    made = subprocess.run(["make", "--no-print-directory", "build/httpd.elf", "APP=httpd"], capture_output=True, text=True)
    if made.returncode:
        print("not ok 1 - objects are built for the check:", made.stderr.strip().splitlines()[-1:])
        return 1
    objs = [o for o in glob.glob("build/obj/**/*.o", recursive=True) if not o.startswith(RING0)]
    ring3 = [o for o in objs if o.startswith(("build/obj/boot/", "build/obj/pv/"))]
    bad = [f"{o}: {i}" for o in objs for i in offenders(o)]
    for b in bad:
        print("#", b)
    print("not ok" if bad or len(objs) < 20 or len(ring3) < 10 else "ok", f"1 - no privileged instruction in {len(objs)} objects, {len(ring3)} of them in boot/ and pv/")
    with tempfile.TemporaryDirectory() as d:
        src = "cli\nsti\nhlt\noutb %al,%dx\ninl %dx,%eax\nrdmsr\nwrmsr\nmov %cr3,%rax\nmov %rax,%cr0\nlgdt (%rax)\nlidt (%rax)\ninvlpg (%rax)\nvmcall\nswapgs\niretq\n"
        subprocess.run(["as", "-o", f"{d}/p.o", "-"], input=src, text=True, check=True)
        found = len(offenders(f"{d}/p.o"))
    want = len(src.splitlines())
    print("ok" if found == want else "not ok", f"2 - the check finds all {want} instructions of a probe object ({found})")
    print("1..2")
    return 1 if bad or found != want or len(objs) < 20 else 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""--gdb: a real gdb, and a peer that speaks the protocol in its own way."""
import os, random, re, shutil, socket, struct, subprocess, sys, time
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from hvlib import ROOT, TERM, Run, Tap, build, build_glint, build_probe, glint
from vm import free_port

t = Tap()


class Remote:
    """The protocol, spoken by hand."""

    def __init__(self, port):
        self.s = socket.create_connection(("127.0.0.1", port), timeout=10)
        self.buf = b""

    def send(self, text):
        self.s.sendall(f"${text}#{sum(text.encode()) & 255:02x}".encode())

    def recv(self):
        while not (m := re.search(rb"\$([^#]*)#..", self.buf)):
            data = self.s.recv(4096)
            if not data:
                return None
            self.buf += data
        self.buf = self.buf[m.end():]
        return m[1].decode()

    def ask(self, text):
        self.send(text)
        return self.recv()


def start(image, *words, opts=()):
    port = free_port()
    g = Run("--gdb", port, *opts, image, *words)
    g.wait_for("waiting for gdb")
    return g, port


def gdb(port, dbg, *commands):
    args = [a for c in ("set confirm off", f"target remote :{port}", *commands) for a in ("-ex", c)]
    return subprocess.run(["gdb", "-nx", "-batch", *args, dbg], capture_output=True, text=True, timeout=60).stdout


def with_gdb():
    build("hello"), build("die")
    b = f"{ROOT}/build"
    g, port = start(f"{b}/hello.elf")
    out = gdb(port, f"{b}/hello.dbg", "break main", "continue", "bt", "info registers rip", "stepi", "info registers rip", "p/x *(int*)0x100000",
              "set $rbx=0x1234", "p/x $rbx", "delete", "continue")
    t.ok("hv_entry ()" in out, "the guest waits at its first instruction")
    rips = [int(x, 16) for x in re.findall(r"rip +(0x[0-9a-f]+)", out)]
    t.ok(re.search(r"Breakpoint 1, main", out) and len(rips) == 2 and 1 <= rips[1] - rips[0] <= 15, "breakpoint, backtrace, a step")
    elf = open(f"{b}/hello.elf", "rb").read()
    off, addr = struct.unpack_from("<QQ", elf, struct.unpack_from("<Q", elf, 32)[0] + 8)
    word = struct.unpack_from("<I", elf, off + 0x100000 - addr)[0]
    t.ok(f"$1 = {word:#x}" in out and "$2 = 0x1234" in out, "memory and registers, read and written")
    t.ok("exited normally" in out and g.wait(5) == 0 and "hello, world" in g.text(), "the guest goes on and ends, gdb is told")
    g.close()
    g, port = start(f"{b}/die.elf", "--", "read-null")
    out = gdb(port, f"{b}/die.dbg", "continue", "bt", "kill")
    t.ok("SIGSEGV" in out and re.search(r"#0 .*read_null", out), "gdb stops where the guest faults")
    t.ok(g.wait(5) == 137, "and can kill it")
    g.close()
    g, port = start(f"{b}/die.elf", "--", "read-null")
    out = gdb(port, f"{b}/die.dbg", "continue", "continue")
    t.ok(g.wait(5) == 134 and "read_null" in g.text(), "or let it crash")
    g.close()


def by_hand(probe):
    g, port = start(probe, "wait")
    r = Remote(port)
    t.ok(r.ask("?") == "S05", "the first stop is SIGTRAP")
    regs = r.ask("g")
    t.ok(len(regs) == 328 and bytes.fromhex(regs[256:272])[::-1].hex() == "0000000000101000", "registers: 164 bytes, rip at the entry point")
    t.ok(all(c == "0" for c in regs[:80] + regs[96:256]), "all registers but rdi are 0 there, as the interface says")
    t.ok(bytes.fromhex(r.ask("m100000,10")).hex() == open(probe, "rb").read()[0x1000:0x1010].hex(), "memory of the image")
    t.ok(r.ask("m0,10")[0] == "E" and r.ask("m200000000000000,8")[0] == "E", "memory that is not there is an error")
    t.ok(len(r.ask("m106ff0,40")) == 128, "a read over pages")
    t.ok(r.ask("M102010,4:01020304") == "OK" and r.ask("m102010,4") == "01020304", "writing memory")
    r.send("c")
    t.ok(g.wait_for("waiting\n"), "continue")
    r.s.sendall(b"\x03")
    t.ok(r.recv() == "S02", "an interrupt stops the guest in its sleep")
    regs = r.ask("g")
    t.ok(int.from_bytes(bytes.fromhex(regs[256:272]), "little") >> 44 == 2, "... inside of the hypervisor's part")
    r.send("c")
    time.sleep(0.1)
    g.proc.send_signal(TERM)
    t.ok(r.recv() == "W07" and g.wait(5) == 7, "the end, with its status")
    g.close()
    g, port = start(probe, "wait")
    r = Remote(port)
    r.ask("?")
    t.ok(r.ask("D") == "OK" and g.wait_for("waiting\n"), "after a detach the guest runs on")
    g.proc.send_signal(TERM)
    t.ok(g.wait(5) == 7, "... to its end")
    g.close()


def rubbish(probe):
    rng = random.Random(4)
    words = ["", "m", "m,", "mffffffffffffffff,ffffffffffffffff", "m100000", "m100000,fffffff", "M100000,10:zz", "M100000,ffff:00", "M0,7fe:" + "00" * 2046, "G", "Gzz", "G" + "0" * 400, "g" * 300,
             "P0=", "PFF=0102", "vCont?", "vCont;c", "X100000,4:abcd", "qXfer:features:read:target.xml:0,ffb", "Hg-1", "Tffff", "Z0,100000,1", "?" * 50, "qSupported:" + "x" * 900]
    for _ in range(200):
        words.append("".join(chr(rng.choice([c for c in range(1, 127) if c not in (35, 36, 3)])) for _ in range(rng.randrange(60))))
    g, port = start(probe, "exit", 5)
    r = Remote(port)
    r.ask("?")
    answers = 0
    for w in words:
        if w[:1] and w[:1] in "cCsSDk":
            continue
        answers += r.ask(w) is not None
    r.s.sendall(b"$m100000,4#")
    r.s.sendall(b"00" + b"+-+-" * 10)
    t.ok(answers > 150 and r.recv() is not None and g.proc.poll() is None, f"{answers} malformed packets: an answer to each")
    r.s.sendall(b"$" + b"m" * 9000)
    t.ok(g.wait(5) == 5, "a packet without end: gdb is dropped, the guest goes on")
    g.close()
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
        status, _, err = glint("run", "--gdb", s.getsockname()[1], probe, "exit", 0)
        t.ok(status == 125 and "address in use" in err, "a busy port")


def main():
    build_glint()
    if shutil.which("gdb"):
        with_gdb()
    else:
        t.skip("a real gdb", "gdb is not installed")
    probe = build_probe()
    by_hand(probe)
    rubbish(probe)
    return t.done()


sys.exit(main())

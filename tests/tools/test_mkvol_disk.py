#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""mkvol's disks: every verb, every refusal, round trips, locks, cut-off resizes.

What needs root, a loop device, QEMU, sgdisk or sfdisk is skipped without them.
Arguments choose tests: make, refused, names, put_get, check, resize, cut, ...
"""
import fcntl, hashlib, os, pty, random, resource, shutil, signal, struct, subprocess, sys, tempfile, time, zlib

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
MKVOL = f"{ROOT}/build/host/mkvol"
n = failed = 0


def ok(cond, what, detail=""):
    global n, failed
    n += 1
    print("ok" if cond else "not ok", n, "-", what, flush=True)
    if not cond:
        failed += 1
        for line in str(detail).splitlines()[-12:]:
            print("#", line)


def skip(what, why):
    global n
    n += 1
    print(f"ok {n} - {what} # SKIP {why}", flush=True)


def run(*args, env=None, **kw):
    p = subprocess.run([MKVOL, *map(str, args)], capture_output=True, timeout=120, env={**os.environ, **(env or {})}, **kw)
    p.text = (p.stdout + p.stderr).decode(errors="replace")
    return p


def expect(status, text, *args, what=None, **kw):
    p = run(*args, **kw)
    ok(p.returncode == status and text in p.text, what or f"{' '.join(map(str, args))} -> {status}, '{text}'", f"{p.returncode}: {p.text}")
    return p


def sha(path):
    return hashlib.sha256(open(path, "rb").read()).hexdigest()


def tree(path):
    """{relative path: (kind, mode, mtime in ns, sum)} of a folder."""
    out = {}
    for d, dirs, files in os.walk(path):
        for f in dirs + files:
            p = os.path.join(d, f)
            st = os.stat(p)
            out[os.path.relpath(p, path)] = (os.path.isdir(p), st.st_mode & 0o777, st.st_mtime_ns, None if os.path.isdir(p) else sha(p))
    return out


def make_source(path, seed=1):
    rnd = random.Random(seed)
    for i, (name, size) in enumerate({"a": 3, "empty": 0, "d/one": 5000, "d/e/two": 70000, "d/e/three": 511, "big": 3 << 20}.items()):
        p = f"{path}/{name}"
        os.makedirs(os.path.dirname(p), exist_ok=True)
        open(p, "wb").write(rnd.randbytes(size))
        os.chmod(p, 0o600 if i % 2 else 0o755)
        os.utime(p, ns=(0, 1600000000123456789 + i))
    os.makedirs(f"{path}/hollow")
    for i, d in enumerate(("d/e", "d", "hollow")):
        os.chmod(f"{path}/{d}", 0o750)
        os.utime(f"{path}/{d}", ns=(0, 1500000000000000000 + i))


PARTS = ["site:archive:src", "db:raw:4M:db.bin", "data:littlefs:16M:src", "last:littlefs:rest"]


def test_make():
    expect(0, "4 partitions", "disk", "-o", "d.img", "--size", "64M", *PARTS)
    run("disk", "-o", "e.img", "--size", "64M", *PARTS)
    ok(sha("d.img") == sha("e.img"), "the same command makes the same disk")
    run("disk", "-o", "e.img", "--size", "64M", "--random-guid", *PARTS)
    ok(sha("d.img") != sha("e.img"), "--random-guid makes another one")
    run("disk", "-o", "e.img", "--size", "64M", *(p.replace("db:", "bd:") for p in PARTS))
    a, b = (run("parts", i).text.split("disk ")[1].split()[0] for i in ("d.img", "e.img"))
    ok(a != b, "another label, another GUID")
    ok(os.stat("d.img").st_blocks * 512 < 20 << 20, "the image is sparse", os.stat("d.img"))
    for tool, args in ("sgdisk", ["-v"]), ("sfdisk", ["--verify"]):
        if not shutil.which(tool):
            skip(f"{tool} accepts the table", f"no {tool}")
            continue
        p = subprocess.run([tool, *args, "d.img"], capture_output=True, text=True)
        ok(p.returncode == 0 and ("No problems" in p.stdout or "No errors" in p.stdout), f"{tool} accepts the table", p.stdout + p.stderr)
    text = run("parts", "d.img").text
    ok(all(w in text for w in ("site", "archive", "raw", "16.0 MiB", "littlefs volume")) and "damaged" not in text, "parts shows them all", text)
    expect(0, "4 partitions", "disk", "-o", "s.img", "--size", "64M", "--sector-size", "4096", *PARTS)
    expect(0, "sectors of 4096 bytes", "parts", "s.img")
    expect(0, "last: littlefs volume", "check", "s.img")
    expect(0, "3 partitions", "disk", "-o", "auto.img", "x:littlefs:src", "y:raw:db.bin", "z:archive:auto:src")
    expect(0, "clean", "check", "--data", "auto.img")
    src = tree("src")
    for image in "d.img", "s.img":
        for part in "site", "data", 3:
            run("extract", f"{image}:{part}", "out")
            got = tree("out")
            same = got == src if part != "site" else {k: v[3] for k, v in got.items()} == {k: v[3] for k, v in src.items()}
            ok(same, f"extract {image}:{part} gives the folder back, with modes and times" if part != "site" else f"extract {image}:site")
            shutil.rmtree("out")
        run("get", f"{image}:db", "db.out")
        ok(open("db.out", "rb").read(3 << 20) == open("db.bin", "rb").read() and os.path.getsize("db.out") == 4 << 20, f"get {image}:db")


def test_refused():
    for args, text in [(["d"], "not LABEL:TYPE"), (["d:ext4:1M"], "the type is not"), (["2:raw:1M"], "is a number"), (["a/b:raw:1M"], "a character"),
                       ([":raw:1M"], "is empty"), (["x" * 37 + ":raw:1M"], "longer than 36"), (["a:raw:1M", "a:raw:1M"], "twice"), (["a:raw"], "a size is missing"),
                       (["a:archive:4M"], "The folder is"), (["a:raw:rest"], "the rest of what"), (["a:raw:9M", "--size", "10M"], "the partitions need"),
                       (["a:raw:rest", "b:raw:*", "--size", "10M"], "only one"), ([], "from 1 to 128"), (["a:raw:1M", "--sector-size", "1024"], "512 or 4096"),
                       (["a:raw:9000000T"], "too large"), (["a:raw:9223372036854775807"], "too large"), (["a:raw:99999999999999999999"], "too large")]:
        expect(2, text, "disk", "-o", "x.img", *args)
    expect(1, "No such file", "disk", "-o", "x.img", "a:littlefs:8M:nowhere")
    expect(1, "more than the partition", "disk", "-o", "x.img", "a:raw:1M:db.bin")
    expect(1, "does not fit", "disk", "-o", "x.img", "a:littlefs:1M:src")
    ok(not any(f.startswith("x.img") for f in os.listdir(".")), "nothing half made is left")
    expect(1, "has no partition 'nope'", "ls", "d.img:nope")
    expect(1, "which one?", "ls", "d.img")
    expect(1, "has no partition table", "ls", "v.img:x")
    expect(1, "No such file", "ls", "nothing:x")
    expect(1, "an archive cannot be changed", "put", "d.img:site", "src", "/")
    expect(1, "neither a littlefs volume nor an archive", "ls", "d.img:db")
    expect(2, "begins with /", "put", "d.img:data", "src", "dest")
    expect(1, "is a directory", "rm", "d.img:data", "/d")
    expect(1, "No such file", "rm", "d.img:data", "/nothing")
    expect(1, "File exists", "mkdir", "d.img:data", "/d")
    expect(1, "there is no directory for /none/f", "put", "d.img:data", "db.bin", "/none/f")
    expect(1, "not a directory of the volume", "put", "d.img:data", "src/a", "src/empty", "/new")
    expect(1, "only a partition", "put", "v.img", "db.bin")
    expect(1, "has 3145728 bytes, the partition only", "put", "tiny.img:t", "db.bin")
    expect(2, "a partition has its size", "volume", "-o", "d.img:data", "--size", "8M", "src")
    for verb in "volume archive disk parts ls cat extract get put rm mkdir mv check resize".split():
        expect(0, f"usage: mkvol {verb}", verb, "--help", what=f"{verb} --help")
        expect(2, "--help", verb, "--no-such-option", "d.img", "x", "y", what=f"{verb} with an unknown option")
        if verb not in ("volume", "archive", "disk"):
            expect(2, "--help", verb, what=f"{verb} without arguments")


def test_names():
    shutil.copy("d.img", "we:ird.img")
    expect(0, "d/e/two", "ls", "we:ird.img:data")
    expect(0, "sectors of", "parts", "we:ird.img")
    shutil.copy("v.img", "d.img:data")
    expect(0, "only-here", "ls", "d.img:data", what="a file with a colon in its name is that file")
    expect(0, "d/e/two", "ls", "--part", "data", "d.img", what="--part names the partition all the same")
    os.unlink("d.img:data")
    p = run("ls", "-l", "d.img:3", "/d")
    ok("-0600 " in p.text and "2020-09-13" in p.text and "d0750" in p.text, "ls -l shows mode, size, time", p.text)


def test_put_get():
    expect(0, "", "put", "d.img:last", "src", "db.bin", "/")
    os.mkdir("out0")
    expect(0, "", "get", "d.img:last", "/src", "/db.bin", "out0")
    ok(tree("out0/src") == tree("src") and sha("out0/db.bin") == sha("db.bin"), "put and get of a folder and a file: content, modes, times")
    ok(os.stat("out0/src").st_mtime_ns == os.stat("src").st_mtime_ns, "the folder's own time")
    expect(0, "", "put", "d.img:last", "src/a", "/src/big", what="put replaces a file")
    expect(0, "", "get", "d.img:last", "/src/big", "big.out")
    ok(sha("big.out") == sha("src/a") and os.stat("big.out").st_mode & 0o777 == 0o755, "with what was put, and its mode")
    ok(run("cat", "d.img:last", "/src/d/one", "/src/a").stdout == open("src/d/one", "rb").read() + open("src/a", "rb").read(), "cat of two files")
    expect(0, "", "extract", "d.img:last", "sub", "/src/d", what="extract of a directory")
    ok(tree("sub") == tree("src/d"), "gives what is in it")
    expect(1, "File exists", "extract", "d.img:last", "sub", "/src/d", what="extract writes over nothing")
    expect(1, "Is a directory", "cat", "d.img:last", "/src")
    expect(0, "no partition table", "parts", "v.img")
    expect(0, "", "mkdir", "-p", "d.img:last", "/x/y/z")
    expect(0, "", "mv", "d.img:last", "/src", "/x/y")
    expect(0, "x/y/src/d/e/two", "ls", "d.img:last")
    expect(0, "", "mv", "d.img:last", "/x/y/src/a", "/renamed")
    expect(0, "", "rm", "-r", "d.img:last", "/x", "/db.bin")
    ok(run("ls", "d.img:last").text == "renamed\n", "mv and rm -r leave what they should", run("ls", "d.img:last").text)
    open("huge", "wb").write(os.urandom(20 << 20))
    before = run("ls", "-l", "d.img:data").text
    expect(1, "No space left", "put", "d.img:data", "huge", "/", what="a full volume says so")
    ok(run("ls", "-l", "d.img:data").text == before, "and nothing of the file is left there")
    expect(0, "clean", "check", "d.img:data")
    expect(0, "3.0 MiB written", "put", "d.img:db", "huge3")
    run("get", "d.img:db", "db.out")
    ok(open("db.out", "rb").read(3 << 20) == open("huge3", "rb").read(), "put onto a raw partition")
    p = subprocess.run([MKVOL, "get", "d.img:db", "-"], capture_output=True)
    ok(p.stdout == open("db.out", "rb").read(), "get to standard output")
    expect(0, "used", "volume", "-o", "d.img:last", "src", what="a volume made anew on a partition")
    expect(0, "d/e/two", "ls", "d.img:last")
    expect(0, "clean", "check", "d.img")


def damage(path, at, data):
    with open(path, "r+b") as f:
        f.seek(at)
        f.write(data)


def test_check():
    size = os.path.getsize("d.img")
    for what, at, text in [("first header", 512 + 60, "first partition table (sector 1) is bad"), ("first entries", 1024 + 40, "first partition table"),
                           ("backup header", size - 512 + 60, "backup partition table"), ("backup entries", size - 512 * 33 + 40, "backup partition table"),
                           ("protective MBR", 510, "no protective MBR")]:
        shutil.copy("d.img", "c.img")
        damage("c.img", at, b"\xa5\xa5")
        expect(1, text, "check", "c.img", what=f"check sees a bad {what}")
        ok("d/e/two" in run("ls", "c.img:data").text, "the disk can still be used")
        expect(0, "clean", "check", "--repair", "c.img", what=f"--repair puts a bad {what} right")
        ok(sha("c.img") == sha("d.img"), "to what it was")
    shutil.copy("d.img", "c.img")
    damage("c.img", 512, bytes(512))
    damage("c.img", size - 512, b"EFI PART" + bytes(100))
    expect(1, "neither partition table can be used", "check", "c.img")
    expect(1, "the partition table is bad", "ls", "c.img:data")
    expect(3, "No such file", "check", "nowhere")
    expect(1, "holds no volume", "check", "db.bin")
    shutil.copy("v.img", "c.img")
    os.truncate("c.img", 1 << 19)
    expect(1, "cut short", "check", "c.img")
    shutil.copy("v.img", "c.img")
    damage("c.img", 0, bytes(8192))
    expect(1, "holds no volume", "check", "c.img")


def test_resize():
    expect(0, "100.0 MiB", "resize", "d.img:last", "100M")
    expect(0, "of 100.0 MiB used: clean", "check", "d.img:last")
    expect(0, "clean", "check", "d.img")
    ok("damaged" not in run("parts", "d.img").text and "100.0 MiB" in run("parts", "d.img").text, "resize grows partition, file and volume")
    os.truncate("d.img", 300 << 20)
    expect(0, "the disk has grown", "check", "d.img")
    expect(0, "", "resize", "d.img:last", "max")
    p = expect(0, "clean", "check", "d.img")
    ok("note" not in p.text, "the backup table is at the new end", p.text)
    expect(1, "another partition follows", "resize", "d.img:data", "32M")
    expect(1, "cannot shrink", "resize", "d.img:last", "8M")
    expect(1, "cannot shrink", "resize", "d.img", "8M")
    expect(0, "400.0 MiB", "resize", "d.img", "400M")
    expect(0, "clean", "check", "d.img")
    expect(2, "not a size", "resize", "d.img:last", "lots")
    shutil.copy("v.img", "w.img")
    expect(0, "64.0 MiB", "resize", "w.img", "64M")
    expect(0, "of 64.0 MiB used: clean", "check", "w.img")
    expect(1, "cannot shrink", "resize", "w.img", "1M")
    expect(0, "64.0 MiB", "resize", "w.img", "max")
    ok("only-here" in run("ls", "w.img").text, "with what was on it")
    if shutil.which("sgdisk"):
        p = subprocess.run(["sgdisk", "-v", "d.img"], capture_output=True, text=True)
        ok("No problems" in p.stdout, "sgdisk accepts the table after it", p.stdout)


def foreign_table(path):
    """A table of 4 entries, as others may make it, and its partition where ours would lie."""
    d = bytearray(open(path, "rb").read())
    last = len(d) // 512 - 1
    entry = bytearray(d[1024:1024 + 128])
    struct.pack_into("<QQ", entry, 32, 10, 1000)
    entries = bytes(entry) + bytes(3 * 128)
    for lba, other, at in (1, last, 2), (last, 1, last - 1):
        h = bytearray(d[512:512 + 92])
        struct.pack_into("<QQQQ", h, 24, lba, other, 3, last - 2)
        struct.pack_into("<QIII", h, 72, at, 4, 128, zlib.crc32(entries))
        struct.pack_into("<I", h, 16, 0)
        struct.pack_into("<I", h, 16, zlib.crc32(h))
        d[lba * 512:lba * 512 + 92] = h
        d[at * 512:at * 512 + 512] = entries
    open(path, "wb").write(d)


def test_foreign():
    run("disk", "-o", "f.img", "--size", "8M", "a:raw:1M")
    foreign_table("f.img")
    before = sha("f.img")
    expect(0, "1 partitions: clean", "check", "f.img")
    expect(1, "where the table would go", "resize", "f.img", "16M", what="a foreign table that ours would not fit over is left alone")
    ok(sha("f.img") == before, "as it was")


def test_grow_often():
    """Whichever of the superblock's two copies is the newer one, its size counts."""
    run("volume", "-o", "g.img", "--size", "1M", "vsrc")
    bad = []
    for i in range(1, 60):
        done = run("put", "g.img", "src/a", f"/f{i % 7}"), run("resize", "g.img", f"{i + 1}M"), run("ls", "g.img")
        if any(p.returncode for p in done):
            bad.append(f"{i}: {''.join(p.text for p in done)}")
    ok(not bad, "a volume that grows between changes of its root, 59 times", "\n".join(bad))
    expect(0, "of 60.0 MiB used: clean", "check", "g.img")


def table_is_good(d, lba):
    h = d[lba * 512:lba * 512 + 92]
    if h[:8] != b"EFI PART" or struct.unpack_from("<Q", h, 24)[0] != lba:
        return False
    at, n, size, crc = struct.unpack_from("<QIII", h, 72)
    return zlib.crc32(h[:16] + bytes(4) + h[20:]) == struct.unpack_from("<I", h, 16)[0] and zlib.crc32(d[at * 512:at * 512 + n * size]) == crc


def any_reader_finds_a_table(path):
    """One that looks where the standard says, and nowhere else."""
    d = open(path, "rb").read()
    return table_is_good(d, 1) or table_is_good(d, len(d) // 512 - 1)


def cut(lib, base, how, args):
    """Runs a resize cut off at every write. Returns how often, and what went wrong."""
    bad = []
    for at in range(1, 200):
        shutil.copy(base, "k.img")
        p = run("resize", *args, env={"LD_PRELOAD": lib, "CUT_AT": str(at), "CUT_HOW": how})
        if p.returncode == 0:
            return at - 1, bad
        if p.returncode != (1 if how == "fail" else 99):
            bad.append(f"{at}: status {p.returncode} {p.text}")
        c = run("check", args[0])
        if c.returncode not in (0, 1) or "littlefs volume" not in c.text or "used: clean" not in c.text:
            bad.append(f"{at}: check says {c.text}")
        if base != "plain.img" and not any_reader_finds_a_table("k.img"):
            bad.append(f"{at}: no good table where others look for it")
        if run("cat", args[0], "/a").stdout != open("src/a", "rb").read():
            bad.append(f"{at}: /a is lost: {run('cat', args[0], '/a').text}")
        again = run("resize", *args)
        c = run("check", "k.img")
        if again.returncode or c.returncode or "note" in c.text:
            bad.append(f"{at}: the second run: {again.text} {c.text}")
    return 200, bad


def test_cut():
    lib = os.path.abspath("cut.so")
    p = subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-o", lib, f"{ROOT}/tests/tools/cut_writes.c", "-ldl"], capture_output=True, text=True)
    if p.returncode:
        return ok(False, "cut_writes.c builds", p.stderr)
    run("disk", "-o", "base.img", "a:raw:1M", "p:littlefs:4M:src")
    run("disk", "-o", "room.img", "--size", "40M", "a:raw:1M", "p:littlefs:4M:src")
    run("volume", "-o", "plain.img", "src")
    for base, args, what in (("base.img", ["k.img:p", "30M"], "with the file"), ("room.img", ["k.img:p", "max"], "within the disk"), ("plain.img", ["k.img", "30M"], "of a volume without a table")):
        for how in "before", "half", "after", "fail":
            times, bad = cut(lib, base, how, args)
            ok(times >= 2 and not bad, f"a resize {what}, cut off at each of {times} writes ({how}): whole, and the second run finishes it", "\n".join(bad))


def test_half_done():
    """Renames and removals cut off at each write: old or new, and --repair leaves nothing unfinished."""
    lib = os.path.abspath("cut.so")
    run("disk", "-o", "base.img", "p:littlefs:4M")
    run("mkdir", "-p", "base.img", "/from/deep", "/to", "/gone/empty")
    run("put", "base.img", "src/d/one", "/from/deep/file")
    for args, old, new in ((["mv", "k.img", "/from/deep/file", "/to/moved"], "from/deep/file", "to/moved"), (["mv", "k.img", "/from/deep", "/to/deep"], "from/deep/file", "to/deep/file"),
                           (["rm", "-r", "k.img", "/gone"], "gone/empty/", None)):
        bad, notes, times = [], set(), 0
        for at, how in ((at, how) for at in range(1, 30) for how in ("before", "half", "after")):
            shutil.copy("base.img", "k.img")
            if run(*args, env={"LD_PRELOAD": lib, "CUT_AT": str(at), "CUT_HOW": how}).returncode == 0:
                break
            times += 1
            c, names = run("check", "k.img"), run("ls", "k.img").text.split()
            notes |= {w for w in ("a rename was cut off", "being made or removed", "unfinished") if w in c.text}
            if c.returncode or (new and (old in names) + (new in names) != 1):
                bad.append(f"{at} {how}: {c.text} {names}")
            r = run("check", "--repair", "k.img")
            c = run("check", "k.img")
            if r.returncode or c.returncode or "cut off" in c.text or "belongs to no" in c.text or run("ls", "k.img").text.split() != names:
                bad.append(f"{at} {how}: after --repair: {r.text} {c.text}")
        ok(times > 3 and not bad, f"{' '.join(args)}, cut off {times} times; seen: {', '.join(sorted(notes)) or 'nothing'}", "\n".join(bad))
        ok("a rename was cut off" in notes if new else "being made or removed" in notes, "some of them were left half done, and check said so", notes)


def lock_byte(f, cmd, kind, at):
    """The kind of lock that is there (F_OFD_GETLK), or sets one (F_OFD_SETLK)."""
    return struct.unpack("hhqqi4x", fcntl.fcntl(f, cmd, struct.pack("hhqqi4x", kind, os.SEEK_SET, at, 1, 0)))[0]


def test_locks():
    get, put = 36, 37       # F_OFD_GETLK, F_OFD_SETLK
    for at, text in (101, "in use by a running machine"), (103, "in use by a running machine"), (201, "in use by a running machine"), (203, "in use by a running machine"):
        with open("d.img", "r+b") as f:
            lock_byte(f, put, fcntl.F_RDLCK, at)
            expect(1, text, "put", "d.img:data", "src/a", "/locked", what=f"a lock on byte {at} alone is honoured")
    p = subprocess.Popen([MKVOL, "put", "d.img:db", "-"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    time.sleep(0.5)
    with open("d.img", "r+b") as f:
        held = [at for at in range(100, 208) if lock_byte(f, get, fcntl.F_WRLCK, at) != fcntl.F_UNLCK]
    p.stdin.close()
    p.wait(30)
    ok(held == [100, 101, 103, 201, 203], "mkvol holds the bytes that it says", held)
    with open("d.img", "r+b") as f:
        fcntl.flock(f, fcntl.LOCK_EX)
        expect(1, "in use by another program", "put", "d.img:data", "src/a", "/locked")
        expect(0, "warning: somebody may be writing", "ls", "d.img:data")
        expect(3, "in use", "check", "d.img")
        expect(1, "in use", "disk", "-o", "d.img", "a:raw:1M")
    p = subprocess.Popen([MKVOL, "put", "d.img:db", "-"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    time.sleep(0.5)
    expect(1, "in use", "put", "d.img:data", "src/a", "/locked", what="a second mkvol is refused while one writes")
    qemu = shutil.which("qemu-system-x86_64")
    cmd = [qemu, "-machine", "microvm", "-nodefaults", "-display", "none", "-S", "-drive", "file=d.img,format=raw,if=none,id=x", "-device", "virtio-blk-device,drive=x"]
    if qemu:
        q = subprocess.run(cmd, capture_output=True, text=True, timeout=30)
        ok(q.returncode != 0 and "lock" in q.stderr, "QEMU refuses a disk that mkvol is writing to", q.stderr)
    p.stdin.close()
    p.wait(30)
    if not qemu:
        return skip("a running machine's disk is refused", "no QEMU")
    for extra, name in (("", "running"), (",readonly=on", "read-only")):
        q = subprocess.Popen([a.replace("id=x", "id=x" + extra) if a.startswith("file=") else a for a in cmd], stderr=subprocess.PIPE)
        time.sleep(1.5)
        expect(1, "in use by a running machine", "put", "d.img:data", "src/a", "/locked", what=f"a {name} machine's disk is refused")
        expect(1, "in use by a running machine", "resize", "d.img", "max", what="for resize, too")
        if not extra:
            expect(0, "warning: somebody may be writing", "ls", "d.img:data", what="ls warns, and reads")
            expect(3, "in use", "check", "d.img", what="check does not")
        else:
            expect(0, "clean", "check", "d.img", what="check reads what nobody writes")
        q.kill()
        q.wait(10)
    expect(0, "", "put", "d.img:data", "src/a", "/free", what="after that it is free")


def test_device():
    if os.geteuid() or not shutil.which("losetup"):
        return skip("a block device", "needs root and losetup")
    open("l.img", "wb").truncate(48 << 20)
    p = subprocess.run(["losetup", "--find", "--show", "l.img"], capture_output=True, text=True)
    if p.returncode:
        return skip("a block device", "losetup does not work here: " + p.stderr.strip())
    dev = p.stdout.strip()
    try:
        expect(0, "48.0 MiB, 2 partitions", "disk", "-o", dev, "db:raw:4M:db.bin", "data:littlefs:rest")
        expect(0, "", "put", f"{dev}:data", "src", "/")
        expect(0, "clean", "check", "--data", dev)
        expect(1, "a loop device shows it", "put", "l.img:data", "src", "/")
        with os.fdopen(os.open(dev, os.O_RDWR | os.O_EXCL), "rb"):
            expect(1, "in use (mounted", "put", f"{dev}:data", "src", "/")
        os.truncate("l.img", 96 << 20)
        subprocess.run(["losetup", "-c", dev], check=True)
        expect(0, "", "resize", f"{dev}:data", "max")
        expect(0, "of 91.0 MiB used: clean", "check", dev)
        expect(1, "the device has only", "resize", f"{dev}:data", "200M")
        expect(0, "used", "volume", "-o", dev, "src", what="a volume over a former disk")
        expect(0, "littlefs volume", "check", dev, what="its old tables are not seen")
    finally:
        subprocess.run(["losetup", "-d", dev])


def test_host_full():
    os.mkdir("small")
    if os.geteuid() or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", "small"], capture_output=True).returncode:
        return skip("a host's disk that is full", "needs root and a tmpfs")
    try:
        run("disk", "-o", "small/d.img", "--size", "16M", "p:littlefs:rest")
        expect(1, "writing failed: No space left on device", "put", "small/d.img", "huge3", "src/big", "/", what="put into a sparse image on a host's full disk")
        expect(0, "clean", "check", "small/d.img")
        expect(1, "No space left on device", "disk", "-o", "small/e.img", "a:raw:db.bin", "b:raw:db.bin")
        ok(os.listdir("small") == ["d.img"], "nothing half made is left", os.listdir("small"))
        subprocess.run(["mount", "-o", "remount,size=32m", "small"], check=True)
        expect(0, "", "put", "small/d.img", "huge3", "src/big", "/", what="with room again, the same command works")
        ok(run("ls", "small/d.img").text == "big\nhuge3\n", "and nothing else is there", run("ls", "small/d.img").text)
        expect(0, "clean", "check", "small/d.img")
    finally:
        subprocess.run(["umount", "small"])


def limit():
    resource.setrlimit(resource.RLIMIT_FSIZE, (8 << 20, 8 << 20))


def test_trouble():
    expect(1, "File too large", "disk", "-o", "x.img", "--size", "64M", "a:raw:rest", preexec_fn=limit, what="a host's limit is an error")
    os.mkdir("bigsrc")
    for i in range(12):
        open(f"bigsrc/f{i}", "wb").write(os.urandom(8 << 20))
    for verb in (["volume", "-o", "x.img", "bigsrc"], ["archive", "-o", "x.img", "bigsrc"], ["disk", "-o", "x.img", "a:littlefs:bigsrc"]):
        p = subprocess.Popen([MKVOL, *verb], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(0.03)
        p.send_signal(signal.SIGINT)
        p.wait(20)
        left = [f for f in os.listdir(".") if f.startswith("x.img")]
        ok(p.returncode == 130 and not left, f"ctrl-C in {verb[0]} leaves nothing", f"{p.returncode} {left}")
    run("disk", "-o", "big.img", "a:littlefs:200M")
    for i in range(6):
        p = subprocess.Popen([MKVOL, "put", "big.img", "bigsrc", f"/t{i}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(0.02 + 0.03 * i)
        p.send_signal(signal.SIGINT if i % 2 else signal.SIGKILL)
        p.wait(20)
        c = run("check", "big.img")
        files = run("ls", "big.img").text
        good = c.returncode == 0 and (i % 2 == 0 or ".mkvol.part" not in files) and p.returncode in (130, -9, 0)
        ok(good, f"put, {'interrupted' if i % 2 else 'killed'}: the volume is clean", f"{p.returncode} {c.text} {files}")
        run("rm", "-r", "big.img", f"/t{i}")
    master, slave = pty.openpty()
    p = subprocess.Popen([MKVOL, "volume", "-o", "x.img", "bigsrc"], stdout=subprocess.DEVNULL, stderr=slave)
    os.close(slave)
    seen = b""
    try:
        while chunk := os.read(master, 4096):
            seen += chunk
    except OSError:
        pass
    ok(p.wait(20) == 0 and b"files: 13 of 13, 96.0 MiB" in seen, "progress on a terminal", seen)
    p = subprocess.run(f"'{MKVOL}' ls d.img:data > /dev/full", shell=True, capture_output=True, text=True)
    ok(p.returncode == 1 and "standard output" in p.stderr, "a full standard output is an error", p.stderr)


def main():
    subprocess.run(["make", "-C", ROOT, "--no-print-directory", "mkvol"], check=True, stdout=subprocess.DEVNULL)
    old = os.getcwd()
    with tempfile.TemporaryDirectory() as d:
        os.chdir(d)
        make_source("src")
        open("db.bin", "wb").write(os.urandom(3 << 20))
        open("huge3", "wb").write(os.urandom(3 << 20))
        os.mkdir("vsrc")
        open("vsrc/only-here", "w").write("x")
        run("volume", "-o", "v.img", "--size", "1M", "vsrc")
        run("disk", "-o", "tiny.img", "t:raw:1M")
        chosen = sys.argv[1:]
        for test in (test_make, test_refused, test_names, test_put_get, test_check, test_resize, test_foreign, test_grow_often, test_cut, test_half_done, test_locks, test_device, test_host_full, test_trouble):
            if not chosen or test is test_make or test.__name__[5:] in chosen:
                test()
        os.chdir(old)
    print(f"1..{n}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

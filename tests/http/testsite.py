# SPDX-License-Identifier: BSD-2-Clause
"""The test site: a small tree with what file servers get wrong."""
import gzip
import os
import random

TEXT = "".join(f"line {i}: the quick brown fox jumps over the lazy dog\n" for i in range(200)).encode()


def contents():
    """name: bytes. The same at every call."""
    rng = random.Random(42)
    return {
        "index.html": b"<!doctype html><title>test</title><h1>the test site</h1>\n",
        "page.html": b"<!doctype html>" + TEXT,
        "page.html.gz": gzip.compress(b"<!doctype html>" + TEXT, mtime=1),
        "stale.html": b"new\n",
        "stale.html.gz": gzip.compress(b"old\n", mtime=1),
        "style.css": b"body { color: black }\n",
        "code.js": b"console.log(1)\n",
        "data.json": b"{}\n",
        "picture.PNG": b"\x89PNG not really",
        "paper.pdf": b"%PDF not really",
        "README": b"no extension\n",
        "thing.unknownext": b"\0\1\2",
        "empty.txt": b"",
        "with space.txt": b"space\n",
        "100%.txt": b"percent\n",
        "a+b.txt": b"plus\n",
        "\u00fcn\u00efcode.txt": b"unicode\n",
        "small.bin": rng.randbytes(1000),
        "medium.bin": rng.randbytes(100_001),
        "big.bin": rng.randbytes(3_000_017),
        "folder/index.html": b"<h1>folder</h1>\n",
        "folder/x.txt": b"x\n",
        "noindex/file.txt": b"file\n",
        "deep/a/b/c/d.txt": b"deep\n",
        "spaced folder/index.html": b"<h1>spaced</h1>\n",
    }


def make(root):
    for name, data in contents().items():
        path = os.path.join(root, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as f:
            f.write(data)
        os.utime(path, (1_700_000_000, 1_700_000_000))
    os.utime(os.path.join(root, "stale.html"), (1_700_000_500, 1_700_000_500))

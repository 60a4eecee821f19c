#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Takes one check, fence or promise out of hv/dev at a time, in a copy, and expects a
unit or race test to fail. A mutant that survives means a missing test.

usage: tests/hv/mutants.py [PATTERN]     the mutants whose name matches (default: all)
exit status: 0 all were caught, 1 one survived, 2 a mutation does not apply
"""
import os, re, shutil, subprocess, sys, tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
RING, NET, BLK, CON, GSO = ("tests/unit/test_hv_%s.c" % n for n in ("virtq", "net", "blk", "console", "gso"))
RACE = "tests/race/race_hv_devices.c"
RACEQ = "tests/race/race_hv_virtq.c"
Q, N, R, B, P, C, G, D = ("hv/dev/%s.c" % n for n in ("virtq", "net", "net_rx", "blk", "pool", "console", "gso", "dev"))
FENCE = "__atomic_thread_fence(__ATOMIC_SEQ_CST);"

MUTANTS = [  # name, file, old (there once), new, tests of which one must fail
    ("range-high", Q, "len > limit - off", "0", [RING]),
    ("range-end", Q, "if (off > limit || ", "if (", [RING]),
    ("range-write", Q, "write ? m->rw_size : m->size", "m->size", [RING]),
    ("set-power", Q, " || num & (num - 1))", ")", [RING]),
    ("set-max", Q, "num > max || ", "", [RING]),
    ("set-align", Q, "desc->desc % 16 || desc->avail % 2 || desc->used % 4", "0", [RING]),
    ("set-avail-event", Q, "6 + 2 * (uint64_t)num", "4 + 2 * (uint64_t)num", [RING]),
    ("set-used-event", Q, "6 + num * (uint64_t)sizeof", "num * (uint64_t)sizeof", [RING]),
    ("avail-index", Q, "if ((uint16_t)(idx - q->next_avail) > q->num)", "if (0)", [RING]),
    ("head-range", Q, "if (i >= entries)", "if (0)", [RING]),
    ("loop", Q, "if (!left--)", "if (0)", [RING]),
    ("order", Q, "if (!write && c->n_in)", "if (0)", [RING]),
    ("segments", Q, "if (n == VQ_CHAIN_MAX)", "if (0)", [RING]),
    ("empty-segment", Q, "if (!d->len)\n\t\treturn NULL;", "", [RING]),
    ("indirect-agreed", Q, "!q->indirect || ", "", [RING]),
    ("indirect-nested", Q, "|| nested ", "", [RING]),
    ("indirect-next", Q, "nested || d.flags & VIRTQ_DESC_F_NEXT", "nested", [RING]),
    ("indirect-length", Q, "!d.len || d.len % sizeof(d)", "!d.len", [RING]),
    ("indirect-range", Q, "if (!table)", "if (0)", [RING]),
    ("event-used", Q, "load16(used_event(q)) - 1)", "load16(used_event(q)))", [RING]),
    ("event-flag", Q, "!(load16(&q->avail->flags) & VIRTQ_AVAIL_F_NO_INTERRUPT)", "true", [RING]),
    ("kick-recheck", Q, "return vq_waiting(q) != 0;", "return false;", [RING]),
    ("kick-fence", Q, FENCE + "\n\treturn vq_waiting", "return vq_waiting", [RACEQ]),
    ("publish-fence", Q, FENCE + "\n\tif (q->event_idx)\t/* 2.7.10.1 */", "if (q->event_idx)", [RACEQ]),
    ("no-kicks", Q, "store16(avail_event(q), (uint16_t)(q->next_avail - 1));", ";", [RING]),
    ("status-dev", D, "dev >= d->n || status > 0xff", "status > 0xff", [RING]),
    ("features-offered", D, "features & ~d->dev[dev].offered ||", "", [RING]),
    ("queue-late", D, "\t    status_of(d, v) & VIRTIO_S_DRIVER_OK)", "\t    0)", [RING]),
    ("queue-early", D, "!(status_of(d, v) & VIRTIO_S_FEATURES_OK) ||", "", [RING]),
    ("log-bound", D, "|| v->errors_told == LINES_MAX", "", [RING]),
    ("kick-hands-out", D, "__atomic_fetch_and(d->pending, ~bit, __ATOMIC_SEQ_CST);", "", [RING]),
    ("rx-room", R, "n->rx_room < n->rx_need && n->rx_n <", "n->rx_room == 0 && n->rx_n <", [NET]),
    ("rx-starved-again", N, "} while (n->rx_n != before);", "} while (0);", [NET]),
    ("rx-short-buffer", R, "if (!n->mergeable && n->rx_room < n->rx_need && n->rx_n)", "if (0)", [NET]),
    ("rx-num-buffers", R, "&n_buffers, sizeof(n_buffers)", "&n_buffers, 0", [NET]),
    ("rx-long", R, "if (n->rx_long)\n\t\tiov_write", "if (0)\n\t\tiov_write", [NET]),
    ("rx-short-message", R, "if (len > NET_HDR) {", "if (1) {", [NET]),
    ("rx-too-large", R, "+ NET_HDR <= n->rx_need)", "> 0)", [NET]),
    ("stream-length", R, "if (len > NET_FRAME_MAX)", "if (0)", [NET]),
    ("stream-rest", R, "if (have >= 4 + len)", "if (have > 4 + len)", [NET]),
    ("tx-blocked", N, "\t\t\t\t\tn->tx_blocked = true;\n\t\t\t\t\tbreak;", "\t\t\t\t\tbreak;", [NET]),
    ("tx-lost-when-full", N, "if (net_outcome(d, v, ret) == 0) {", "if (0) {", [NET]),
    ("tx-partial", N, "n->tx_sent += (uint32_t)ret;", "n->tx_sent = total;", [NET]),
    ("tx-length", N, "c->out_len > NET_HDR && c->out_len <= NET_HDR + NET_FRAME_MAX && ", "", [NET]),
    ("gone-link", N, "set_link(d, v, false);", "", [NET]),
    ("pcap-trim", N, "out[i].iov_len = left;", ";", [NET]),
    ("pcap-error", N, "n->pcap_fd = -1;\n}", "}", [NET]),
    ("blk-end", B, "sector <= capacity && sectors <= capacity - sector", "sector + sectors <= capacity", [BLK]),
    ("blk-half-sector", B, "j->len % SECTOR || ", "", [BLK]),
    ("blk-read-only", B, "if (!in && b->p.read_only)", "if (0)", [BLK]),
    ("blk-status-place", B, "|| !c->in_len) {", ") {", [BLK]),
    ("blk-header", B, "c->out_len < sizeof(r->hdr) || ", "", [BLK]),
    ("blk-stable", B, "j->stable ? RWF_DSYNC : 0", "0", [BLK]),
    ("blk-early-end", B, "if (ret <= 0)\t\t\t/* 0: the file ends early */", "if (ret < 0)", [BLK]),
    ("blk-eintr", B, "if (ret == -EINTR)", "if (0)", [BLK]),
    ("blk-whole", B, "(uint64_t)ret != j->len", "0", [BLK]),
    ("blk-flush", B, "j->ok = sys_fdatasync(b->p.fd) == 0;", "j->ok = true;", [BLK]),
    ("blk-reset-waits", B, "while (b->busy) {", "while (0) {", [BLK]),
    ("blk-in-flight", B, "b->busy >= v->vq[0].num || ", "", [BLK]),
    ("blk-erase-range", B, "g->num_sectors > DISCARD_MAX || !on_disk(b, g->sector, g->num_sectors)", "0", [BLK]),
    ("blk-erase-length", B, "r->out_len % sizeof(j->range[0]) || r->out_len > sizeof(j->range)", "0", [BLK]),
    ("blk-erase-flags", B, "g->flags & ~RANGE_UNMAP || (!zero && g->flags)", "0", [BLK]),
    ("pool-bell", P, "if (__atomic_load_n(&p->sleepers, __ATOMIC_SEQ_CST))", "if (0)", [BLK, RACE]),
    ("pool-armed", P, "if (__atomic_exchange_n(&p->armed, 0, __ATOMIC_SEQ_CST))", "if (0)", [BLK, RACE]),
    ("pool-prepare", P, "return __atomic_load_n(&d->pool.done, __ATOMIC_SEQ_CST) != 0;", "return false;", [BLK]),
    ("con-stall-once", C, "(c->out_stalled || !can(c->out_fd, POLLOUT, STALL_MS))", "!can(c->out_fd, POLLOUT, STALL_MS)", [CON]),
    ("con-back", C, "c->out_blocked = !can(c->out_fd, POLLOUT, 0);", ";", [CON]),
    ("con-end", C, "c->in_end = true;", "", [CON]),
    ("con-out-end", C, "c->out_end = true;", "", [CON]),
    ("con-look", C, "c->in_ready = can(c->in_fd, POLLIN, 0);\n\tif (!c->in_ready ||", "c->in_ready = false;\n\tif (!c->in_ready ||", [CON]),
    ("gso-odd", G, "memcpy(&w, p, len);", "", [GSO]),
    ("gso-zero", G, "return sum == 0xffff ? 0xffff : ", "return ", [GSO]),
    ("gso-field", G, "field + 2 > len", "0", [GSO]),
    ("gso-ihl", G, "ihl < IPV4_HLEN || ", "", [GSO]),
    ("gso-doff", G, "|| (f[l4 + 12] >> 4) * 4u < TCP_HLEN", "", [GSO]),
    ("gso-head", G, "return g->len > g->head_len ? 0 : -EINVAL;", "return 0;", [GSO]),
    ("gso-l4", G, "if (g->len < l4 + TCP_HLEN || ", "if (", [GSO]),
    ("gso-fin", G, "if (!last)", "if (0)", [GSO]),
    ("gso-cwr", G, "if (g->at)\n\t\ttcp[13]", "if (0)\n\t\ttcp[13]", [GSO]),
    ("gso-seq", G, "get32(tcp + 4) + g->at", "get32(tcp + 4)", [GSO]),
    ("gso-id", G, "get16(ip + 4) + g->at / g->mss", "get16(ip + 4)", [GSO]),
    ("gso-may", G, "may & GSO_MAY_CSUM && may & (g->v6", "may & (g->v6", [GSO]),
]


def head(test, key):
    with open(test) as f:
        return " ".join(re.findall(rf"^ \* {key}: *(.*)$", f.read(), re.M)).split()


def build(test, out):
    san = ["-O2"] if "/race/" in test else ["-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"]
    cmd = ["gcc", "-std=gnu11", "-g", "-I.", "-D_GNU_SOURCE", *san, *head(test, "FLAGS"), test, *head(test, "SOURCES"),
           "-o", out, "-lpthread"]
    return subprocess.run(cmd, capture_output=True, text=True)


def main():
    if "--help" in sys.argv:
        print(__doc__)
        return 0
    want = sys.argv[1] if len(sys.argv) > 1 else "."
    survived = stale = caught = 0
    with tempfile.TemporaryDirectory() as tmp:
        for d in ("hv", "pv", "kernel", "drivers", "tests/peer", "tests/unit", "tests/race"):
            shutil.copytree(f"{ROOT}/{d}", f"{tmp}/{d}")
        os.chdir(tmp)
        for name, path, old, new, tests in MUTANTS:
            if not re.search(want, name):
                continue
            with open(f"{ROOT}/{path}") as f:
                text = f.read()
            if text.count(old) != 1:
                print(f"STALE     {name}: the text is not there once: {old!r}")
                stale += 1
                continue
            with open(path, "w") as f:
                f.write(text.replace(old, new))
            why = None
            for test in tests:
                r = build(test, "t")
                if r.returncode:
                    print(f"STALE     {name}: does not build: {r.stderr.splitlines()[0]}")
                    stale += 1
                    break
                try:
                    # fences: on a busy machine both threads seldom run at the same time
                    r = subprocess.run(["./t"] + ["400000"] * (test == RACEQ), capture_output=True, text=True, errors="replace", timeout=90)
                    said = re.findall(r"^not ok .*|SUMMARY: .*|runtime error: .*", r.stdout + r.stderr, re.M)
                    why = (said or [f"status {r.returncode}"])[0][:90] if r.returncode else None
                except subprocess.TimeoutExpired:
                    why = "does not end"
                if why:
                    break
            else:
                print(f"SURVIVED  {name}", flush=True)
                survived += 1
            if why:
                print(f"caught    {name}: {why}", flush=True)
                caught += 1
            with open(path, "w") as f:
                f.write(text)
    print(f"{caught} caught, {survived} survived, {stale} stale")
    return 2 if stale else 1 if survived else 0


sys.exit(main())

# SPDX-License-Identifier: BSD-2-Clause
"""A wire between a tap and a guest that is as bad as told: the kernels that
tests run on may lack netem. Frames go to and from QEMU as datagrams on Unix
sockets (-netdev dgram), so without offloads; one thread does it all.

The wire takes over the tap by its file, so the host's end is `tap`."""
import fcntl, heapq, os, random, select, shutil, socket, struct, tempfile, threading, time

TUNSETIFF, IFF_TAP, IFF_NO_PI = 0x400454ca, 2, 0x1000


class Wire:
    def __init__(self, tap, loss=0.0, delay=0.0, reorder=0.0, repeat=0.0, flip=0.0, seed=1, late=0.004):
        self.loss, self.delay, self.reorder, self.repeat, self.flip, self.late = loss, delay, reorder, repeat, flip, late
        self.random = random.Random(seed)
        self.tmp = tempfile.mkdtemp(prefix="glint-wire-")
        self.tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(self.tun, TUNSETIFF, struct.pack("16sH22x", tap.encode(), IFF_TAP | IFF_NO_PI))
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        self.sock.bind(f"{self.tmp}/host")
        self.sock.setblocking(False)
        self.netdev = f"dgram,local.type=unix,local.path={self.tmp}/guest,remote.type=unix,remote.path={self.tmp}/host"
        self.queue, self.n, self.over = [], 0, False
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def put(self, frame, to_guest):
        r = self.random
        if r.random() < self.loss:
            return
        if r.random() < self.flip and frame[12:14] != b"\x08\x06":     # ARP has no checksum
            i = r.randrange(14, len(frame))
            frame = frame[:i] + bytes([frame[i] ^ 1 << r.randrange(8)]) + frame[i + 1:]
        for _ in range(1 + (r.random() < self.repeat)):
            due = time.monotonic() + self.delay + (self.late if r.random() < self.reorder else 0)
            self.n += 1
            heapq.heappush(self.queue, (due, self.n, to_guest, frame))

    def out(self, to_guest, frame):
        try:
            if to_guest:
                self.sock.sendto(frame, f"{self.tmp}/guest")
            else:
                os.write(self.tun, frame)
        except OSError:
            pass                    # a full or closed end loses frames, as wires do

    def run(self):
        while not self.over:
            wait = 0.1
            if self.queue:
                wait = max(0, min(wait, self.queue[0][0] - time.monotonic()))
            ready = select.select([self.tun, self.sock], [], [], wait)[0]
            for _ in range(64):
                if self.tun not in ready:
                    break
                try:
                    self.put(os.read(self.tun, 70000), True)
                except OSError:
                    break
            for _ in range(64):
                if self.sock not in ready:
                    break
                try:
                    self.put(self.sock.recv(70000), False)
                except OSError:
                    break
            now = time.monotonic()
            while self.queue and self.queue[0][0] <= now:
                _, _, to_guest, frame = heapq.heappop(self.queue)
                self.out(to_guest, frame)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.over = True
        self.thread.join(5)
        self.sock.close()
        os.close(self.tun)
        shutil.rmtree(self.tmp, ignore_errors=True)

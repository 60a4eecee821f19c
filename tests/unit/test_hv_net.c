/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The network device on socket pairs: frames both ways, order under backpressure, what
 * is cut for whom, captures, the end of the other side, lying drivers.
 *
 * SOURCES: hv/dev/virtq.c hv/dev/dev.c hv/dev/net.c hv/dev/net_rx.c hv/dev/gso.c
 * SOURCES: hv/dev/blk.c hv/dev/pool.c hv/dev/console.c hv/dev/rng.c tests/peer/hv_guest.c
 * FLAGS: -include tests/peer/hv_sys.h
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/peer/hv_guest.h"
#include "tests/unit/tap.h"

#define SIZE	(4u << 20)
#define HDR	12u
#define BUF	2048u
#define ALL	(VIRTIO_NET_F_CSUM | VIRTIO_NET_F_GUEST_CSUM | VIRTIO_NET_F_MAC | VIRTIO_NET_F_MTU | \
		 VIRTIO_NET_F_STATUS | VIRTIO_NET_F_MRG_RXBUF | VIRTIO_NET_F_GUEST_TSO4 | \
		 VIRTIO_NET_F_GUEST_TSO6 | VIRTIO_NET_F_HOST_TSO4 | VIRTIO_NET_F_HOST_TSO6 | \
		 VIRTIO_F_EVENT_IDX | VIRTIO_F_INDIRECT_DESC)
#define PLAIN	(VIRTIO_NET_F_MAC | VIRTIO_NET_F_MRG_RXBUF)

static struct hvg g;
static struct hvg_queue q[2];
static int fd[2];			/* ours, the device's */
static uint64_t rx_buf[256], tx_buf;
static uint8_t big[70000], got[70000];

static void fresh(enum dev_net_kind kind, bool vnet, uint64_t features, unsigned n_bufs, int pcap)
{
	struct dev_net_param p = { .kind = kind, .vnet_hdr = vnet, .pcap_fd = pcap,
				   .mac = { 2, 0, 0, 0, 0, 1 }, .mtu = 1500 };
	int type = kind == DEV_NET_STREAM ? SOCK_STREAM : SOCK_SEQPACKET;

	if (socketpair(AF_UNIX, type | SOCK_NONBLOCK, 0, fd))
		exit(1);
	hvg_begin(&g, SIZE, SIZE);
	p.fd = fd[1];
	devs_add_net(g.d, "net0", &p);
	hvg_start(&g, 0, features, q, 256);
	for (unsigned i = 0; i < 256; i++)
		rx_buf[i] = 0;
	for (unsigned i = 0; i < n_bufs; i++) {
		struct hvg_seg s = { hvg_alloc(&g, BUF, 64), BUF };
		int head = hvg_add(&q[0], &s, 0, 1, false);

		rx_buf[head] = s.addr;
	}
	hvg_kick(&q[0]);
	hvg_arm(&q[0]);
	tx_buf = hvg_alloc(&g, 70000, 64);
}

static void end(void)
{
	close(fd[0]);
	close(fd[1]);
	hvg_end(&g);
}

/* A frame as the driver gets it, buffers given back; its length without the header, -1:
 * none. The header in `h`. */
static int receive(struct virtio_net_hdr *h, bool give_back)
{
	uint16_t head, n = 1;
	uint32_t len;
	int total = 0;

	for (uint16_t i = 0; i < n; i++) {
		uint8_t *p;

		if (!hvg_get(&q[0], &head, &len))
			return i ? -2 : -1;
		p = hvg_ptr(&g, rx_buf[head]);
		if (i == 0) {
			memcpy(h, p, HDR);
			n = h->num_buffers;
			memcpy(got, p + HDR, len - HDR);
			total = (int)(len - HDR);
		} else {
			memcpy(got + total, p, len);
			total += (int)len;
		}
		if (give_back) {
			struct hvg_seg s = { rx_buf[head], BUF };
			int again = hvg_add(&q[0], &s, 0, 1, false);

			rx_buf[again] = s.addr;
		}
	}
	if (give_back)
		hvg_kick(&q[0]);
	hvg_arm(&q[0]);
	return total;
}

static void fill(uint8_t *p, unsigned len, unsigned seed)
{
	for (unsigned i = 0; i < len; i++)
		p[i] = (uint8_t)(i * 7 + seed);
}

static int64_t send_frame(const struct virtio_net_hdr *h, const uint8_t *p, unsigned len, unsigned cut)
{
	struct hvg_seg s[3] = { { tx_buf, HDR }, { tx_buf + HDR, cut }, { tx_buf + HDR + cut, len - cut } };

	memcpy(hvg_ptr(&g, tx_buf), h, HDR);
	memcpy(hvg_ptr(&g, tx_buf + HDR), p, len);
	if (hvg_add(&q[1], s, 3, 0, false) < 0)
		return -2;
	return hvg_kick(&q[1]);
}

static void drain_tx(void)
{
	uint16_t head;
	uint32_t len;

	while (hvg_get(&q[1], &head, &len))
		;
}

static void test_direct(void)
{
	static const unsigned lens[] = { 14, 60, 1514, 2036, 2037, 4084, 40000, 65550 };
	struct virtio_net_hdr h, in = { .flags = 2, .gso_type = 1, .hdr_len = 54, .gso_size = 1448 };
	uint8_t msg[HDR + 65550];

	fresh(DEV_NET_SEQPACKET, true, ALL, 40, -1);
	for (unsigned i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		fill(big, lens[i], i);
		in.num_buffers = 0x7777;
		memcpy(msg, &in, HDR);
		memcpy(msg + HDR, big, lens[i]);
		send(fd[0], msg, HDR + lens[i], 0);
		ok(hvg_wait(&g, 1000) == 1, "an event for %u bytes", lens[i]);
		ok(receive(&h, true) == (int)lens[i] && !memcmp(got, big, lens[i]), "the frame");
		ok(h.num_buffers == (HDR + lens[i] + BUF - 1) / BUF && h.flags == 2 && h.gso_size == 1448,
		   "%u buffers, the header as it was", h.num_buffers);
	}
	for (unsigned i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		fill(big, lens[i], i);
		send_frame(&in, big, lens[i], lens[i] / 3);
		ok(recv(fd[0], msg, sizeof(msg), 0) == (int)(HDR + lens[i]) &&
		   !memcmp(msg + HDR, big, lens[i]), "%u bytes sent", lens[i]);
	}
	drain_tx();
	send(fd[0], msg, 5, 0);
	send(fd[0], msg, HDR, 0);
	ok(hvg_wait(&g, 20) == 0, "what is shorter than a header is nothing");
	ok(hvg_wait(&g, 20) == 0 && !(g.start->device[0].status & 64), "and does no harm");
	end();
}

/* rx_need is 33 buffers for a driver with TSO: of 36, three frames go in until the
 * driver gives buffers back. */
static void test_starved(void)
{
	struct virtio_net_hdr h, none = { 0 };
	unsigned n = 0, seen = 0, bad = 0, dry = 0, held = 0;
	uint8_t msg[HDR + 1000];

	fresh(DEV_NET_SEQPACKET, true, ALL, 36, -1);
	memcpy(msg, &none, HDR);
	for (; n < 60; n++) {
		fill(msg + HDR, 1000, n);
		if (send(fd[0], msg, sizeof(msg), 0) < 0)
			break;
	}
	for (unsigned round = 0; round < 200 && seen < n; round++) {
		unsigned long calls = peer_sys_calls;

		if (!hvg_wait(&g, 5)) {
			dry++;
			for (; held; held--) {
				struct hvg_seg s = { rx_buf[0], BUF };
				int head = hvg_add(&q[0], &s, 0, 1, false);

				rx_buf[head] = s.addr;	/* all the same one: read at once */
			}
			hvg_kick(&q[0]);
		}
		bad += peer_sys_calls - calls > 100;
		while (receive(&h, false) == 1000) {
			held++;
			seen++;
		}
	}
	ok(n == 60 && seen == 60 && !bad && dry > 5, "%u of %u frames through a ring that runs dry %u times",
	   seen, n, dry);
	end();
}

/* A buffer that comes between the sweep and the sleep does not end the shortage: the
 * next one still has to wake us. */
static void test_starved_kicks(void)
{
	uint8_t msg[HDR + 100] = { 0 };
	struct pollfd pfd[DEVS_POLLFDS];
	struct hvg_seg s;

	fresh(DEV_NET_SEQPACKET, true, ALL, 30, -1);
	s = (struct hvg_seg){ rx_buf[0], BUF };
	send(fd[0], msg, sizeof(msg), 0);
	devs_sweep(g.d);
	q[0].quiet = true;
	hvg_add(&q[0], &s, 0, 1, false);
	hvg_kick(&q[0]);
	q[0].quiet = false;
	ok(devs_prepare(g.d, pfd, DEVS_POLLFDS) == 0, "31 buffers are too few: a sleep");
	hvg_add(&q[0], &s, 0, 1, false);
	ok(hvg_kick(&q[0]) != -1, "the next buffer kicks");
	hvg_add(&q[0], &s, 0, 1, false);
	ok(hvg_kick(&q[0]) != -1 || hvg_wait(&g, 10) == 1, "the 33rd lets the frame in");
	end();
}

/* The other side reads slowly, or not at all for a while: nothing is lost, order holds,
 * and a device that cannot send sleeps. */
static void test_backpressure(enum dev_net_kind kind)
{
	bool messages = kind == DEV_NET_SEQPACKET;
	unsigned sent = 0, seen = 0, at = 0, have = 0, len = 50000, slots = 20, full = 0;
	struct virtio_net_hdr none = { 0 };
	static uint8_t in[8 << 20];
	unsigned long calls;
	uint64_t buf;
	int bad = 0;

	fresh(kind, messages, ALL, 0, -1);
	buf = hvg_alloc(&g, slots * 51200, 64);
	for (unsigned round = 0; round < 100; round++) {
		while (sent - (q[1].used->idx & 0xffffu) < slots && q[1].n_free >= 2 && sent < 150) {
			uint64_t p = buf + sent % slots * 51200;
			struct hvg_seg s[2] = { { p, HDR }, { p + HDR, len } };

			memcpy(hvg_ptr(&g, p), &none, HDR);
			fill(hvg_ptr(&g, p + HDR), len, sent);
			hvg_add(&q[1], s, 2, 0, false);
			sent++;
		}
		hvg_kick(&q[1]);
		calls = peer_sys_calls;
		hvg_wait(&g, 2);
		full += sent > q[1].used->idx;
		bad += peer_sys_calls - calls > 100;
		drain_tx();
		for (unsigned k = 0; round % 8 == 7 && k < 200; k++) {
			ssize_t n = recv(fd[0], in + have, messages ? 70000 : 7777, 0);

			if (n <= 0)
				break;
			have += (unsigned)n;
			if (messages) {
				fill(big, len, seen++);
				bad += n != (int)(HDR + len) || memcmp(in + HDR, big, len);
				have = 0;
			}
		}
		while (!messages && have - at >= 4 + len) {
			fill(big, len, seen++);
			bad += ntohl(*(uint32_t *)(void *)memcpy(got, in + at, 4)) != len ||
			       memcmp(in + at + 4, big, len);
			at += 4 + len;
		}
	}
	ok(!bad && seen > 20 && full > 20 && seen <= sent,
	   "%s: %u of %u frames came, in order; full %u times", messages ? "messages" : "stream", seen,
	   sent, full);
	end();
}

/* A full socket, and partial writes on a stream. */
static void test_full(void)
{
	struct virtio_net_hdr none = { 0 };
	unsigned len = 9000, n = 0, read_n = 0, have = 0, bad = 0;
	static uint8_t in[8 << 20];
	ssize_t r;

	fresh(DEV_NET_STREAM, false, ALL, 0, -1);
	fill(big, len, 3);
	while (n < 120 && send_frame(&none, big, len, 100) >= -1 && q[1].n_free > 3)
		n++;
	ok(q[1].used->idx < n, "%u frames put, %u taken", n, q[1].used->idx);
	for (unsigned k = 0; k < 3000; k++) {
		hvg_wait(&g, 0);
		r = recv(fd[0], in + have, 1111, 0);
		if (r > 0)
			have += (unsigned)r;
		else if (read_n++ > 10)
			break;
	}
	for (unsigned at = 0; at + 4 + len <= have; at += 4 + len)
		bad += be32toh(*(uint32_t *)(void *)memcpy(got, in + at, 4)) != len ||
		       memcmp(in + at + 4, big, len);
	ok(!bad && have == q[1].used->idx * (len + 4) && q[1].used->idx >= n, "all of them came whole (%u bytes)", have);
	end();
}

/* A TSO frame over IPv4: 14 + 20 + 20 and payload. */
static unsigned tso_frame(struct virtio_net_hdr *h, unsigned payload)
{
	unsigned len = 54 + payload;

	fill(big, len, 9);
	big[12] = 8, big[13] = 0;
	big[14] = 0x45;
	big[16] = (uint8_t)((len - 14) >> 8), big[17] = (uint8_t)(len - 14);
	big[20] = 0x40, big[21] = 0;
	big[23] = 6;
	big[46] = 0x50;
	*h = (struct virtio_net_hdr){ .flags = 1, .gso_type = 1, .hdr_len = 54, .gso_size = 1000,
				      .csum_start = 34, .csum_offset = 16 };
	return len;
}

static void test_cut(void)
{
	struct virtio_net_hdr h, in;
	uint8_t msg[HDR + 10054];
	unsigned len, n = 0;
	int r;

	fresh(DEV_NET_STREAM, false, ALL, 40, -1);
	len = tso_frame(&h, 10000);
	send_frame(&h, big, len, 20);
	for (unsigned i = 0; i < 10; i++)
		n += recv(fd[0], got, 4 + 1054, 0) == 4 + 1054 && !memcmp(got + 4 + 54, big + 54 + 1000 * i, 1000);
	ok(n == 10, "a large frame to a peer that takes none: ten small ones");
	end();
	fresh(DEV_NET_SEQPACKET, true, PLAIN, 40, -1);
	len = tso_frame(&h, 10000);
	memcpy(msg, &h, HDR);
	memcpy(msg + HDR, big, len);
	send(fd[0], msg, HDR + len, 0);
	hvg_wait(&g, 100);
	for (n = 0; (r = receive(&in, true)) == 1054 && !in.flags && !in.gso_type; n++)
		if (memcmp(got + 54, big + 54 + 1000 * n, 1000))
			break;
	ok(n == 10 && r == -1, "and to a driver that takes none (%u)", n);
	h.gso_size = 5000;
	memcpy(msg, &h, HDR);
	send(fd[0], msg, HDR + len, 0);
	ok(hvg_wait(&g, 20) == 0, "segments beyond its buffers are lost");
	end();
	fresh(DEV_NET_SEQPACKET, true, PLAIN, 4, -1);
	send(fd[0], msg, 0, 0);
	h.gso_size = 1000;
	memcpy(msg, &h, HDR);
	send(fd[0], msg, HDR + len, 0);
	for (n = 0; n < 10; ) {
		if (!hvg_wait(&g, 100))
			break;
		while ((r = receive(&in, true)) == 1054 && !memcmp(got + 54, big + 54 + 1000 * n, 1000))
			n++;
	}
	ok(n == 10 || g.start->device[0].config[6] == 0, "with four buffers: one after the other (%u)", n);
	end();
}

static void test_stream_in(void)
{
	static uint8_t bytes[70000];
	unsigned n = 0, at = 0, seen = 0, bad = 0;
	struct virtio_net_hdr h;

	fresh(DEV_NET_STREAM, false, ALL, 40, -1);
	for (unsigned i = 0; i < 40; i++) {
		unsigned len = 14 + i * 37;
		uint32_t be = htonl(len);

		memcpy(bytes + n, &be, 4);
		fill(bytes + n + 4, len, i);
		n += 4 + len;
	}
	while (at < n) {
		unsigned piece = 1 + (unsigned)rand() % 2000;

		if (piece > n - at)
			piece = n - at;
		at += (unsigned)send(fd[0], bytes + at, piece, 0);
		hvg_wait(&g, 0);
		for (int r; (r = receive(&h, true)) >= 0; seen++) {
			fill(big, 14 + seen * 37, seen);
			bad += r != (int)(14 + seen * 37) || memcmp(got, big, (unsigned)r);
		}
	}
	ok(seen == 40 && !bad, "frames out of a stream in pieces: %u", seen);
	send(fd[0], "\xff\xff\xff\xff", 4, 0);
	ok(hvg_wait(&g, 100) == 1 && g.start->device[0].config[6] == 0, "a length beyond all frames: link down");
	end();
}

static void test_gone(void)
{
	struct virtio_net_hdr none = { 0 };

	fresh(DEV_NET_SEQPACKET, true, ALL, 40, -1);
	ok(g.start->device[0].config[6] == 1, "link up");
	close(fd[0]);
	ok(hvg_wait(&g, 1000) == 1 && g.start->device[0].config[6] == 0 &&
	   g.start->device[0].generation == 1, "the other side ends: link down, an event");
	ok(hvg_wait(&g, 10) == 0, "no busy loop after it");
	send_frame(&none, big, 100, 10);
	ok(q[1].used->idx == 1, "frames are taken and lost");
	end();
	fresh(DEV_NET_SEQPACKET, true, ALL, 40, -1);
	peer_sys_rule = (struct peer_sys_rule){ .nr = SYS_writev, .ret = -ENOBUFS, .fd = fd[1], .times = 1 };
	send_frame(&none, big, 100, 10);
	send_frame(&none, big, 200, 10);
	ok(recv(fd[0], got, sizeof(got), 0) == HDR + 200, "a frame that the host drops is lost, the next is not");
	peer_sys_rule = (struct peer_sys_rule){ .nr = SYS_readv, .ret = -EBADFD, .fd = fd[1], .times = 1 };
	ok(hvg_wait(&g, 100) == 1 && g.start->device[0].config[6] == 0, "an interface that is gone: link down");
	end();
}

static void test_pcap(void)
{
	int file = memfd_create("pcap", 0);
	struct virtio_net_hdr h, none = { 0 };
	uint32_t r[4], magic;
	uint8_t msg[HDR + 3000], text[200];

	fresh(DEV_NET_SEQPACKET, true, ALL, 40, file);
	ok(pread(file, &magic, 4, 0) == 4 && magic == 0xa1b23c4d, "a capture in nanoseconds");
	fill(big, 3000, 1);
	memcpy(msg, &none, HDR);
	memcpy(msg + HDR, big, 3000);
	send(fd[0], msg, sizeof(msg), 0);
	hvg_wait(&g, 100);
	receive(&h, true);
	send_frame(&none, big, 500, 60);
	ok(pread(file, r, 16, 24) == 16 && r[2] == 3000 && r[3] == 3000 && r[1] < 1000000000, "its first record");
	ok(pread(file, got, 3000, 40) == 3000 && !memcmp(got, big, 3000), "the frame received");
	ok(pread(file, r, 16, 3040) == 16 && r[2] == 500, "its second");
	ok(pread(file, got, 600, 3056) == 500 && !memcmp(got, big, 500), "the frame sent, and no more");
	recv(fd[0], got, sizeof(got), 0);
	if (pipe((int *)r))
		return;
	devs_set_log(g.d, (int)r[1]);
	peer_sys_rule = (struct peer_sys_rule){ .nr = SYS_writev, .ret = -ENOSPC, .fd = file, .times = 1 };
	send_frame(&none, big, 500, 60);
	send_frame(&none, big, 501, 60);
	ok(recv(fd[0], got, sizeof(got), 0) == 512 && recv(fd[0], got, sizeof(got), 0) == 513, "a full disk ends the capture only");
	ok(lseek(file, 0, SEEK_END) == 3556, "for good");
	ok(read((int)r[0], text, sizeof(text)) > 20 && !memcmp(text, "net0: the capture", 17), "and says so");
	close((int)r[0]);
	close((int)r[1]);
	close(file);
	end();
}

static void test_lies(void)
{
	struct hvg_seg s[2];

	fresh(DEV_NET_SEQPACKET, true, PLAIN & ~VIRTIO_NET_F_MRG_RXBUF, 0, -1);
	s[0] = (struct hvg_seg){ tx_buf, 100 };
	hvg_add(&q[0], s, 0, 1, false);
	ok(hvg_kick(&q[0]) == 1 && g.start->device[0].status & 64, "a receive buffer that holds no frame");
	end();
	fresh(DEV_NET_SEQPACKET, true, ALL, 0, -1);
	s[0] = (struct hvg_seg){ tx_buf, 5 };
	hvg_add(&q[1], s, 1, 0, false);
	s[0] = (struct hvg_seg){ tx_buf, HDR };
	hvg_add(&q[1], s, 1, 0, false);
	s[0] = (struct hvg_seg){ tx_buf, 70000 };
	hvg_add(&q[1], s, 1, 0, false);
	hvg_add(&q[1], s, 0, 1, false);
	hvg_kick(&q[1]);
	ok(q[1].used->idx == 4 && recv(fd[0], got, 100, 0) < 0 && !(g.start->device[0].status & 64),
	   "frames that are none are taken and lost");
	s[0].addr = 16;
	hvg_add(&q[1], s, 1, 0, false);
	hvg_kick(&q[1]);
	ok(g.start->device[0].status & 64 && hvg_wait(&g, 10) == 0, "an address outside: needs a reset");
	ok(hvg_start(&g, 0, ALL, q, 64) == 15, "which helps");
	s[0] = (struct hvg_seg){ tx_buf, 100 };
	hvg_add(&q[1], s, 1, 0, false);
	hvg_kick(&q[1]);
	ok(recv(fd[0], got, 200, 0) == 100, "it sends again");
	/* empty receive buffers: room never grows, and nothing spins */
	for (unsigned i = 0; i < 64; i++) {
		s[0].len = 0;
		hvg_add(&q[0], s, 0, 1, false);
	}
	hvg_kick(&q[0]);
	send(fd[0], big, 100, 0);
	ok(hvg_wait(&g, 10) == 0, "a ring of empty buffers receives nothing");
	end();
}

int main(void)
{
	srand(2);
	test_direct();
	test_starved();
	test_starved_kicks();
	test_backpressure(DEV_NET_SEQPACKET);
	test_backpressure(DEV_NET_STREAM);
	test_full();
	test_cut();
	test_stream_in();
	test_gone();
	test_pcap();
	test_lies();
	return done_testing();
}

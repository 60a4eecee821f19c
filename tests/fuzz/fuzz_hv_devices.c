/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A guest that does anything: hypercalls with any arguments, any bytes in its memory
 * and rings, while the sockets' other ends send and read, and the kernel fails. The
 * input is the list of deeds. Nothing may leave guest memory or write to the part that
 * is read-only, and nothing may go on for ever.
 *
 * SOURCES: hv/dev/virtq.c hv/dev/dev.c hv/dev/net.c hv/dev/net_rx.c hv/dev/gso.c
 * SOURCES: hv/dev/blk.c hv/dev/pool.c hv/dev/console.c hv/dev/rng.c tests/peer/hv_guest.c
 * FLAGS: -include tests/peer/hv_sys.h
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/peer/hv_guest.h"

#define SIZE	(96u << 10)
#define RW	(64u << 10)
#define N_DEV	6u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct hvg g;
static struct hvg_queue q[N_DEV][2];
static int seq[2], plain[2], stream[2], disk = -1, null, zero, pcap, event;
static const uint8_t *in;
static size_t left;

static unsigned u8(void)
{
	return left ? left--, *in++ : 0;
}

static unsigned u16(void)
{
	unsigned a = u8();

	return a | u8() << 8;
}

static uint64_t u64(void)
{
	uint64_t v = u16();

	v |= (uint64_t)u16() << 16 | (uint64_t)u16() << 32;
	return v | (uint64_t)u16() << 48;
}

/* An address: mostly inside, sometimes at an edge, sometimes anything. */
static uint64_t address(void)
{
	unsigned how = u8();

	if (how < 200)
		return HV_MEM_BASE + (how * 256u + u8()) % RW;
	if (how < 230)
		return HV_MEM_BASE + (how & 1 ? SIZE : RW) - u8() % 32;
	return how < 240 ? HV_MEM_BASE + u16() : u64();
}

static uint32_t length(void)
{
	static const uint32_t some[] = { 0, 1, 12, 16, 511, 512, 513, 1024, 2048, 4096, 16384, 65535, ~0u };
	unsigned how = u8();

	return how < 64 ? some[how % 13] : how < 250 ? how * 8 : (uint32_t)u64();
}

static void begin(void)
{
	struct dev_net_param n = { .vnet_hdr = true, .kind = DEV_NET_SEQPACKET, .pcap_fd = pcap };
	struct dev_blk_param b = { .fd = disk, .direct_fd = -1, .size = 32768, .discard = true };
	struct dev_console_param c = { .in_fd = zero, .out_fd = null };
	uint8_t *mem = g.mem;
	struct hv_start *start = g.start;
	struct devs *d = g.d;

	madvise(d, devs_size(), MADV_DONTNEED);
	memset(start, 0, sizeof(*start));
	memset(mem, 0, RW);
	memset(mem + RW, 0xa5, SIZE - RW);
	memset(&peer_sys_rule, 0, sizeof(peer_sys_rule));
	g.size = SIZE;
	g.rw_size = RW;
	g.next = 32768;
	devs_init(d, mem, SIZE, RW, start);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, seq) ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, plain) ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, stream) || ftruncate(pcap, 0))
		abort();
	n.fd = seq[1];
	devs_add_net(d, "net0", &n);
	n.fd = stream[1];
	n.kind = DEV_NET_STREAM;
	n.vnet_hdr = false;
	n.pcap_fd = -1;
	devs_add_net(d, "net1", &n);
	n.fd = plain[1];
	n.kind = DEV_NET_SEQPACKET;
	devs_add_net(d, "net2", &n);
	devs_add_blk(d, "disk0", &b);
	devs_add_rng(d, "rng0");
	devs_add_console(d, "console", &c);
	devs_set_event_fd(d, event);
	devs_stop_workers(d);
	if (u8() & 1)
		devs_count_workers(d, 1);
}

static void write_desc(struct virtq_desc *d)
{
	d->addr = address();
	d->len = length();
	d->flags = (uint16_t)(u8() & 7);
	d->next = (uint16_t)(u8() < 240 ? u8() % 16 : u16());
}

/* Something in a queue that was set up honestly. */
static void touch_queue(void)
{
	unsigned dev = u8() % N_DEV;
	struct hvg_queue *v = &q[dev][u8() & 1];

	if (!v->num || !v->g)
		return;
	switch (u8() % 8) {
	case 0:
		v->avail->idx = (uint16_t)(u8() < 240 ? v->avail->idx + u8() % 4 : u16());
		break;
	case 1:
		v->avail->ring[u8() % v->num] = (uint16_t)(u8() < 240 ? u8() % v->num : u16());
		break;
	case 2:
		v->avail->ring[v->num] = (uint16_t)u16();
		break;
	case 3:
		v->used->idx = (uint16_t)u16();
		break;
	case 4:		/* a whole chain, all well but what it says */
		for (unsigned i = 0, n = u8() % 4; i <= n; i++) {
			struct virtq_desc *d = &v->desc[i % v->num];

			write_desc(d);
			d->flags = (uint16_t)((i < n ? VIRTQ_DESC_F_NEXT : 0) | (u8() & 2));
			d->next = (uint16_t)((i + 1) % v->num);
		}
		v->avail->ring[v->avail->idx & (v->num - 1)] = 0;
		v->avail->idx++;
		break;
	default:
		write_desc(&v->desc[u8() % v->num]);
	}
}

/* The pool's worker is this thread: it does what is posted, and comes back since it was
 * told to stop. A reset would wait for it. */
static int64_t status(uint64_t dev, uint64_t value)
{
	devs_worker(g.d);
	return devs_status(g.d, dev, value);
}

static void honest_start(void)
{
	unsigned dev = u8() % N_DEV;
	uint64_t drop = 0;

	if (g.next > RW - 4096)
		g.next = 32768;
	for (unsigned i = 0; i < 3; i++)
		drop |= 1ull << u8() % 64;
	devs_worker(g.d);
	hvg_start(&g, dev, ~(drop & ~VIRTIO_F_VERSION_1), q[dev], 1u << u8() % 5);
}

static void request(void)
{
	struct virtio_blk_req_hdr h = { .type = u8() % 16, .sector = u8() };
	struct hvg_queue *v = &q[3][0];
	struct hvg_seg s[3] = { { HV_MEM_BASE + 256, 16 }, { address(), length() },
				{ HV_MEM_BASE + 300, 1 } };

	if (!v->num)
		return;
	memcpy(hvg_ptr(&g, s[0].addr), &h, sizeof(h));
	if (u8() & 1) {		/* one that may do */
		struct virtio_blk_discard r = { u8(), u8(), u8() % 3 };

		s[1] = (struct hvg_seg){ HV_MEM_BASE + 4096, h.type < 2 ? 512u * (u8() % 9) : 16u * (u8() % 4) };
		memcpy(hvg_ptr(&g, s[1].addr + (u8() & 1) * 16), &r, sizeof(r));
	}
	v->prod = v->avail->idx;
	for (unsigned i = 0; i < 3; i++)
		v->desc[i % v->num] = (struct virtq_desc){ s[i].addr, s[i].len,
			(uint16_t)((i < 2 ? 1 : 0) | (i == 2 || (i == 1 && h.type != 1 && h.type < 11) ? 2 : 0)),
			(uint16_t)((i + 1) % v->num) };
	v->avail->ring[v->prod & (v->num - 1)] = 0;
	v->avail->idx++;
	devs_kick(g.d, 3 << 16);
}

/* A virtio header and a TCP frame, nearly right; how long both are. */
static unsigned frame(uint8_t *buf, unsigned max)
{
	struct virtio_net_hdr h = { .flags = 1, .gso_type = 1, .gso_size = (uint16_t)(u8() * 8),
				    .csum_start = 34, .csum_offset = 16 };
	unsigned len = 66 + u8() * (u8() & 1 ? 8 : 250);
	uint8_t *f = buf + sizeof(h);

	if (len > max)
		len = max;
	memset(buf, 0x11, len);
	f[12] = 8, f[13] = 0, f[14] = 0x45, f[20] = 0, f[21] = 0, f[23] = 6, f[46] = 0x50;
	if (u8() & 1) {
		h.gso_type = 4;
		f[12] = 0x86, f[13] = 0xdd, f[14] = 0x60, f[20] = 6, f[66] = 0x50;
	}
	memcpy(buf, &h, sizeof(h));
	for (unsigned i = u8() % 4; i; i--)
		buf[u8() % 80] = (uint8_t)u8();
	return len;
}

static void peer_sends(void)
{
	unsigned which = u8() % 3, len, how = u8();
	static uint8_t buf[70000];
	int fd = which == 0 ? seq[0] : which == 1 ? stream[0] : plain[0];
	uint8_t *from = buf + (which ? sizeof(struct virtio_net_hdr) - 4 * (which == 1) : 0);
	uint32_t be;

	len = frame(buf, 66000);
	if (which)
		len -= sizeof(struct virtio_net_hdr);
	if (which == 1) {
		be = __builtin_bswap32(len + (how > 250));
		memcpy(from, &be, 4);
		len = how < 200 ? len + 4 : how * 11;
	}
	if (how == 77)
		shutdown(fd, SHUT_RDWR);
	else if (send(fd, from, how == 78 ? u8() : len, MSG_NOSIGNAL) < 0)
		return;
}

/* Receive buffers, as a driver posts them. */
static void post_rx(void)
{
	unsigned dev = u8() % 3, n = u8() % 20;
	struct hvg_queue *v = &q[dev][0];
	uint32_t len = u8() & 1 ? 2048 : u8() & 1 ? 8192 : length();

	if (!v->num)
		return;
	for (unsigned i = 0; i < n && i < v->num; i++) {
		unsigned at = (v->avail->idx + i) & (v->num - 1);

		v->desc[at] = (struct virtq_desc){ HV_MEM_BASE + 1024 + 64 * i, len, VIRTQ_DESC_F_WRITE, 0 };
		v->avail->ring[at] = (uint16_t)at;
	}
	v->avail->idx = (uint16_t)(v->avail->idx + (n < v->num ? n : v->num));
}

static void post_tx(void)
{
	unsigned dev = u8() % 3, len = frame(g.mem + 1024, 30000), cut = u8(), at;
	struct hvg_queue *v = &q[dev][1];

	if (v->num < 2)
		return;
	at = v->avail->idx & (v->num - 1) & ~1u;
	if (cut >= len)
		cut = len - 1;
	v->desc[at] = (struct virtq_desc){ HV_MEM_BASE + 1024, cut, VIRTQ_DESC_F_NEXT, (uint16_t)(at + 1) };
	v->desc[at + 1] = (struct virtq_desc){ HV_MEM_BASE + 1024 + cut, len - cut, 0, 0 };
	v->avail->ring[v->avail->idx & (v->num - 1)] = (uint16_t)at;
	v->avail->idx++;
	devs_kick(g.d, dev << 16 | 1);
}

static void peer_reads(void)
{
	static uint8_t buf[1 << 16];

	for (unsigned i = 0; i < 1 + u8() % 64; i++) {
		if (recv(seq[0], buf, sizeof(buf), 0) < 0 && recv(stream[0], buf, 700, 0) < 0 &&
		    recv(plain[0], buf, sizeof(buf), 0) < 0)
			return;
	}
}

static void kernel_fails(void)
{
	static const int nr[] = { SYS_readv, SYS_writev, SYS_preadv2, SYS_pwritev2, SYS_fdatasync,
				  SYS_fallocate, SYS_read, SYS_write, SYS_ppoll, SYS_getrandom };
	static const int ret[] = { -EAGAIN, -EINTR, -EIO, -EPIPE, -EBADFD, -ENOBUFS, -EINVAL, 0, -EOPNOTSUPP };

	peer_sys_rule = (struct peer_sys_rule){
		.nr = nr[u8() % 10], .ret = ret[u8() % 9], .fd = -1, .times = 1 + (int)u8() % 4,
	};
}

static void sweep(void)
{
	struct pollfd pfd[DEVS_POLLFDS];
	int n;

	if (u8() & 1)
		devs_worker(g.d);
	devs_sweep(g.d);
	devs_take_events(g.d);
	n = devs_prepare(g.d, pfd, DEVS_POLLFDS);
	if (n > (int)DEVS_POLLFDS)
		abort();
	if (n > 0 && poll(pfd, (nfds_t)n, 0) > 0)
		devs_ready(g.d, pfd, (unsigned)n);
}

static void deed(void)
{
	struct hv_queue w;
	unsigned n;

	switch (u8() % 20) {
	case 0:
		honest_start();
		break;
	case 1:
		status(u8() < 240 ? u8() % 8 : u64(), u8() < 240 ? u8() : u64());
		break;
	case 2:
		devs_features(g.d, u8() % 8, u8() < 128 ? u64() : u64() & g.start->device[u8() % N_DEV].features);
		break;
	case 3:
		w = (struct hv_queue){ 1u << u8() % 12, 0, address() & ~15ull, address() & ~1ull, address() & ~3ull };
		if (u8() & 1)
			memcpy(g.mem + 512, &w, sizeof(w));
		devs_queue(g.d, u8() < 240 ? (u8() % N_DEV) << 16 | (u8() & 1) : u64(),
			   u8() < 200 ? HV_MEM_BASE + 512 : address());
		break;
	case 4:
		devs_kick(g.d, u8() < 250 ? (u8() % N_DEV) << 16 | (u8() & 1) : u64());
		break;
	case 5:
		peer_sends();
		break;
	case 6:
		peer_reads();
		break;
	case 7:
		kernel_fails();
		break;
	case 8:
		n = u16() % (RW - 256);
		for (unsigned i = u8(); i; i--)
			g.mem[n + i] = (uint8_t)u8();
		break;
	case 9:
		request();
		break;
	case 10:
	case 11:
	case 12:
		sweep();
		break;
	case 13:
	case 14:
		post_rx();
		break;
	case 15:
		post_tx();
		break;
	default:
		touch_queue();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (disk < 0) {
		signal(SIGPIPE, SIG_IGN);	/* as dev.h wants it */
		disk = memfd_create("disk", 0);
		pcap = memfd_create("pcap", 0);
		null = open("/dev/null", O_WRONLY);
		event = eventfd(0, EFD_NONBLOCK);
		zero = open("/dev/zero", O_RDONLY);
		if (ftruncate(disk, 32768) || !(g.mem = malloc(SIZE)) || !(g.start = malloc(sizeof(*g.start))))
			abort();
		g.d = mmap(NULL, devs_size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (g.d == MAP_FAILED)
			abort();
	}
	peer_sys_slow = size & 1;
	in = data;
	left = size;
	memset(q, 0, sizeof(q));
	begin();
	for (unsigned i = 0; i < N_DEV; i++)
		hvg_start(&g, i, ~(u8() & 1 ? 1ull << u8() % 32 : 0), q[i], 16);
	for (unsigned i = 0; left && i < 300; i++)
		deed();
	sweep();
	for (unsigned i = RW; i < SIZE; i++)
		if (g.mem[i] != 0xa5)
			abort();
	for (unsigned i = 0; i < N_DEV; i++)
		if (status(i, 0))
			abort();
	for (unsigned i = 0; i < 2; i++) {
		close(seq[i]);
		close(plain[i]);
		close(stream[i]);
	}
	return 0;
}

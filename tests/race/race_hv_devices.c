/* SPDX-License-Identifier: BSD-2-Clause
 *
 * As in kvm mode: the guest's driver in one thread, the devices in another, workers in
 * four more; a disk and a network on one machine. Doorbells are an eventfd, events a
 * word in the start block. A lost wake-up ends in a time-out, a race in TSan's report.
 * The queues begin near the wrap of their indices after enough requests.
 *
 * SOURCES: hv/dev/virtq.c hv/dev/dev.c hv/dev/net.c hv/dev/net_rx.c hv/dev/gso.c
 * SOURCES: hv/dev/blk.c hv/dev/pool.c hv/dev/console.c hv/dev/rng.c tests/peer/hv_guest.c
 * FLAGS: -include tests/peer/hv_sys.h
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "tests/peer/hv_guest.h"
#include "tests/unit/tap.h"

#define REQUESTS	40000u
#define FRAMES		70000u		/* the indices wrap */
#define DEPTH		16u

static struct hvg g;
static struct hvg_queue blk, net[2];
static int bell, event, sock[2];
static bool over;
static uint8_t image[1 << 20];

static void *worker(void *arg)
{
	devs_worker(arg);
	return NULL;
}

static uint32_t kicked[2];		/* queues by device */

static void *serve(void *arg)
{
	struct pollfd pfd[DEVS_POLLFDS + 1];

	while (!__atomic_load_n(&over, __ATOMIC_ACQUIRE)) {
		uint64_t count;
		int n;

		for (unsigned dev = 0; dev < 2; dev++) {
			uint32_t mask = __atomic_exchange_n(&kicked[dev], 0, __ATOMIC_SEQ_CST);

			for (unsigned q = 0; mask >> q; q++)
				if (mask >> q & 1 && devs_kick(g.d, dev << 16 | q) > 0)
					devs_raise(g.d, 1u << dev);
		}
		devs_sweep(g.d);
		if (__atomic_load_n(&g.start->pending, __ATOMIC_SEQ_CST)) {
			uint64_t one = 1;

			if (write(event, &one, 8) != 8)
				abort();
		}
		n = devs_prepare(g.d, pfd, DEVS_POLLFDS);
		if (n < 0)
			continue;
		pfd[n] = (struct pollfd){ .fd = bell, .events = POLLIN };
		poll(pfd, (nfds_t)n + 1, 1000);
		devs_ready(g.d, pfd, (unsigned)n);
		if (pfd[n].revents && read(bell, &count, 8) < 0)
			abort();
	}
	return arg;
}

/* What hvg_kick() does, with the doorbell in place of the call. */
static void kick(struct hvg_queue *q)
{
	uint16_t old = q->avail->idx, *want = (uint16_t *)(void *)&q->used->ring[q->num];
	uint64_t one = 1;

	__atomic_store_n(&q->avail->idx, q->prod, __ATOMIC_RELEASE);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if ((uint16_t)(q->prod - __atomic_load_n(want, __ATOMIC_RELAXED) - 1) >= (uint16_t)(q->prod - old))
		return;
	__atomic_fetch_or(&kicked[q->dev], 1u << q->q, __ATOMIC_SEQ_CST);
	if (write(bell, &one, 8) != 8)
		abort();
}

/* Sleeps until one of the queues has something; false after two seconds. */
static bool wait_event(struct hvg_queue **q, unsigned n)
{
	struct pollfd p = { .fd = event, .events = POLLIN };
	uint64_t count;

	for (unsigned i = 0; i < n; i++) {
		hvg_arm(q[i]);
		if (__atomic_load_n(&q[i]->used->idx, __ATOMIC_ACQUIRE) != q[i]->cons)
			return true;
	}
	if (!devs_take_events(g.d)) {
		if (poll(&p, 1, 2000) == 0)
			return false;
		if (read(event, &count, 8) < 0)
			return errno == EAGAIN;
		devs_take_events(g.d);
	}
	return true;
}

static uint64_t hdr, data, status;

static bool disk(void)
{
	struct hvg_queue *q = &blk;
	unsigned put = 0, done = 0, bad = 0, slot_of[64] = { 0 }, free_slots = (1u << DEPTH) - 1;
	uint64_t sector_of[DEPTH];
	uint16_t head;
	uint32_t len;

	while (done < REQUESTS) {
		while (put < REQUESTS && free_slots) {
			unsigned i = (unsigned)__builtin_ctz(free_slots);
			struct virtio_blk_req_hdr h = { .type = put % 11 == 10 ? 4 : 0, .sector = (uint64_t)rand() % 2000 };
			struct hvg_seg s[3] = { { hdr + 16 * i, 16 }, { data + 4096 * i, 4096 }, { status + i, 1 } };
			int at;

			memcpy(hvg_ptr(&g, s[0].addr), &h, 16);
			if (h.type)
				s[1] = s[2];
			at = hvg_add(q, s, 1, h.type ? 1 : 2, false);
			if (at < 0)
				break;
			sector_of[i] = h.type ? ~0ull : h.sector;
			slot_of[at] = i;
			free_slots &= ~(1u << i);
			put++;
		}
		kick(q);
		while (hvg_get(q, &head, &len)) {
			unsigned i = slot_of[head];

			bad += *(uint8_t *)hvg_ptr(&g, status + i) != 0;
			if (sector_of[i] != ~0ull)
				bad += len != 4097 || memcmp(hvg_ptr(&g, data + 4096 * i), image + sector_of[i] * 512, 4096);
			free_slots |= 1u << i;
			done++;
		}
		if (put == REQUESTS || !free_slots)
			if (done < put && !wait_event(&q, 1))
				return ok(false, "the disk stands still after %u of %u", done, put);
	}
	return ok(!bad, "%u requests to the disk, %u deep", done, DEPTH);
}

static void *echo(void *arg)
{
	static uint8_t buf[4096];

	for (;;) {
		struct pollfd p = { .fd = sock[0], .events = POLLIN };
		ssize_t n;

		poll(&p, 1, 3000);
		n = recv(sock[0], buf, sizeof(buf), 0);
		if (n <= 0)
			return arg;
		p.events = POLLOUT;
		while (send(sock[0], buf, (size_t)n, 0) < 0 && errno == EAGAIN)
			poll(&p, 1, 1000);
	}
}

static bool network(void)
{
	struct hvg_queue *both[2] = { &net[0], &net[1] };
	unsigned sent = 0, seen = 0, bad = 0;
	uint64_t tx = hvg_alloc(&g, 256 * 128, 64), rx = hvg_alloc(&g, 256 * 2048, 64), rx_of[256];
	uint16_t head;
	uint32_t len;

	for (unsigned i = 0; i < 128; i++) {
		struct hvg_seg s = { rx + 2048 * i, 2048 };

		rx_of[hvg_add(&net[0], &s, 0, 1, false)] = s.addr;
	}
	kick(&net[0]);
	while (seen < FRAMES) {
		while (sent < FRAMES && sent - seen < 60) {
			struct hvg_seg s = { tx + 128 * (sent % 256), 12 + 64 };
			uint8_t *p = hvg_ptr(&g, s.addr);

			memset(p, 0, 12);
			memset(p + 12, (int)sent, 64);
			if (hvg_add(&net[1], &s, 1, 0, false) < 0)
				break;
			sent++;
		}
		kick(&net[1]);
		while (hvg_get(&net[1], &head, &len))
			;
		while (hvg_get(&net[0], &head, &len)) {
			struct hvg_seg s = { rx_of[head], 2048 };

			bad += len != 76 || *((uint8_t *)hvg_ptr(&g, s.addr) + 12) != (uint8_t)seen;
			seen++;
			rx_of[hvg_add(&net[0], &s, 0, 1, false)] = s.addr;
		}
		kick(&net[0]);
		if (seen < sent && !wait_event(both, 2))
			return ok(false, "the network stands still after %u of %u", seen, sent);
	}
	return ok(!bad, "%u frames there and back, in order", seen);
}

int main(void)
{
	int file = memfd_create("disk", 0);
	struct dev_blk_param b = { .fd = file, .direct_fd = -1, .size = sizeof(image) };
	struct dev_net_param n = { .kind = DEV_NET_SEQPACKET, .vnet_hdr = true, .pcap_fd = -1 };
	pthread_t w[4], server, peer;

	for (size_t i = 0; i < sizeof(image); i++)
		image[i] = (uint8_t)rand();
	if (pwrite(file, image, sizeof(image), 0) != sizeof(image) ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, sock))
		return 1;
	n.fd = sock[1];
	bell = eventfd(0, EFD_NONBLOCK);
	event = eventfd(0, EFD_NONBLOCK);
	peer_sys_slow = true;
	hvg_begin(&g, 8 << 20, 8 << 20);
	devs_add_blk(g.d, "disk0", &b);
	devs_add_net(g.d, "net0", &n);
	devs_set_event_fd(g.d, eventfd(0, EFD_NONBLOCK));
	devs_set_threaded(g.d, true);
	devs_count_workers(g.d, 4);
	for (unsigned i = 0; i < 4; i++)
		pthread_create(&w[i], NULL, worker, g.d);
	hvg_start(&g, 0, ~(1ull << 33), &blk, 64);
	hvg_start(&g, 1, ~(1ull << 33), net, 256);
	hdr = hvg_alloc(&g, 16 * DEPTH, 16);
	status = hvg_alloc(&g, DEPTH, 16);
	data = hvg_alloc(&g, 4096 * DEPTH, 4096);
	pthread_create(&server, NULL, serve, NULL);
	pthread_create(&peer, NULL, echo, NULL);
	if (disk())
		network();
	__atomic_store_n(&over, true, __ATOMIC_RELEASE);
	pthread_join(server, NULL);
	shutdown(sock[0], SHUT_RDWR);
	pthread_join(peer, NULL);
	devs_stop_workers(g.d);
	for (unsigned i = 0; i < 4; i++)
		pthread_join(w[i], NULL);
	hvg_end(&g);
	return done_testing();
}

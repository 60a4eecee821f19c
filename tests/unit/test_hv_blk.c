/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The block device on a file: with and without worker threads, with and without
 * O_DIRECT, short transfers, errors, flushes, discards, wrong requests.
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
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/peer/hv_guest.h"
#include "tests/unit/tap.h"

#define MEM	(8u << 20)
#define DISK	(4u << 20)
#define ALL	(VIRTIO_BLK_F_FLUSH | VIRTIO_BLK_F_SEG_MAX | VIRTIO_BLK_F_BLK_SIZE | \
		 VIRTIO_BLK_F_DISCARD | 1ull << 14 | VIRTIO_F_EVENT_IDX | VIRTIO_F_INDIRECT_DESC)

static struct hvg g;
static struct hvg_queue q;
static struct dev_blk_param p;
static pthread_t thread[8];
static unsigned n_threads;
static uint64_t hdr, data, status;	/* guest addresses: 64 of each */
static uint8_t image[DISK];
static char path[] = "/var/tmp/test_hv_blk.XXXXXX";

static void *worker(void *arg)
{
	devs_worker(arg);
	return NULL;
}

static void fresh(uint64_t features, bool ro, bool direct, unsigned workers)
{
	hvg_begin(&g, MEM, MEM);
	p = (struct dev_blk_param){ .fd = open(path, ro ? O_RDONLY : O_RDWR), .direct_fd = -1,
				    .size = DISK, .read_only = ro, .discard = true, .serial = "serial" };
	if (direct) {
		p.direct_fd = open(path, (ro ? O_RDONLY : O_RDWR) | O_DIRECT);
		p.direct_align = 4096;
	}
	devs_add_blk(g.d, "disk0", &p);
	devs_set_event_fd(g.d, eventfd(0, EFD_NONBLOCK));
	n_threads = workers;
	devs_count_workers(g.d, workers);
	for (unsigned i = 0; i < workers; i++)
		pthread_create(&thread[i], NULL, worker, g.d);
	hvg_start(&g, 0, features, &q, 64);
	hdr = hvg_alloc(&g, 16 * 64, 16);
	status = hvg_alloc(&g, 64, 16);
	data = hvg_alloc(&g, 64 * 65536, 4096);
	hvg_arm(&q);
}

static void end(void)
{
	devs_status(g.d, 0, 0);
	devs_stop_workers(g.d);
	for (unsigned i = 0; i < n_threads; i++)
		pthread_join(thread[i], NULL);
	close(p.fd);
	close(p.direct_fd);
	hvg_end(&g);
}

/* Puts request number `i`: its data at data + i * 64 KiB + skew. */
static void put(unsigned i, uint32_t type, uint64_t sector, uint32_t len, uint32_t skew)
{
	struct virtio_blk_req_hdr h = { .type = type, .sector = sector };
	struct hvg_seg s[4] = { { hdr + 16 * i, 16 } };
	unsigned n = 1;
	bool in = type == VIRTIO_BLK_T_IN || type == VIRTIO_BLK_T_GET_ID;

	memcpy(hvg_ptr(&g, hdr + 16 * i), &h, 16);
	*(uint8_t *)hvg_ptr(&g, status + i) = 0xee;
	if (len > 1000) {
		s[n++] = (struct hvg_seg){ data + 65536 * i + skew, 512 };
		s[n++] = (struct hvg_seg){ data + 65536 * i + skew + 512, len - 512 };
	} else if (len) {
		s[n++] = (struct hvg_seg){ data + 65536 * i + skew, len };
	}
	s[n] = (struct hvg_seg){ status + i, 1 };
	hvg_add(&q, s, in ? 1 : n, in ? n : 1, false);
}

static uint8_t status_of(unsigned i)
{
	return *(uint8_t *)hvg_ptr(&g, status + i);
}

/* Until `n` answers have come; false: they do not. Lengths are summed up. */
static bool answers(unsigned n, uint64_t *sum)
{
	uint16_t head;
	uint32_t len;

	*sum = 0;
	while (n) {
		while (n && hvg_get(&q, &head, &len)) {
			*sum += len;
			n--;
		}
		hvg_arm(&q);
		if (n && q.used->idx == q.cons && !hvg_wait(&g, 3000))
			return false;
	}
	return true;
}

static bool one(uint32_t type, uint64_t sector, uint32_t len, uint8_t want)
{
	uint64_t sum;

	put(0, type, sector, len, 0);
	hvg_kick(&q);
	return answers(1, &sum) && status_of(0) == want &&
	       sum == 1u + (want == 0 && (type == VIRTIO_BLK_T_IN) ? len : 0);
}

static void *at(unsigned i)
{
	return hvg_ptr(&g, data + 65536 * i);
}

static void test_basic(bool direct, unsigned workers)
{
	unsigned long calls;
	uint64_t sum;
	int bad = 0;

	fresh(ALL, false, direct, workers);
	ok(one(VIRTIO_BLK_T_IN, 8, 8192, 0) && !memcmp(at(0), image + 4096, 8192), "read (direct %d, %u workers)",
	   direct, workers);
	ok(one(VIRTIO_BLK_T_IN, 0, 512, 0) && !memcmp(at(0), image, 512), "one sector");
	ok(one(VIRTIO_BLK_T_IN, DISK / 512 - 1, 512, 0) && !memcmp(at(0), image + DISK - 512, 512), "the last one");
	calls = peer_sys_calls;
	ok(one(VIRTIO_BLK_T_IN, DISK / 512, 512, 1) && one(VIRTIO_BLK_T_IN, DISK / 512 - 1, 1024, 1) &&
	   one(VIRTIO_BLK_T_IN, ~0ull, 512, 1) && one(VIRTIO_BLK_T_OUT, 1ull << 55, 512, 1), "beyond the end");
	ok(one(VIRTIO_BLK_T_IN, ~0ull - 7, 4096, 1) && peer_sys_calls == calls, "the kernel is not asked");
	ok(one(VIRTIO_BLK_T_IN, 0, 511, 1), "half a sector");
	for (unsigned i = 0; i < 16384; i++)
		((uint8_t *)at(0))[i] = (uint8_t)(i * 3);
	ok(one(VIRTIO_BLK_T_OUT, 64, 16384, 0), "write");
	memcpy(image + 64 * 512, at(0), 16384);
	ok(one(VIRTIO_BLK_T_FLUSH, 0, 0, 0), "flush");
	memset(at(0), 0, 16384);
	ok(one(VIRTIO_BLK_T_IN, 64, 16384, 0) && !memcmp(at(0), image + 64 * 512, 16384), "read it again");
	ok(one(VIRTIO_BLK_T_GET_ID, 0, 20, 0) + 1 && !memcmp(at(0), "serial\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20), "serial number");
	ok(one(99, 0, 0, 2), "an unknown request");
	for (unsigned round = 0; round < 30; round++) {		/* 16 at a time, memory aligned or not */
		for (unsigned i = 0; i < 16; i++)
			put(i, VIRTIO_BLK_T_IN, (round * 31 + i * 17) % 4000, 4096 + 512 * (i % 5), round & 1 ? 8 : 0);
		hvg_kick(&q);
		bad += !answers(16, &sum);
		for (unsigned i = 0; i < 16; i++)
			bad += status_of(i) || memcmp((uint8_t *)at(i) + (round & 1 ? 8 : 0),
					image + (round * 31 + i * 17) % 4000 * 512, 4096 + 512 * (i % 5));
	}
	ok(!bad, "480 reads, 16 at a time");
	for (unsigned i = 0; i < 16; i++) {
		memset(at(i), (int)i + 100, 4096);
		memset(image + (1 << 20) + i * 4096, (int)i + 100, 4096);
		put(i, VIRTIO_BLK_T_OUT, 2048 + i * 8, 4096, 0);
	}
	hvg_kick(&q);
	bad = !answers(16, &sum);
	ok(!bad && one(VIRTIO_BLK_T_IN, 2048, 65536, 0) && !memcmp(at(0), image + (1 << 20), 65536), "16 writes at a time");
	end();
}

static void test_ro(void)
{
	unsigned long calls;

	fresh(ALL, true, false, 2);
	ok(g.start->device[0].features & VIRTIO_BLK_F_RO && !(g.start->device[0].features & VIRTIO_BLK_F_DISCARD),
	   "read-only is offered, discard is not");
	calls = peer_sys_calls;
	ok(one(VIRTIO_BLK_T_OUT, 0, 512, 1) && peer_sys_calls == calls, "no write");
	ok(one(VIRTIO_BLK_T_DISCARD, 0, 16, 2), "no discard");
	ok(one(VIRTIO_BLK_T_FLUSH, 0, 0, 0) && one(VIRTIO_BLK_T_IN, 0, 512, 0), "flush and read");
	end();
}

/* The kernel's answers, as tests want them. */
static void test_errors(unsigned workers)
{
	fresh(ALL, false, false, workers);
	peer_sys_rule = (struct peer_sys_rule){ .nr = SYS_preadv2, .ret = -EIO, .fd = p.fd, .times = 3 };
	ok(one(VIRTIO_BLK_T_IN, 0, 4096, 1), "EIO of a read (%u workers)", workers);
	peer_sys_rule = (struct peer_sys_rule){ .nr = SYS_pwritev2, .ret = -ENOSPC, .fd = p.fd, .times = 3 };
	ok(one(VIRTIO_BLK_T_OUT, 0, 4096, 1), "ENOSPC of a write");
	peer_sys_rule = (struct peer_sys_rule){ .nr = SYS_fdatasync, .ret = -EIO, .fd = p.fd, .times = 1 };
	ok(one(VIRTIO_BLK_T_FLUSH, 0, 0, 1), "EIO of a flush");
	ok(one(VIRTIO_BLK_T_FLUSH, 0, 0, 0), "the next is done");
	peer_sys_rule = (struct peer_sys_rule){ .nr = SYS_preadv2, .ret = -EAGAIN, .fd = p.fd, .times = workers ? 1 : 0 };
	ok(one(VIRTIO_BLK_T_IN, 0, 4096, 0) && !memcmp(at(0), image, 4096), "EAGAIN: a worker reads");
	peer_sys_rule = (struct peer_sys_rule){ .nr = SYS_preadv2, .ret = -EINTR, .fd = p.fd, .times = 5 };
	ok(one(VIRTIO_BLK_T_IN, 0, 4096, 0), "EINTR is nothing");
	ok(ftruncate(p.fd, DISK - 1000) == 0 && one(VIRTIO_BLK_T_IN, DISK / 512 - 8, 4096, 1),
	   "a file that has shrunk");
	ok(ftruncate(p.fd, DISK) == 0 && pwrite(p.fd, image, DISK, 0) == DISK, "back again");
	end();
}

/* Without FLUSH, an answered write is a durable one. */
static void test_write_through(void)
{
	unsigned long before;

	fresh(ALL & ~VIRTIO_BLK_F_FLUSH, false, false, 0);
	peer_sys_rule = (struct peer_sys_rule){ .nr = SYS_pwritev2, .ret = -EIO, .fd = p.fd, .times = 1 };
	before = peer_sys_calls;
	ok(one(VIRTIO_BLK_T_OUT, 0, 512, 1) && peer_sys_calls == before + 1 && peer_sys_last_flags == 2, "RWF_DSYNC without FLUSH");
	end();
	fresh(ALL, false, false, 0);
	peer_sys_rule = (struct peer_sys_rule){ .nr = SYS_pwritev2, .ret = -EIO, .fd = p.fd, .times = 1 };
	ok(one(VIRTIO_BLK_T_OUT, 0, 512, 1) && peer_sys_last_flags == 0, "not with it");
	end();
}

static bool erase(uint32_t type, uint64_t sector, uint32_t n, uint32_t flags, uint8_t want)
{
	struct virtio_blk_discard d = { sector, n, flags };

	memcpy(at(0), &d, sizeof(d));
	return one(type, 0, sizeof(d), want);
}

static void test_erase(void)
{
	static const uint8_t zero[8192];
	struct stat a, b;

	fresh(ALL, false, false, 2);
	fsync(p.fd);
	fstat(p.fd, &a);
	ok(erase(VIRTIO_BLK_T_DISCARD, 4096, 2048, 0, 0), "discard");
	fstat(p.fd, &b);
	ok(b.st_blocks < a.st_blocks, "frees blocks (%ld, %ld)", (long)a.st_blocks, (long)b.st_blocks);
	memset(image + 4096 * 512, 0, 2048 * 512);
	ok(erase(13, 16, 16, 0, 0) && one(VIRTIO_BLK_T_IN, 16, 8192, 0) && !memcmp(at(0), zero, 8192), "write zeroes");
	ok(erase(13, 32, 16, 1, 0) && one(VIRTIO_BLK_T_IN, 32, 8192, 0) && !memcmp(at(0), zero, 8192), "and unmap");
	memset(image + 16 * 512, 0, 32 * 512);
	ok(erase(VIRTIO_BLK_T_DISCARD, 0, 8, 1, 2), "discard with a flag");
	ok(erase(13, 0, 8, 2, 2), "an unknown flag");
	ok(erase(13, DISK / 512 - 7, 8, 0, 1) && erase(VIRTIO_BLK_T_DISCARD, ~0ull, 8, 0, 1) &&
	   erase(VIRTIO_BLK_T_DISCARD, 0, ~0u, 0, 1), "beyond the end");
	ok(one(VIRTIO_BLK_T_DISCARD, 0, 0, 1) && one(VIRTIO_BLK_T_DISCARD, 0, 15, 1) &&
	   one(VIRTIO_BLK_T_DISCARD, 0, 16 * 17, 1), "ranges of odd length");
	ok(one(VIRTIO_BLK_T_IN, 0, 65536, 0) && !memcmp(at(0), image, 65536), "nothing else has changed");
	end();
}

static void test_lies(void)
{
	struct hvg_seg s[2];
	uint64_t sum;

	fresh(ALL, false, false, 2);
	s[0] = (struct hvg_seg){ hdr, 16 };
	hvg_add(&q, s, 1, 0, false);
	hvg_kick(&q);
	ok(g.start->device[0].status & 64, "no place for the status");
	hvg_start(&g, 0, ALL, &q, 64);
	s[0].len = 15;
	s[1] = (struct hvg_seg){ status, 1 };
	hvg_add(&q, s, 1, 1, false);
	hvg_kick(&q);
	ok(g.start->device[0].status & 64, "half a header");
	hvg_start(&g, 0, ALL, &q, 64);
	hvg_arm(&q);
	for (unsigned i = 0; i < 21; i++)
		put(i, VIRTIO_BLK_T_FLUSH, 0, 0, 0);
	hvg_kick(&q);
	hvg_add(&q, s, 1, 0, false);		/* while those are under way */
	ok(hvg_kick(&q) == 1 || hvg_wait(&g, 1000) == 1, "fails among others");
	devs_status(g.d, 0, 0);
	hvg_start(&g, 0, ALL, &q, 64);
	hvg_arm(&q);
	put(0, VIRTIO_BLK_T_IN, 0, 512, 0);
	hvg_kick(&q);
	ok(answers(1, &sum) && sum == 513, "a reset waits for the workers, and then it works");
	/* one head three hundred times: more than there can be */
	for (unsigned i = 0; i < 300; i++) {
		q.avail->ring[q.prod++ & 63] = q.avail->ring[0];
		q.avail->idx = q.prod;
		devs_kick(g.d, 0);
	}
	hvg_wait(&g, 100);
	ok(devs_status(g.d, 0, 0) == 0, "the same head again and again");
	end();
	fresh(ALL, false, false, 0);
	ok(devs_add_blk(g.d, "x", &(struct dev_blk_param){ .size = 1000, .direct_fd = -1 }) == -EINVAL,
	   "a size that is no multiple of 512");
	end();
}

/* Requests that take their time: a reset waits until no worker can write any more. */
static void test_reset(void)
{
	uint8_t same[4096];

	fresh(ALL, false, false, 8);
	peer_sys_slow = true;
	peer_sys_delay_us = 40000;
	for (unsigned i = 0; i < 4; i++)
		put(i, VIRTIO_BLK_T_IN, 8 * i, 4096, 0);
	hvg_kick(&q);
	devs_status(g.d, 0, 0);
	memset(at(0), 0x55, 4096);
	memset(same, 0x55, 4096);
	usleep(80000);
	ok(!memcmp(at(0), same, 4096), "after a reset memory stays as it is");
	ok(hvg_start(&g, 0, ALL, &q, 4) == 15, "starts again");
	put(0, VIRTIO_BLK_T_FLUSH, 0, 0, 0);
	for (unsigned i = 0; i < 20; i++) {
		q.avail->ring[i & 3] = 0;
		q.avail->idx++;
		devs_kick(g.d, 0);
	}
	usleep(10000);
	ok(__atomic_load_n(&peer_sys_inside, __ATOMIC_RELAXED) <= 4, "no more under way than the queue has entries");
	peer_sys_delay_us = 0;
	peer_sys_slow = false;
	end();
}

/* A job that ends between the sweep and the sleep. No thread: this one is the worker. */
static void test_last_moment(void)
{
	struct pollfd pfd[DEVS_POLLFDS];

	fresh(ALL, false, false, 0);
	devs_count_workers(g.d, 1);
	put(0, VIRTIO_BLK_T_FLUSH, 0, 0, 0);
	hvg_kick(&q);
	devs_sweep(g.d);
	devs_stop_workers(g.d);
	devs_worker(g.d);
	ok(devs_prepare(g.d, pfd, DEVS_POLLFDS) == -1, "no sleep: there is something done");
	devs_sweep(g.d);
	ok(status_of(0) == 0 && devs_take_events(g.d) == 1, "which the next sweep finds");
	ok(devs_prepare(g.d, pfd, DEVS_POLLFDS) == 1, "then it may sleep");
	end();
}

int main(void)
{
	int fd = mkstemp(path);

	for (unsigned i = 0; i < DISK; i++)
		image[i] = (uint8_t)rand();
	if (fd < 0 || write(fd, image, DISK) != DISK)
		return 1;
	test_basic(false, 0);
	test_basic(false, 4);
	test_basic(true, 0);
	test_basic(true, 4);
	test_ro();
	test_errors(0);
	test_errors(3);
	test_write_through();
	test_erase();
	test_lies();
	test_reset();
	test_last_moment();
	unlink(path);
	return done_testing();
}

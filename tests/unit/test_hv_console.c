/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The console device on pipes: output in order and whole, a reader that stalls, one
 * that is gone, input, its end, and a guest that never sleeps.
 *
 * SOURCES: hv/dev/virtq.c hv/dev/dev.c hv/dev/net.c hv/dev/net_rx.c hv/dev/gso.c
 * SOURCES: hv/dev/blk.c hv/dev/pool.c hv/dev/console.c hv/dev/rng.c tests/peer/hv_guest.c
 * FLAGS: -include tests/peer/hv_sys.h
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "tests/peer/hv_guest.h"
#include "tests/unit/tap.h"

#define PIPE	16384		/* F_SETPIPE_SZ */

static struct hvg g;
static struct hvg_queue q[2];
static int in[2], out[2];
static uint64_t text;
static char got[100000];

static void fresh(void)
{
	struct dev_console_param p;

	if (pipe(in) || pipe(out) || fcntl(out[1], F_SETPIPE_SZ, PIPE) < 0)
		return;
	p = (struct dev_console_param){ in[0], out[1] };
	hvg_begin(&g, 1 << 20, 1 << 20);
	devs_add_console(g.d, "console", &p);
	hvg_start(&g, 0, VIRTIO_F_EVENT_IDX, q, 16);
	text = hvg_alloc(&g, 65536, 16);
	for (unsigned i = 0; i < 65536; i++)
		((char *)hvg_ptr(&g, text))[i] = (char)('a' + i % 23);
	fcntl(out[0], F_SETFL, O_NONBLOCK);
}

static void end(void)
{
	close(in[0]);
	close(in[1]);
	close(out[0]);
	close(out[1]);
	hvg_end(&g);
}

static void put(unsigned at, unsigned len)
{
	struct hvg_seg s = { text + at, len };

	hvg_add(&q[1], &s, 1, 0, false);
}

static long ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void test_output(void)
{
	struct hvg_seg s[3];

	fresh();
	put(0, 5);
	put(5, 7);
	hvg_kick(&q[1]);
	ok(read(out[0], got, 100) == 12 && !memcmp(got, "abcdefghijkl", 12), "two pieces of text, at once");
	s[0] = (struct hvg_seg){ text, 3 };
	s[1] = (struct hvg_seg){ text + 3, 1 };
	s[2] = (struct hvg_seg){ text + 4, 900 };
	hvg_add(&q[1], s, 3, 0, false);
	put(1, 0);
	hvg_kick(&q[1]);
	ok(read(out[0], got, 2000) == 904 && !memcmp(got, hvg_ptr(&g, text), 904), "a chain of three");
	ok(q[1].used->idx == 4, "all given back, the empty one too");
	end();
}

static void test_stall(void)
{
	unsigned have = 0;
	uint16_t head;
	uint32_t len;
	long begin = ms(), took;
	ssize_t n;

	fresh();
	put(0, 30000);
	put(30000, 10000);
	hvg_kick(&q[1]);
	took = ms() - begin;
	ok(took >= 40 && took < 1000, "nobody reads: the kick waits a little (%ld ms)", took);
	begin = ms();
	put(40000, 100);
	hvg_kick(&q[1]);
	hvg_wait(&g, 0);
	ok(ms() - begin < 30, "and not again");
	have = read(out[0], got, 4096) > 0 ? 4096 : 0;
	begin = ms();
	hvg_wait(&g, 0);
	ok(have && ms() - begin < 30, "nor for a slow reader");
	ok(q[1].used->idx == 0, "nothing is given back that was not written");
	for (unsigned i = 0; i < 3000 && have < 40100; i++) {
		hvg_wait(&g, 1);
		n = read(out[0], got + have, 999);
		have += n > 0 ? (unsigned)n : 0;
	}
	ok(have == 40100 && !memcmp(got, hvg_ptr(&g, text), have), "all of it comes once somebody reads");
	while (hvg_get(&q[1], &head, &len))
		ok(len == 0, "given back");
	end();
}

static void test_busy_guest(void)
{
	unsigned i, have = 0;
	ssize_t n;

	fresh();
	put(0, 40000);
	hvg_kick(&q[1]);
	for (i = 0; i < 5000 && have < 40000; i++) {
		n = read(out[0], got, sizeof(got));
		have += n > 0 ? (unsigned)n : 0;
		devs_sweep(g.d);
	}
	ok(have == 40000, "a reader that is back is seen by a guest that never sleeps (%u)", have);
	end();
}

static void test_closed(void)
{
	fresh();
	close(out[0]);
	put(0, 100);
	put(0, 60000);
	hvg_kick(&q[1]);
	put(0, 100);
	hvg_kick(&q[1]);
	ok(q[1].used->idx == 3 && !(g.start->device[0].status & 64), "a reader that is gone: text is lost");
	ok(hvg_wait(&g, 10) == 0, "and the guest sleeps");
	end();
}

static void test_input(void)
{
	struct hvg_seg s;
	uint16_t head;
	uint32_t len;
	unsigned i;

	fresh();
	if (write(in[1], "hello\n", 6) != 6)
		return;
	ok(hvg_wait(&g, 10) == 0, "no buffer: the input waits");
	s = (struct hvg_seg){ text, 4 };
	hvg_add(&q[0], &s, 0, 1, false);
	s.addr += 4;
	hvg_add(&q[0], &s, 0, 1, false);
	ok((hvg_kick(&q[0]) == 1 || hvg_wait(&g, 100) == 1) && hvg_get(&q[0], &head, &len) && len == 4, "four bytes");
	hvg_arm(&q[0]);
	ok((q[0].used->idx == 2 || hvg_wait(&g, 100) == 1) && hvg_get(&q[0], &head, &len) && len == 2 &&
	   !memcmp(hvg_ptr(&g, text), "hello\n", 6), "and the rest");
	s.addr = text;
	hvg_add(&q[0], &s, 0, 1, false);
	hvg_kick(&q[0]);
	hvg_arm(&q[0]);
	if (write(in[1], "x", 1) != 1)
		return;
	for (i = 0; i < 200 && !hvg_get(&q[0], &head, &len); i++)
		devs_sweep(g.d);
	ok(i < 200 && len == 1, "a guest that never sleeps hears it too (sweep %u)", i);
	hvg_add(&q[0], &s, 0, 1, false);
	hvg_kick(&q[0]);
	close(in[1]);
	devs_take_events(g.d);
	ok(hvg_wait(&g, 10) == 0 && hvg_wait(&g, 10) == 0, "the end of input is not a busy loop");
	end();
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	test_output();
	test_stall();
	test_busy_guest();
	test_closed();
	test_input();
	return done_testing();
}

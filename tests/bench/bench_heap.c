/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The heap against the C library's malloc: a random one of N live objects is
 * freed and another allocated, sizes drawn evenly by logarithm from 16 to
 * 2048; ns for a pair. Then memory held by pages against bytes asked for after
 * the churn.
 *
 * Build and run:
 *	gcc -O2 -I. tests/bench/bench_heap.c tests/host/fake_pv.c kernel/{page,\
 *	heap,thread,event,timer,clock,log,console,trace,panic,backtrace,symbols,\
 *	watchdog,cmdline,device}.c kernel/lib/fmt.c \
 *	kernel/arch/x86_64/switch.S -D_GNU_SOURCE -o build/bench_heap
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "kernel/heap.h"
#include "kernel/page.h"
#include "tests/host/fake_pv.h"

#define PAIRS 4000000u

static uint64_t rng = 88172645463325252ull;

static uint64_t next_random(void)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return rng;
}

static size_t random_size(void)
{
	unsigned e = next_random() % 7;

	return ((size_t)16 << e) + next_random() % ((size_t)16 << e);
}

static void *glint_alloc(size_t n) { return heap_alloc(HEAP_APP, n); }
static void glint_free(void *p) { heap_free(HEAP_APP, p); }

static double now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static double run(size_t n, void *(*alloc)(size_t), void (*release)(void *),
		  double *overhead)
{
	void **live = calloc(n, sizeof(*live));
	size_t *size = calloc(n, sizeof(*size)), sum = 0, used;
	size_t before = page_free_count();
	double t0, t1;

	for (size_t i = 0; i < n; i++)
		live[i] = alloc(size[i] = random_size());
	t0 = now_ns();
	for (unsigned k = 0; k < PAIRS; k++) {
		size_t i = next_random() % n;

		release(live[i]);
		live[i] = alloc(size[i] = random_size());
		*(volatile char *)live[i] = 1;
	}
	t1 = now_ns();
	for (size_t i = 0; i < n; i++)
		sum += size[i];
	used = (before - page_free_count()) * PAGE_SIZE;
	*overhead = (double)used / (double)sum;
	for (size_t i = 0; i < n; i++)
		release(live[i]);
	free(live);
	free(size);
	return (t1 - t0) / PAIRS;
}

int main(void)
{
	static const size_t counts[] = { 1000, 10000, 100000 };

	fake_pv_init((size_t)512 << 20);
	for (unsigned i = 0; i < ARRAY_SIZE(counts); i++) {
		double none, overhead;
		double libc = run(counts[i], malloc, free, &none);
		double ours = run(counts[i], glint_alloc, glint_free, &overhead);

		printf("%6zu live: libc %.0f ns, heap %.0f ns (%.2f x), "
		       "pages/bytes %.2f\n", counts[i], libc, ours, ours / libc,
		       overhead);
	}
	return 0;
}

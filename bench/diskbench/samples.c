/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Latencies in a histogram of fixed size, so that a guest of a few megabytes
 * can measure for as long as it likes. Percentiles are exact to 6 %, the
 * maximum to a nanosecond.
 */
#include "diskbench.h"

#include <stdio.h>
#include <time.h>

#define SUB 16u
#define UNIT_NS 250u

uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static unsigned bucket_of(uint64_t ns)
{
	uint64_t v = ns / UNIT_NS;
	unsigned top, at;

	if (v < SUB)
		return (unsigned)v;
	top = 63u - (unsigned)__builtin_clzll(v);	/* >= 4 */
	at = (top - 3) * SUB + (unsigned)(v >> (top - 4)) - SUB;
	return at < SAMPLE_BUCKETS ? at : SAMPLE_BUCKETS - 1;
}

/* The middle of a bucket, in nanoseconds. */
static uint64_t bucket_ns(unsigned at)
{
	unsigned shift;

	if (at < SUB)
		return at * UNIT_NS + UNIT_NS / 2;
	shift = at / SUB - 1;
	return (((uint64_t)(SUB + at % SUB) << shift) * 2 + (1ull << shift)) * UNIT_NS / 2;
}

void samples_add(struct samples *s, uint64_t ns)
{
	s->n++;
	s->sum_ns += ns;
	if (ns > s->max_ns)
		s->max_ns = ns;
	s->bucket[bucket_of(ns)]++;
}

uint64_t samples_us(const struct samples *s, unsigned per_mille)
{
	uint64_t want = (s->n * per_mille + 999) / 1000, seen = 0, ns;

	for (unsigned i = 0; i < SAMPLE_BUCKETS; i++) {
		seen += s->bucket[i];
		if (seen >= want && seen) {
			ns = bucket_ns(i);
			return (ns > s->max_ns ? s->max_ns : ns) / 1000;
		}
	}
	return 0;
}

void samples_print(const struct samples *s, const char *prefix)
{
	static const struct { const char *name; unsigned per_mille; } rows[] = {
		{ "p50", 500 }, { "p99", 990 }, { "p999", 999 },
	};
	char name[32];

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(name, sizeof(name), "%s%s", prefix, rows[i].name);
		put(name, samples_us(s, rows[i].per_mille));
	}
	snprintf(name, sizeof(name), "%smax", prefix);
	put(name, s->max_ns / 1000);
}

void samples_dump(const struct samples *s, const char *name)
{
	printf("h %s", name);
	for (unsigned i = 0; i < SAMPLE_BUCKETS; i++) {
		if (s->bucket[i])
			printf(" %lu:%lu", (unsigned long)(bucket_ns(i) / 1000),
			       (unsigned long)s->bucket[i]);
	}
	printf("\n");
}

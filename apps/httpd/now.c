/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading the clocks. The wall clock is read when the monotonic second changes. */
#define _GNU_SOURCE 1
#include "now.h"

#include <time.h>

uint64_t now_mono_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

void now_update(struct now *c)
{
	struct timespec ts;
	uint64_t ms = now_mono_ns() / 1000000;
	uint32_t second = (uint32_t)(ms / 1000) + 1;

	c->mono_ms = ms;
	if (second == c->second)
		return;
	c->second = second;
	clock_gettime(CLOCK_REALTIME, &ts);
	c->wall_s = ts.tv_sec;
	date_format_http(c->wall_s, c->date);
	date_format_log(c->wall_s, c->log_date);
}

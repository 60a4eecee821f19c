/* SPDX-License-Identifier: BSD-2-Clause */
/* The time, looked at once for each round of the event loop; its texts change once a second. */
#pragma once
#include <stdint.h>

#include "date.h"

struct now {
	uint64_t mono_ms;	/* for time-outs */
	uint32_t second;	/* changes each second; never 0; for "not more than once a second" */
	int64_t wall_s;
	char date[DATE_HTTP_LEN];
	char log_date[DATE_LOG_LEN];
};

void now_update(struct now *c);
uint64_t now_mono_ns(void);

/* SPDX-License-Identifier: BSD-2-Clause */
/* What the server counts. Shown by /_glint/metrics. */
#pragma once
#include <stdint.h>

struct stats {
	uint64_t n_responses[6];	/* by the first digit of the status */
	uint64_t n_bytes_sent, n_bytes_received;
	uint64_t n_accepted, n_timeouts, n_accept_pauses;
	unsigned n_connections, n_sending;
	uint64_t started_ms;
};

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The request log: one line for each request, in the Common Log Format. Lines gather in a buffer that is written
 * between rounds of the event loop. A console that is slower than the server costs lines, which are
 * counted and reported, and never more than a twentieth of the time.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "now.h"
#include "request.h"

#define ACCESSLOG_BUFFER 8192
#define ACCESSLOG_LINE_MAX 512
#define ACCESSLOG_TARGET_MAX 160	/* longer ones are cut, with "..." */

struct accesslog {
	int fd;
	bool quiet;
	size_t len;
	uint64_t n_dropped, n_dropped_reported;
	uint64_t write_not_before_ns;
	char buf[ACCESSLOG_BUFFER];
};

void accesslog_init(struct accesslog *l, int fd, bool quiet);

/* Everything up to the size: may be done before the answer is sent, and kept. */
void accesslog_format(struct text *t, struct slice peer, const struct now *now, const struct request *r, unsigned status);

/* Adds a line: what accesslog_format made, and the bytes of body that went out. */
void accesslog_add(struct accesslog *l, const char *start, size_t start_len, uint64_t n_bytes);

/* The same in one step. */
void accesslog_request(struct accesslog *l, struct slice peer, const struct now *now, const struct request *r, unsigned status,
		 uint64_t n_bytes);

/* Writes what there is, if the log's share of the time allows it. Milliseconds until it does; 0: nothing left; */
unsigned accesslog_flush(struct accesslog *l);

/* Writes the rest, waiting for a slow console: at the end of the program. */
void accesslog_drain(struct accesslog *l);

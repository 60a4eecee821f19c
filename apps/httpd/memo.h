/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The last request head, as text and as what parsing it gave. Clients repeat themselves, byte for byte: a browser
 * that reloads, a load balancer that checks, a load generator. Comparing costs a tenth of parsing.
 */
#pragma once
#include <stddef.h>

#include "request.h"

#define MEMO_MAX 1024	/* longer heads are parsed each time */

struct memo {
	size_t len;	/* 0: empty */
	struct request request;	/* its slices point into text */
	char text[MEMO_MAX];
};

/* As request_parse. */
size_t memo_parse(struct memo *m, const char *buf, size_t len, size_t seen_len, struct request *r);

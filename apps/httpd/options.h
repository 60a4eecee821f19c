/* SPDX-License-Identifier: BSD-2-Clause */
/* The command line. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct options {
	const char *root;
	unsigned port;
	unsigned max_conns;
	unsigned idle_s;	/* a kept-alive connection without a request */
	unsigned header_s;	/* from the first byte of a request to the end of its head */
	unsigned send_s;	/* without the client taking anything */
	size_t cache_bytes;
	bool quiet;
	bool no_status;		/* /_glint and /metrics are ordinary paths */
};

/* What options_parse returned: go on, or leave with an exit status. */
enum { OPTIONS_RUN = -1 };

/*
 * Fills o from the defaults for so much memory, then from the arguments. OPTIONS_RUN;
 * 0 after --help; 2 after a message to stderr.
 */
int options_parse(struct options *o, int argc, char *argv[], size_t memory);

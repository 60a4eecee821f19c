/* SPDX-License-Identifier: BSD-2-Clause */
/* The server: what its parts share, and the event loop that drives them. */
#pragma once
#include <stdbool.h>

#include "accesslog.h"
#include "batch.h"
#include "conn.h"
#include "files.h"
#include "memo.h"
#include "now.h"
#include "options.h"
#include "stats.h"

#define SERVER_RX_SIZE 16384		/* read at once, so also the most that is pipelined */
#define SERVER_FILE_CHUNK 32768		/* read from a file at once */
#define SERVER_LISTENERS 2		/* IPv4 and IPv6 */

struct server {
	struct options options;
	struct files files;
	struct now now;
	struct stats stats;
	struct accesslog log;
	struct memo memo;
	struct batch batch;
	struct conn_timer timers[CONN_TIMERS];
	struct conn *free_conns;
	size_t kept_bytes;		/* of partial requests, over all connections */
	int epoll_fd;
	int listeners[SERVER_LISTENERS];	/* or -1 */
	bool accepting;
	uint64_t accept_again_ms;	/* after a shortage; 0: no pause */
	volatile bool stop;
	char rx[SERVER_RX_SIZE];
	char file_chunk[SERVER_FILE_CHUNK];
};

/* 0, or -errno after a message. */
int server_init(struct server *s, const struct options *options);

/* Serves until s->stop. 0, or -errno when waiting for events fails. */
int server_run(struct server *s);

/* Closes everything; also after a failed server_init. */
void server_destroy(struct server *s);

/* SPDX-License-Identifier: BSD-2-Clause */
/* What main.c, tcp.c and udp.c share. */
#pragma once
#include <stdint.h>

#define ECHO_BUFFER 16384	/* read at once, and the most that is kept for a slow client */

/* Something that epoll watches: its function is called with the events. */
struct watch {
	void (*event)(struct watch *w, uint32_t events);
	int fd;
};

extern int echo_epoll_fd;
extern char echo_buffer[ECHO_BUFFER];	/* filled and emptied within one event */

/* A bound, non-blocking socket of this family (AF_INET, AF_INET6) and type; or -errno. */
int echo_socket(int family, int type, unsigned port);

/* 0 or -errno. */
int echo_watch(struct watch *w, uint32_t events);

/* Start to serve; w is to be static. 0 or -errno. */
int tcp_listen(struct watch *w, int family, unsigned port);
int udp_listen(struct watch *w, int family, unsigned port);

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Private to net/sock*.c: what a socket is. All of it runs in the one flow of
 * control: lwIP's callbacks (event context) mark state, wake waiters and call
 * file_notify(); they never block and never close a PCB. Calls of threads may
 * sleep on the two wait queues.
 *
 * A struct sock belongs to its file. A connection that is closed leaves its
 * PCB with lwIP alone: no struct sock stays behind for it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/file.h"
#include "kernel/sock.h"
#include "kernel/thread.h"
#include "net/net_impl.h"

struct sock;

/* One row for each protocol: see struct sock_provider for the contracts. */
struct sock_ops {
	enum sock_type type;
	int (*bind)(struct sock *s, const ip_addr_t *addr, uint16_t port);
	int (*listen)(struct sock *s, int backlog);
	int (*accept)(struct sock *s, struct file **out, struct sock_addr *peer);
	int (*connect)(struct sock *s, const ip_addr_t *addr, uint16_t port);
	/* `to` is NULL where the caller gave no address. */
	long (*send)(struct sock *s, const struct sock_msg *m,
		     const ip_addr_t *to, uint16_t port);
	long (*recv)(struct sock *s, struct sock_msg *m);
	int (*shutdown)(struct sock *s, bool rd, bool wr);
	int (*name)(struct sock *s, bool peer, ip_addr_t *addr, uint16_t *port);
	/* The option's field in *s has its new value: tell the PCB. */
	void (*apply)(struct sock *s);
	unsigned (*poll)(struct sock *s);
	void (*release)(struct sock *s);
};

struct sock {
	struct file file;		/* first */
	const struct sock_ops *ops;
	struct wait_queue readers;	/* recv, accept */
	struct wait_queue writers;	/* send, connect, lingering close */
	uint32_t rcvbuf, sndbuf;	/* bytes, 0: as the stack likes */
	uint32_t rcvtimeo, sndtimeo;	/* microseconds, 0: none */
	int16_t linger;			/* seconds, -1: off */
	uint16_t keepidle, keepintvl;	/* seconds, 0: lwIP's */
	uint8_t keepcnt;		/* 0: lwIP's */
	uint8_t err;			/* SO_ERROR: positive errno */
	uint8_t ttl, tos, mcast_ttl;
	bool ipv6 : 1, v6only : 1, reuse : 1, keepalive : 1, broadcast : 1,
	     nodelay : 1, mcast_loop : 1;
};

/* net/sock.c */
void sock_init(struct sock *s, const struct sock_ops *ops, bool ipv6);
struct sock *sock_of(struct file *f);
int net_errno(err_t e);			/* 0 or -Exxx */

/* Of a socket of this family: v4-mapped where Linux shows that. */
void sock_addr_from_ip(const struct sock *s, struct sock_addr *out,
		       const ip_addr_t *ip, uint16_t port);
uint8_t sock_ip_type(const struct sock *s);	/* IPADDR_TYPE_* of a new PCB */

/* May two sockets hold these local addresses on one port? */
bool sock_addrs_overlap(const ip_addr_t *a, const ip_addr_t *b);

/* A deadline for a time-out option, from now. */
nsec_t sock_deadline(uint32_t timeout_us);

/* Sleeps once. 0: look again; -EAGAIN: not to block, or time is up. */
int sock_sleep(struct sock *s, struct wait_queue *q, unsigned msg_flags,
	       nsec_t deadline);

/* Wakes everybody who waits for any of `events` (FILE_*). */
void sock_event(struct sock *s, unsigned events);

/* A walk over an iovec. */
struct sock_iov {
	const struct file_iov *iov;
	int n;				/* left, the present one included */
	size_t off;			/* within the present one */
};
size_t sock_iov_len(const struct file_iov *iov, int n);
/* The present piece: its length, 0 at the end. */
size_t sock_iov_piece(struct sock_iov *it, uint8_t **p);
void sock_iov_skip(struct sock_iov *it, size_t len);	/* within the piece */

/* net/sock_opt.c */
int sock_setopt(struct sock *s, enum sock_opt opt, int value);
int sock_getopt(struct sock *s, enum sock_opt opt, int *value);

/* net/sock_tcp.c, net/sock_udp.c: NULL for no memory */
struct sock *sock_tcp_create(bool ipv6);
struct sock *sock_udp_create(bool ipv6);
bool sock_tcp_listening(const struct sock *s);

/* net/dns.c */
int sock_resolve(const char *host, int family, struct sock_addr *out, int max);

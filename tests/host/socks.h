/* SPDX-License-Identifier: BSD-2-Clause
 *
 * For tests of sockets: the whole stack started on one wire with a peer at its
 * end, which has its turn whenever the guest looks at its devices; short names
 * for the provider's calls; and a check that a test left nothing behind.
 *
 * SOURCES_OF_SOCKS, for a test's head:
 *	tests/host/socks.c net/{sock,sock_opt,sock_tcp,sock_tcp_io,sock_udp,dns}.c
 *	kernel/{sock,file,poll,epoll}.c and what tests/unit/test_net.c has
 */
#pragma once

#include <errno.h>
#include <string.h>

#include "kernel/poll.h"
#include "kernel/sock.h"
#include "kernel/thread.h"
#include "tests/host/fake_heap.h"
#include "tests/host/fake_pv.h"
#include "tests/host/peer.h"

extern struct wire wire0;
extern struct peer peer0;

void socks_start(void);
bool socks_pump(void);		/* the peer's turn; whether it saw frames */
void socks_run(unsigned ms);	/* time passes, everybody acts */

/* fake_pv_wait_hook as socks_start() leaves it. */
void socks_turn(nsec_t deadline);

/* The peer says "hi" on `t` in the next pv->wait, once, and nothing else. */
void socks_say_hi(struct peer_tcp *t);

/* Remembers; waits out TIME-WAIT and compares: whether nothing is left. What
 * was counted is then in socks_report. */
void socks_mark(void);
bool socks_clean(void);
extern char socks_report[200];

struct sock_addr at(const char *text, uint16_t port);	/* "::1", "10.0.0.1" */
struct file *tcp4(void), *tcp6(void), *udp4(void), *udp6(void);
struct file *listener(const char *text, uint16_t port, int backlog);
long put(struct file *f, const void *buf, size_t len);
long get(struct file *f, void *buf, size_t len);
long get_flags(struct file *f, void *buf, size_t len, unsigned flags);
int opt(struct file *f, enum sock_opt o);
struct thread *spawn(void (*fn)(void *), void *arg);
/* A connected pair over loopback; both block. */
void pair(struct file **a, struct file **b, uint16_t port);

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Sockets as files. net/ implements this over lwIP's raw API; libc/ gives it
 * its BSD names. An image without net/ has no provider: -EAFNOSUPPORT.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/file.h"
#include "pv/pv.h"

enum sock_family { SOCK_IPV4 = 4, SOCK_IPV6 = 6 };
enum sock_type { SOCK_KIND_STREAM, SOCK_KIND_DGRAM, SOCK_KIND_RAW };

struct sock_addr {
	uint8_t family;			/* enum sock_family; 0: none */
	uint16_t port;			/* host order */
	uint32_t scope;			/* IPv6 interface number, 0: any */
	uint8_t addr[16];		/* network order; IPv4 in the first four */
};

enum sock_opt {
	SOCK_OPT_ERROR,			/* get; clears. positive errno */
	SOCK_OPT_TYPE,
	SOCK_OPT_ACCEPTCONN,
	SOCK_OPT_REUSEADDR,
	SOCK_OPT_KEEPALIVE,
	SOCK_OPT_KEEPIDLE, SOCK_OPT_KEEPINTVL, SOCK_OPT_KEEPCNT, /* s, s, n */
	SOCK_OPT_BROADCAST,
	SOCK_OPT_RCVBUF, SOCK_OPT_SNDBUF,	/* bytes */
	SOCK_OPT_RCVTIMEO, SOCK_OPT_SNDTIMEO,	/* microseconds, 0: none */
	SOCK_OPT_LINGER,		/* seconds, -1: off */
	SOCK_OPT_NODELAY,
	SOCK_OPT_V6ONLY,
	SOCK_OPT_TTL, SOCK_OPT_TOS,
	SOCK_OPT_MULTICAST_TTL, SOCK_OPT_MULTICAST_LOOP,
};

#define SOCK_MSG_PEEK		1u
#define SOCK_MSG_DONTWAIT	2u
#define SOCK_MSG_WAITALL	4u
#define SOCK_MSG_TRUNC		8u	/* also set on return */

struct sock_msg {
	const struct file_iov *iov;
	int n_iov;
	struct sock_addr addr;		/* in: to; out: from. family 0: none */
	unsigned flags;
};

struct sock_provider {
	int (*create)(enum sock_family fam, enum sock_type type, int protocol,
		      struct file **out);
	int (*bind)(struct file *f, const struct sock_addr *a);
	int (*listen)(struct file *f, int backlog);
	int (*accept)(struct file *f, struct file **out, struct sock_addr *peer);
	/* -EINPROGRESS where the file does not block. */
	int (*connect)(struct file *f, const struct sock_addr *a);
	long (*sendmsg)(struct file *f, const struct sock_msg *m);
	long (*recvmsg)(struct file *f, struct sock_msg *m);
	int (*shutdown)(struct file *f, bool rd, bool wr);
	int (*name)(struct file *f, bool peer, struct sock_addr *out);
	int (*setopt)(struct file *f, enum sock_opt opt, int value);
	int (*getopt)(struct file *f, enum sock_opt opt, int *value);
	/* Numbers for a host name; blocking. Count >= 0 or -errno (-ENOENT: no
	 * such name, -EAGAIN: no answer). family 0: both. */
	int (*resolve)(const char *host, int family, struct sock_addr *out,
		       int max);
	bool (*is_sock)(const struct file *f);
};

/* Set by net/ from its init hook; NULL: no network in this image. */
extern const struct sock_provider *sock_provider;

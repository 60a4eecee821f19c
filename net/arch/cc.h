/* SPDX-License-Identifier: BSD-2-Clause
 *
 * lwIP's view of the compiler and of the few functions that it takes from us.
 */
#pragma once

#include <limits.h>
#include <stddef.h>
#include <stdint.h>

#define LWIP_NO_CTYPE_H		1
/* ssize_t, which <unistd.h> would bring (a host test has both). */
#define LWIP_NO_UNISTD_H	1
#ifndef SSIZE_MAX
#define SSIZE_MAX		LONG_MAX
#endif
typedef __typeof__((char *)0 - (char *)0) ssize_t;

#define lwip_htons(x)		__builtin_bswap16(x)
#define lwip_htonl(x)		__builtin_bswap32(x)

uint32_t net_rand(void);
#define LWIP_RAND()		net_rand()

/* The text is dropped: file and line tell the same, in a tenth of the bytes. */
void net_assert_failed(const char *file, int line) __attribute__((noreturn));
#define LWIP_PLATFORM_ASSERT(x)	net_assert_failed(__FILE_NAME__, __LINE__)
#define LWIP_PLATFORM_DIAG(x)	do { } while (0)

/* net/mem.c */
void *net_mem_alloc(size_t len);
void *net_mem_calloc(size_t n, size_t len);
void net_mem_free(void *p);
unsigned net_ooseq_limit(void);		/* pbufs per connection, out of order */

/* net/checksum.c: one's complement sum, folded, not inverted. */
uint16_t net_chksum(const void *data, int len);

/* net/netif.c: packets wait in a netif's loopback list. */
struct netif;
signed char net_loop_pending(struct netif *netif);

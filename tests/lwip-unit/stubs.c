/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What net/pcbhash.c and net/pcb_wrap.h need, with lwIP's own constants, so
 * that its tests see the windows they expect.
 */
#include <stdio.h>
#include <stdlib.h>

#include "kernel/entropy.h"
#include "kernel/heap.h"
#include "kernel/panic.h"
#include "net/net_impl.h"
#include "net/pcbhash.h"

bool net_tcp_parked;

void net_tcp_wake(void)
{
}

u32_t net_tcp_window(void)
{
	return TCP_WND;
}

u32_t net_tcp_sndbuf(void)
{
	return TCP_SND_BUF;
}

uint64_t entropy_u64(void)
{
	return (uint64_t)rand() << 32 | (unsigned)rand();
}

void *heap_zalloc(enum heap_owner owner, size_t len)
{
	(void)owner;
	return calloc(1, len);
}

void heap_free(enum heap_owner owner, void *p)
{
	(void)owner;
	free(p);
}

void assert_failed(const char *expr, const char *file, int line)
{
	fprintf(stderr, "%s:%d: %s\n", file, line, expr);
	abort();
}

__attribute__((constructor)) static void start(void)
{
	pcbhash_init();
}

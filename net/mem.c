/* SPDX-License-Identifier: BSD-2-Clause
 *
 * lwIP's memory: the kernel's heap under one limit, and the windows that
 * follow from what is left of it. See net_impl.h for the order in which
 * things give way.
 */
#include "net/net_impl.h"

#include "kernel/heap.h"
#include "kernel/lib/compiler.h"
#include "kernel/lib/string.h"
#include "kernel/page.h"
#include "net/pcbhash.h"

/* Acknowledgements, PCBs and segment headers are below this; they may use an
 * eighth more than the limit, so that open connections can always answer. */
#define SMALL		640u
#define LIMIT_MIN	(256u * 1024)
#define WINDOW_MIN	(3u * TCP_MSS)
#define WINDOW_MAX	(256u * 1024)

static size_t used, limit = LIMIT_MIN;
static uint64_t refused;

void net_mem_init(void)
{
	limit = page_total() * PAGE_SIZE / 2;
	if (limit < LIMIT_MIN)
		limit = LIMIT_MIN;
}

void *net_mem_alloc(size_t len)
{
	size_t most = len > SMALL ? limit : limit + limit / 8;
	size_t before = heap_live_bytes(HEAP_NET);
	void *p = NULL;

	if (used + len <= most)
		p = heap_alloc(HEAP_NET, len);
	used += heap_live_bytes(HEAP_NET) - before;
	refused += !p;
	return p;
}

void *net_mem_calloc(size_t n, size_t len)
{
	void *p = len && n > SIZE_MAX / len ? NULL : net_mem_alloc(n * len);

	return p ? memset(p, 0, n * len) : NULL;
}

void net_mem_free(void *p)
{
	size_t before = heap_live_bytes(HEAP_NET);

	heap_free(HEAP_NET, p);
	used -= before - heap_live_bytes(HEAP_NET);
}

enum net_pressure net_mem_pressure(void)
{
	if (used > limit - limit / 4)
		return NET_MEM_HIGH;
	return used > limit / 2 ? NET_MEM_LOW : NET_MEM_PLENTY;
}

size_t net_mem_used(void)
{
	return used;
}

size_t net_mem_limit(void)
{
	return limit;
}

uint64_t net_mem_refused(void)
{
	return refused;
}

/* Half of a connection's share is for receiving, half for sending. The 4 keep
 * the first connections of a small machine from taking it all. */
static u32_t share(void)
{
	size_t left = used < limit ? limit - used : 0;
	size_t each = left / (2 * (pcbhash_count() + 4));

	if (each < WINDOW_MIN)
		return WINDOW_MIN;
	return each > WINDOW_MAX ? WINDOW_MAX : (u32_t)each;
}

u32_t net_tcp_window(void)
{
	return share();
}

u32_t net_tcp_sndbuf(void)
{
	return share();
}

unsigned net_ooseq_limit(void)
{
	static const u8_t by_pressure[] = { 128, 16, 4 };

	return by_pressure[net_mem_pressure()];
}

/* The greatest window moves by at most what was read, so the right edge that
 * the peer was promised never moves back. */
void net_recved(struct tcp_pcb *pcb, size_t len)
{
	size_t now = pcbhash_window(pcb), want = share(), step;

	if (!(pcb->flags & TF_WND_SCALE) && want > 0xffff)
		want = 0xffff;
	if (!(pcb->flags & TF_WND_SCALE) && now > 0xffff)
		now = 0xffff;
	if (want < now) {
		step = now - want < len ? now - want : len;
		pcbhash_set_window(pcb, (u32_t)(now - step));
		len -= step;
	} else if (want > now) {
		step = want - now < len ? want - now : len;
		pcbhash_set_window(pcb, (u32_t)(now + step));
		len += step;
	}
	do {
		u16_t part = len > 0xffff ? 0xffff : (u16_t)len;

		tcp_recved(pcb, part);
		len -= part;
	} while (len);
}

size_t net_snd_room(const struct tcp_pcb *pcb)
{
	size_t room = tcp_sndbuf(pcb);

	if (pcb->snd_queuelen >= TCP_SND_QUEUELEN - 4)
		return 0;
	if (net_mem_pressure() != NET_MEM_HIGH)
		return room;
	if (pcb->snd_queuelen >= 2)
		return 0;
	return room < TCP_MSS ? room : TCP_MSS;
}

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The connection table against a plain list: thousands of random additions,
 * removals and lookups, by both of lwIP's ways to unlink; growth, growth
 * without memory, and the time of a lookup.
 *
 * SOURCES: net/net.c net/config.c net/dhcp.c net/sack.c net/netif.c net/txq.c net/pcbhash.c net/mem.c
 * SOURCES: net/isn.c net/guard.c net/timers.c net/stats.c net/checksum.c
 * SOURCES: tests/host/lwip_tcp.c tests/host/lwip_tcp_in.c tests/host/lwip_tcp_out.c
 * SOURCES: tests/host/lwip_rest.c tests/host/wire.c tests/host/peer.c
 * SOURCES: tests/host/fake_heap.c tests/host/fake_pv.c kernel/page.c kernel/thread.c
 * SOURCES: kernel/event.c kernel/timer.c kernel/clock.c kernel/log.c kernel/netdev.c
 * SOURCES: kernel/console.c kernel/trace.c kernel/panic.c kernel/backtrace.c
 * SOURCES: kernel/symbols.c kernel/watchdog.c kernel/cmdline.c kernel/metrics.c
 * SOURCES: kernel/device.c kernel/blkdev.c kernel/entropy.c kernel/lib/fmt.c
 * SOURCES: kernel/arch/x86_64/switch.S
 * FLAGS: -isystem third_party/lwip/src/include -isystem net -Wl,-T,tests/host/tables.ld
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "kernel/console.h"
#include "lwip/init.h"
#include "lwip/priv/tcp_priv.h"
#include "net/net_impl.h"
#include "net/pcbhash.h"
#include "tests/host/fake_heap.h"
#include "tests/host/fake_pv.h"
#include "tests/unit/tap.h"

#define N 5000

static struct tcp_pcb *pcb[N];
static enum { OUT, ACTIVE, WAITING } where[N];

static void set_tuple(struct tcp_pcb *p, int i)
{
	p->remote_port = (u16_t)(1000 + i % 300);
	p->local_port = 80;
	if (i & 1) {
		IP_ADDR6(&p->remote_ip, lwip_htonl(0x20010db8), 0, 0, (u32_t)i);
		IP_ADDR6(&p->local_ip, lwip_htonl(0x20010db8), 0, 0, 1);
	} else {
		IP_ADDR4(&p->remote_ip, 10, 1, i >> 8 & 255, i & 255);
		IP_ADDR4(&p->local_ip, 10, 0, 0, 2);
	}
}

static struct tcp_pcb *find(int i, bool time_wait)
{
	struct tcp_pcb t;

	memset(&t, 0, sizeof(t));
	set_tuple(&t, i);
	ip_addr_copy(ip_data.current_iphdr_src, t.remote_ip);
	ip_addr_copy(ip_data.current_iphdr_dest, t.local_ip);
	return *pcbhash_find(t.remote_port, t.local_port, time_wait);
}

static void add(int i, bool time_wait)
{
	if (!pcb[i]) {
		pcb[i] = tcp_new();
		set_tuple(pcb[i], i);
	}
	pcb[i]->state = time_wait ? TIME_WAIT : ESTABLISHED;
	pcbhash_add(time_wait ? &tcp_tw_pcbs : &tcp_active_pcbs, pcb[i]);
	where[i] = time_wait ? WAITING : ACTIVE;
}

/* As tcp_pcb_remove does, or as tcp_slowtmr does: by hand, then tcp_free. */
static void drop(int i, bool by_hand)
{
	struct tcp_pcb **list = where[i] == WAITING ? &tcp_tw_pcbs : &tcp_active_pcbs;

	if (by_hand) {
		struct tcp_pcb **pp = list;

		while (*pp != pcb[i])
			pp = &(*pp)->next;
		*pp = pcb[i]->next;
	} else {
		pcbhash_remove(list, pcb[i]);
		pcbhash_remove(list, pcb[i]);	/* twice does nothing */
	}
	tcp_free(pcb[i]);
	pcb[i] = NULL;
	where[i] = OUT;
}

static unsigned wrong(void)
{
	unsigned bad = 0, listed = 0, have = 0;

	for (int i = 0; i < N; i++) {
		bad += find(i, false) != (where[i] == ACTIVE ? pcb[i] : NULL);
		bad += find(i, true) != (where[i] == WAITING ? pcb[i] : NULL);
		have += where[i] != OUT;
	}
	for (struct tcp_pcb *p = tcp_active_pcbs; p; p = p->next)
		listed++;
	for (struct tcp_pcb *p = tcp_tw_pcbs; p; p = p->next)
		listed++;
	return bad + (listed != have) + (pcbhash_count() != have);
}

static void churn(int steps)
{
	for (int s = 0; s < steps; s++) {
		int i = rand() % N;

		if (where[i] == OUT) {
			add(i, rand() % 4 == 0);
		} else if (where[i] == ACTIVE && rand() % 3 == 0) {
			pcbhash_remove(&tcp_active_pcbs, pcb[i]);
			add(i, true);
		} else {
			drop(i, rand() & 1);
		}
	}
}

static double ns_per_find(void)
{
	struct timespec a, b;
	unsigned hits = 0;

	clock_gettime(CLOCK_MONOTONIC, &a);
	for (int r = 0; r < 200000; r++)
		hits += find(r * 7 % N, false) != NULL;
	clock_gettime(CLOCK_MONOTONIC, &b);
	return hits ? ((double)(b.tv_sec - a.tv_sec) * 1e9 +
		       (double)(b.tv_nsec - a.tv_nsec)) / 200000 : 0;
}

int main(void)
{
	fake_pv_init(64 << 20);
	console_use_platform();
	net_mem_init();
	pcbhash_init();
	lwip_init();
	fake_heap_fail_after = 0;
	churn(100);
	ok(wrong() == 0, "small");
	churn(20000);
	ok(wrong() == 0, "after 20,000 steps: %zu connections", pcbhash_count());
	for (int i = 0; i < N; i++)
		if (where[i] == OUT)
			add(i, false);
	ok(wrong() == 0, "all %d", N);
	printf("# %.0f ns to look one of %d up (sanitized build)\n", ns_per_find(), N);
	for (int i = 0; i < N; i++)
		drop(i, i & 1);
	ok(wrong() == 0 && !tcp_active_pcbs && !tcp_tw_pcbs, "none");
	return done_testing();
}

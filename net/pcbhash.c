/* SPDX-License-Identifier: BSD-2-Clause
 *
 * See pcbhash.h. Each PCB of the two hashed lists carries, in its ext_args:
 *   ARG_SELF    the PCB itself while registered, with the destroy callback
 *               (tcp_slowtmr unlinks by its own hand and then frees)
 *   ARG_CHAIN   next PCB in the same bucket
 *   ARG_PREV    previous PCB in lwIP's list, for removal in constant time
 *   ARG_WINDOW  greatest receive window, as a number, and HALF_OPEN
 * Those of a listener hold numbers: ARG_CHAIN how many connections are pending,
 * ARG_PREV how many may be.
 * The hash is keyed, so that nobody outside can aim for one bucket.
 */
#include <stdbool.h>

#include "net/pcbhash.h"

#include "kernel/entropy.h"
#include "kernel/heap.h"
#include "kernel/lib/compiler.h"
#include "kernel/panic.h"
#include "lwip/priv/tcp_priv.h"
#include "net/net_impl.h"

enum { ARG_SELF, ARG_CHAIN, ARG_PREV, ARG_WINDOW };

#define HALF_OPEN	((uintptr_t)1 << 32)
#define FIRST_BUCKETS 64u		/* without any memory from the heap */

static struct tcp_pcb *first_table[FIRST_BUCKETS];
static struct tcp_pcb **table = first_table;
static size_t n_buckets = FIRST_BUCKETS, n_pcbs;
static uint64_t key[2];

static void destroyed(u8_t id, void *self);
static const struct tcp_ext_arg_callbacks callbacks = { .destroy = destroyed };

static struct tcp_pcb *link_of(const struct tcp_pcb *pcb, int arg)
{
	return pcb->ext_args[arg].data;
}

static void set_link(struct tcp_pcb *pcb, int arg, struct tcp_pcb *to)
{
	pcb->ext_args[arg].data = to;
}

static uint64_t mix(uint64_t a, uint64_t b)
{
	unsigned __int128 m = (unsigned __int128)a * b;

	return (uint64_t)m ^ (uint64_t)(m >> 64);
}

static uint64_t hash_addr(uint64_t h, const ip_addr_t *a)
{
	const u32_t *w;

	if (!IP_IS_V6(a))
		return mix(h ^ ip4_addr_get_u32(ip_2_ip4(a)), key[1]);
	w = ip_2_ip6(a)->addr;
	h = mix(h ^ ((uint64_t)w[0] << 32 | w[1]), key[1]);
	return mix(h ^ ((uint64_t)w[2] << 32 | w[3]), key[1]);
}

static struct tcp_pcb **bucket_of(const ip_addr_t *remote, u16_t remote_port,
				  const ip_addr_t *local, u16_t local_port)
{
	uint64_t h = key[0] ^ ((uint64_t)remote_port << 16 | local_port);

	h = hash_addr(hash_addr(h, remote), local);
	return &table[mix(h, key[0]) & (n_buckets - 1)];
}

static struct tcp_pcb **bucket_of_pcb(const struct tcp_pcb *pcb)
{
	return bucket_of(&pcb->remote_ip, pcb->remote_port, &pcb->local_ip,
			 pcb->local_port);
}

/* Doubles the table. Without memory the old one goes on. */
static void grow(void)
{
	struct tcp_pcb **old = table, *pcb, *next;
	size_t n_old = n_buckets;
	struct tcp_pcb **t = heap_zalloc(HEAP_NET, 2 * n_old * sizeof(*t));

	if (!t)
		return;
	table = t;
	n_buckets = 2 * n_old;
	for (size_t i = 0; i < n_old; i++) {
		for (pcb = old[i]; pcb; pcb = next) {
			struct tcp_pcb **b = bucket_of_pcb(pcb);

			next = link_of(pcb, ARG_CHAIN);
			set_link(pcb, ARG_CHAIN, *b);
			*b = pcb;
		}
	}
	if (old != first_table)
		heap_free(HEAP_NET, old);
}

static bool hashed(struct tcp_pcb **list)
{
	return list == &tcp_active_pcbs || list == &tcp_tw_pcbs;
}

void pcbhash_init(void)
{
	if (key[1])
		return;
	key[0] = entropy_u64() | 1;
	key[1] = entropy_u64() | 1;
	for (int i = ARG_SELF; i <= ARG_WINDOW; i++)
		ASSERT(tcp_ext_arg_alloc_id() == i);
}

/* ---- backlogs ---- */
void pcbhash_set_backlog(struct tcp_pcb_listen *l, unsigned most)
{
	l->ext_args[ARG_PREV].data = (void *)(uintptr_t)most;
}

unsigned pcbhash_backlog(const struct tcp_pcb_listen *l)
{
	unsigned most = (unsigned)(uintptr_t)l->ext_args[ARG_PREV].data;

	return most ? most : l->backlog;
}

unsigned pcbhash_pending(const struct tcp_pcb_listen *l)
{
	return (unsigned)(uintptr_t)l->ext_args[ARG_CHAIN].data;
}

void pcbhash_pending_add(struct tcp_pcb_listen *l, int by)
{
	uintptr_t n = pcbhash_pending(l) + (uintptr_t)(intptr_t)by;

	l->ext_args[ARG_CHAIN].data = (void *)n;
}

static uintptr_t window_word(const struct tcp_pcb *pcb)
{
	return (uintptr_t)pcb->ext_args[ARG_WINDOW].data;
}

/* Takes over lwIP's count of a connection that a SYN just made. */
static void half_open(struct tcp_pcb *pcb)
{
	pcb->listener->accepts_pending--;
	tcp_clear_flags(pcb, TF_BACKLOGPEND);
	pcb->ext_args[ARG_WINDOW].data = (void *)(window_word(pcb) | HALF_OPEN);
	pcbhash_pending_add(pcb->listener, 1);
}

void pcbhash_opened(struct tcp_pcb *pcb)
{
	if (!(window_word(pcb) & HALF_OPEN))
		return;
	pcb->ext_args[ARG_WINDOW].data = (void *)(window_word(pcb) & ~HALF_OPEN);
	if (pcb->listener)		/* NULL: closed meanwhile */
		pcbhash_pending_add(pcb->listener, -1);
}

/* Out of the bucket. The tuple of a registered PCB never changes. */
static void unchain(struct tcp_pcb *pcb)
{
	struct tcp_pcb **pp = bucket_of_pcb(pcb);

	if (*pp == pcb) {
		*pp = link_of(pcb, ARG_CHAIN);
	} else {
		struct tcp_pcb *p = *pp;

		while (link_of(p, ARG_CHAIN) != pcb)
			p = link_of(p, ARG_CHAIN);
		set_link(p, ARG_CHAIN, link_of(pcb, ARG_CHAIN));
	}
	set_link(pcb, ARG_SELF, NULL);
	pcbhash_opened(pcb);
	n_pcbs--;
}

/* lwIP frees a PCB that it has unlinked from its list itself: pcb->next still
 * names the successor. */
static void destroyed(u8_t id, void *self)
{
	struct tcp_pcb *pcb = self;

	(void)id;
	if (!pcb)
		return;
	if (pcb->next)
		set_link(pcb->next, ARG_PREV, link_of(pcb, ARG_PREV));
	unchain(pcb);
}

void pcbhash_add(struct tcp_pcb **list, struct tcp_pcb *pcb)
{
	struct tcp_pcb **b;

	pcb->next = *list;
	*list = pcb;
	if (!hashed(list))
		return;
	if (n_pcbs >= n_buckets)
		grow();
	if (pcb->next)
		set_link(pcb->next, ARG_PREV, pcb);
	set_link(pcb, ARG_PREV, NULL);
	b = bucket_of_pcb(pcb);
	set_link(pcb, ARG_CHAIN, *b);
	*b = pcb;
	pcb->ext_args[ARG_SELF].callbacks = &callbacks;
	set_link(pcb, ARG_SELF, pcb);
	if (pcb->flags & TF_BACKLOGPEND)
		half_open(pcb);
	n_pcbs++;
}

static void remove_plain(struct tcp_pcb **list, struct tcp_pcb *pcb)
{
	while (*list && *list != pcb)
		list = &(*list)->next;
	if (*list)
		*list = pcb->next;
}

void pcbhash_remove(struct tcp_pcb **list, struct tcp_pcb *pcb)
{
	if (!hashed(list)) {
		remove_plain(list, pcb);
	} else if (link_of(pcb, ARG_SELF)) {
		struct tcp_pcb *prev = link_of(pcb, ARG_PREV);

		if (prev)
			prev->next = pcb->next;
		else
			*list = pcb->next;
		if (pcb->next)
			set_link(pcb->next, ARG_PREV, prev);
		unchain(pcb);
	}
	pcb->next = NULL;
}

struct tcp_pcb **pcbhash_find(u16_t remote_port, u16_t local_port, bool time_wait)
{
	static struct tcp_pcb *match;
	const ip_addr_t *remote = ip_current_src_addr();
	const ip_addr_t *local = ip_current_dest_addr();
	struct tcp_pcb *p = *bucket_of(remote, remote_port, local, local_port);

	for (; p; p = link_of(p, ARG_CHAIN))
		if (p->remote_port == remote_port && p->local_port == local_port &&
		    (p->state == TIME_WAIT) == time_wait &&
		    ip_addr_eq(&p->remote_ip, remote) &&
		    ip_addr_eq(&p->local_ip, local))
			break;
	match = p;
	return &match;
}

size_t pcbhash_count(void)
{
	return n_pcbs;
}

u32_t pcbhash_window(struct tcp_pcb *pcb)
{
	if (unlikely(!(u32_t)window_word(pcb)))
		pcbhash_set_window(pcb, net_tcp_window());
	return (u32_t)window_word(pcb);
}

void pcbhash_set_window(struct tcp_pcb *pcb, u32_t wnd)
{
	pcb->ext_args[ARG_WINDOW].data =
		(void *)((window_word(pcb) & HALF_OPEN) | wnd);
}

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The door for new connections. Under memory pressure a SYN is dropped without
 * an answer: its sender tries again, and connections that are open come first.
 * When a listener's backlog is full of half-open connections (a SYN flood, or
 * peers that vanished), those that have waited a second give way to new ones.
 */
#include "net/net_impl.h"

#include "lwip/priv/tcp_priv.h"
#include "lwip/ip4.h"
#include "lwip/ip6.h"
#include "lwip/prot/ip4.h"
#include "lwip/prot/ip6.h"
#include "net/hooks.h"
#include "net/pcbhash.h"

#define EVICT_SCAN	4096		/* PCBs looked at, once a tick if in vain */
#define EVICT_MOST	32		/* at a time: the next SYNs need not look */
#define EVICT_AGE	(1000 / TCP_SLOW_INTERVAL)

struct net_counters net_counters;

static void evict_half_open(const struct tcp_pcb_listen *lpcb)
{
	static u32_t vain_at = UINT32_MAX;
	struct tcp_pcb *p = tcp_active_pcbs, *next;
	int n = 0;

	if (vain_at == tcp_ticks)
		return;
	for (int i = 0; p && i < EVICT_SCAN && n < EVICT_MOST; p = next, i++) {
		next = p->next;
		if (p->state != SYN_RCVD || p->listener != lpcb ||
		    (u32_t)(tcp_ticks - p->tmr) < EVICT_AGE)
			continue;
		n++;
		net_counters.syn_evicted++;
		tcp_abandon(p, 0);
	}
	if (n == 0)
		vain_at = tcp_ticks;
}

err_t net_tcp_admit(struct tcp_pcb *pcb, const struct tcp_hdr *hdr, u16_t optlen)
{
	struct tcp_pcb_listen *lpcb = (struct tcp_pcb_listen *)pcb;

	net_tcp_sack(pcb, hdr, optlen);
	if (pcb->state != LISTEN || (TCPH_FLAGS(hdr) & (TCP_SYN | TCP_ACK)) != TCP_SYN)
		return ERR_OK;
	if (net_mem_pressure() == NET_MEM_HIGH) {
		if (!tcp_tw_pcbs) {
			net_counters.syn_dropped++;
			return ERR_MEM;
		}
		net_counters.time_wait_cut++;
		tcp_abandon(tcp_tw_pcbs, 0);
	}
	if (pcbhash_pending(lpcb) < pcbhash_backlog(lpcb))
		return ERR_OK;
	evict_half_open(lpcb);
	if (pcbhash_pending(lpcb) < pcbhash_backlog(lpcb))
		return ERR_OK;
	net_counters.syn_dropped++;
	return ERR_MEM;
}

/* A fragment's checksum flag says nothing about the whole datagram. */
static void fragment_passed(struct netif *netif)
{
	net_timers_note_fragment();
	NETIF_SET_CHECKSUM_CTRL(netif, netif->chksum_flags |
				NETIF_CHECKSUM_CHECK_TCP | NETIF_CHECKSUM_CHECK_UDP |
				NETIF_CHECKSUM_CHECK_ICMP6);
}

int net_ip4_seen(const struct pbuf *p, struct netif *netif)
{
	const struct ip_hdr *h = p->payload;

	if (p->len >= IP_HLEN &&
	    (IPH_OFFSET(h) & PP_HTONS(IP_OFFMASK | IP_MF)))
		fragment_passed(netif);
	return 0;
}

int net_ip6_seen(const struct pbuf *p, struct netif *netif)
{
	const struct ip6_hdr *h = p->payload;

	if (p->len >= IP6_HLEN && IP6H_NEXTH(h) != IP6_NEXTH_TCP &&
	    IP6H_NEXTH(h) != IP6_NEXTH_UDP && IP6H_NEXTH(h) != IP6_NEXTH_ICMP6)
		fragment_passed(netif);
	return 0;
}

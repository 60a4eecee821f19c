/* SPDX-License-Identifier: BSD-2-Clause
 *
 * lwIP's cyclic timers (LWIP_TIMERS_CUSTOM), each armed only while it has
 * work: at its own period while something waits for it, every 20 seconds with
 * the missed ticks made up while only ages matter, not at all otherwise. The
 * slow ones all run at multiples of 20 seconds: one wake-up for all.
 *
 * TCP's timer is parked when no connection waits for anything (open and idle
 * connections do not): the tick counter is then moved on at once by the next
 * call into tcp*.c, which all pass LWIP_ASSERT_CORE_LOCKED (net/tcp_wake.h).
 */
#include "net/net_impl.h"

#include "kernel/clock.h"
#include "kernel/lib/compiler.h"
#include "kernel/log.h"
#include "kernel/timer.h"
#include "lwip/dhcp.h"
#include "lwip/etharp.h"
#include "lwip/ip4_frag.h"
#include "lwip/ip6_frag.h"
#include "lwip/mld6.h"
#include "lwip/nd6.h"
#include "lwip/priv/nd6_priv.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/sys.h"
#include "lwip/timeouts.h"

#define LAZY		(20 * NSEC_PER_SEC)
#define TCP_TICK	(TCP_TMR_INTERVAL * NSEC_PER_MSEC)
#define TCP_SLOW	(TCP_SLOW_INTERVAL * NSEC_PER_MSEC)
#define ARP_HOT		(8 * NSEC_PER_SEC)	/* requests are repeated 5 times */
#define ARP_WARM	((ARP_MAXAGE + 20) * NSEC_PER_SEC)
#define DNS_HOT		(60 * NSEC_PER_SEC)

enum need { NEED_OFF, NEED_LAZY, NEED_TICKS };

static nsec_t arp_seen, dns_seen;	/* 0: never */
/* Until no datagram in pieces is left: counted in ticks, which may be late. */
static unsigned reass_ticks;

static bool within(nsec_t seen, nsec_t span)
{
	return seen && clock_now() < seen + span;
}

static void arm(struct timer *t, nsec_t deadline)
{
	/* The heap of timers has room for as many as were ever armed. */
	if (timer_set(t, deadline) != 0)
		log_err(LOG_NET, "no memory for a network timer");
}

/* ---- what needs ticks ---- */
static enum need need_arp(void)
{
	if (within(arp_seen, ARP_HOT))
		return NEED_TICKS;
	return within(arp_seen, ARP_WARM) ? NEED_LAZY : NEED_OFF;
}

static enum need need_reass(void)
{
	return reass_ticks ? NEED_TICKS : NEED_OFF;
}

_Static_assert((int)IP_TMR_INTERVAL == (int)IP6_REASS_TMR_INTERVAL &&
	       IP_REASS_MAXAGE == IPV6_REASS_MAXAGE, "one timer serves both");

static void reass_tick(void)
{
	ip_reass_tmr();
	ip6_reass_tmr();
	if (reass_ticks)
		reass_ticks--;
}

static enum need need_dns(void)
{
	return within(dns_seen, DNS_HOT) ? NEED_TICKS : NEED_OFF;
}

static enum need need_dhcp_fine(void)
{
	struct netif *n;

	NETIF_FOREACH(n)
		if (netif_dhcp_data(n) && netif_dhcp_data(n)->request_timeout)
			return NEED_TICKS;
	return NEED_OFF;
}

static enum need need_dhcp_coarse(void)
{
	struct netif *n;

	NETIF_FOREACH(n)
		if (netif_dhcp_data(n) && netif_dhcp_data(n)->state)
			return NEED_TICKS;
	return NEED_OFF;
}

static enum need need_mld(void)
{
	struct netif *n;

	NETIF_FOREACH(n)
		for (struct mld_group *g = netif_mld6_data(n); g; g = g->next)
			if (g->timer)
				return NEED_TICKS;
	return NEED_OFF;
}

static enum need need_nd6_netif(struct netif *n)
{
	enum need r = NEED_OFF;

	if (n->rs_count > 0 && netif_is_up(n) && netif_is_link_up(n))
		return NEED_TICKS;
	for (int i = 0; i < LWIP_IPV6_NUM_ADDRESSES; i++) {
		if (ip6_addr_istentative(netif_ip6_addr_state(n, i)))
			return NEED_TICKS;
		if (!ip6_addr_isinvalid(netif_ip6_addr_state(n, i)) &&
		    !netif_ip6_addr_isstatic(n, i))
			r = NEED_LAZY;
	}
	return r;
}

static enum need need_nd6(void)
{
	enum need r = NEED_OFF;
	struct netif *n;

	for (int i = 0; i < LWIP_ND6_NUM_NEIGHBORS; i++) {
		u8_t s = neighbor_cache[i].state;

		if (s == ND6_INCOMPLETE || s == ND6_DELAY || s == ND6_PROBE)
			return NEED_TICKS;
		if (s == ND6_REACHABLE)
			r = NEED_LAZY;
	}
	for (int i = 0; i < LWIP_ND6_NUM_ROUTERS; i++)
		if (default_router_list[i].invalidation_timer)
			r = NEED_LAZY;
	for (int i = 0; i < LWIP_ND6_NUM_PREFIXES; i++)
		if (prefix_list[i].netif)
			r = NEED_LAZY;
	NETIF_FOREACH(n) {
		enum need of_netif = need_nd6_netif(n);

		r = of_netif > r ? of_netif : r;
	}
	return r;
}

/* ---- the cyclic timers ---- */
struct cyclic {
	void (*tick)(void);
	enum need (*need)(void);
	nsec_t period;
	struct timer timer;
	enum need armed;
	nsec_t last;			/* time of the last tick */
};

static struct cyclic cyclic[] = {
	{ .tick = etharp_tmr, .need = need_arp, .period = ARP_TMR_INTERVAL },
	{ .tick = reass_tick, .need = need_reass, .period = IP_TMR_INTERVAL },
	{ .tick = dns_tmr, .need = need_dns, .period = DNS_TMR_INTERVAL },
	{ .tick = dhcp_fine_tmr, .need = need_dhcp_fine,
	  .period = DHCP_FINE_TIMER_MSECS },
	{ .tick = dhcp_coarse_tmr, .need = need_dhcp_coarse,
	  .period = DHCP_COARSE_TIMER_MSECS },
	{ .tick = nd6_tmr, .need = need_nd6, .period = ND6_TMR_INTERVAL },
	{ .tick = mld6_tmr, .need = need_mld, .period = MLD6_TMR_INTERVAL },
};

static void cyclic_arm(struct cyclic *c, enum need need)
{
	nsec_t step = c->period * NSEC_PER_MSEC, now = clock_now();

	c->armed = need;
	if (need == NEED_LAZY && step < LAZY)
		arm(&c->timer, (now + LAZY + LAZY / 2) / LAZY * LAZY);
	else if (need != NEED_OFF)
		arm(&c->timer, now + step);
}

static void cyclic_run(void *arg)
{
	struct cyclic *c = arg;
	nsec_t step = c->period * NSEC_PER_MSEC;
	nsec_t now = clock_now();
	nsec_t n = (now - c->last) / step;

	/* While something waits, a stall of ours must not use up its tries. */
	if (c->armed == NEED_TICKS || n == 0)
		n = 1;
	c->last = c->armed == NEED_TICKS ? now : c->last + n * step;
	for (; n; n--)
		c->tick();
	cyclic_arm(c, c->need());
	net_timers_update();
}

void net_timers_update(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(cyclic); i++) {
		struct cyclic *c = &cyclic[i];
		enum need need;

		if (c->armed == NEED_TICKS)
			continue;
		need = c->need();
		if (need <= c->armed)
			continue;
		c->last = clock_now();
		c->timer.fn = cyclic_run;
		c->timer.arg = c;
		cyclic_arm(c, need);
	}
}

void net_timers_note_arp(void)
{
	arp_seen = clock_now() | 1;
}

void net_timers_note_fragment(void)
{
	reass_ticks = IP_REASS_MAXAGE + 2;
}

/* The time to live of remembered answers passed by while nobody asked. */
void net_timers_note_dns(void)
{
	nsec_t now = clock_now() | 1;

	if (dns_seen && now - dns_seen > DNS_HOT) {
		nsec_t missed = (now - dns_seen - DNS_HOT) / NSEC_PER_SEC;

		for (missed = missed < DNS_MAX_TTL ? missed : DNS_MAX_TTL; missed; missed--)
			dns_tmr();
	}
	dns_seen = now;
}

/* ---- TCP ---- */
bool net_tcp_parked = true;
static nsec_t parked_at;
static struct timer tcp_timer;

static bool waits(const struct tcp_pcb *p)
{
	if (p->unacked || p->unsent || p->refused_data || p->ooseq ||
	    p->persist_backoff || p->poll)
		return true;
	if (p->flags & (TF_ACK_DELAY | TF_ACK_NOW | TF_CLOSEPEND))
		return true;
	return p->state != ESTABLISHED && p->state != CLOSE_WAIT &&
	       p->state != FIN_WAIT_2;
}

static u32_t earlier(u32_t best, u32_t at_tick)
{
	u32_t in = at_tick - tcp_ticks;

	if (in > 0x7fffffff)
		in = 0;			/* due already */
	return in < best ? in : best;
}

/* Ticks until something happens by itself; 0: a connection waits now. */
static u32_t quiet_ticks(void)
{
	u32_t best = UINT32_MAX;
	const struct tcp_pcb *p;

	for (p = tcp_active_pcbs; p; p = p->next) {
		if (waits(p))
			return 0;
		if (p->state == FIN_WAIT_2 && (p->flags & TF_RXCLOSED))
			best = earlier(best, p->tmr + 1 +
				       TCP_FIN_WAIT_TIMEOUT / TCP_SLOW_INTERVAL);
		else if (ip_get_option(p, SOF_KEEPALIVE))
			best = earlier(best, p->tmr + 1 + (p->keep_idle +
				       p->keep_cnt_sent * p->keep_intvl) /
				       TCP_SLOW_INTERVAL);
	}
	/* The newest is the first: when it is due all of them are. */
	if (tcp_tw_pcbs)
		best = earlier(best, tcp_tw_pcbs->tmr + 1 +
			       2 * TCP_MSL / TCP_SLOW_INTERVAL);
	return best;
}

static void tcp_tick(void *arg)
{
	u32_t quiet;

	(void)arg;
	if (net_tcp_parked) {
		net_tcp_wake();
		tcp_tmr();		/* two, so that one of them is slow */
	}
	tcp_tmr();
	quiet = quiet_ticks();
	if (quiet <= 1) {
		arm(&tcp_timer, clock_now() + TCP_TICK);
		return;
	}
	net_tcp_parked = true;
	parked_at = clock_now();
	if (quiet != UINT32_MAX)
		arm(&tcp_timer, parked_at + quiet * TCP_SLOW);
	else
		timer_cancel(&tcp_timer);	/* net_tcp_wake() may have set it */
}

void net_tcp_wake(void)
{
	nsec_t now = clock_now();

	net_tcp_parked = false;
	if (parked_at)
		tcp_ticks += (u32_t)((now - parked_at) / TCP_SLOW);
	tcp_timer.fn = tcp_tick;
	arm(&tcp_timer, now + TCP_TICK);
}

/* lwIP's: a connection was registered. */
void tcp_timer_needed(void)
{
	if (net_tcp_parked)
		net_tcp_wake();
}

/* lwip_init() calls it; ours start by need. */
void sys_timeouts_init(void)
{
}

u32_t sys_now(void)
{
	return (u32_t)(clock_now() / NSEC_PER_MSEC);
}

err_t net_dns_lookup(const char *name, ip_addr_t *out, dns_found_callback found,
		     void *arg, u8_t addrtype)
{
	err_t e;

	net_timers_note_dns();
	e = dns_gethostbyname_addrtype(name, out, found, arg, addrtype);
	net_timers_update();
	return e;
}

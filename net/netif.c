/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Between a network device (kernel/netdev.h) and lwIP's netif. A received
 * buffer becomes a pbuf without a copy: the pbuf lies in the buffer's `priv`,
 * and freeing it gives the buffer back. When the driver runs short (the
 * application does not read), frames are copied, so that the device can always
 * receive what the other connections wait for.
 */
#include "net/net_impl.h"

#include <errno.h>

#include "kernel/event.h"
#include "kernel/heap.h"
#include "kernel/lib/compiler.h"
#include "kernel/lib/string.h"
#include "kernel/log.h"
#include "kernel/netdev.h"
#include "lwip/ethip6.h"
#include "lwip/etharp.h"
#include "lwip/prot/etharp.h"
#include "lwip/prot/ethernet.h"
#include "lwip/prot/ip4.h"
#include "lwip/prot/ip6.h"
#include "netif/ethernet.h"
#include "net/txq.h"

struct net_if {
	struct netif lw;		/* first: lwIP hands this back */
	struct netdev *nd;
	struct txq tx;
};

struct rx_pbuf {
	struct pbuf_custom pc;		/* first: lwIP hands this back */
	struct net_rx_buf *buf;
};
_Static_assert(sizeof(struct rx_pbuf) <= NET_RX_PRIV, "a pbuf lies in priv");

/* ---- receive ---- */
static void rx_pbuf_free(struct pbuf *p)
{
	struct net_rx_buf *buf = ((struct rx_pbuf *)p)->buf;

	buf->next = NULL;
	buf->nd->ops->release(buf->nd, buf);
}

static struct pbuf *rx_wrap(struct net_rx_buf *chain, uint32_t len)
{
	struct pbuf *head = NULL, **tail = &head;

	while (chain) {
		struct rx_pbuf *rp = (void *)chain->priv;
		struct net_rx_buf *next = chain->next;

		rp->buf = chain;
		rp->pc.custom_free_function = rx_pbuf_free;
		*tail = pbuf_alloced_custom(PBUF_RAW, (u16_t)chain->len, PBUF_REF,
					    &rp->pc, chain->data,
					    (u16_t)chain->len);
		(*tail)->tot_len = (u16_t)len;
		len -= chain->len;
		tail = &(*tail)->next;
		chain = next;
	}
	return head;
}

static struct pbuf *rx_copy(const struct net_rx_buf *chain, uint32_t len)
{
	/* One byte more than the frame: lwIP's tcp_parseopt may look at it. */
	struct pbuf *p = len < 0xffff ?
		pbuf_alloc(PBUF_RAW, (u16_t)(len + 1), PBUF_RAM) : NULL;
	uint8_t *to;

	if (!p)
		return NULL;
	pbuf_realloc(p, (u16_t)len);
	for (to = p->payload; chain; chain = chain->next) {
		memcpy(to, chain->data, chain->len);
		to += chain->len;
	}
	return p;
}

/* Headers lie in one piece for lwIP, which reads IP's before it has checked
 * that it is all there. */
#define HEADERS_MAX	128u

static uint32_t least_len(const uint8_t *frame)
{
	switch (frame[12] << 8 | frame[13]) {
	case ETHTYPE_IP:
		return SIZEOF_ETH_HDR + IP_HLEN;
	case ETHTYPE_IPV6:
		return SIZEOF_ETH_HDR + IP6_HLEN;
	case ETHTYPE_ARP:
		return SIZEOF_ETH_HDR + SIZEOF_ETHARP_HDR;
	default:
		return SIZEOF_ETH_HDR + 1;	/* dropped and counted by lwIP */
	}
}

/* Bytes of the frame; 0: not one that lwIP can take. */
static uint32_t rx_len(const struct net_rx_buf *chain, bool *copy)
{
	const struct net_rx_buf *b;
	uint32_t len = 0;

	if (chain->len < SIZEOF_ETH_HDR)
		return 0;
	*copy = chain->len < HEADERS_MAX && chain->next;
	for (b = chain; b; b = b->next) {
		if (b->len > 0xffff - len)
			return 0;
		len += b->len;
		*copy |= b->len == 0;
	}
	return len < least_len(chain->data) ? 0 : len;
}

/* What lwIP has to check in this frame. IP's header and ICMP always. */
static void rx_checks(struct net_if *ni, unsigned flags)
{
	u16_t checks = NETIF_CHECKSUM_CHECK_TCP | NETIF_CHECKSUM_CHECK_UDP;

	if (flags & (NET_RX_CSUM_VALID | NET_RX_CSUM_PARTIAL))
		ni->lw.chksum_flags &= (u16_t)~checks;
	else
		ni->lw.chksum_flags |= checks;
}

static void rx(void *arg, struct net_rx_buf *chain, unsigned flags)
{
	struct net_if *ni = arg;
	bool copy;
	uint32_t len = rx_len(chain, &copy);
	unsigned total, left;
	struct pbuf *p;

	if (len == 0 || !netif_is_up(&ni->lw)) {
		net_counters.rx_malformed += len == 0;
		ni->nd->rx_dropped++;
		ni->nd->ops->release(ni->nd, chain);
		return;
	}
	if (chain->data[12] == ETHTYPE_ARP >> 8 &&
	    chain->data[13] == (ETHTYPE_ARP & 0xff))
		net_timers_note_arp();
	left = ni->nd->ops->rx_free(ni->nd, &total);
	/* A third stays with the device, that the longest frame finds room. */
	if (left < total / 3 || copy) {
		p = rx_copy(chain, len);
		ni->nd->ops->release(ni->nd, chain);
		net_counters.rx_copied++;
	} else {
		p = rx_wrap(chain, len);
	}
	if (!p) {
		net_counters.rx_nomem++;
		ni->nd->rx_dropped++;
		return;
	}
	rx_checks(ni, flags);
	if (ethernet_input(p, &ni->lw) != ERR_OK)
		pbuf_free(p);
}

static void rx_end(void *arg)
{
	(void)arg;
	net_timers_update();
}

/* ---- loopback: lwIP queues, we say when ---- */
static void loop_run(void *arg)
{
	struct netif *n;

	(void)arg;
	NETIF_FOREACH(n) {
		/* What the device would have completed was never filled in. */
		NETIF_SET_CHECKSUM_CTRL(n, n->chksum_flags & (u16_t)
					~(NETIF_CHECKSUM_CHECK_TCP |
					  NETIF_CHECKSUM_CHECK_UDP));
		netif_poll(n);
	}
	net_timers_update();
}

signed char net_loop_pending(struct netif *netif)
{
	static struct event_deferred d = { .fn = loop_run };

	(void)netif;
	event_defer(&d);
	return ERR_OK;
}

/* ---- transmit ---- */
static err_t link_output(struct netif *netif, struct pbuf *p)
{
	struct net_if *ni = (struct net_if *)netif;
	const uint8_t *frame = p->payload;

	if (frame[12] == ETHTYPE_ARP >> 8 && frame[13] == (ETHTYPE_ARP & 0xff))
		net_timers_note_arp();
	return txq_push(&ni->tx, p);
}

static void tx_done(void *arg, void *cookie)
{
	struct net_if *ni = arg;

	txq_done(&ni->tx, cookie);
}

static void tx_ready(void *arg)
{
	struct net_if *ni = arg;

	txq_ready(&ni->tx);
}

/* ---- state ---- */
static void link_changed(void *arg, bool up)
{
	struct net_if *ni = arg;

	log_info(LOG_NET, "%s: link %s", ni->nd->name, up ? "up" : "down");
	if (up)
		netif_set_link_up(&ni->lw);
	else
		netif_set_link_down(&ni->lw);
	net_timers_update();
}

static void failed(void *arg)
{
	struct net_if *ni = arg;

	log_err(LOG_NET, "%s: the device failed, interface down", ni->nd->name);
	txq_kill(&ni->tx);
	netif_set_link_down(&ni->lw);
	netif_set_down(&ni->lw);
}

static const struct netdev_client client = {
	.rx = rx,
	.rx_end = rx_end,
	.tx_done = tx_done,
	.tx_ready = tx_ready,
	.link = link_changed,
	.failed = failed,
};

static err_t netif_start(struct netif *netif)
{
	struct net_if *ni = (struct net_if *)netif;

	netif->name[0] = 'e';
	netif->name[1] = 'n';
	netif->hwaddr_len = ETH_HWADDR_LEN;
	memcpy(netif->hwaddr, ni->nd->mac, ETH_HWADDR_LEN);
	netif->mtu = ni->nd->mtu;
	netif->mtu6 = ni->nd->mtu;
	netif->output = etharp_output;
	netif->output_ip6 = ethip6_output;
	netif->linkoutput = link_output;
	netif->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP |
		       NETIF_FLAG_ETHERNET | NETIF_FLAG_MLD6;
	if (ni->nd->features & NETDEV_TX_CSUM)
		NETIF_SET_CHECKSUM_CTRL(netif, NETIF_CHECKSUM_ENABLE_ALL &
					~NETIF_CHECKSUM_GEN_TCP);
	return ERR_OK;
}

bool net_if_is_loop(const struct netif *netif)
{
	return netif->linkoutput != link_output;
}

const char *net_if_name(const struct netif *netif)
{
	if (net_if_is_loop(netif))
		return "lo";
	return ((const struct net_if *)netif)->nd->name;
}

static int attach(struct netdev *nd, unsigned index)
{
	struct net_if *ni = heap_zalloc(HEAP_NET, sizeof(*ni));
	int err;

	if (!ni)
		return -ENOMEM;
	ni->nd = nd;
	err = txq_init(&ni->tx, nd);
	if (err) {
		heap_free(HEAP_NET, ni);
		return err;
	}
	netif_add_noaddr(&ni->lw, ni, netif_start, ethernet_input);
	if (!netif_default)
		netif_set_default(&ni->lw);
	netdev_attach(nd, &client, ni);
	if (nd->link_up)
		netif_set_link_up(&ni->lw);
	net_config_apply(&ni->lw, index);
	return 0;
}

int net_if_attach_all(void)
{
	struct netdev *nd = NULL;
	unsigned n = 0;
	int err;

	while ((nd = netdev_next(nd)) != NULL) {
		err = attach(nd, n++);
		if (err)
			return err;
	}
	net_config_check_unused(n);
	return 0;
}

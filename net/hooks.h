/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The places where lwIP asks us (LWIP_HOOK_FILENAME). Their functions are in
 * net/isn.c, net/guard.c, net/sack.c, net/dhcp.c and net/config.c.
 */
#pragma once

#include "lwip/err.h"
#include "lwip/ip_addr.h"

struct netif;
struct pbuf;
struct tcp_hdr;
struct tcp_pcb;

/* RFC 6528: keyed initial sequence numbers. */
u32_t net_tcp_isn(const ip_addr_t *local_ip, u16_t local_port,
		  const ip_addr_t *remote_ip, u16_t remote_port);
#define LWIP_HOOK_TCP_ISN net_tcp_isn

/* ERR_OK: go on. Else the segment is dropped: new connections wait while
 * memory is short. */
err_t net_tcp_admit(struct tcp_pcb *pcb, const struct tcp_hdr *hdr, u16_t optlen);
/* Options in two buffers (net/netif.c makes that rare) are not looked at. */
#define LWIP_HOOK_TCP_INPACKET_PCB(pcb, hdr, optlen, opt1len, opt2, p) \
	net_tcp_admit((pcb), (hdr), (opt1len))

/* What the SACK option of a segment for an open connection says; its header
 * is in the host's byte order, its options follow it. Others: does nothing. */
void net_tcp_sack(struct tcp_pcb *pcb, const struct tcp_hdr *hdr, u16_t optlen);

/* They see fragments pass; never take the packet. */
int net_ip4_seen(const struct pbuf *p, struct netif *netif);
int net_ip6_seen(const struct pbuf *p, struct netif *netif);
#define LWIP_HOOK_IP4_INPUT(p, netif) net_ip4_seen((p), (netif))
#define LWIP_HOOK_IP6_INPUT(p, netif) net_ip6_seen((p), (netif))

/* The gateway that the command line gave for IPv6, or NULL. */
const ip6_addr_t *net_ip6_gateway(struct netif *netif, const ip6_addr_t *dest);
#define LWIP_HOOK_ND6_GET_GW(netif, dest) net_ip6_gateway((netif), (dest))

/* Called before each DHCP message goes out; adds nothing to it. */
void net_dhcp_sending(void);
#define LWIP_HOOK_DHCP_APPEND_OPTIONS(netif, dhcp, state, msg, msg_type, len) \
	net_dhcp_sending()

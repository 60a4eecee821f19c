/* SPDX-License-Identifier: BSD-2-Clause
 *
 * lwIP's options: what this system changes from lwIP's defaults, with the
 * reason where it is not plain. No operating system underneath (NO_SYS): one
 * flow of control calls everything, so there are no locks and no mailboxes.
 */
#pragma once

#define NO_SYS				1
#define LWIP_TIMERS_CUSTOM		1	/* net/timers.c */
#define SYS_LIGHTWEIGHT_PROT		0
#define LWIP_NETCONN			0	/* net/sock*.c instead */
#define LWIP_SOCKET			0
#define LWIP_HOOK_FILENAME		"net/hooks.h"

/* ---- memory: all of it from the kernel's heap, bounded in net/mem.c ---- */
#define MEM_ALIGNMENT			16
#define MEM_CUSTOM_ALLOCATOR		1
#define MEM_CUSTOM_MALLOC		net_mem_alloc
#define MEM_CUSTOM_CALLOC		net_mem_calloc
#define MEM_CUSTOM_FREE			net_mem_free
#define MEMP_MEM_MALLOC			1	/* so MEMP_NUM_* bound nothing */
#define LWIP_SUPPORT_CUSTOM_PBUF	1	/* receive without copying */
#define PBUF_POOL_BUFSIZE		1536
#define ETH_PAD_SIZE			0

/* ---- protocols ---- */
#define LWIP_IPV4			1
#define LWIP_IPV6			1
#define LWIP_ARP			1
#define LWIP_ETHERNET			1
#define LWIP_ICMP			1
#define LWIP_RAW			1
#define LWIP_UDP			1
#define LWIP_TCP			1
#define LWIP_IGMP			0
#define LWIP_DNS			1
#define LWIP_BROADCAST_PING		0
#define LWIP_MULTICAST_PING		0
#define SO_REUSE			1
#define SO_REUSE_RXTOALL		0
#define IP_SOF_BROADCAST		1
#define IP_SOF_BROADCAST_RECV		0
#define LWIP_MULTICAST_TX_OPTIONS	1

#define ARP_TABLE_SIZE			64
#define ARP_QUEUEING			1
#define ARP_QUEUE_LEN			8

/* Bounded by pbufs of all datagrams under way together, and by 15 s. */
#define IP_REASS_MAX_PBUFS		96
#define IP_REASS_MAXAGE			15
#define IPV6_REASS_MAXAGE		15	/* net/timers.c ticks for that long */

#define LWIP_DHCP			1
#define LWIP_DHCP_DOES_ACD_CHECK	0	/* would delay the first answer */
#define LWIP_DHCP_MAX_DNS_SERVERS	2
#define LWIP_ACD			0
#define LWIP_NETIF_HOSTNAME		1
#define LWIP_NETIF_EXT_STATUS_CALLBACK	1

#define DNS_MAX_SERVERS			4
#define DNS_TABLE_SIZE			8
#define DNS_MAX_TTL			600	/* net_dns_lookup() ages that much */

#define LWIP_IPV6_DUP_DETECT_ATTEMPTS	0	/* DAD would delay the first answer */
#define LWIP_IPV6_DHCP6			0
#define LWIP_IPV6_MLD			1
#define LWIP_IPV6_NUM_ADDRESSES		4
#define LWIP_IPV6_ADDRESS_LIFETIMES	1
#define LWIP_ND6_NUM_NEIGHBORS		32
#define LWIP_ND6_NUM_DESTINATIONS	64
#define LWIP_ND6_RDNSS_MAX_DNS_SERVERS	2
#define LWIP_ND6_QUEUEING		1
#define MEMP_NUM_ND6_QUEUE		32
#define IPV6_FRAG_COPYHEADER		1	/* pointers have 64 bits */

#define LWIP_NETIF_LOOPBACK		1
#define LWIP_HAVE_LOOPIF		1
#define LWIP_LOOPBACK_MAX_PBUFS		1024
/* Only to be told that something waits for netif_poll(); see net/netif.c. */
#define LWIP_NETIF_LOOPBACK_MULTITHREADING 1
#define tcpip_try_callback(fn, netif)	net_loop_pending(netif)

/* ---- TCP ---- */
/* Ticks: delayed acknowledgements within 50 ms, retransmission counted in
 * 100 ms; the smallest RTO is 3 ticks (lwIP's variance never falls below). */
#define TCP_TMR_INTERVAL		50
#define LWIP_TCP_RTO_TIME		1000	/* RFC 6298's first RTO */
#define TCP_MSL				1000	/* TIME-WAIT for 2 s; docs/net.md */
#define TCP_MSS				1460
#define LWIP_WND_SCALE			1
#define TCP_RCV_SCALE			3
/* Greatest windows; net/mem.c gives each connection less when memory is
 * small (net/pcb_wrap.h redefines both for tcp.c and tcp_in.c). */
#define TCP_WND				(256 * 1024)
#define TCP_SND_BUF			(256 * 1024)
#define TCP_SND_QUEUELEN		1024
#define TCP_SNDLOWAT			(16 * 1024)
#define TCP_SNDQUEUELOWAT		512
#define TCP_OVERSIZE			TCP_MSS
#define TCP_QUEUE_OOSEQ			1
#define TCP_OOSEQ_PBUFS_LIMIT(pcb)	net_ooseq_limit()
#define LWIP_TCP_SACK_OUT		1
#define LWIP_TCP_TIMESTAMPS		0
#define LWIP_TCP_KEEPALIVE		1
#define TCP_LISTEN_BACKLOG		1
#define TCP_DEFAULT_LISTEN_BACKLOG	0xff
#define LWIP_TCP_PCB_NUM_EXT_ARGS	4	/* all are net/pcbhash.c's */

/* ---- checksums ---- */
#define LWIP_CHECKSUM_CTRL_PER_NETIF	1
#define LWIP_CHKSUM			net_chksum

/* ---- counters ---- */
#define LWIP_STATS			1
#define LWIP_STATS_LARGE		1
#define MEM_STATS			0
#define MEMP_STATS			0
#define SYS_STATS			0
#define MIB2_STATS			0
#define LWIP_STATS_DISPLAY		0

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What the files of net/ share, the socket layer included. Everything runs in
 * the one flow of control; nothing here blocks.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lwip/dns.h"
#include "lwip/netif.h"
#include "lwip/tcp.h"
#include "pv/pv.h"

/* The init hook; host tests call it. */
int net_start(void);

/* ---- memory: net/mem.c ------------------------------------------------------
 * All of the stack's memory (PCBs, segments, copies of data, and what the
 * socket layer takes by net_mem_alloc) counts against one limit, half of the
 * guest's pages. As it fills: new connections get smaller windows, open ones
 * shrink theirs as the application reads (net_recved), then SYNs are dropped
 * and come again later, and last of all data of open connections waits
 * (ERR_MEM from tcp_write; received frames dropped and sent again). */
void net_mem_init(void);

enum net_pressure {
	NET_MEM_PLENTY,			/* less than half of the limit used */
	NET_MEM_LOW,			/* windows shrink */
	NET_MEM_HIGH,			/* three quarters: no new connections */
};
enum net_pressure net_mem_pressure(void);
size_t net_mem_used(void);		/* bytes */
size_t net_mem_limit(void);		/* bytes */
uint64_t net_mem_refused(void);		/* allocations refused so far */

/* Window and send buffer for one more connection, bytes: an equal share of
 * what is free, between 3 segments and 256 KiB. lwIP takes both from here when
 * a PCB is made. */
u32_t net_tcp_window(void);
u32_t net_tcp_sndbuf(void);

/* Instead of tcp_recved(): opens the window by what the application took, any
 * number of bytes, and moves the connection's greatest window towards the
 * present share. Established states only; may send. */
void net_recved(struct tcp_pcb *pcb, size_t len);

/* Bytes that the application may add to the send queue now; 0: wait for the
 * `sent` callback. Under pressure a connection that already has two segments
 * queued gets no more. */
size_t net_snd_room(const struct tcp_pcb *pcb);

/* To be called by every `sent` callback: new data was acknowledged. Lets the
 * next hole of a lossy connection be filled at once (net/sack.c). */
void net_tcp_acked(struct tcp_pcb *pcb);

/* ---- ports: before tcp_bind(.., 0), tcp_connect, udp_bind(.., 0) ------------
 * A fresh random start for lwIP's search of a free port (RFC 6056, 3.3.1). */
void net_random_ports(void);

/* ---- names ------------------------------------------------------------------
 * dns_gethostbyname_addrtype() with the resolver's timer running. */
err_t net_dns_lookup(const char *name, ip_addr_t *out, dns_found_callback found,
		     void *arg, u8_t addrtype);

/* ---- timers: net/timers.c ---------------------------------------------------
 * net_timers_update() is called after any work on packets; it starts the
 * cyclic timers that have work. The note_* calls tell what passed by. */
void net_timers_update(void);
void net_timers_note_arp(void);
void net_timers_note_fragment(void);
void net_timers_note_dns(void);
extern bool net_tcp_parked;
void net_tcp_wake(void);

/* ---- interfaces: net/netif.c, net/config.c ---------------------------------- */
int net_if_attach_all(void);		/* every netdev; 0 or -errno */
bool net_if_is_loop(const struct netif *netif);
const char *net_if_name(const struct netif *netif);	/* "net0", "lo" */

/* After lwip_init: name servers, messages about addresses. */
void net_config_init(void);
/* Addresses and state of interface number `index`, as the command line says. */
void net_config_apply(struct netif *netif, unsigned index);
/* Warns of settings for interfaces from number `count` on. */
void net_config_check_unused(unsigned count);

/* ---- counters: net/stats.c -------------------------------------------------- */
struct net_counters {
	uint64_t rx_copied;		/* frames copied: driver short of buffers */
	uint64_t rx_nomem;		/* frames dropped for want of memory */
	uint64_t rx_malformed;		/* dropped before lwIP saw them */
	uint64_t tx_queue_full;		/* refused, the sender tries again */
	uint64_t tx_linearized;		/* copied: more pieces than a frame may have */
	uint64_t gso_frames, gso_segments;
	uint64_t syn_dropped;		/* memory or backlog */
	uint64_t syn_evicted;		/* half-open connections given up for new ones */
	uint64_t time_wait_cut;
};
extern struct net_counters net_counters;

/* Every counter of the stack, malformed packets by kind among them. */
void net_stats_for_each(void (*fn)(void *arg, const char *name, uint64_t value),
			void *arg);
void net_stats_init(void);

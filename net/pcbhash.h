/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Constant-time connection lookup for lwIP, whose own is a linear list. The
 * links live in each PCB's ext_args, so registering a connection allocates
 * nothing and cannot fail; only the table grows, and where it cannot, chains
 * get longer. net/pcb_wrap.h puts this under tcp.c and tcp_in.c at compile
 * time; lwIP's sources stay as they are.
 */
#pragma once

#include <stdbool.h>

#include "lwip/tcp.h"

/* Before the first PCB: takes lwIP's four ext_args, draws the hash key. */
void pcbhash_init(void);

/* TCP_REG and TCP_RMV. `list` is any of lwIP's lists; only the active and the
 * TIME-WAIT list are hashed. Removing what is not registered does nothing
 * (lwIP removes twice when a receive callback closes). */
void pcbhash_add(struct tcp_pcb **list, struct tcp_pcb *pcb);
void pcbhash_remove(struct tcp_pcb **list, struct tcp_pcb *pcb);

/* The PCB of the segment that lwIP is looking at (ip_current_*), as the head
 * of a list for lwIP's loop; points to NULL when there is none. */
struct tcp_pcb **pcbhash_find(u16_t remote_port, u16_t local_port,
			      bool time_wait);

size_t pcbhash_count(void);		/* active and TIME-WAIT */

/* Greatest receive window of this connection, bytes. Set on first use from
 * net_tcp_window(), changed by net_recved() only. */
u32_t pcbhash_window(struct tcp_pcb *pcb);
void pcbhash_set_window(struct tcp_pcb *pcb, u32_t wnd);

/* Connections of a listener that are half-open or wait to be accepted: lwIP
 * counts in 8 bits. Half-open ones are counted here, the others by whoever
 * queues them. `most` is what net/guard.c allows (0: lwIP's own number). */
struct tcp_pcb_listen;
void pcbhash_set_backlog(struct tcp_pcb_listen *l, unsigned most);
unsigned pcbhash_backlog(const struct tcp_pcb_listen *l);
unsigned pcbhash_pending(const struct tcp_pcb_listen *l);
void pcbhash_pending_add(struct tcp_pcb_listen *l, int by);
void pcbhash_opened(struct tcp_pcb *pcb);	/* no longer half-open */

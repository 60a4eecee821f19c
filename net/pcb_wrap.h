/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Forced into the compilation of lwIP's tcp.c and tcp_in.c (with
 * PCB_WRAP_TCP_IN) by net/lwip.mk: connection lookup by hash and a receive
 * window for each connection. lwIP's macros are redefined, its sources are not
 * touched; so this is for one version only.
 */
#pragma once

#include <stdbool.h>

#include "lwip/opt.h"
#include "lwip/init.h"
#include "lwip/tcp.h"
#include "lwip/priv/tcp_priv.h"
#include "net/pcbhash.h"
#include "net/tcp_wake.h"

#if LWIP_VERSION_MAJOR != 2 || LWIP_VERSION_MINOR != 2 || LWIP_VERSION_REVISION != 1
#error "net/pcb_wrap.h was written against lwIP 2.2.1: compare tcp.c and tcp_in.c first"
#endif

u32_t net_tcp_sndbuf(void);
#undef TCP_WND
#undef TCP_SND_BUF
#undef TCP_WND_MAX
#define TCP_WND			pcbhash_window(pcb)	/* each user has a `pcb` */
#define TCP_SND_BUF		net_tcp_sndbuf()
#define TCP_WND_MAX(p) ((tcpwnd_size_t)(((p)->flags & TF_WND_SCALE) ? \
			pcbhash_window(p) : TCPWND16(pcbhash_window(p))))

/* TIME-WAIT is short, but lwIP takes the same time for LAST-ACK, silently
 * dropping what a slow peer has not taken: there it is the standard's. */
enum { TIME_WAIT_MSL = TCP_MSL };
#undef TCP_MSL
#define TCP_MSL		(pcb->state == LAST_ACK ? 60000u : (u32_t)TIME_WAIT_MSL)

#undef TCP_REG
#undef TCP_RMV
#define TCP_RMV(list, pcb) pcbhash_remove((list), (pcb))

#ifdef PCB_WRAP_TCP_IN
/* Here "tcp_active_pcbs" is the list that holds only the match. Where lwIP
 * means the true list it goes by these: TCP_REG is for TIME-WAIT only. */
static struct tcp_pcb **const wrap_active = &tcp_active_pcbs;
static struct tcp_pcb **const wrap_time_wait = &tcp_tw_pcbs;
#undef TCP_REG_ACTIVE
#undef TCP_RMV_ACTIVE
#define TCP_REG_ACTIVE(pcb) do { \
	pcbhash_add(wrap_active, (pcb)); tcp_timer_needed(); \
	tcp_active_pcbs_changed = 1; } while (0)
#define TCP_RMV_ACTIVE(pcb) do { \
	pcbhash_remove(wrap_active, (pcb)); tcp_active_pcbs_changed = 1; } while (0)
#define TCP_REG(list, pcb) do { \
	pcbhash_add(wrap_time_wait, (pcb)); tcp_timer_needed(); } while (0)
#define tcp_pcb_remove(list, pcb) (tcp_pcb_remove)(wrap_active, (pcb))
#define tcp_backlog_accepted(pcb) pcbhash_opened(pcb)
#define tcp_active_pcbs (*pcbhash_find(tcphdr->src, tcphdr->dest, false))
#define tcp_tw_pcbs	(*pcbhash_find(tcphdr->src, tcphdr->dest, true))
#else
#define TCP_REG(list, pcb) do { \
	pcbhash_add((list), (pcb)); tcp_timer_needed(); } while (0)
#endif

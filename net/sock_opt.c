/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Socket options. Their values live in struct sock, so that they can be set
 * before there is a PCB and pass from a listener to what it accepts; ops->apply
 * hands them to the PCB that is there.
 */
#include "net/sock_tcp.h"

#include <errno.h>

#include "net/pcbhash.h"

#define BUF_MIN 4608			/* Linux's least SO_SNDBUF */
#define BUF_MAX TCP_SND_BUF

static uint32_t clamp(int v, uint32_t min, uint32_t max)
{
	return v < 0 || (uint32_t)v > max ? max :
	       (uint32_t)v < min ? min : (uint32_t)v;
}

static int set_seconds(uint16_t *to, int v, int max)
{
	if (v < 1 || v > max)
		return -EINVAL;
	*to = (uint16_t)v;
	return 0;
}

static int set_byte(uint8_t *to, int v, int min)
{
	if (v < min || v > 255)
		return -EINVAL;
	*to = (uint8_t)v;
	return 0;
}

/* V6ONLY is a property of the PCB's address: only before bind and connect. */
static int set_v6only(struct sock *s, bool on)
{
	ip_addr_t ip;
	uint16_t port = 0;

	if (!s->ipv6)
		return -ENOPROTOOPT;
	if (s->ops->name(s, false, &ip, &port) == 0 && port)
		return -EINVAL;
	s->v6only = on;
	return 0;
}

static int set(struct sock *s, enum sock_opt opt, int v)
{
	switch (opt) {
	case SOCK_OPT_REUSEADDR: s->reuse = v; return 0;
	case SOCK_OPT_KEEPALIVE: s->keepalive = v; return 0;
	case SOCK_OPT_BROADCAST: s->broadcast = v; return 0;
	case SOCK_OPT_NODELAY: s->nodelay = v; return 0;
	case SOCK_OPT_V6ONLY: return set_v6only(s, v);
	case SOCK_OPT_MULTICAST_LOOP: s->mcast_loop = v; return 0;
	case SOCK_OPT_KEEPIDLE: return set_seconds(&s->keepidle, v, 32767);
	case SOCK_OPT_KEEPINTVL: return set_seconds(&s->keepintvl, v, 32767);
	case SOCK_OPT_KEEPCNT: return v > 127 ? -EINVAL : set_byte(&s->keepcnt, v, 1);
	case SOCK_OPT_RCVBUF: s->rcvbuf = clamp(v, BUF_MIN, BUF_MAX); return 0;
	case SOCK_OPT_SNDBUF: s->sndbuf = clamp(v, BUF_MIN, BUF_MAX); return 0;
	case SOCK_OPT_RCVTIMEO: s->rcvtimeo = v > 0 ? (uint32_t)v : 0; return 0;
	case SOCK_OPT_SNDTIMEO: s->sndtimeo = v > 0 ? (uint32_t)v : 0; return 0;
	case SOCK_OPT_LINGER:
		s->linger = (int16_t)(v < 0 ? -1 : v > 32767 ? 32767 : v);
		return 0;
	case SOCK_OPT_TTL:
		return v == -1 ? set_byte(&s->ttl, 64, 1) : set_byte(&s->ttl, v, 1);
	case SOCK_OPT_TOS: s->tos = (uint8_t)v; return 0;
	case SOCK_OPT_MULTICAST_TTL:
		return v == -1 ? set_byte(&s->mcast_ttl, 1, 0) :
				 set_byte(&s->mcast_ttl, v, 0);
	default:
		return -ENOPROTOOPT;
	}
}

int sock_setopt(struct sock *s, enum sock_opt opt, int value)
{
	int err = set(s, opt, value);

	if (!err)
		s->ops->apply(s);
	return err;
}

static int take_error(struct sock *s)
{
	int err = s->err;

	s->err = 0;
	return err;
}

int sock_getopt(struct sock *s, enum sock_opt opt, int *v)
{
	switch (opt) {
	case SOCK_OPT_ERROR: *v = take_error(s); break;
	case SOCK_OPT_TYPE: *v = s->ops->type; break;
	case SOCK_OPT_ACCEPTCONN: *v = sock_tcp_listening(s); break;
	case SOCK_OPT_REUSEADDR: *v = s->reuse; break;
	case SOCK_OPT_KEEPALIVE: *v = s->keepalive; break;
	case SOCK_OPT_KEEPIDLE: *v = s->keepidle ? s->keepidle : 7200; break;
	case SOCK_OPT_KEEPINTVL: *v = s->keepintvl ? s->keepintvl : 75; break;
	case SOCK_OPT_KEEPCNT: *v = s->keepcnt ? s->keepcnt : 9; break;
	case SOCK_OPT_BROADCAST: *v = s->broadcast; break;
	case SOCK_OPT_RCVBUF: *v = (int)(s->rcvbuf ? s->rcvbuf : net_tcp_window()); break;
	case SOCK_OPT_SNDBUF: *v = (int)(s->sndbuf ? s->sndbuf : net_tcp_sndbuf()); break;
	case SOCK_OPT_RCVTIMEO: *v = (int)s->rcvtimeo; break;
	case SOCK_OPT_SNDTIMEO: *v = (int)s->sndtimeo; break;
	case SOCK_OPT_LINGER: *v = s->linger; break;
	case SOCK_OPT_NODELAY: *v = s->nodelay; break;
	case SOCK_OPT_V6ONLY: *v = s->v6only; break;
	case SOCK_OPT_TTL: *v = s->ttl; break;
	case SOCK_OPT_TOS: *v = s->tos; break;
	case SOCK_OPT_MULTICAST_TTL: *v = s->mcast_ttl; break;
	case SOCK_OPT_MULTICAST_LOOP: *v = s->mcast_loop; break;
	default: return -ENOPROTOOPT;
	}
	return 0;
}

/* ---- TCP ---- */
static void set_flag(struct tcp_pcb *pcb, u8_t flag, bool on)
{
	if (on)
		ip_set_option(pcb, flag);
	else
		ip_reset_option(pcb, flag);
}

void sock_tcp_apply(struct sock *s)
{
	struct tcp_sock *t = tcp_sock_of(s);
	struct tcp_pcb *pcb = t->pcb;

	if (!pcb)
		return;
	pcb->ttl = s->ttl;		/* these are in listening PCBs, too */
	pcb->tos = s->tos;
	set_flag(pcb, SOF_REUSEADDR, s->reuse);
	set_flag(pcb, SOF_KEEPALIVE, s->keepalive);
	if (t->state == ST_LISTENING)
		return;
	if (s->nodelay)
		tcp_nagle_disable(pcb);
	else
		tcp_nagle_enable(pcb);
	if (s->keepidle)
		pcb->keep_idle = s->keepidle * 1000u;
	if (s->keepintvl)
		pcb->keep_intvl = s->keepintvl * 1000u;
	if (s->keepcnt)
		pcb->keep_cnt = s->keepcnt;
	if (t->state == ST_NEW && s->rcvbuf && s->rcvbuf < net_tcp_window())
		pcbhash_set_window(pcb, s->rcvbuf);
	if (s->nodelay && pcb->unsent)
		tcp_output(pcb);
}

void sock_inherit(struct sock *to, const struct sock *from)
{
	to->rcvbuf = from->rcvbuf;
	to->sndbuf = from->sndbuf;
	to->rcvtimeo = from->rcvtimeo;
	to->sndtimeo = from->sndtimeo;
	to->linger = from->linger;
	to->keepidle = from->keepidle;
	to->keepintvl = from->keepintvl;
	to->keepcnt = from->keepcnt;
	to->ttl = from->ttl;
	to->tos = from->tos;
	to->v6only = from->v6only;
	to->reuse = from->reuse;
	to->keepalive = from->keepalive;
	to->nodelay = from->nodelay;
}

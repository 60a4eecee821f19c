/* SPDX-License-Identifier: BSD-2-Clause
 *
 * TCP sockets: from socket() to close(). See sock_tcp.h for the states.
 *
 * Closing: unread data or linger 0 send a RST, as Linux does; else what is
 * queued and the FIN are left to lwIP, which gives up when the peer is silent.
 * While memory is short, closed connections with unsent data are reset.
 */
#include "net/sock_tcp.h"

#include <errno.h>

#include "kernel/clock.h"
#include "kernel/event.h"
#include "kernel/lib/compiler.h"
#include "kernel/panic.h"
#include "lwip/priv/tcp_priv.h"
#include "net/pcbhash.h"

#define LWIP_BACKLOG_MAX 255		/* ours is in net/pcbhash.h */
#define BACKLOG_MAX	4096		/* Linux' somaxconn */

/* 10,000 connections are 2.5 MB. */
_Static_assert(sizeof(struct tcp_sock) <= 256, "small per connection");

static const struct sock_ops tcp_ops;
static void on_err(void *arg, err_t e);

static struct tcp_sock *tcp_sock_alloc(bool ipv6)
{
	struct tcp_sock *t = net_mem_calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	sock_init(&t->s, &tcp_ops, ipv6);
	list_init(&t->queue);
	return t;
}

struct sock *sock_tcp_create(bool ipv6)
{
	struct tcp_sock *t = tcp_sock_alloc(ipv6);

	return t ? &t->s : NULL;
}

bool sock_tcp_listening(const struct sock *s)
{
	return s->ops == &tcp_ops &&
	       ((const struct tcp_sock *)s)->state == ST_LISTENING;
}

/* ---- PCBs ---- */
static void adopt(struct tcp_sock *t, struct tcp_pcb *pcb)
{
	t->pcb = pcb;
	tcp_arg(pcb, t);
	tcp_err(pcb, on_err);
	sock_tcp_attach(t);
	sock_tcp_apply(&t->s);
}

static int need_pcb(struct tcp_sock *t)
{
	struct tcp_pcb *pcb;

	if (t->pcb)
		return 0;
	pcb = tcp_new_ip_type(sock_ip_type(&t->s));
	if (!pcb)
		return -ENOBUFS;
	adopt(t, pcb);
	return 0;
}

/* From now on the PCB is lwIP's alone. */
static struct tcp_pcb *disown(struct tcp_sock *t)
{
	struct tcp_pcb *pcb = t->pcb;

	sock_tcp_not_starved(t);
	t->pcb = NULL;
	tcp_arg(pcb, NULL);
	tcp_err(pcb, NULL);
	tcp_recv(pcb, NULL);
	tcp_sent(pcb, NULL);
	return pcb;
}

void sock_tcp_detach(struct tcp_sock *t)
{
	disown(t);
	t->state = ST_CLOSED;
	if (t->lingering)
		wait_queue_wake_all(&t->s.writers);
}

/* ---- bind ---- */
static bool taken(const struct tcp_sock *t, const ip_addr_t *ip, uint16_t port)
{
	for (size_t i = 0; i < NUM_TCP_PCB_LISTS; i++) {
		const struct tcp_pcb *p = *tcp_pcb_lists[i];

		/* The last list is TIME-WAIT. */
		if (t->s.reuse && i == NUM_TCP_PCB_LISTS_NO_TIME_WAIT)
			break;
		for (; p; p = p->next)
			if (p != t->pcb && p->local_port == port &&
			    sock_addrs_overlap(ip, &p->local_ip) &&
			    !(t->s.reuse && ip_get_option(p, SOF_REUSEADDR) &&
			      p->state != LISTEN))
				return true;
	}
	return false;
}

static int tcp_sock_bind(struct sock *s, const ip_addr_t *ip, uint16_t port)
{
	struct tcp_sock *t = tcp_sock_of(s);
	int err;

	if (t->state != ST_NEW || (t->pcb && t->pcb->local_port))
		return -EINVAL;
	err = need_pcb(t);
	if (err)
		return err;
	if (port && taken(t, ip, port))
		return -EADDRINUSE;
	/* The type of the PCB's address follows a V6ONLY set since then. */
	IP_SET_TYPE_VAL(t->pcb->local_ip, sock_ip_type(s));
	net_random_ports();
	return net_errno(tcp_bind(t->pcb, ip, port));
}

/* ---- listen, accept ---- */
static void listener_queued(struct tcp_sock *l, int by)
{
	l->queued = (uint16_t)(l->queued + by);
	if (l->pcb)
		pcbhash_pending_add((struct tcp_pcb_listen *)l->pcb, by);
}

static void free_child(struct tcp_sock *c)
{
	listener_queued(c->listener, -1);
	list_del(&c->queue);
	c->listener = NULL;
	sock_tcp_purge(c);
	net_mem_free(c);
}

static err_t on_accept(void *arg, struct tcp_pcb *pcb, err_t err)
{
	struct tcp_sock *l = arg, *c;

	if (err != ERR_OK || !pcb)
		return ERR_VAL;
	c = tcp_sock_alloc(l->s.ipv6);
	if (!c)
		return ERR_MEM;		/* lwIP resets the connection */
	sock_inherit(&c->s, &l->s);
	c->state = ST_OPEN;
	c->listener = l;
	adopt(c, pcb);
	list_push(&l->queue, &c->queue);
	listener_queued(l, 1);
	sock_event(&l->s, FILE_IN);
	return ERR_OK;
}

static int tcp_sock_listen(struct sock *s, int backlog)
{
	struct tcp_sock *t = tcp_sock_of(s);
	struct tcp_pcb *pcb;
	int n = backlog < 1 ? 1 : backlog > BACKLOG_MAX ? BACKLOG_MAX : backlog;
	err_t e;
	int err;

	if (t->state == ST_LISTENING) {
		pcbhash_set_backlog((struct tcp_pcb_listen *)t->pcb, (unsigned)n);
		return 0;
	}
	if (t->state != ST_NEW)
		return -EINVAL;
	err = need_pcb(t);
	if (!err && !t->pcb->local_port) {
		IP_SET_TYPE_VAL(t->pcb->local_ip, sock_ip_type(s));
		net_random_ports();
		err = net_errno(tcp_bind(t->pcb, &t->pcb->local_ip, 0));
	}
	if (err)
		return err;
	pcb = tcp_listen_with_backlog_and_err(t->pcb, LWIP_BACKLOG_MAX, &e);
	if (!pcb)
		return net_errno(e);
	t->pcb = pcb;
	t->state = ST_LISTENING;
	pcbhash_set_backlog((struct tcp_pcb_listen *)pcb, (unsigned)n);
	tcp_accept(pcb, on_accept);
	return 0;
}

static int tcp_sock_accept(struct sock *s, struct file **out,
			   struct sock_addr *peer)
{
	struct tcp_sock *t = tcp_sock_of(s), *c;
	nsec_t deadline = sock_deadline(s->rcvtimeo);
	struct list *l;
	int err;

	while (t->state == ST_LISTENING && list_empty(&t->queue)) {
		err = sock_sleep(s, &s->readers, 0, deadline);
		if (err)
			return err;
	}
	if (t->state != ST_LISTENING)
		return -EINVAL;
	l = list_pop(&t->queue);
	c = container_of(l, struct tcp_sock, queue);
	c->listener = NULL;
	listener_queued(t, -1);
	sock_addr_from_ip(&c->s, peer, &c->pcb->remote_ip, c->pcb->remote_port);
	*out = &c->s.file;
	return 0;
}

static void stop_listening(struct tcp_sock *t)
{
	struct tcp_pcb *pcb = t->pcb;
	struct list *pos, *tmp;

	t->pcb = NULL;
	t->state = ST_NEW;
	tcp_arg(pcb, NULL);
	tcp_close(pcb);			/* of a listening PCB: cannot fail */
	list_for_each_safe(pos, tmp, &t->queue) {
		struct tcp_sock *c = container_of(pos, struct tcp_sock, queue);

		tcp_abort(disown(c));
		free_child(c);
	}
}

/* ---- connect ---- */
static err_t on_connected(void *arg, struct tcp_pcb *pcb, err_t err)
{
	struct tcp_sock *t = arg;

	(void)pcb;
	(void)err;
	t->state = ST_OPEN;
	t->connect_untold = true;
	sock_event(&t->s, FILE_OUT);
	return ERR_OK;
}

static int connect_start(struct tcp_sock *t, const ip_addr_t *ip, uint16_t port)
{
	int err = need_pcb(t);
	err_t e;

	if (err)
		return err;
	if (port == 0)
		return -ECONNREFUSED;
	if (ip_addr_ismulticast(ip))
		return -ENETUNREACH;
	if (!t->pcb->local_port)
		IP_SET_TYPE_VAL(t->pcb->local_ip, sock_ip_type(&t->s));
	if (!ip_addr_isany(&t->pcb->local_ip) &&
	    IP_IS_V6_VAL(t->pcb->local_ip) != IP_IS_V6(ip))
		return -ENETUNREACH;
	net_random_ports();
	e = tcp_connect(t->pcb, ip, port, on_connected);
	if (e == ERR_USE || e == ERR_BUF)
		return -EADDRNOTAVAIL;
	if (e != ERR_OK)
		return net_errno(e);
	t->state = ST_CONNECTING;
	return 0;
}

/* The outcome of a failed try; the socket can then try again. */
static int connect_error(struct tcp_sock *t)
{
	int err = t->s.err ? t->s.err : ECONNABORTED;

	t->s.err = 0;
	t->connect_failed = false;
	t->shut_rd = t->shut_wr = false;
	t->state = ST_NEW;
	return -err;
}

static int tcp_sock_connect(struct sock *s, const ip_addr_t *ip, uint16_t port)
{
	struct tcp_sock *t = tcp_sock_of(s);
	nsec_t deadline = sock_deadline(s->sndtimeo);
	int err;

	if (t->state == ST_LISTENING)
		return -EISCONN;
	if (t->state == ST_CONNECTING && s->file.nonblock)
		return -EALREADY;
	if (t->state == ST_NEW) {
		err = connect_start(t, ip, port);
		if (err)
			return err;
	}
	while (t->state == ST_CONNECTING)
		if (sock_sleep(s, &s->writers, 0, deadline))
			return -EINPROGRESS;
	if (t->connect_failed)
		return connect_error(t);
	if (!t->connect_untold)
		return -EISCONN;
	t->connect_untold = false;
	return 0;
}

/* ---- the end ---- */
static void on_err(void *arg, err_t e)
{
	struct tcp_sock *t = arg;
	bool connecting = t->state == ST_CONNECTING;

	sock_tcp_not_starved(t);
	t->pcb = NULL;
	if (t->listener) {		/* nobody has seen it yet */
		free_child(t);
		return;
	}
	t->state = ST_CLOSED;
	t->connect_failed = connecting;
	if (e == ERR_RST)
		t->s.err = connecting ? ECONNREFUSED :
			   t->fin_rcvd ? EPIPE : ECONNRESET;
	else if (e != ERR_CLSD)
		t->s.err = ETIMEDOUT;
	sock_event(&t->s, FILE_IN | FILE_OUT | FILE_HUP | FILE_RDHUP |
		   (t->s.err ? FILE_ERR : 0));
}

static int tcp_sock_shutdown(struct sock *s, bool rd, bool wr)
{
	struct tcp_sock *t = tcp_sock_of(s);

	switch ((enum tcp_sock_state)t->state) {
	case ST_NEW:
	case ST_CLOSED:
		return -ENOTCONN;
	case ST_LISTENING:
		if (rd) {
			stop_listening(t);
			sock_event(s, FILE_IN | FILE_OUT | FILE_HUP);
		}
		return 0;
	case ST_CONNECTING:
		tcp_abort(disown(t));
		t->state = ST_CLOSED;
		t->connect_failed = true;
		break;
	case ST_OPEN:
		if (wr && !t->shut_wr) {
			sock_tcp_not_starved(t);
			t->shut_wr = true;
			tcp_shutdown(t->pcb, 0, 1);
		}
		t->shut_rd |= rd;
		break;
	}
	sock_event(s, (rd ? FILE_IN | FILE_RDHUP : 0) | (wr ? FILE_OUT : 0) |
		   (sock_tcp_poll(s) & FILE_HUP));
	return 0;
}

static int tcp_sock_name(struct sock *s, bool peer, ip_addr_t *ip, uint16_t *port)
{
	struct tcp_sock *t = tcp_sock_of(s);

	if (peer && (t->state != ST_OPEN || !t->pcb))
		return -ENOTCONN;
	if (!t->pcb || (!peer && !t->pcb->local_port))
		return 0;
	if (peer) {
		*ip = t->pcb->remote_ip;
		*port = t->pcb->remote_port;
		return 0;
	}
	*port = t->pcb->local_port;
	if (!IP_IS_ANY_TYPE_VAL(t->pcb->local_ip))
		*ip = t->pcb->local_ip;
	return 0;
}

/* Linux waits in close() even if the socket does not block. */
static void linger(struct tcp_sock *t)
{
	nsec_t deadline = clock_now() + (nsec_t)t->s.linger * NSEC_PER_SEC;

	t->lingering = true;
	while (t->pcb && (t->pcb->unsent || t->pcb->unacked))
		if (wait_queue_sleep(&t->s.writers, deadline))
			return;
}

static void close_open(struct tcp_sock *t)
{
	struct tcp_pcb *pcb = t->pcb;

	if (t->rcv_len || t->s.linger == 0 ||
	    (pcb->unsent && net_mem_pressure() == NET_MEM_HIGH)) {
		tcp_abort(disown(t));
		return;
	}
	/* Not tcp_close(): its own idea of unread data takes part of ours. */
	if (!t->shut_wr)
		tcp_shutdown(pcb, 0, 1);
	t->shut_wr = true;
	if (t->s.linger > 0 && !event_running())
		linger(t);
	if (!t->pcb)
		return;
	if (t->pcb->unsent)
		sock_tcp_watch_orphans();
	/* RXCLOSED stops lwIP's activity clock, by which LAST-ACK ends: a slow
	 * reader would lose the rest. After the peer's FIN nothing can come. */
	pcb = disown(t);
	if (!t->fin_rcvd)
		tcp_shutdown(pcb, 1, 0);
}

static void tcp_sock_release(struct sock *s)
{
	struct tcp_sock *t = tcp_sock_of(s);

	if (t->state == ST_LISTENING)
		stop_listening(t);
	else if (t->pcb && t->state == ST_OPEN)
		close_open(t);
	else if (t->pcb)
		tcp_close(disown(t));	/* CLOSED or SYN_SENT: frees it */
	sock_tcp_purge(t);
	ASSERT(list_empty(&s->readers.waiters) && list_empty(&s->writers.waiters));
	net_mem_free(t);
}

static const struct sock_ops tcp_ops = {
	.type = SOCK_KIND_STREAM,
	.bind = tcp_sock_bind,
	.listen = tcp_sock_listen,
	.accept = tcp_sock_accept,
	.connect = tcp_sock_connect,
	.send = sock_tcp_send,
	.recv = sock_tcp_recv,
	.shutdown = tcp_sock_shutdown,
	.name = tcp_sock_name,
	.apply = sock_tcp_apply,
	.poll = sock_tcp_poll,
	.release = tcp_sock_release,
};

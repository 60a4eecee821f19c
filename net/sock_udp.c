/* SPDX-License-Identifier: BSD-2-Clause
 *
 * UDP sockets. A received datagram is copied into one block with its sender's
 * address, so that the device has its buffer back at once and the queue's
 * memory is what it is counted for; when the queue is full, new ones are
 * dropped, as Linux does. ICMP errors do not reach sockets: lwIP has no way
 * for them, so ECONNREFUSED is never seen here.
 */
#include "net/sock_impl.h"

#include <errno.h>

#include "kernel/lib/compiler.h"
#include "kernel/lib/string.h"
#include "kernel/poll.h"
#include "lwip/ip.h"
#include "lwip/udp.h"

#define RCVBUF_DEFAULT	(208u * 1024)	/* Linux' rmem_default */
#define DATAGRAM_MAX	65507u		/* 65535 less the IPv4 and UDP headers */

struct datagram {
	struct list link;
	ip_addr_t from;
	uint16_t port, len;
	uint8_t data[];
};

struct udp_sock {
	struct sock s;			/* first */
	struct udp_pcb *pcb;
	struct list queue;
	size_t queued;			/* bytes, the headers too */
	bool shut_rd, shut_wr;
};

static const struct sock_ops udp_ops;

static struct udp_sock *udp_sock_of(struct sock *s)
{
	return (struct udp_sock *)s;
}

/* Event context. */
static void on_recv(void *arg, struct udp_pcb *pcb, struct pbuf *p,
		    const ip_addr_t *from, u16_t port)
{
	struct udp_sock *u = arg;
	size_t cost = sizeof(struct datagram) + p->tot_len;
	size_t limit = u->s.rcvbuf ? u->s.rcvbuf : RCVBUF_DEFAULT;
	struct datagram *d = NULL;

	(void)pcb;
	if (limit > net_mem_limit() / 8)
		limit = net_mem_limit() / 8;
	/* One always fits: else a small buffer would never see a large one. */
	if (!u->shut_rd && (list_empty(&u->queue) || u->queued + cost <= limit))
		d = net_mem_alloc(cost);
	if (d) {
		d->from = *from;
		d->port = port;
		d->len = p->tot_len;
		pbuf_copy_partial(p, d->data, p->tot_len, 0);
		list_push(&u->queue, &d->link);
		u->queued += cost;
		sock_event(&u->s, FILE_IN);
	}
	pbuf_free(p);
}

static void drop_first(struct udp_sock *u)
{
	struct list *l = list_pop(&u->queue);
	struct datagram *d = container_of(l, struct datagram, link);

	u->queued -= sizeof(*d) + d->len;
	net_mem_free(d);
}

static void apply(struct sock *s)
{
	struct udp_pcb *pcb = udp_sock_of(s)->pcb;

	pcb->ttl = s->ttl;
	pcb->tos = s->tos;
	udp_set_multicast_ttl(pcb, s->mcast_ttl);
	if (s->mcast_loop)
		udp_set_flags(pcb, UDP_FLAGS_MULTICAST_LOOP);
	else
		udp_clear_flags(pcb, UDP_FLAGS_MULTICAST_LOOP);
	if (s->broadcast)
		ip_set_option(pcb, SOF_BROADCAST);
	else
		ip_reset_option(pcb, SOF_BROADCAST);
	if (s->reuse)
		ip_set_option(pcb, SOF_REUSEADDR);
	else
		ip_reset_option(pcb, SOF_REUSEADDR);
	if (!pcb->local_port)
		IP_SET_TYPE_VAL(pcb->local_ip, sock_ip_type(s));
}

struct sock *sock_udp_create(bool ipv6)
{
	struct udp_sock *u = net_mem_calloc(1, sizeof(*u));

	if (!u)
		return NULL;
	sock_init(&u->s, &udp_ops, ipv6);
	list_init(&u->queue);
	u->pcb = udp_new_ip_type(sock_ip_type(&u->s));
	if (!u->pcb) {
		net_mem_free(u);
		return NULL;
	}
	udp_recv(u->pcb, on_recv, u);
	apply(&u->s);
	return &u->s;
}

static bool taken(const struct udp_sock *u, const ip_addr_t *ip, uint16_t port)
{
	for (const struct udp_pcb *p = udp_pcbs; p; p = p->next)
		if (p != u->pcb && p->local_port == port &&
		    sock_addrs_overlap(ip, &p->local_ip) &&
		    !(u->s.reuse && ip_get_option(p, SOF_REUSEADDR)))
			return true;
	return false;
}

static int udp_sock_bind(struct sock *s, const ip_addr_t *ip, uint16_t port)
{
	struct udp_sock *u = udp_sock_of(s);

	if (u->pcb->local_port)
		return -EINVAL;
	if (port && taken(u, ip, port))
		return -EADDRINUSE;
	net_random_ports();
	return net_errno(udp_bind(u->pcb, ip, port));
}

/* lwIP binds by itself on the first use; only the port is to be random. */
static void prepare_port(struct udp_sock *u)
{
	if (!u->pcb->local_port)
		net_random_ports();
}

static bool wrong_family(const struct udp_sock *u, const ip_addr_t *ip)
{
	const ip_addr_t *local = &u->pcb->local_ip;

	return !IP_IS_ANY_TYPE_VAL(*local) &&
	       IP_IS_V6_VAL(*local) != IP_IS_V6(ip);
}

static int udp_sock_connect(struct sock *s, const ip_addr_t *ip, uint16_t port)
{
	struct udp_sock *u = udp_sock_of(s);

	if (wrong_family(u, ip))
		return -ENETUNREACH;
	prepare_port(u);
	return net_errno(udp_connect(u->pcb, ip, port));
}

static bool is_broadcast(const ip_addr_t *to)
{
	struct netif *n = ip_route(IP4_ADDR_ANY, to);

	return n && ip_addr_isbroadcast(to, n);
}

static int send_error(struct udp_sock *u, const ip_addr_t *to, err_t e)
{
	if (e == ERR_VAL && !u->s.broadcast && IP_IS_V4(to) && is_broadcast(to))
		return -EACCES;
	/* The queue to the device may be full because nobody has looked at it
	 * since: the next datagram shall find room. */
	if (e == ERR_MEM || e == ERR_BUF)
		poll_service_devices();
	return net_errno(e);
}

static long udp_sock_send(struct sock *s, const struct sock_msg *m,
			  const ip_addr_t *to, uint16_t port)
{
	struct udp_sock *u = udp_sock_of(s);
	size_t len = sock_iov_len(m->iov, m->n_iov), done = 0;
	struct pbuf *p;
	err_t e;

	if (u->shut_wr)
		return -EPIPE;
	if (!to) {
		if (!(u->pcb->flags & UDP_FLAGS_CONNECTED))
			return -EDESTADDRREQ;
		to = &u->pcb->remote_ip;
		port = u->pcb->remote_port;
	}
	if (port == 0)
		return -EINVAL;
	if (wrong_family(u, to))
		return -ENETUNREACH;
	if (len > DATAGRAM_MAX)
		return -EMSGSIZE;
	p = pbuf_alloc(PBUF_TRANSPORT, (u16_t)len, PBUF_RAM);
	if (!p)
		return -ENOBUFS;
	for (int i = 0; i < m->n_iov; i++) {
		if (m->iov[i].len)
			memcpy((uint8_t *)p->payload + done, m->iov[i].base,
			       m->iov[i].len);
		done += m->iov[i].len;
	}
	prepare_port(u);
	e = udp_sendto(u->pcb, p, to, port);
	pbuf_free(p);
	return e == ERR_OK ? (long)len : send_error(u, to, e);
}

static size_t copy_out(const struct datagram *d, const struct sock_msg *m)
{
	struct sock_iov it = { m->iov, m->n_iov, 0 };
	size_t got = 0, n;
	uint8_t *to;

	while (got < d->len && (n = sock_iov_piece(&it, &to)) != 0) {
		if (n > d->len - got)
			n = d->len - got;
		memcpy(to, d->data + got, n);
		sock_iov_skip(&it, n);
		got += n;
	}
	return got;
}

static long udp_sock_recv(struct sock *s, struct sock_msg *m)
{
	struct udp_sock *u = udp_sock_of(s);
	nsec_t deadline = sock_deadline(s->rcvtimeo);
	bool full_len = m->flags & SOCK_MSG_TRUNC;
	struct datagram *d;
	long r;

	while (list_empty(&u->queue)) {
		if (u->shut_rd)
			return 0;
		r = sock_sleep(s, &s->readers, m->flags, deadline);
		if (r)
			return r;
	}
	d = container_of(u->queue.next, struct datagram, link);
	r = (long)copy_out(d, m);
	m->flags &= ~SOCK_MSG_TRUNC;
	if (r < d->len)
		m->flags |= SOCK_MSG_TRUNC;
	if (full_len)
		r = d->len;
	sock_addr_from_ip(s, &m->addr, &d->from, d->port);
	if (!(m->flags & SOCK_MSG_PEEK))
		drop_first(u);
	return r;
}

static unsigned udp_sock_poll(struct sock *s)
{
	struct udp_sock *u = udp_sock_of(s);
	unsigned ev = FILE_OUT;

	if (!list_empty(&u->queue))
		ev |= FILE_IN;
	if (u->shut_rd)
		ev |= FILE_IN | FILE_RDHUP;
	if (u->shut_rd && u->shut_wr)
		ev |= FILE_HUP;
	return ev;
}

static int udp_sock_shutdown(struct sock *s, bool rd, bool wr)
{
	struct udp_sock *u = udp_sock_of(s);

	if (!(u->pcb->flags & UDP_FLAGS_CONNECTED))
		return -ENOTCONN;
	u->shut_rd |= rd;
	u->shut_wr |= wr;
	sock_event(s, udp_sock_poll(s));
	return 0;
}

/* A connected socket has the address that its datagrams leave with. */
static void source_address(const struct udp_pcb *pcb, ip_addr_t *ip)
{
	struct netif *n = ip_route(&pcb->local_ip, &pcb->remote_ip);
	const ip_addr_t *src = n ? ip_netif_get_local_ip(n, &pcb->remote_ip) : NULL;

	if (src)
		*ip = *src;
}

static int udp_sock_name(struct sock *s, bool peer, ip_addr_t *ip, uint16_t *port)
{
	const struct udp_pcb *pcb = udp_sock_of(s)->pcb;
	bool connected = pcb->flags & UDP_FLAGS_CONNECTED;

	if (peer && !connected)
		return -ENOTCONN;
	*port = peer ? pcb->remote_port : pcb->local_port;
	if (peer)
		*ip = pcb->remote_ip;
	else if (connected && ip_addr_isany(&pcb->local_ip))
		source_address(pcb, ip);
	else if (!IP_IS_ANY_TYPE_VAL(pcb->local_ip) && pcb->local_port)
		*ip = pcb->local_ip;
	return 0;
}

static void udp_sock_release(struct sock *s)
{
	struct udp_sock *u = udp_sock_of(s);

	udp_remove(u->pcb);
	while (!list_empty(&u->queue))
		drop_first(u);
	net_mem_free(u);
}

static const struct sock_ops udp_ops = {
	.type = SOCK_KIND_DGRAM,
	.bind = udp_sock_bind,
	.connect = udp_sock_connect,
	.send = udp_sock_send,
	.recv = udp_sock_recv,
	.shutdown = udp_sock_shutdown,
	.name = udp_sock_name,
	.apply = apply,
	.poll = udp_sock_poll,
	.release = udp_sock_release,
};

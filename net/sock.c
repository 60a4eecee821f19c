/* SPDX-License-Identifier: BSD-2-Clause
 *
 * BSD sockets over lwIP's raw API: the provider of kernel/sock.h, and what TCP
 * and UDP share: addresses, errors, waiting. The protocols are rows of struct
 * sock_ops (sock_tcp.c, sock_udp.c).
 *
 * An IPv6 socket that is not V6ONLY speaks both families, and shows IPv4 peers
 * as v4-mapped addresses. Raw and UNIX sockets are not provided.
 */
#include "net/sock_impl.h"

#include <errno.h>

#include "kernel/clock.h"
#include "kernel/init.h"
#include "kernel/lib/compiler.h"
#include "kernel/lib/string.h"
#include "kernel/poll.h"

static const char kind[] = "sock";

/* Calls between two looks at the devices, for programs that never sleep
 * because they always find work. Divides the cost of a look away; at most so
 * many calls pass before an interrupt is heard. */
#define SERVICE_EVERY 32u

static void service_devices(void)
{
	static unsigned calls;

	if (++calls % SERVICE_EVERY == 0)
		poll_service_devices();
}

struct sock *sock_of(struct file *f)
{
	return container_of(f, struct sock, file);
}

int net_errno(err_t e)
{
	switch (e) {
	case ERR_OK:	     return 0;
	case ERR_MEM:
	case ERR_BUF:	     return -ENOBUFS;
	case ERR_TIMEOUT:    return -ETIMEDOUT;
	case ERR_RTE:	     return -ENETUNREACH;
	case ERR_INPROGRESS: return -EINPROGRESS;
	case ERR_WOULDBLOCK: return -EAGAIN;
	case ERR_USE:	     return -EADDRINUSE;
	case ERR_ALREADY:    return -EALREADY;
	case ERR_ISCONN:     return -EISCONN;
	case ERR_CONN:	     return -ENOTCONN;
	case ERR_IF:	     return -ENETDOWN;
	case ERR_ABRT:	     return -ECONNABORTED;
	case ERR_RST:
	case ERR_CLSD:	     return -ECONNRESET;
	default:	     return -EINVAL;
	}
}

/* ---- addresses ---- */
static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

uint8_t sock_ip_type(const struct sock *s)
{
	return !s->ipv6 ? IPADDR_TYPE_V4 :
	       s->v6only ? IPADDR_TYPE_V6 : IPADDR_TYPE_ANY;
}

static void ip4_from_bytes(ip_addr_t *ip, const uint8_t *b)
{
	uint32_t v;

	memcpy(&v, b, 4);
	ip_addr_set_ip4_u32_val(*ip, v);
}

/* 0, -EAFNOSUPPORT (another family), -ENETUNREACH (IPv4 over V6ONLY). */
static int ip_from_sock_addr(const struct sock *s, ip_addr_t *ip,
			     const struct sock_addr *a)
{
	memset(ip, 0, sizeof(*ip));
	if (a->family != (s->ipv6 ? SOCK_IPV6 : SOCK_IPV4))
		return -EAFNOSUPPORT;
	if (!s->ipv6) {
		ip4_from_bytes(ip, a->addr);
		return 0;
	}
	if (memcmp(a->addr, mapped, sizeof(mapped)) == 0) {
		ip4_from_bytes(ip, a->addr + 12);
		return s->v6only ? -ENETUNREACH : 0;
	}
	IP_SET_TYPE_VAL(*ip, IPADDR_TYPE_V6);
	memcpy(ip_2_ip6(ip)->addr, a->addr, 16);
	if (ip6_addr_has_scope(ip_2_ip6(ip), IP6_UNKNOWN) && a->scope < 256)
		ip6_addr_set_zone(ip_2_ip6(ip), (uint8_t)a->scope);
	return 0;
}

void sock_addr_from_ip(const struct sock *s, struct sock_addr *out,
		       const ip_addr_t *ip, uint16_t port)
{
	uint32_t v4 = IP_IS_V4_VAL(*ip) ? ip4_addr_get_u32(ip_2_ip4(ip)) : 0;

	memset(out, 0, sizeof(*out));
	out->family = s->ipv6 ? SOCK_IPV6 : SOCK_IPV4;
	out->port = port;
	if (!s->ipv6) {
		memcpy(out->addr, &v4, 4);
	} else if (IP_IS_V4_VAL(*ip)) {
		memcpy(out->addr, mapped, sizeof(mapped));
		memcpy(out->addr + 12, &v4, 4);
	} else {
		memcpy(out->addr, ip_2_ip6(ip)->addr, 16);
		out->scope = ip6_addr_zone(ip_2_ip6(ip));
	}
}

static unsigned families(const ip_addr_t *a)
{
	return IP_IS_ANY_TYPE_VAL(*a) ? 3u : IP_IS_V6_VAL(*a) ? 2u : 1u;
}

bool sock_addrs_overlap(const ip_addr_t *a, const ip_addr_t *b)
{
	if (!(families(a) & families(b)))
		return false;
	return ip_addr_isany(a) || ip_addr_isany(b) || ip_addr_eq(a, b);
}

static bool addr_is_local(const ip_addr_t *ip)
{
	struct netif *n;

	if (ip_addr_isany(ip) || ip_addr_isloopback(ip) || ip_addr_ismulticast(ip))
		return true;
	NETIF_FOREACH(n) {
		if (IP_IS_V4_VAL(*ip) && (ip4_addr_eq(ip_2_ip4(ip), netif_ip4_addr(n)) ||
					  ip_addr_isbroadcast(ip, n)))
			return true;
		if (IP_IS_V6_VAL(*ip) &&
		    netif_get_ip6_addr_match(n, ip_2_ip6(ip)) >= 0)
			return true;
	}
	return false;
}

/* ---- waiting ---- */
nsec_t sock_deadline(uint32_t timeout_us)
{
	return timeout_us ? clock_now() + timeout_us * NSEC_PER_USEC : NSEC_NEVER;
}

int sock_sleep(struct sock *s, struct wait_queue *q, unsigned msg_flags,
	       nsec_t deadline)
{
	if (s->file.nonblock || (msg_flags & SOCK_MSG_DONTWAIT)) {
		/* A program that spins must hear its devices, too. */
		service_devices();
		return -EAGAIN;
	}
	return wait_queue_sleep(q, deadline) ? -EAGAIN : 0;
}

void sock_event(struct sock *s, unsigned events)
{
	if (events & (FILE_IN | FILE_HUP | FILE_ERR | FILE_RDHUP))
		wait_queue_wake_all(&s->readers);
	if (events & (FILE_OUT | FILE_HUP | FILE_ERR))
		wait_queue_wake_all(&s->writers);
	file_notify(&s->file, events);
}

/* ---- iovecs ---- */
size_t sock_iov_len(const struct file_iov *iov, int n)
{
	size_t len = 0;

	for (int i = 0; i < n; i++)
		len += iov[i].len;
	return len;
}

size_t sock_iov_piece(struct sock_iov *it, uint8_t **p)
{
	while (it->n > 0 && it->off == it->iov->len) {
		it->iov++;
		it->n--;
		it->off = 0;
	}
	if (it->n <= 0)
		return 0;
	*p = (uint8_t *)it->iov->base + it->off;
	return it->iov->len - it->off;
}

void sock_iov_skip(struct sock_iov *it, size_t len)
{
	it->off += len;
}

/* ---- as files ---- */
static long file_readv(struct file *f, const struct file_iov *iov, int n)
{
	struct sock *s = sock_of(f);
	struct sock_msg m = { .iov = iov, .n_iov = n };

	service_devices();
	return s->ops->recv(s, &m);
}

static long file_writev(struct file *f, const struct file_iov *iov, int n)
{
	struct sock *s = sock_of(f);
	struct sock_msg m = { .iov = iov, .n_iov = n };

	service_devices();
	return s->ops->send(s, &m, NULL, 0);
}

static int file_stat_sock(struct file *f, struct file_stat *st)
{
	*st = (struct file_stat){ .mode = 0140777, .nlink = 1, .blksize = 4096,
				  .ino = (uintptr_t)f };
	return 0;
}

static unsigned file_poll_sock(struct file *f)
{
	struct sock *s = sock_of(f);

	return s->ops->poll(s);
}

static void file_release(struct file *f)
{
	struct sock *s = sock_of(f);

	s->ops->release(s);
}

static const struct file_ops file_ops = {
	.readv = file_readv,
	.writev = file_writev,
	.stat = file_stat_sock,
	.poll = file_poll_sock,
	.release = file_release,
};

void sock_init(struct sock *s, const struct sock_ops *ops, bool ipv6)
{
	memset(s, 0, sizeof(*s));
	file_init(&s->file, &file_ops, kind);
	s->file.readable = s->file.writable = true;
	s->ops = ops;
	s->ipv6 = ipv6;
	s->linger = -1;
	s->ttl = 64;
	s->mcast_ttl = 1;
	s->mcast_loop = true;
	wait_queue_init(&s->readers);
	wait_queue_init(&s->writers);
}

/* ---- the provider ---- */
static bool p_is_sock(const struct file *f)
{
	return f->kind == kind;
}

static int p_create(enum sock_family fam, enum sock_type type, int protocol,
		    struct file **out)
{
	struct sock *s;

	if (type == SOCK_KIND_RAW)
		return -EPROTONOSUPPORT;
	if (protocol && protocol != (type == SOCK_KIND_STREAM ? 6 : 17))
		return -EPROTONOSUPPORT;
	s = type == SOCK_KIND_STREAM ? sock_tcp_create(fam == SOCK_IPV6) :
				       sock_udp_create(fam == SOCK_IPV6);
	if (!s)
		return -ENOBUFS;
	*out = &s->file;
	return 0;
}

static int p_bind(struct file *f, const struct sock_addr *a)
{
	struct sock *s = sock_of(f);
	ip_addr_t ip;
	int err = ip_from_sock_addr(s, &ip, a);

	if (err)
		return err;
	if (!addr_is_local(&ip))
		return -EADDRNOTAVAIL;
	if (s->ipv6 && IP_IS_V6_VAL(ip) && ip_addr_isany(&ip))
		IP_SET_TYPE_VAL(ip, sock_ip_type(s));
	return s->ops->bind(s, &ip, a->port);
}

static int p_listen(struct file *f, int backlog)
{
	struct sock *s = sock_of(f);

	return s->ops->listen ? s->ops->listen(s, backlog) : -EOPNOTSUPP;
}

static int p_accept(struct file *f, struct file **out, struct sock_addr *peer)
{
	struct sock *s = sock_of(f);

	service_devices();
	return s->ops->accept ? s->ops->accept(s, out, peer) : -EOPNOTSUPP;
}

/* The wildcard as a destination means this machine. */
static void any_to_loopback(ip_addr_t *ip)
{
	if (!ip_addr_isany(ip))
		return;
	if (IP_IS_V6_VAL(*ip))
		ip_addr_set_loopback_val(true, *ip);
	else
		ip_addr_set_loopback_val(false, *ip);
}

static int p_connect(struct file *f, const struct sock_addr *a)
{
	struct sock *s = sock_of(f);
	ip_addr_t ip;
	int err = ip_from_sock_addr(s, &ip, a);

	if (err)
		return err;
	any_to_loopback(&ip);
	return s->ops->connect(s, &ip, a->port);
}

static long p_sendmsg(struct file *f, const struct sock_msg *m)
{
	struct sock *s = sock_of(f);
	ip_addr_t ip;
	int err;

	service_devices();
	if (!m->addr.family)
		return s->ops->send(s, m, NULL, 0);
	err = ip_from_sock_addr(s, &ip, &m->addr);
	if (err)
		return err;
	any_to_loopback(&ip);
	return s->ops->send(s, m, &ip, m->addr.port);
}

static long p_recvmsg(struct file *f, struct sock_msg *m)
{
	struct sock *s = sock_of(f);

	service_devices();
	m->addr.family = 0;
	return s->ops->recv(s, m);
}

static int p_shutdown(struct file *f, bool rd, bool wr)
{
	struct sock *s = sock_of(f);

	return s->ops->shutdown(s, rd, wr);
}

static int p_name(struct file *f, bool peer, struct sock_addr *out)
{
	struct sock *s = sock_of(f);
	ip_addr_t ip = *(s->ipv6 ? IP6_ADDR_ANY : IP4_ADDR_ANY);
	uint16_t port = 0;
	int err = s->ops->name(s, peer, &ip, &port);

	if (!err)
		sock_addr_from_ip(s, out, &ip, port);
	return err;
}

static int p_setopt(struct file *f, enum sock_opt opt, int value)
{
	return sock_setopt(sock_of(f), opt, value);
}

static int p_getopt(struct file *f, enum sock_opt opt, int *value)
{
	return sock_getopt(sock_of(f), opt, value);
}

static const struct sock_provider provider = {
	.create = p_create,
	.bind = p_bind,
	.listen = p_listen,
	.accept = p_accept,
	.connect = p_connect,
	.sendmsg = p_sendmsg,
	.recvmsg = p_recvmsg,
	.shutdown = p_shutdown,
	.name = p_name,
	.setopt = p_setopt,
	.getopt = p_getopt,
	.resolve = sock_resolve,
	.is_sock = p_is_sock,
};

static int sock_start(void)
{
	sock_provider = &provider;
	return 0;
}

static const struct init_hook hook INIT_HOOK(INIT_STACK) = { "sockets", sock_start };

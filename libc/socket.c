/* SPDX-License-Identifier: BSD-2-Clause
 *
 * BSD's names and address layouts over kernel/sock.h.
 */
#include "libc_impl.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "kernel/sock.h"
#include "sockaddr.h"

const struct in6_addr in6addr_any = IN6ADDR_ANY_INIT;
const struct in6_addr in6addr_loopback = IN6ADDR_LOOPBACK_INIT;

int sockaddr_read(struct sock_addr *out, const struct sockaddr *sa, socklen_t len)
{
	const struct sockaddr_in *in = (const void *)sa;
	const struct sockaddr_in6 *in6 = (const void *)sa;

	memset(out, 0, sizeof(*out));
	if (!sa || len < sizeof(sa_family_t))
		return -EINVAL;
	if (sa->sa_family == AF_INET) {
		if (len < sizeof(*in))
			return -EINVAL;
		out->family = SOCK_IPV4;
		out->port = ntohs(in->sin_port);
		memcpy(out->addr, &in->sin_addr, 4);
	} else if (sa->sa_family == AF_INET6) {
		if (len < sizeof(*in6))
			return -EINVAL;
		out->family = SOCK_IPV6;
		out->port = ntohs(in6->sin6_port);
		out->scope = in6->sin6_scope_id;
		memcpy(out->addr, &in6->sin6_addr, 16);
	} else {
		return -EAFNOSUPPORT;
	}
	return 0;
}

socklen_t sockaddr_write(const struct sock_addr *a, struct sockaddr_storage *ss)
{
	memset(ss, 0, sizeof(*ss));
	if (a->family == SOCK_IPV6) {
		struct sockaddr_in6 *in6 = (void *)ss;

		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons(a->port);
		in6->sin6_scope_id = a->scope;
		memcpy(&in6->sin6_addr, a->addr, 16);
		return sizeof(*in6);
	} else {
		struct sockaddr_in *in = (void *)ss;

		in->sin_family = AF_INET;
		in->sin_port = htons(a->port);
		memcpy(&in->sin_addr, a->addr, 4);
		return sizeof(*in);
	}
}

/* Into the caller's buffer: cut to its length, the true length returned. */
static void give_addr(const struct sock_addr *a, struct sockaddr *sa,
		      socklen_t *len)
{
	struct sockaddr_storage ss;
	socklen_t n;

	if (!sa || !len)
		return;
	n = a->family ? sockaddr_write(a, &ss) : 0;
	memcpy(sa, &ss, n < *len ? n : *len);
	*len = n;
}

/* A socket's file with a reference, or NULL with errno. */
static struct file *sock_get(int fd)
{
	struct file *f = fd_get(fd);

	if (f && (!sock_provider || !sock_provider->is_sock(f))) {
		file_put(f);
		errno = ENOTSOCK;
		return NULL;
	}
	return f;
}

static int done(struct file *f, long r)
{
	file_put(f);
	return (int)libc_result(r);
}

int socket(int domain, int type, int protocol)
{
	int kind = type & ~(SOCK_NONBLOCK | SOCK_CLOEXEC);
	enum sock_type t = kind == SOCK_STREAM ? SOCK_KIND_STREAM :
			   kind == SOCK_DGRAM ? SOCK_KIND_DGRAM : SOCK_KIND_RAW;
	struct file *f;
	int r;

	if (!sock_provider || (domain != AF_INET && domain != AF_INET6))
		return (int)libc_result(-EAFNOSUPPORT);
	if (kind < SOCK_STREAM || kind > SOCK_RAW)
		return (int)libc_result(-EINVAL);
	r = sock_provider->create(domain == AF_INET ? SOCK_IPV4 : SOCK_IPV6, t,
				  protocol, &f);
	if (r < 0)
		return (int)libc_result(r);
	f->nonblock = type & SOCK_NONBLOCK;
	return fd_install(f, type & SOCK_CLOEXEC);
}

/* bind and connect: the address, then the operation on it. */
static int with_addr(struct file *f,
		     int (*op)(struct file *f, const struct sock_addr *a),
		     const struct sockaddr *addr, socklen_t len)
{
	struct sock_addr a;
	int r = sockaddr_read(&a, addr, len);

	return done(f, r < 0 ? r : op(f, &a));
}

int bind(int fd, const struct sockaddr *addr, socklen_t len)
{
	struct file *f = sock_get(fd);

	return f ? with_addr(f, sock_provider->bind, addr, len) : -1;
}

int listen(int fd, int backlog)
{
	struct file *f = sock_get(fd);

	return f ? done(f, sock_provider->listen(f, backlog)) : -1;
}

int accept4(int fd, struct sockaddr *addr, socklen_t *len, int flags)
{
	struct file *f = sock_get(fd), *conn;
	struct sock_addr peer;
	int r;

	if (!f)
		return -1;
	r = sock_provider->accept(f, &conn, &peer);
	file_put(f);
	if (r < 0)
		return (int)libc_result(r);
	conn->nonblock = flags & SOCK_NONBLOCK;
	give_addr(&peer, addr, len);
	return fd_install(conn, flags & SOCK_CLOEXEC);
}

int accept(int fd, struct sockaddr *addr, socklen_t *len)
{
	return accept4(fd, addr, len, 0);
}

int connect(int fd, const struct sockaddr *addr, socklen_t len)
{
	struct file *f = sock_get(fd);

	return f ? with_addr(f, sock_provider->connect, addr, len) : -1;
}

int shutdown(int fd, int how)
{
	struct file *f = sock_get(fd);

	if (!f)
		return -1;
	if (how < SHUT_RD || how > SHUT_RDWR)
		return done(f, -EINVAL);
	return done(f, sock_provider->shutdown(f, how != SHUT_WR,
					       how != SHUT_RD));
}

static int get_name(int fd, bool peer, struct sockaddr *addr, socklen_t *len)
{
	struct file *f = sock_get(fd);
	struct sock_addr a;
	int r;

	if (!f)
		return -1;
	r = sock_provider->name(f, peer, &a);
	if (r == 0)
		give_addr(&a, addr, len);
	return done(f, r);
}

int getsockname(int fd, struct sockaddr *addr, socklen_t *len)
{
	return get_name(fd, false, addr, len);
}

int getpeername(int fd, struct sockaddr *addr, socklen_t *len)
{
	return get_name(fd, true, addr, len);
}

static unsigned msg_flags(int flags)
{
	return (flags & MSG_PEEK ? SOCK_MSG_PEEK : 0) |
	       (flags & MSG_DONTWAIT ? SOCK_MSG_DONTWAIT : 0) |
	       (flags & MSG_WAITALL ? SOCK_MSG_WAITALL : 0) |
	       (flags & MSG_TRUNC ? SOCK_MSG_TRUNC : 0);
}

ssize_t sendmsg(int fd, const struct msghdr *m, int flags)
{
	struct file *f = sock_get(fd);
	struct sock_msg msg = {
		.iov = (const struct file_iov *)(const void *)m->msg_iov,
		.n_iov = (int)m->msg_iovlen,
		.flags = msg_flags(flags),
	};
	long r = 0;

	if (!f)
		return -1;
	if (m->msg_iovlen > IOV_MAX)
		r = -EMSGSIZE;
	else if (m->msg_name)
		r = sockaddr_read(&msg.addr, m->msg_name, m->msg_namelen);
	if (r == 0)
		r = sock_provider->sendmsg(f, &msg);
	file_put(f);
	return libc_result(r);
}

ssize_t recvmsg(int fd, struct msghdr *m, int flags)
{
	struct file *f = sock_get(fd);
	struct sock_msg msg = {
		.iov = (const struct file_iov *)(const void *)m->msg_iov,
		.n_iov = (int)m->msg_iovlen,
		.flags = msg_flags(flags),
	};
	long r;

	if (!f)
		return -1;
	r = m->msg_iovlen > IOV_MAX ? -EMSGSIZE :
	    sock_provider->recvmsg(f, &msg);
	file_put(f);
	if (r < 0)
		return libc_result(r);
	give_addr(&msg.addr, m->msg_name, &m->msg_namelen);
	m->msg_controllen = 0;
	m->msg_flags = msg.flags & SOCK_MSG_TRUNC ? MSG_TRUNC : 0;
	return r;
}

ssize_t sendto(int fd, const void *buf, size_t len, int flags,
	       const struct sockaddr *addr, socklen_t alen)
{
	struct iovec iov = { (void *)(uintptr_t)buf, len };
	struct msghdr m = {
		.msg_name = (void *)(uintptr_t)addr, .msg_namelen = alen,
		.msg_iov = &iov, .msg_iovlen = 1,
	};

	return sendmsg(fd, &m, flags);
}

ssize_t recvfrom(int fd, void *buf, size_t len, int flags,
		 struct sockaddr *addr, socklen_t *alen)
{
	struct iovec iov = { buf, len };
	struct msghdr m = {
		.msg_name = addr, .msg_namelen = addr && alen ? *alen : 0,
		.msg_iov = &iov, .msg_iovlen = 1,
	};
	ssize_t r = recvmsg(fd, &m, flags);

	if (r >= 0 && addr && alen)
		*alen = m.msg_namelen;
	return r;
}

ssize_t send(int fd, const void *buf, size_t len, int flags)
{
	return sendto(fd, buf, len, flags, NULL, 0);
}

ssize_t recv(int fd, void *buf, size_t len, int flags)
{
	return recvfrom(fd, buf, len, flags, NULL, NULL);
}

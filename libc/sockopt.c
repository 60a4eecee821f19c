/* SPDX-License-Identifier: BSD-2-Clause
 *
 * getsockopt and setsockopt: a table of what is known; all else ENOPROTOOPT.
 */
#include "libc_impl.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "kernel/sock.h"

enum opt_form { OPT_INT, OPT_TIMEVAL, OPT_LINGER };

static const struct opt {
	int level, name;
	enum sock_opt opt;
	enum opt_form form;
} opts[] = {
	{ SOL_SOCKET, SO_ERROR, SOCK_OPT_ERROR, OPT_INT },
	{ SOL_SOCKET, SO_TYPE, SOCK_OPT_TYPE, OPT_INT },
	{ SOL_SOCKET, SO_ACCEPTCONN, SOCK_OPT_ACCEPTCONN, OPT_INT },
	{ SOL_SOCKET, SO_REUSEADDR, SOCK_OPT_REUSEADDR, OPT_INT },
	{ SOL_SOCKET, SO_KEEPALIVE, SOCK_OPT_KEEPALIVE, OPT_INT },
	{ SOL_SOCKET, SO_BROADCAST, SOCK_OPT_BROADCAST, OPT_INT },
	{ SOL_SOCKET, SO_RCVBUF, SOCK_OPT_RCVBUF, OPT_INT },
	{ SOL_SOCKET, SO_SNDBUF, SOCK_OPT_SNDBUF, OPT_INT },
	{ SOL_SOCKET, SO_RCVTIMEO, SOCK_OPT_RCVTIMEO, OPT_TIMEVAL },
	{ SOL_SOCKET, SO_SNDTIMEO, SOCK_OPT_SNDTIMEO, OPT_TIMEVAL },
	{ SOL_SOCKET, SO_LINGER, SOCK_OPT_LINGER, OPT_LINGER },
	{ IPPROTO_TCP, TCP_NODELAY, SOCK_OPT_NODELAY, OPT_INT },
	{ IPPROTO_TCP, TCP_KEEPIDLE, SOCK_OPT_KEEPIDLE, OPT_INT },
	{ IPPROTO_TCP, TCP_KEEPINTVL, SOCK_OPT_KEEPINTVL, OPT_INT },
	{ IPPROTO_TCP, TCP_KEEPCNT, SOCK_OPT_KEEPCNT, OPT_INT },
	{ IPPROTO_IP, IP_TTL, SOCK_OPT_TTL, OPT_INT },
	{ IPPROTO_IP, IP_TOS, SOCK_OPT_TOS, OPT_INT },
	{ IPPROTO_IP, IP_MULTICAST_TTL, SOCK_OPT_MULTICAST_TTL, OPT_INT },
	{ IPPROTO_IP, IP_MULTICAST_LOOP, SOCK_OPT_MULTICAST_LOOP, OPT_INT },
	{ IPPROTO_IPV6, IPV6_V6ONLY, SOCK_OPT_V6ONLY, OPT_INT },
	{ IPPROTO_IPV6, IPV6_UNICAST_HOPS, SOCK_OPT_TTL, OPT_INT },
};

static const struct opt *opt_find(int level, int name)
{
	for (size_t i = 0; i < ARRAY_SIZE(opts); i++)
		if (opts[i].level == level && opts[i].name == name)
			return &opts[i];
	return NULL;
}

/* From the caller's form to the one int that kernel/sock.h speaks of. */
static int opt_read(enum opt_form form, const void *val, socklen_t len, int *out)
{
	if (form == OPT_INT && len >= sizeof(int)) {
		memcpy(out, val, sizeof(int));
	} else if (form == OPT_TIMEVAL && len >= sizeof(struct timeval)) {
		const struct timeval *tv = val;

		if (tv->tv_sec < 0 || tv->tv_usec < 0 || tv->tv_usec >= 1000000)
			return -EDOM;
		*out = tv->tv_sec >= 2147 ? 2147000000 :
		       (int)(tv->tv_sec * 1000000 + tv->tv_usec);
	} else if (form == OPT_LINGER && len >= sizeof(struct linger)) {
		const struct linger *l = val;

		*out = l->l_onoff ? l->l_linger : -1;
	} else {
		return -EINVAL;
	}
	return 0;
}

static int opt_write(enum opt_form form, void *val, socklen_t *len, int v)
{
	struct timeval tv = { v / 1000000, v % 1000000 };
	struct linger l = { v >= 0, v >= 0 ? v : 0 };
	const void *src = form == OPT_INT ? (const void *)&v :
			  form == OPT_TIMEVAL ? (const void *)&tv : &l;
	socklen_t n = form == OPT_INT ? sizeof(v) :
		      form == OPT_TIMEVAL ? sizeof(tv) : sizeof(l);

	if (*len < n)
		return -EINVAL;
	memcpy(val, src, n);
	*len = n;
	return 0;
}

static int sock_kind(int v)
{
	return v == SOCK_KIND_STREAM ? SOCK_STREAM :
	       v == SOCK_KIND_DGRAM ? SOCK_DGRAM : SOCK_RAW;
}

int setsockopt(int fd, int level, int name, const void *val, socklen_t len)
{
	const struct opt *o = opt_find(level, name);
	struct file *f = fd_get(fd);
	int v = 0, r = -ENOPROTOOPT;

	if (!f)
		return -1;
	if (!sock_provider || !sock_provider->is_sock(f))
		r = -ENOTSOCK;
	else if (o)
		r = opt_read(o->form, val, len, &v);
	if (o && r == 0)
		r = sock_provider->setopt(f, o->opt, v);
	file_put(f);
	return (int)libc_result(r);
}

int getsockopt(int fd, int level, int name, void *val, socklen_t *len)
{
	const struct opt *o = opt_find(level, name);
	struct file *f = fd_get(fd);
	int v = 0, r = -ENOPROTOOPT;

	if (!f)
		return -1;
	if (!sock_provider || !sock_provider->is_sock(f))
		r = -ENOTSOCK;
	else if (o)
		r = sock_provider->getopt(f, o->opt, &v);
	if (o && r == 0)
		r = opt_write(o->form, val, len,
			      o->opt == SOCK_OPT_TYPE ? sock_kind(v) : v);
	file_put(f);
	return (int)libc_result(r);
}

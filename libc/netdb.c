/* SPDX-License-Identifier: BSD-2-Clause
 *
 * getaddrinfo and getnameinfo: numbers at once, names by the provider's DNS.
 */
#include <netdb.h>

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/lib/compiler.h"
#include "sockaddr.h"

#define RESOLVE_MAX 8

struct result {			/* one allocation for each answer */
	struct addrinfo ai;
	struct sockaddr_storage ss;
};

static int parse_service(const char *s, uint16_t *port)
{
	unsigned long v = 0;

	*port = 0;
	if (!s || !*s)
		return 0;
	for (; *s; s++) {
		if (*s < '0' || *s > '9')
			return EAI_SERVICE;
		v = v * 10 + (unsigned long)(*s - '0');
		if (v > 65535)
			return EAI_SERVICE;
	}
	*port = (uint16_t)v;
	return 0;
}

static int numeric(const char *host, int family, struct sock_addr *out)
{
	memset(out, 0, sizeof(*out));
	if (family != AF_INET6 && inet_pton(AF_INET, host, out->addr) == 1)
		out->family = SOCK_IPV4;
	else if (family != AF_INET && inet_pton(AF_INET6, host, out->addr) == 1)
		out->family = SOCK_IPV6;
	return out->family ? 1 : 0;
}

/* No host: the wildcard address, or loopback. */
static int local(int family, bool passive, struct sock_addr *out)
{
	int n = 0;

	memset(out, 0, 2 * sizeof(*out));
	if (family != AF_INET) {
		out[n].family = SOCK_IPV6;
		out[n++].addr[15] = passive ? 0 : 1;
	}
	if (family != AF_INET6) {
		out[n].family = SOCK_IPV4;
		out[n].addr[0] = passive ? 0 : 127;
		out[n++].addr[3] = passive ? 0 : 1;
	}
	return n;
}

static int find(const char *host, int family, int flags, struct sock_addr *a)
{
	int fam = family == AF_INET ? SOCK_IPV4 :
		  family == AF_INET6 ? SOCK_IPV6 : 0;
	int n;

	if (!host)
		return local(family, flags & AI_PASSIVE, a);
	n = numeric(host, family, a);
	if (n > 0)
		return n;
	if (flags & AI_NUMERICHOST)
		return EAI_NONAME;
	if (!sock_provider)
		return EAI_FAIL;
	n = sock_provider->resolve(host, fam, a, RESOLVE_MAX);
	return n > 0 ? n : n == -EAGAIN || n == -ETIMEDOUT ? EAI_AGAIN :
	       n == -ENOMEM ? EAI_MEMORY : EAI_NONAME;
}

static struct addrinfo *append(struct addrinfo **tail, const struct sock_addr *a,
			       int type)
{
	struct result *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->ai.ai_addrlen = sockaddr_write(a, &r->ss);
	r->ai.ai_addr = (struct sockaddr *)(void *)&r->ss;
	r->ai.ai_family = r->ss.ss_family;
	r->ai.ai_socktype = type;
	r->ai.ai_protocol = type == SOCK_STREAM ? IPPROTO_TCP : IPPROTO_UDP;
	*tail = &r->ai;
	return &r->ai;
}

int getaddrinfo(const char *host, const char *service,
		const struct addrinfo *hints, struct addrinfo **out)
{
	static const struct addrinfo none;
	struct sock_addr a[RESOLVE_MAX];
	struct addrinfo **tail = out;
	uint16_t port;
	int n, err;

	if (!hints)
		hints = &none;
	if (!host && !service)
		return EAI_NONAME;
	if (hints->ai_family != AF_UNSPEC && hints->ai_family != AF_INET &&
	    hints->ai_family != AF_INET6)
		return EAI_FAMILY;
	if (hints->ai_socktype < 0 || hints->ai_socktype > SOCK_DGRAM)
		return EAI_SOCKTYPE;
	err = parse_service(service, &port);
	if (err)
		return err;
	n = find(host, hints->ai_family, hints->ai_flags, a);
	if (n < 0)
		return n;
	*out = NULL;
	for (int i = 0; i < n; i++) {
		a[i].port = port;
		for (int t = SOCK_STREAM; t <= SOCK_DGRAM; t++) {
			struct addrinfo *ai;

			if (hints->ai_socktype && hints->ai_socktype != t)
				continue;
			ai = append(tail, &a[i], t);
			if (!ai) {
				freeaddrinfo(*out);
				return EAI_MEMORY;
			}
			tail = &ai->ai_next;
		}
	}
	return 0;
}

void freeaddrinfo(struct addrinfo *ai)
{
	while (ai) {
		struct addrinfo *next = ai->ai_next;

		free(container_of(ai, struct result, ai));
		ai = next;
	}
}

const char *gai_strerror(int err)
{
	switch (err) {
	case 0: return "no error";
	case EAI_BADFLAGS: return "invalid flags";
	case EAI_NONAME: return "no such host";
	case EAI_AGAIN: return "no answer from the name server";
	case EAI_FAIL: return "name resolution failed";
	case EAI_FAMILY: return "address family not supported";
	case EAI_SOCKTYPE: return "socket type not supported";
	case EAI_SERVICE: return "service is not a port number";
	case EAI_MEMORY: return "out of memory";
	case EAI_SYSTEM: return "system error";
	case EAI_OVERFLOW: return "buffer too small";
	default: return "unknown error";
	}
}

int getnameinfo(const struct sockaddr *addr, socklen_t len, char *host,
		socklen_t hostlen, char *serv, socklen_t servlen, int flags)
{
	struct sock_addr a;
	int r = sockaddr_read(&a, addr, len);

	(void)flags;
	if (r < 0)
		return EAI_FAMILY;
	if (host && hostlen &&
	    !inet_ntop(a.family == SOCK_IPV6 ? AF_INET6 : AF_INET, a.addr, host,
		       hostlen))
		return EAI_OVERFLOW;
	if (serv && servlen) {
		r = snprintf(serv, servlen, "%u", a.port);
		if (r < 0 || (socklen_t)r >= servlen)
			return EAI_OVERFLOW;
	}
	return 0;
}

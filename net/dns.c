/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Host names for threads: lwIP's resolver asks for A and AAAA at once, this
 * waits for both, with a limit. AAAA is left out where no interface could use
 * the answer. One address of each kind is all that lwIP keeps.
 */
#include "net/sock_impl.h"

#include <errno.h>

#include "kernel/clock.h"
#include "kernel/lib/string.h"

#define PER_SERVER	(5 * NSEC_PER_SEC)
/* With one answer in hand, the other family's is waited for so long. */
#define GRACE		(500 * NSEC_PER_MSEC)

/* Lives until lwIP has answered both halves, maybe after its caller left. */
struct query {
	struct wait_queue done;
	ip_addr_t ip[2];		/* A, AAAA */
	bool found[2], pending[2];
	bool abandoned;
};

static void answered(struct query *q, int i, const ip_addr_t *ip)
{
	q->pending[i] = false;
	if (ip) {
		q->ip[i] = *ip;
		q->found[i] = true;
	}
	if (q->abandoned && !q->pending[0] && !q->pending[1])
		net_mem_free(q);
	else if (!q->abandoned)
		wait_queue_wake_all(&q->done);
}

static void found_a(const char *name, const ip_addr_t *ip, void *arg)
{
	(void)name;
	answered(arg, 0, ip);
}

static void found_aaaa(const char *name, const ip_addr_t *ip, void *arg)
{
	(void)name;
	answered(arg, 1, ip);
}

static err_t ask(struct query *q, int i, const char *host)
{
	err_t e;

	q->pending[i] = true;
	net_random_ports();
	e = net_dns_lookup(host, &q->ip[i], i ? found_aaaa : found_a, q,
			   i ? LWIP_DNS_ADDRTYPE_IPV6 : LWIP_DNS_ADDRTYPE_IPV4);
	if (e != ERR_INPROGRESS)
		q->pending[i] = false;
	q->found[i] = e == ERR_OK;
	return e;
}

static bool have_ipv6(void)
{
	struct netif *n;

	NETIF_FOREACH(n)
		for (int i = 0; i < LWIP_IPV6_NUM_ADDRESSES; i++)
			if (ip6_addr_isvalid(netif_ip6_addr_state(n, i)) &&
			    ip6_addr_isglobal(netif_ip6_addr(n, i)))
				return true;
	return false;
}

static int put(struct sock_addr *out, const ip_addr_t *ip)
{
	memset(out, 0, sizeof(*out));
	out->family = IP_IS_V6_VAL(*ip) ? SOCK_IPV6 : SOCK_IPV4;
	if (IP_IS_V6_VAL(*ip)) {
		memcpy(out->addr, ip_2_ip6(ip)->addr, 16);
		out->scope = ip6_addr_zone(ip_2_ip6(ip));
	} else {
		u32_t v = ip4_addr_get_u32(ip_2_ip4(ip));

		memcpy(out->addr, &v, 4);
	}
	return 1;
}

/* "localhost" never leaves this machine (RFC 6761), numbers need nobody. */
static int known(const char *host, int family, struct sock_addr *out, int max)
{
	ip_addr_t ip;
	int n = 0;

	if (ipaddr_aton(host, &ip))
		return family && family != (IP_IS_V6(&ip) ? SOCK_IPV6 : SOCK_IPV4) ?
		       -ENOENT : put(out, &ip);
	if (strcmp(host, "localhost") != 0)
		return 0;
	if (family != SOCK_IPV6) {
		ip_addr_set_loopback_val(false, ip);
		n += put(&out[n], &ip);
	}
	if (family != SOCK_IPV4 && n < max) {
		ip_addr_set_loopback_val(true, ip);
		n += put(&out[n], &ip);
	}
	return n;
}

static void wait_for(struct query *q)
{
	unsigned servers = 0;
	nsec_t deadline;

	for (u8_t i = 0; i < DNS_MAX_SERVERS; i++)
		servers += !ip_addr_isany(dns_getserver(i));
	deadline = clock_now() + (servers ? servers : 1) * PER_SERVER;
	while (q->pending[0] || q->pending[1]) {
		if (q->found[0] || q->found[1]) {
			nsec_t soon = clock_now() + GRACE;

			deadline = soon < deadline ? soon : deadline;
		}
		if (wait_queue_sleep(&q->done, deadline))
			return;
	}
}

int sock_resolve(const char *host, int family, struct sock_addr *out, int max)
{
	struct query *q;
	err_t e[2] = { ERR_OK, ERR_OK };
	int n;

	if (max < 1)
		return -EINVAL;
	n = known(host, family, out, max);
	if (n)
		return n;
	if (!*host || strlen(host) >= DNS_MAX_NAME_LENGTH)
		return -ENOENT;
	q = net_mem_calloc(1, sizeof(*q));
	if (!q)
		return -ENOMEM;
	wait_queue_init(&q->done);
	if (family != SOCK_IPV6)
		e[0] = ask(q, 0, host);
	if (family == SOCK_IPV6 || (!family && have_ipv6()))
		e[1] = ask(q, 1, host);
	wait_for(q);
	for (int i = 0; i < 2 && n < max; i++)
		if (q->found[i])
			n += put(&out[n], &q->ip[i]);
	if (n == 0)
		n = q->pending[0] || q->pending[1] || e[0] == ERR_VAL ||
		    e[0] == ERR_MEM || e[1] == ERR_VAL || e[1] == ERR_MEM ?
		    -EAGAIN : -ENOENT;
	q->abandoned = true;
	if (!q->pending[0] && !q->pending[1])
		net_mem_free(q);
	return n;
}

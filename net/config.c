/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Addresses from the command line:
 *
 *   ip=dhcp | none | ADDRESS/LENGTH [,gw=ADDRESS] [,dns=ADDRESS]...
 *   netN.ip=...	the same for interface N (ip= means net0)
 *   hostname=NAME	told to the DHCP server
 *
 * ip= may be given several times: IPv4 and IPv6 addresses add up. Without any,
 * IPv4 comes by DHCP. IPv6 has a link-local address and takes what routers
 * advertise unless `none` is given, which leaves the interface down.
 */
#include "net/net_impl.h"

#include <errno.h>

#include "kernel/cmdline.h"
#include "kernel/lib/compiler.h"
#include "kernel/lib/fmt.h"
#include "kernel/lib/string.h"
#include "kernel/log.h"
#include "lwip/dhcp.h"
#include "lwip/dns.h"
#include "lwip/ip6_addr.h"
#include "net/hooks.h"

#define MAX_IFS		8u
#define TEXT_MAX	64u		/* of one item */

struct if_config {
	bool given, none, dhcp, has4, has_gw4, has_gw6;
	ip4_addr_t addr4, mask4, gw4;
	unsigned n6;
	ip6_addr_t addr6[LWIP_IPV6_NUM_ADDRESSES - 1];	/* 0 is link-local */
	ip6_addr_t gw6;
	struct netif *netif;		/* set when applied */
};

static struct if_config config[MAX_IFS];
static ip_addr_t servers[DNS_MAX_SERVERS];
static unsigned n_servers;
static const char *hostname = "glint";

/* ---- parsing ---- */
/* lwIP takes "10.1" and "0x0a000001" too: such is a slip here. */
static bool parse_addr(const char *text, ip_addr_t *out)
{
	unsigned dots = 0;

	for (const char *c = text; *c; c++) {
		dots += *c == '.';
		if (*c == 'x' || *c == 'X')
			return false;
	}
	if (!ipaddr_aton(text, out))
		return false;
	return IP_IS_V6(out) || dots == 3;
}

static int parse_static(struct if_config *c, char *text)
{
	char *slash = strchr(text, '/');
	ip_addr_t a;
	uint64_t len;

	if (!slash)
		return -EINVAL;
	*slash = '\0';
	if (fmt_parse_u64(slash + 1, 10, &len) != 0 || !parse_addr(text, &a))
		return -EINVAL;
	if (IP_IS_V6(&a)) {
		/* lwIP takes any address of ours as one of a /64. */
		if (len != 64 || c->n6 == ARRAY_SIZE(c->addr6))
			return -EINVAL;
		c->addr6[c->n6++] = *ip_2_ip6(&a);
		return 0;
	}
	if (len < 1 || len > 32 || c->has4 || c->dhcp)
		return -EINVAL;
	c->has4 = true;
	c->addr4 = *ip_2_ip4(&a);
	c->mask4.addr = lwip_htonl(~(u32_t)0 << (32 - len));
	return 0;
}

static int parse_gateway(struct if_config *c, const char *text)
{
	ip_addr_t a;

	if (!parse_addr(text, &a))
		return -EINVAL;
	if (IP_IS_V6(&a)) {
		if (c->has_gw6)
			return -EINVAL;
		c->gw6 = *ip_2_ip6(&a);
		c->has_gw6 = true;
		return 0;
	}
	if (c->has_gw4 || !c->has4)
		return -EINVAL;
	c->gw4 = *ip_2_ip4(&a);
	c->has_gw4 = true;
	return 0;
}

static int parse_item(struct if_config *c, char *text, bool first)
{
	if (first && strcmp(text, "none") == 0)
		c->none = true;
	else if (first && strcmp(text, "dhcp") == 0 && !c->has4)
		c->dhcp = true;
	else if (first)
		return parse_static(c, text);
	else if (strncmp(text, "gw=", 3) == 0)
		return parse_gateway(c, text + 3);
	else if (strncmp(text, "dns=", 4) == 0 && n_servers < DNS_MAX_SERVERS)
		return parse_addr(text + 4, &servers[n_servers++]) ? 0 : -EINVAL;
	else
		return -EINVAL;
	return 0;
}

static int parse_list(struct if_config *c, const char *value)
{
	char item[TEXT_MAX];
	bool first = true;

	for (;;) {
		const char *comma = strchr(value, ',');
		size_t len = comma ? (size_t)(comma - value) : strlen(value);

		if (len == 0 || len >= sizeof(item))
			return -EINVAL;
		memcpy(item, value, len);
		item[len] = '\0';
		if (parse_item(c, item, first) != 0)
			return -EINVAL;
		if (!comma)
			break;
		value = comma + 1;
		first = false;
	}
	return c->none && (c->dhcp || c->has4 || c->n6) ? -EINVAL : 0;
}

static int parse_ip(const char *value, unsigned index)
{
	int err = -EINVAL;

	if (index < MAX_IFS) {
		config[index].given = true;
		err = parse_list(&config[index], value);
	}
	if (err)
		log_err(LOG_NET, "net%u.ip=%s is wrong; examples: ip=dhcp, ip=none, "
			"ip=10.0.0.2/24,gw=10.0.0.1,dns=10.0.0.1, "
			"ip=2001:db8::2/64,gw=fe80::1, net1.ip=dhcp (net0 to net%u; "
			"IPv6 prefixes have 64 bits)", index, value, MAX_IFS - 1);
	return err;
}

static int parse_hostname(const char *value, unsigned index)
{
	size_t len = strlen(value);

	(void)index;
	for (const char *c = value; *c; c++)
		if (!((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') ||
		      (*c >= '0' && *c <= '9') || *c == '-' || *c == '.'))
			len = 0;
	if (len < 1 || len > 63) {
		log_err(LOG_NET, "hostname=%s is wrong; letters, digits, '-' and '.', "
			"at most 63; example: hostname=web1", value);
		return -EINVAL;
	}
	hostname = value;
	return 0;
}

static const struct cmdline_option opt_ip CMDLINE_OPTION = {
	"ip", "dhcp, none, or ADDRESS/LENGTH[,gw=ADDRESS][,dns=ADDRESS]", parse_ip
};
static const struct cmdline_option opt_net_ip CMDLINE_OPTION = {
	"net*.ip", "as ip=, for one interface", parse_ip
};
static const struct cmdline_option opt_hostname CMDLINE_OPTION = {
	"hostname", "a host name", parse_hostname
};

/* ---- messages ---- */
static void say_ipv4(struct netif *n)
{
	char addr[16], gw[16];
	u32_t mask = lwip_ntohl(ip4_addr_get_u32(netif_ip4_netmask(n)));

	if (ip4_addr_isany_val(*netif_ip4_addr(n)))
		return;
	ip4addr_ntoa_r(netif_ip4_addr(n), addr, sizeof(addr));
	ip4addr_ntoa_r(netif_ip4_gw(n), gw, sizeof(gw));
	log_info(LOG_NET, "%s: %s/%u%s%s", net_if_name(n), addr,
		 (unsigned)__builtin_popcount(mask),
		 ip4_addr_isany_val(*netif_ip4_gw(n)) ? "" : " gateway ",
		 ip4_addr_isany_val(*netif_ip4_gw(n)) ? "" : gw);
}

static void say_ipv6(struct netif *n, int i, u8_t old_state)
{
	char addr[48];

	if (ip6_addr_isvalid(old_state) ||
	    !ip6_addr_isvalid(netif_ip6_addr_state(n, i)))
		return;
	ip6addr_ntoa_r(netif_ip6_addr(n, i), addr, sizeof(addr));
	for (char *c = addr; *c; c++)		/* RFC 5952, 4.3 */
		*c |= *c >= 'A' && *c <= 'F' ? 'a' - 'A' : 0;
	if (i == 0)
		log_debug(LOG_NET, "%s: %s", net_if_name(n), addr);
	else
		log_info(LOG_NET, "%s: %s/64", net_if_name(n), addr);
}

/* DHCP puts its servers over ours. */
static void set_servers(void)
{
	for (unsigned i = 0; i < n_servers; i++)
		dns_setserver((u8_t)i, &servers[i]);
}

static void changed(struct netif *n, netif_nsc_reason_t why,
		    const netif_ext_callback_args_t *args)
{
	if (net_if_is_loop(n))
		return;
	if (why & LWIP_NSC_IPV4_SETTINGS_CHANGED) {
		set_servers();
		say_ipv4(n);
	}
	if (why & LWIP_NSC_IPV6_ADDR_STATE_CHANGED)
		say_ipv6(n, args->ipv6_addr_state_changed.addr_index,
			 args->ipv6_addr_state_changed.old_state);
}

/* ---- applying ---- */
void net_config_init(void)
{
	static netif_ext_callback_t cb;

	netif_add_ext_callback(&cb, changed);
	set_servers();
}

void net_config_apply(struct netif *netif, unsigned index)
{
	struct if_config *c = index < MAX_IFS ? &config[index] : NULL;
	s8_t slot;

	if (!c || c->none) {
		log_info(LOG_NET, "%s: not used", net_if_name(netif));
		return;
	}
	c->netif = netif;
	netif_set_hostname(netif, hostname);
	netif_set_up(netif);
	netif_create_ip6_linklocal_address(netif, 1);
	netif_set_ip6_autoconfig_enabled(netif, 1);
	for (unsigned i = 0; i < c->n6; i++)
		if (netif_add_ip6_address(netif, &c->addr6[i], &slot) == ERR_OK)
			netif_ip6_addr_set_state(netif, slot, IP6_ADDR_PREFERRED);
	if (c->has4)
		netif_set_addr(netif, &c->addr4, &c->mask4,
			       c->has_gw4 ? &c->gw4 : IP4_ADDR_ANY4);
	else if ((c->dhcp || !c->given) && dhcp_start(netif) != ERR_OK)
		log_err(LOG_NET, "%s: no memory for DHCP", net_if_name(netif));
	if (c->has_gw4 || c->has_gw6)
		netif_set_default(netif);
}

void net_config_check_unused(unsigned count)
{
	for (unsigned i = count; i < MAX_IFS; i++)
		if (config[i].given && !config[i].none)
			log_warn(LOG_NET, "net%u.ip= given, but there is no net%u "
				 "(devices found: %u)", i, i, count);
}

const ip6_addr_t *net_ip6_gateway(struct netif *netif, const ip6_addr_t *dest)
{
	(void)dest;
	for (unsigned i = 0; i < MAX_IFS; i++)
		if (config[i].netif == netif && config[i].has_gw6)
			return &config[i].gw6;
	return NULL;
}

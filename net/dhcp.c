/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A filter in front of lwIP's DHCP client, which takes a NAK from anybody and
 * begins anew at once: two machines could then keep each other busy for ever.
 *
 * A NAK counts if it is from the server whose offer was taken (RFC 2131, 3.1;
 * while rebinding any server may speak), and once in 10 seconds, the pause that
 * the RFC asks for after an address was refused. A NAK that does not count is
 * a lost one: the client's own repeats and their back-off go on.
 */
#include "net/net_impl.h"

#include "kernel/clock.h"
#include "lwip/dhcp.h"
#include "lwip/prot/dhcp.h"
#include "lwip/prot/iana.h"
#include "lwip/udp.h"
#include "net/hooks.h"

#define NAK_PAUSE	(10 * NSEC_PER_SEC)
#define SEARCH_END	1500u		/* options beyond it are not ours */

static udp_recv_fn client_recv;

/* The value of the first option of this kind, as lwIP will find it; 0: none. */
static u32_t option(const struct pbuf *p, u8_t kind, u8_t len)
{
	u16_t at = DHCP_OPTIONS_OFS;
	u32_t value = 0;

	while (at < SEARCH_END && at + 1 < p->tot_len) {
		u8_t op = pbuf_get_at(p, at), n;

		if (op == DHCP_OPTION_END)
			break;
		if (op == DHCP_OPTION_PAD) {
			at++;
			continue;
		}
		n = pbuf_get_at(p, (u16_t)(at + 1));
		if (op == kind) {
			for (u8_t i = 0; n == len && i < len; i++)
				value = value << 8 | pbuf_get_at(p, (u16_t)(at + 2 + i));
			break;
		}
		at = (u16_t)(at + 2 + n);
	}
	return value;
}

static bool nak_counts(const struct dhcp *d, const struct pbuf *p)
{
	static nsec_t next;
	u32_t server = lwip_htonl(option(p, DHCP_OPTION_SERVER_ID, 4));
	nsec_t now = clock_now();

	if ((d->state == DHCP_STATE_REQUESTING || d->state == DHCP_STATE_RENEWING) &&
	    server != ip4_addr_get_u32(ip_2_ip4(&d->server_ip_addr)))
		return false;
	if (now < next)
		return false;
	next = now + NAK_PAUSE;
	return true;
}

/* lwIP looks into overloaded fields too; nobody puts the type there. */
static bool wanted(const struct dhcp *d, const struct pbuf *p)
{
	u32_t type = option(p, DHCP_OPTION_MESSAGE_TYPE, 1);
	u32_t xid = 0;

	if (!d || type == 0 || pbuf_copy_partial(p, &xid, 4, 4) != 4 ||
	    lwip_ntohl(xid) != d->xid)
		return false;
	return type != DHCP_NAK || nak_counts(d, p);
}

static void filter(void *arg, struct udp_pcb *pcb, struct pbuf *p,
		   const ip_addr_t *addr, u16_t port)
{
	if (wanted(netif_dhcp_data(ip_current_input_netif()), p))
		client_recv(arg, pcb, p, addr, port);
	else
		pbuf_free(p);
}

/* lwIP makes the PCB when DHCP starts, and again after it gave up a server. */
void net_dhcp_sending(void)
{
	struct udp_pcb *u;

	for (u = udp_pcbs; u; u = u->next)
		if (u->local_port == LWIP_IANA_PORT_DHCP_CLIENT && u->recv &&
		    u->remote_port == LWIP_IANA_PORT_DHCP_SERVER && u->recv != filter) {
			client_recv = u->recv;
			u->recv = filter;
		}
}

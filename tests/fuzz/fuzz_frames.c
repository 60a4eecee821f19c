/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Frames into the stack while a TCP connection stands, a listener waits and a
 * UDP port is bound. The input is a list of frames: two bytes of length, one
 * of flags (checksums, pieces, time), then either a whole frame or (flag) only
 * what follows Ethernet's header to the right address. Checksums count as
 * checked by the device, so that mutations get past them.
 *
 * SOURCES: net/net.c net/config.c net/dhcp.c net/sack.c net/netif.c net/txq.c net/pcbhash.c net/mem.c
 * SOURCES: net/isn.c net/guard.c net/timers.c net/stats.c net/checksum.c
 * SOURCES: tests/host/lwip_tcp.c tests/host/lwip_tcp_in.c tests/host/lwip_tcp_out.c
 * SOURCES: tests/host/lwip_rest.c tests/host/wire.c tests/host/peer.c
 * SOURCES: tests/host/fake_heap.c tests/host/fake_pv.c kernel/page.c kernel/thread.c
 * SOURCES: kernel/event.c kernel/timer.c kernel/clock.c kernel/log.c kernel/netdev.c
 * SOURCES: kernel/console.c kernel/trace.c kernel/panic.c kernel/backtrace.c
 * SOURCES: kernel/symbols.c kernel/watchdog.c kernel/cmdline.c kernel/metrics.c
 * SOURCES: kernel/device.c kernel/blkdev.c kernel/entropy.c kernel/lib/fmt.c
 * SOURCES: kernel/arch/x86_64/switch.S
 * FLAGS: -isystem third_party/lwip/src/include -isystem net
 */
#include <stdlib.h>
#include <string.h>

#include "kernel/console.h"
#include "kernel/panic.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/udp.h"
#include "net/net_impl.h"
#include "tests/host/fake_heap.h"
#include "tests/host/fake_pv.h"
#include "tests/host/peer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct wire wire;
static struct peer peer;

static err_t got(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err)
{
	(void)arg, (void)err;
	if (!p)
		return tcp_close(pcb);
	tcp_write(pcb, "answer", 6, TCP_WRITE_FLAG_COPY);
	net_recved(pcb, p->tot_len);
	pbuf_free(p);
	return ERR_OK;
}

static err_t accepted(void *arg, struct tcp_pcb *pcb, err_t err)
{
	(void)arg;
	if (err == ERR_OK && pcb)
		tcp_recv(pcb, got);
	return err;
}

static void udp_got(void *arg, struct udp_pcb *pcb, struct pbuf *p,
		    const ip_addr_t *from, u16_t port)
{
	(void)arg;
	udp_sendto(pcb, p, from, port);
	pbuf_free(p);
}

static void start(void)
{
	struct tcp_pcb *l;
	struct udp_pcb *u;
	ip4_addr_t addr, mask;
	ip6_addr_t addr6;
	s8_t slot;

	fake_pv_init(64 << 20);
	console_use_platform();
	wire_init(&wire, NETDEV_TX_CSUM | NETDEV_RX_CSUM | NETDEV_TSO4 | NETDEV_TSO6);
	peer_init(&peer, &wire);
	ASSERT(net_start() == 0);		/* DHCP, and by hand: */
	IP4_ADDR(&addr, 10, 0, 0, 2);
	IP4_ADDR(&mask, 255, 255, 255, 0);
	netif_set_addr(netif_default, &addr, &mask, IP4_ADDR_ANY4);
	ip6addr_aton("2001:db8::2", &addr6);
	netif_add_ip6_address(netif_default, &addr6, &slot);
	netif_ip6_addr_set_state(netif_default, slot, IP6_ADDR_PREFERRED);
	l = tcp_new_ip_type(IPADDR_TYPE_ANY);
	tcp_bind(l, IP_ANY_TYPE, 80);
	tcp_accept(tcp_listen_with_backlog(l, 8), accepted);
	u = udp_new_ip_type(IPADDR_TYPE_ANY);
	udp_bind(u, IP_ANY_TYPE, 53);
	udp_recv(u, udp_got, NULL);
	peer_run(&peer, 500);
}

/* One frame of the input; returns how much of it was used. */
static size_t one(const uint8_t *in, size_t size)
{
	static uint8_t frame[70000];
	size_t len, n;
	unsigned flags;

	if (size < 3)
		return size;
	len = (size_t)in[0] << 8 | in[1];
	flags = in[2];
	n = len < size - 3 ? len : size - 3;
	memcpy(frame, in + 3, n);
	if (flags & 1) {			/* right address and type */
		memcpy(frame, wire.nd.mac, n < 6 ? n : 6);
		if (n >= 14) {
			frame[12] = flags & 2 ? 0x86 : 0x08;
			frame[13] = flags & 2 ? 0xdd : 0x00;
		}
	}
	wire_deliver(&wire, frame, n, flags & 4 ? NET_RX_CSUM_VALID : 0,
		     flags & 8 ? 20 + (flags >> 4) * 16 : 0);
	if (flags & 0x80)
		wire_run(60);
	return n + 3;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool started;
	struct peer_tcp t;
	struct wire_frame *f;

	if (!started)
		start();
	started = true;
	peer_tcp_open(&peer, &t, data && size && (data[0] & 1), 4000, 80);
	while (size) {
		size_t n = one(data, size);

		data += n;
		size -= n;
	}
	peer_pump(&peer);
	peer_tcp_send(&peer, &t, TCPF_RST, NULL, 0);
	wire_run(200);
	while ((f = wire_take(&wire)) != NULL)
		free(f);
	peer_tcp_forget(&peer, &t);
	ASSERT(peer.bad_checksums == 0);
	/* What is left of this input must not change the next one's run. */
	while (tcp_active_pcbs)
		tcp_abandon(tcp_active_pcbs, 0);
	while (tcp_tw_pcbs)
		tcp_abandon(tcp_tw_pcbs, 0);
	wire_run(18000);			/* reassembly gives up */
	while ((f = wire_take(&wire)) != NULL)
		free(f);
	ASSERT(wire.rx_lent == 0);		/* every buffer came back */
	return 0;
}

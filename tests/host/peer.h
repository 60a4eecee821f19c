/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The machine at the other end of a wire (wire.h): builds frames, answers ARP
 * and neighbour solicitations, checks every checksum that the stack sent, and
 * speaks enough TCP for tests to say exactly what happens on the wire.
 */
#pragma once

#include "tests/host/wire.h"

#define PEER_TCP_ROOM	(1u << 20)

enum { TCPF_FIN = 1, TCPF_SYN = 2, TCPF_RST = 4, TCPF_PSH = 8, TCPF_ACK = 16 };

/* A parsed frame; pointers into it. */
struct peer_view {
	const uint8_t *eth, *ip, *l4, *data;
	unsigned type, proto, l4_len, data_len;
	unsigned sport, dport, flags, wnd;	/* TCP and UDP */
	uint32_t seq, ack;
	bool v6;
};

struct peer {
	struct wire *w;
	uint8_t mac[6], ip4[4], ip6[16];	/* the peer's */
	uint8_t guest4[4], guest6[16];
	bool silent;				/* no ARP, no ND answers */
	/* what was seen */
	unsigned frames, bad_checksums, arps, gso_frames;
	/* every frame passes here first, after the checks; true: handled */
	bool (*hook)(struct peer *p, const struct peer_view *v);
	void *arg;
	struct peer_tcp *conns;
};

struct peer_tcp {
	struct peer_tcp *next;
	bool v6;
	uint16_t port, guest_port;
	uint32_t snd, rcv;			/* next to send; next expected */
	unsigned wnd;				/* what we advertise */
	bool mute;				/* see segments, take nothing, ack nothing */
	bool no_ack;				/* take data, do not acknowledge */
	int lose;				/* ignore the next N data segments */
	/* what the stack sent */
	unsigned segments, retransmits, last_flags, guest_wnd;
	uint32_t guest_ack;
	bool got_syn, got_fin, got_rst;
	uint8_t *in;
	uint32_t in_len;
};

void peer_init(struct peer *p, struct wire *w);

/* Looks at everything that was sent since; answers. Repeats until quiet. */
void peer_pump(struct peer *p);
/* wire_run() in small steps with peer_pump() between. */
void peer_run(struct peer *p, unsigned ms);

/* Frames: build and deliver. `proto` 6, 17, 1, 58. Checksums are right unless
 * `flags` says NET_RX_CSUM_PARTIAL: then only the pseudo-header's. */
size_t peer_build(struct peer *p, uint8_t *out, bool v6, unsigned proto,
		  const void *l4, size_t len, unsigned flags);
void peer_send(struct peer *p, bool v6, unsigned proto, const void *l4,
	       size_t len, unsigned flags, size_t piece);
void peer_arp_request(struct peer *p);
void peer_ping(struct peer *p, bool v6, uint16_t seq, size_t len);
void peer_udp(struct peer *p, bool v6, unsigned sport, unsigned dport,
	      const void *data, size_t len, unsigned flags);

/* TCP from the peer's side. Open sends the SYN and, where the stack answers,
 * the ACK; returns whether the connection stands. */
bool peer_tcp_open(struct peer *p, struct peer_tcp *t, bool v6, unsigned port,
		   unsigned guest_port);
void peer_tcp_send(struct peer *p, struct peer_tcp *t, unsigned flags,
		   const void *data, size_t len);
void peer_tcp_raw(struct peer *p, struct peer_tcp *t, unsigned flags, uint32_t seq,
		  uint32_t ack, const void *data, size_t len, bool syn_opts);
void peer_tcp_forget(struct peer *p, struct peer_tcp *t);

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * See peer.h. Byte by byte on purpose: nothing of the stack under test is used.
 */
#include "tests/host/peer.h"

#include <stdlib.h>
#include <string.h>

static unsigned get16(const uint8_t *p)
{
	return (unsigned)p[0] << 8 | p[1];
}

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)get16(p) << 16 | get16(p + 2);
}

static void put16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v & 0xffff);
}

static uint32_t sum16(const uint8_t *p, size_t len, uint32_t sum)
{
	for (size_t i = 0; i + 1 < len; i += 2)
		sum += get16(p + i);
	if (len & 1)
		sum += (uint32_t)p[len - 1] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

static uint32_t pseudo(const uint8_t *ip, bool v6, unsigned proto, size_t len)
{
	return sum16(v6 ? ip + 8 : ip + 12, v6 ? 32 : 8,
		     proto + (uint32_t)(len >> 16) + (uint32_t)(len & 0xffff));
}

void peer_init(struct peer *p, struct wire *w)
{
	memset(p, 0, sizeof(*p));
	p->w = w;
	memcpy(p->mac, "\x02\x00\x00\x00\x00\x01", 6);
	memcpy(p->ip4, "\x0a\x00\x00\x01", 4);
	memcpy(p->guest4, "\x0a\x00\x00\x02", 4);
	memcpy(p->ip6, "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01", 16);
	memcpy(p->guest6, "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02", 16);
}

/* ---- building ---- */
size_t peer_build(struct peer *p, uint8_t *f, bool v6, unsigned proto,
		  const void *l4, size_t len, unsigned flags)
{
	uint8_t *ip = f + 14, *to = ip + (v6 ? 40 : 20);
	unsigned at = proto == 6 ? 16 : proto == 17 ? 6 : 2;
	uint32_t sum;

	memcpy(f, p->w->nd.mac, 6);
	memcpy(f + 6, p->mac, 6);
	put16(f + 12, v6 ? 0x86dd : 0x0800);
	memcpy(to, l4, len);
	if (v6) {
		memset(ip, 0, 40);
		ip[0] = 0x60;
		put16(ip + 4, (unsigned)len);
		ip[6] = (uint8_t)proto;
		ip[7] = 255;
		memcpy(ip + 8, p->ip6, 16);
		memcpy(ip + 24, p->guest6, 16);
	} else {
		memset(ip, 0, 20);
		ip[0] = 0x45;
		put16(ip + 2, (unsigned)len + 20);
		ip[8] = 64;
		ip[9] = (uint8_t)proto;
		memcpy(ip + 12, p->ip4, 4);
		memcpy(ip + 16, p->guest4, 4);
		put16(ip + 10, ~sum16(ip, 20, 0) & 0xffff);
	}
	put16(to + at, 0);
	sum = proto == 1 ? 0 : pseudo(ip, v6, proto, len);
	if (flags & NET_RX_CSUM_PARTIAL)
		put16(to + at, sum);
	else
		put16(to + at, ~sum16(to, len, sum) & 0xffff);
	return 14 + (v6 ? 40 : 20) + len;
}

void peer_send(struct peer *p, bool v6, unsigned proto, const void *l4,
	       size_t len, unsigned flags, size_t piece)
{
	static uint8_t f[70000];
	size_t n = peer_build(p, f, v6, proto, l4, len, flags);

	wire_deliver(p->w, f, n, flags, piece);
}

static void arp(struct peer *p, unsigned op, const uint8_t *to_mac,
		const uint8_t *target4)
{
	uint8_t f[42] = { 0 };

	memset(f, 0xff, 6);
	if (op == 2)
		memcpy(f, to_mac, 6);
	memcpy(f + 6, p->mac, 6);
	put16(f + 12, 0x0806);
	memcpy(f + 14, "\0\1\x08\0\6\4", 6);
	put16(f + 20, op);
	memcpy(f + 22, p->mac, 6);
	memcpy(f + 28, p->ip4, 4);
	if (op == 2)
		memcpy(f + 32, to_mac, 6);
	memcpy(f + 38, target4, 4);
	wire_deliver(p->w, f, sizeof(f), 0, 0);
}

void peer_arp_request(struct peer *p)
{
	arp(p, 1, NULL, p->guest4);
}

void peer_ping(struct peer *p, bool v6, uint16_t seq, size_t len)
{
	uint8_t *m = calloc(1, 8 + len);

	m[0] = v6 ? 128 : 8;
	put16(m + 6, seq);
	for (size_t i = 0; i < len; i++)
		m[8 + i] = (uint8_t)i;
	peer_send(p, v6, v6 ? 58 : 1, m, 8 + len, 0, 0);
	free(m);
}

void peer_udp(struct peer *p, bool v6, unsigned sport, unsigned dport,
	      const void *data, size_t len, unsigned flags)
{
	uint8_t *m = calloc(1, 8 + len);

	put16(m, sport);
	put16(m + 2, dport);
	put16(m + 4, (unsigned)len + 8);
	memcpy(m + 8, data, len);
	peer_send(p, v6, 17, m, 8 + len, flags, 0);
	free(m);
}

/* ---- looking ---- */
static bool parse(const struct wire_frame *f, struct peer_view *v)
{
	unsigned ip_len;

	memset(v, 0, sizeof(*v));
	v->eth = f->data;
	v->type = get16(f->data + 12);
	v->ip = f->data + 14;
	if (v->type == 0x0806)
		return true;
	v->v6 = v->type == 0x86dd;
	ip_len = v->v6 ? 40 : (v->ip[0] & 15) * 4u;
	v->proto = v->v6 ? v->ip[6] : v->ip[9];
	v->l4_len = v->v6 ? get16(v->ip + 4) : get16(v->ip + 2) - ip_len;
	v->l4 = v->ip + ip_len;
	if (v->v6 && v->proto == 0) {		/* MLD: hop-by-hop option */
		v->proto = v->l4[0];
		v->l4_len -= (v->l4[1] + 1u) * 8;
		v->l4 += (v->l4[1] + 1u) * 8;
	}
	if (14 + ip_len + (v->v6 ? get16(v->ip + 4) : v->l4_len) != f->len)
		return false;
	v->sport = get16(v->l4);
	v->dport = get16(v->l4 + 2);
	if (v->proto == 6) {
		unsigned h = (v->l4[12] >> 4) * 4u;

		v->seq = get32(v->l4 + 4);
		v->ack = get32(v->l4 + 8);
		v->flags = v->l4[13];
		v->wnd = get16(v->l4 + 14);
		v->data = v->l4 + h;
		v->data_len = v->l4_len - h;
	} else {
		v->data = v->l4 + 8;
		v->data_len = v->l4_len - 8;
	}
	return true;
}

static bool checksums_hold(const struct wire_frame *f, const struct peer_view *v)
{
	uint32_t sum;

	if (v->type == 0x0806)
		return true;
	if (!v->v6 && sum16(v->ip, (v->ip[0] & 15) * 4u, 0) != 0xffff)
		return false;
	if (!v->v6 && (get16(v->ip + 6) & 0x3fff))
		return true;			/* fragments */
	if (f->gso_size && (!f->needs_csum || f->gso_v6 != v->v6 ||
			    f->hdr_len + v->data_len != f->len ||
			    v->data_len <= f->gso_size))
		return false;
	sum = v->proto == 1 ? 0 : pseudo(v->ip, v->v6, v->proto, v->l4_len);
	if (f->needs_csum)
		return f->data + f->csum_start == v->l4 && f->csum_offset == 16 &&
		       get16(v->l4 + 16) == sum && v->proto == 6;
	if (v->proto == 17 && get16(v->l4 + 6) == 0)
		return true;
	return sum16(v->l4, v->l4_len, sum) == 0xffff;
}

static void neighbour_answer(struct peer *p, const struct peer_view *v)
{
	uint8_t m[32] = { 136 }, saved[16];

	m[4] = 0x60;				/* solicited, override */
	memcpy(m + 8, v->l4 + 8, 16);
	m[24] = 2;
	m[25] = 1;
	memcpy(m + 26, p->mac, 6);
	memcpy(saved, p->guest6, 16);
	memcpy(p->guest6, v->ip + 8, 16);	/* to whoever asks */
	peer_send(p, true, 58, m, sizeof(m), 0, 0);
	memcpy(p->guest6, saved, 16);
}

/* ---- TCP ---- */
void peer_tcp_raw(struct peer *p, struct peer_tcp *t, unsigned flags, uint32_t seq,
		  uint32_t ack, const void *data, size_t len, bool syn_opts)
{
	unsigned h = syn_opts ? 28 : 20;
	uint8_t *m = calloc(1, h + len);

	put16(m, t->port);
	put16(m + 2, t->guest_port);
	put32(m + 4, seq);
	put32(m + 8, flags & TCPF_ACK ? ack : 0);
	m[12] = (uint8_t)(h / 4 << 4);
	m[13] = (uint8_t)flags;
	put16(m + 14, t->wnd);
	if (syn_opts)				/* MSS 1460, scale 0 */
		memcpy(m + 20, "\2\4\x05\xb4\1\3\3\0", 8);
	if (len)
		memcpy(m + h, data, len);
	peer_send(p, t->v6, 6, m, h + len, 0, 0);
	free(m);
}

void peer_tcp_send(struct peer *p, struct peer_tcp *t, unsigned flags,
		   const void *data, size_t len)
{
	uint32_t seq = t->snd;

	t->snd += (uint32_t)len + ((flags & TCPF_FIN) != 0);
	peer_tcp_raw(p, t, flags | TCPF_ACK, seq, t->rcv, data, len, false);
}

static void tcp_data(struct peer *p, struct peer_tcp *t, const struct peer_view *v)
{
	uint32_t skip = t->rcv - v->seq;

	if (v->data_len == 0 && !(v->flags & TCPF_FIN))
		return;
	if (t->lose > 0) {
		t->lose--;
		return;
	}
	if (skip && skip <= v->data_len)
		t->retransmits++;
	if (skip <= v->data_len) {
		uint32_t n = v->data_len - skip;

		if (t->in_len + n <= PEER_TCP_ROOM)
			memcpy(t->in + t->in_len, v->data + skip, n);
		t->in_len += n;
		t->rcv += n;
		if ((v->flags & TCPF_FIN) && !t->got_fin) {
			t->got_fin = true;
			t->rcv++;
		}
	}
	if (!t->no_ack)
		peer_tcp_raw(p, t, TCPF_ACK, t->snd, t->rcv, NULL, 0, false);
}

static void tcp_seen(struct peer *p, const struct peer_view *v)
{
	struct peer_tcp *t;

	for (t = p->conns; t; t = t->next)
		if (t->port == v->dport && t->guest_port == v->sport && t->v6 == v->v6)
			break;
	if (!t)
		return;
	t->segments++;
	t->last_flags = v->flags;
	t->guest_wnd = v->wnd;
	if (v->flags & TCPF_ACK)
		t->guest_ack = v->ack;
	if (v->flags & TCPF_RST)
		t->got_rst = true;
	if (t->mute || (v->flags & TCPF_RST))
		return;
	if (v->flags & TCPF_SYN) {
		t->got_syn = true;
		t->rcv = v->seq + 1;
		return;
	}
	tcp_data(p, t, v);
}

void peer_tcp_forget(struct peer *p, struct peer_tcp *t)
{
	struct peer_tcp **pp = &p->conns;

	while (*pp && *pp != t)
		pp = &(*pp)->next;
	if (*pp)
		*pp = t->next;
	free(t->in);
	t->in = NULL;
}

bool peer_tcp_open(struct peer *p, struct peer_tcp *t, bool v6, unsigned port,
		   unsigned guest_port)
{
	memset(t, 0, sizeof(*t));
	t->v6 = v6;
	t->port = (uint16_t)port;
	t->guest_port = (uint16_t)guest_port;
	t->snd = 0xfffffff0u + port;		/* wraps soon */
	t->wnd = 65535;
	t->in = malloc(PEER_TCP_ROOM);
	t->next = p->conns;
	p->conns = t;
	peer_tcp_raw(p, t, TCPF_SYN, t->snd++, 0, NULL, 0, true);
	peer_pump(p);
	if (!t->got_syn)
		return false;
	peer_tcp_send(p, t, 0, NULL, 0);
	peer_pump(p);
	return !t->got_rst;
}

/* ---- the loop ---- */
static void look(struct peer *p, const struct wire_frame *f)
{
	struct peer_view v;

	p->frames++;
	if (!parse(f, &v) || !checksums_hold(f, &v)) {
		p->bad_checksums++;
		return;
	}
	p->gso_frames += f->gso_size != 0;
	if (v.type == 0x0806)
		p->arps++;
	if (p->hook && p->hook(p, &v))
		return;
	if (v.type == 0x0806) {
		if (!p->silent && get16(v.ip + 6) == 1 && memcmp(v.ip + 24, p->ip4, 4) == 0)
			arp(p, 2, v.eth + 6, p->guest4);
	} else if (v.proto == 58 && v.l4[0] == 135) {
		if (!p->silent && memcmp(v.l4 + 8, p->ip6, 16) == 0)
			neighbour_answer(p, &v);
	} else if (v.proto == 6) {
		tcp_seen(p, &v);
	}
}

void peer_pump(struct peer *p)
{
	struct wire_frame *f;

	for (wire_settle(); (f = wire_take(p->w)) != NULL; wire_settle()) {
		look(p, f);
		free(f);
	}
}

void peer_run(struct peer *p, unsigned ms)
{
	for (unsigned i = 0; i < ms; i += 5) {
		peer_pump(p);
		wire_run(5);
	}
	peer_pump(p);
}

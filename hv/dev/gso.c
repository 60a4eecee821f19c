/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Checksums (RFC 1071) and segments (RFC 9293 section 3.1; what changes from segment
 * to segment: length, IPv4 identification, sequence number, flags, checksums).
 */
#include "hv/dev/gso.h"

#include <asm/errno.h>
#include <string.h>

#define ETH_HLEN	14u
#define IPV4_HLEN	20u
#define IPV6_HLEN	40u
#define TCP_HLEN	20u
#define PROTO_TCP	6u
#define TCP_FIN		0x01u
#define TCP_PSH		0x08u
#define TCP_CWR		0x80u
#define GSO_ECN		0x80u		/* virtio's flag in gso_type */

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static void put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)get16(p) << 16 | get16(p + 2);
}

static void put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v);
}

/* Four bytes at a time in the machine's order, turned round at the end: the sum of
 * RFC 1071 does not mind (section 2 B). */
uint64_t gso_sum(const uint8_t *p, uint32_t len)
{
	uint64_t sum = 0;
	uint32_t w;

	for (; len >= 4; p += 4, len -= 4) {
		memcpy(&w, p, 4);
		sum += w;
	}
	w = 0;
	memcpy(&w, p, len);
	sum += w;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return __builtin_bswap16((uint16_t)sum);
}

/* 0 would say "none" in UDP; 0xffff is the same number. */
static uint32_t finish(uint64_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum == 0xffff ? 0xffff : ~(uint32_t)sum & 0xffff;
}

/* The field holds the pseudo-header's sum: it is summed with the rest. */
static int complete(const struct virtio_net_hdr *h, uint8_t *frame, uint32_t len)
{
	uint32_t start = h->csum_start, field = start + h->csum_offset;

	if (field + 2 > len)	/* so `start` is inside as well */
		return -EINVAL;
	put16(frame + field, finish(gso_sum(frame + start, len - start)));
	return 0;
}

/* Finds the headers of a TCP frame; all of them have to be there. */
static int parse(struct gso *g)
{
	uint32_t l3 = ETH_HLEN, l4;
	const uint8_t *f = g->frame;

	if (g->len < ETH_HLEN + 4)
		return -EINVAL;
	if (get16(f + 12) == 0x8100)
		l3 += 4;
	if (g->len < l3 + (g->v6 ? IPV6_HLEN : IPV4_HLEN) + TCP_HLEN)
		return -EINVAL;
	if (g->v6) {
		if (f[l3] >> 4 != 6 || f[l3 + 6] != PROTO_TCP || get16(f + l3 - 2) != 0x86dd)
			return -EINVAL;
		l4 = l3 + IPV6_HLEN;
	} else {
		uint32_t ihl = (f[l3] & 15u) * 4u;

		if (f[l3] >> 4 != 4 || ihl < IPV4_HLEN || f[l3 + 9] != PROTO_TCP ||
		    get16(f + l3 - 2) != 0x0800 || get16(f + l3 + 6) & 0x3fff)
			return -EINVAL;
		l4 = l3 + ihl;
	}
	if (g->len < l4 + TCP_HLEN || (f[l4 + 12] >> 4) * 4u < TCP_HLEN)
		return -EINVAL;
	g->l3 = l3;
	g->l4 = l4;
	g->head_len = l4 + (f[l4 + 12] >> 4) * 4u;
	return g->len > g->head_len ? 0 : -EINVAL;
}

int gso_begin(struct gso *g, const struct virtio_net_hdr *h, uint8_t *frame, uint32_t len,
	      unsigned may)
{
	unsigned type = h->gso_type & ~GSO_ECN;

	g->frame = frame;
	g->len = len;
	g->at = g->mss = g->piece = g->head_len = 0;
	g->v6 = type == VIRTIO_NET_HDR_GSO_TCPV6;
	g->out = *h;
	if (len < ETH_HLEN || len > GSO_FRAME_MAX + 4)
		return -EINVAL;
	if (type == VIRTIO_NET_HDR_GSO_NONE) {
		g->out.gso_type = 0;
		if (!(h->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) || may & GSO_MAY_CSUM)
			return 0;
		memset(&g->out, 0, sizeof(g->out));
		return complete(h, frame, len);
	}
	if ((type != VIRTIO_NET_HDR_GSO_TCPV4 && !g->v6) || !h->gso_size ||
	    !(h->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM))
		return -EINVAL;
	if (may & GSO_MAY_CSUM && may & (g->v6 ? GSO_MAY_TSO6 : GSO_MAY_TSO4))
		return 0;
	memset(&g->out, 0, sizeof(g->out));
	g->mss = h->gso_size;
	return parse(g);
}

static void make_head(struct gso *g, uint32_t n)
{
	uint8_t *h = g->head, *tcp = h + g->l4;
	uint32_t tcp_len = g->head_len - g->l4 + n;
	bool last = g->at + n == g->len - g->head_len;
	uint64_t sum;

	memcpy(h, g->frame, g->head_len);
	if (g->v6) {
		put16(h + g->l3 + 4, g->head_len - g->l3 - IPV6_HLEN + n);
		sum = gso_sum(h + g->l3 + 8, 32);
	} else {
		uint8_t *ip = h + g->l3;

		put16(ip + 2, g->head_len - g->l3 + n);
		put16(ip + 4, get16(ip + 4) + g->at / g->mss);
		put16(ip + 10, 0);
		put16(ip + 10, finish(gso_sum(ip, g->l4 - g->l3)));
		sum = gso_sum(ip + 12, 8);
	}
	put32(tcp + 4, get32(tcp + 4) + g->at);
	if (!last)
		tcp[13] = (uint8_t)(tcp[13] & ~(TCP_FIN | TCP_PSH));
	if (g->at)
		tcp[13] = (uint8_t)(tcp[13] & ~TCP_CWR);
	put16(tcp + 16, 0);
	sum += PROTO_TCP + tcp_len + gso_sum(tcp, g->head_len - g->l4);
	/* the payload of each piece is summed as if it began at an even byte: the
	 * header's length is a multiple of four */
	sum += gso_sum(g->frame + g->head_len + g->at, n);
	put16(tcp + 16, finish(sum));
}

bool gso_next(struct gso *g, struct gso_piece *p)
{
	uint32_t left = g->len - g->head_len - g->at;

	if (!left)
		return false;
	p->hdr = g->out;
	p->head = g->head;
	p->head_len = g->head_len;
	p->data = g->frame + g->head_len + g->at;
	p->data_len = left;
	if (g->mss) {
		if (left > g->mss)
			p->data_len = g->mss;
		if (!g->piece)
			make_head(g, p->data_len);
	}
	g->piece = p->data_len;
	return true;
}

void gso_advance(struct gso *g)
{
	g->at += g->piece;
	g->piece = 0;
}

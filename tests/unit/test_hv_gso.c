/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Software checksums and segmentation against a plain reference: each piece must be
 * a frame that a byte-by-byte checker accepts, and together they must be what went in.
 *
 * SOURCES: hv/dev/gso.c
 */
#include <stdlib.h>
#include <string.h>

#include "hv/dev/gso.h"
#include "tests/unit/tap.h"

static uint8_t frame[GSO_FRAME_MAX + 200], orig[GSO_FRAME_MAX + 200];
static struct gso g;

/* RFC 1071, as it stands there: 16-bit words, high byte first. */
static uint32_t ref_sum(const uint8_t *p, size_t len, uint32_t sum)
{
	for (size_t i = 0; i < len; i++) {
		sum += i & 1 ? p[i] : (uint32_t)p[i] << 8;
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return sum;
}

static uint32_t be16(const uint8_t *p)
{
	return (uint32_t)p[0] << 8 | p[1];
}

static void set16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static uint32_t be32(const uint8_t *p)
{
	return be16(p) << 16 | be16(p + 2);
}

static uint32_t pseudo(const uint8_t *ip, bool v6, uint32_t l4_len)
{
	uint8_t tail[4] = { 0, 6, 0, 0 };
	uint32_t sum = v6 ? ref_sum(ip + 8, 32, 0) : ref_sum(ip + 12, 8, 0);

	set16(tail + 2, l4_len);
	return ref_sum(tail, 4, sum);
}

struct shape {
	bool v6, vlan;
	unsigned ip_opt, tcp_opt, payload, mss, flags;
};

static uint32_t l3_of(const struct shape *s) { return s->vlan ? 18 : 14; }
static uint32_t l4_of(const struct shape *s) { return l3_of(s) + (s->v6 ? 40 : 20 + s->ip_opt); }
static uint32_t head_of(const struct shape *s) { return l4_of(s) + 20 + s->tcp_opt; }

static uint32_t build(const struct shape *s, struct virtio_net_hdr *h)
{
	uint32_t l3 = l3_of(s), l4 = l4_of(s), len = head_of(s) + s->payload;
	uint8_t *ip = frame + l3, *tcp = frame + l4;

	for (uint32_t i = 0; i < len; i++)
		frame[i] = (uint8_t)rand();
	if (s->vlan)
		set16(frame + 12, 0x8100);
	set16(frame + l3 - 2, s->v6 ? 0x86dd : 0x0800);
	if (s->v6) {
		ip[0] = 0x60;
		set16(ip + 4, len - l4);
		ip[6] = 6;
	} else {
		ip[0] = (uint8_t)(0x40 | (20 + s->ip_opt) / 4);
		set16(ip + 2, len - l3);
		set16(ip + 4, 0xfffe);
		set16(ip + 6, 0x4000);
		ip[9] = 6;
		set16(ip + 10, 0);
		set16(ip + 10, ~ref_sum(ip, 20 + s->ip_opt, 0) & 0xffff);
	}
	set16(tcp + 4, 0xffff);		/* the sequence number wraps */
	set16(tcp + 6, 0xff00);
	tcp[12] = (uint8_t)((20 + s->tcp_opt) / 4 << 4);
	tcp[13] = (uint8_t)s->flags;
	set16(tcp + 16, pseudo(ip, s->v6, len - l4));
	memcpy(orig, frame, len);
	memset(h, 0, sizeof(*h));
	h->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
	h->csum_start = (uint16_t)l4;
	h->csum_offset = 16;
	h->gso_size = (uint16_t)s->mss;
	h->gso_type = s->mss ? s->v6 ? VIRTIO_NET_HDR_GSO_TCPV6 : VIRTIO_NET_HDR_GSO_TCPV4 : 0;
	h->hdr_len = 3;			/* a hint that nobody believes */
	return len;
}

static const char *check_piece(const struct shape *s, const uint8_t *f, uint32_t len, uint32_t at)
{
	uint32_t l3 = l3_of(s), l4 = l4_of(s), head = head_of(s);
	const uint8_t *ip = f + l3, *tcp = f + l4;
	bool last = at + len - head == s->payload;

	if (memcmp(f, orig, l3))
		return "Ethernet header";
	if (s->v6 ? be16(ip + 4) != len - l4 : be16(ip + 2) != len - l3)
		return "IP length";
	if (!s->v6 && ref_sum(ip, 20 + s->ip_opt, 0) != 0xffff)
		return "IP checksum";
	if (!s->v6 && be16(ip + 4) != ((0xfffe + (s->mss ? at / s->mss : 0)) & 0xffff))
		return "IP identification";
	if (be32(tcp + 4) != be32(orig + l4 + 4) + at)
		return "sequence number";
	if (ref_sum(tcp, len - l4, pseudo(ip, s->v6, len - l4)) != 0xffff)
		return "TCP checksum";
	if (tcp[13] != (s->flags & ~(last ? 0u : 9u) & ~(at ? 0x80u : 0u)))
		return "TCP flags";
	if (memcmp(f + head, orig + head + at, len - head))
		return "payload";
	return NULL;
}

static void try(const struct shape *s, unsigned may)
{
	static uint8_t whole[GSO_FRAME_MAX + 200];
	struct virtio_net_hdr h;
	uint32_t len = build(s, &h), at = 0, n = 0;
	const char *err = NULL;
	struct gso_piece p;

	if (gso_begin(&g, &h, frame, len, may)) {
		ok(false, "refused: v6 %d vlan %d payload %u mss %u", s->v6, s->vlan, s->payload, s->mss);
		return;
	}
	while (!err && gso_next(&g, &p)) {
		struct gso_piece again;

		if (rand() & 1 && (!gso_next(&g, &again) || memcmp(&again, &p, sizeof(p))))
			err = "not the same again";
		memcpy(whole, p.head, p.head_len);
		memcpy(whole + p.head_len, p.data, p.data_len);
		if (s->mss && p.data_len > s->mss)
			err = "longer than the segment size";
		if (p.hdr.flags || p.hdr.gso_type)
			err = "something left to do";
		if (!err)
			err = check_piece(s, whole, p.head_len + p.data_len, at);
		at += p.head_len + p.data_len - head_of(s);
		n++;
		gso_advance(&g);
	}
	if (!err && (at != s->payload || n != (s->mss ? (s->payload + s->mss - 1) / s->mss : 1)))
		err = "something is missing";
	if (err)
		ok(false, "%s: v6 %d vlan %d opt %u %u payload %u mss %u at %u", err, s->v6, s->vlan,
		   s->ip_opt, s->tcp_opt, s->payload, s->mss, at);
}

static void test_random(void)
{
	int before = tap_failed;

	for (unsigned i = 0; i < 4000; i++) {
		struct shape s = {
			.v6 = rand() & 1, .vlan = rand() % 4 == 0, .tcp_opt = (unsigned)rand() % 11 * 4,
			.ip_opt = rand() % 4 ? 0 : (unsigned)rand() % 11 * 4,
			.payload = 1 + (unsigned)rand() % (i % 16 ? 5000 : 65000),
			.mss = i % 5 ? 1 + (unsigned)rand() % 3000 : 0,
			.flags = (unsigned)rand() & 0xff,
		};

		if (s.v6)
			s.ip_opt = 0;
		if (s.payload > 65535 - head_of(&s))
			s.payload = 65535 - head_of(&s);
		try(&s, 0);
	}
	ok(tap_failed == before, "4,000 frames of all shapes, cut and summed");
}

/* One's complement has two zeros: what is sent must not be the one that says "none". */
static void test_zero(void)
{
	struct virtio_net_hdr h = { .flags = 1, .csum_start = 14, .csum_offset = 2 };
	struct gso_piece p;

	memset(frame, 0, 64);
	ok(!gso_begin(&g, &h, frame, 64, 0) && gso_next(&g, &p) && be16(frame + 16) == 0xffff,
	   "the sum of nothing is 0xffff");
	memset(frame, 0, 64);
	set16(frame + 14, 0xffff);
	ok(!gso_begin(&g, &h, frame, 64, 0) && be16(frame + 16) == 0xffff, "and so is that of 0xffff");
	memset(frame, 0, 65);
	frame[64] = 0x12;
	ok(!gso_begin(&g, &h, frame, 65, 0) && be16(frame + 16) == 0xedff, "an odd byte at the end");
}

static void test_passes(void)
{
	struct shape s = { .payload = 3000, .mss = 1000 };
	struct virtio_net_hdr h;
	struct gso_piece p;
	uint32_t len = build(&s, &h);

	ok(!gso_begin(&g, &h, frame, len, GSO_MAY_CSUM | GSO_MAY_TSO4) && gso_next(&g, &p) &&
	   p.data_len == len && !p.head_len && !memcmp(&p.hdr, &h, sizeof(h)),
	   "what the receiver takes passes unchanged");
	gso_advance(&g);
	ok(!gso_next(&g, &p), "once");
	ok(!gso_begin(&g, &h, frame, len, GSO_MAY_CSUM | GSO_MAY_TSO6) && gso_next(&g, &p) &&
	   p.data_len == 1000, "TSO6 is not TSO4");
	ok(!gso_begin(&g, &h, frame, len, GSO_MAY_TSO4) && gso_next(&g, &p) && p.data_len == 1000,
	   "TSO4 without CSUM is nothing");
	s.mss = 0;
	len = build(&s, &h);
	ok(!gso_begin(&g, &h, frame, len, GSO_MAY_CSUM) && gso_next(&g, &p) && p.hdr.flags == 1 &&
	   !memcmp(frame, orig, len), "a checksum to complete passes");
	h.gso_type = VIRTIO_NET_HDR_GSO_TCPV4 | 0x80;
	h.gso_size = 700;
	ok(!gso_begin(&g, &h, frame, len, 0) && gso_next(&g, &p) && p.data_len == 700,
	   "the ECN flag is understood");
}

static void refused(const char *what, const struct virtio_net_hdr *h, uint32_t len)
{
	ok(gso_begin(&g, h, frame, len, 0) < 0, "refused: %s", what);
}

static void test_refused(void)
{
	struct shape s = { .payload = 3000, .mss = 1000 };
	struct virtio_net_hdr h, ok_h;
	uint32_t len = build(&s, &ok_h);
	uint8_t *exact;

	h = ok_h;
	refused("shorter than Ethernet", &h, 13);
	refused("longer than there are", &h, GSO_FRAME_MAX + 5);
	h.gso_size = 0;
	refused("segments of nothing", &h, len);
	h = ok_h;
	h.flags = 0;
	refused("segments without checksums", &h, len);
	h = ok_h;
	h.gso_type = 3;
	refused("UDP segments", &h, len);
	h = ok_h;
	h.gso_type = VIRTIO_NET_HDR_GSO_TCPV6;
	refused("IPv4 that says IPv6", &h, len);
	h = ok_h;
	refused("no payload", &h, 54);
	refused("half a header", &h, 50);
	frame[14] = 0x44;
	refused("an IP header of 16 bytes", &h, len);
	frame[14] = 0x4f;
	refused("an IP header that leaves no room", &h, 14 + 60 + 10);
	exact = malloc(84);
	memcpy(exact, frame, 84);
	ok(gso_begin(&g, &h, exact, 84, 0) < 0, "and no look beyond the frame");
	free(exact);
	frame[14] = 0x45;
	frame[20] = 0x20;
	refused("a fragment", &h, len);
	frame[20] = 0;
	frame[23] = 17;
	refused("not TCP", &h, len);
	frame[23] = 6;
	frame[46] = 0x40;
	refused("a TCP header of 16 bytes", &h, len);
	h = ok_h;
	h.gso_type = h.gso_size = 0;
	h.csum_start = (uint16_t)len;
	refused("a checksum behind the end", &h, len);
	h.csum_start = (uint16_t)(len - 4);
	h.csum_offset = 3;
	refused("a checksum field across the end", &h, len);
	h.csum_start = 0xffff;
	h.csum_offset = 0xffff;
	refused("offsets that wrap", &h, len);
}

int main(void)
{
	srand(1);
	test_random();
	test_zero();
	test_passes();
	test_refused();
	return done_testing();
}

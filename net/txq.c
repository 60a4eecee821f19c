/* SPDX-License-Identifier: BSD-2-Clause
 *
 * See txq.h. Checksums: where the device completes them, lwIP leaves TCP's
 * field zero and the sum of the pseudo-header goes there (virtio 1.2,
 * 5.1.6.2), over the length of the merged frame if it is one. Data are not
 * copied: the pbufs are held until the device is done with them.
 */
#include "net/txq.h"

#include <errno.h>

#include "kernel/heap.h"
#include "kernel/lib/compiler.h"
#include "kernel/lib/string.h"
#include "lwip/prot/ethernet.h"
#include "lwip/prot/ip.h"
#include "net/net_impl.h"

#define FLUSH_AT	32u		/* frames that go without waiting */
#define GROUP_TAG	1u		/* in a cookie: a txq_group */
#define GSO_MAX		65000u		/* bytes of a merged frame */
#define TCP_HDR		20u
#define FLAG_FIN	0x01
#define FLAG_PSH	0x08
#define FLAG_ACK	0x10

static void flush(void *arg);

int txq_init(struct txq *q, struct netdev *nd)
{
	struct txq_group *g;

	q->nd = nd;
	q->flush.fn = flush;
	q->flush.arg = q;
	q->slot = heap_alloc(HEAP_NET, TXQ_LEN_MIN * sizeof(*q->slot));
	if (!q->slot)
		return -ENOMEM;
	q->len = TXQ_LEN_MIN;
	if (!(nd->features & (NETDEV_TSO4 | NETDEV_TSO6)))
		return 0;
	g = heap_zalloc(HEAP_NET, TXQ_GROUPS * sizeof(*g));
	if (!g)
		return -ENOMEM;
	for (unsigned i = 0; i < TXQ_GROUPS; i++) {
		g[i].next = q->groups;
		q->groups = &g[i];
	}
	return 0;
}

static struct txq_slot *slot_at(struct txq *q, unsigned i)
{
	return &q->slot[(q->first + i) & (q->len - 1)];
}

static uint16_t be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t be32(const uint8_t *p)
{
	return (uint32_t)be16(p) << 16 | be16(p + 2);
}

static void put16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

bool txq_parse_tcp(const struct txq_slot *s, struct txq_tcp *out)
{
	uint8_t *ip = s->head + SIZEOF_ETH_HDR;
	uint16_t type, ip_len;

	if (s->head_len < SIZEOF_ETH_HDR + 20u + TCP_HDR)
		return false;
	type = be16(s->head + 12);
	if (type == ETHTYPE_IP) {
		ip_len = (uint16_t)((ip[0] & 15) * 4);
		if (ip[9] != IP_PROTO_TCP || (be16(ip + 6) & 0x3fff))
			return false;
	} else if (type == ETHTYPE_IPV6) {
		ip_len = 40;
		if (ip[6] != IP_PROTO_TCP)
			return false;
	} else {
		return false;
	}
	if (s->head_len < SIZEOF_ETH_HDR + ip_len + TCP_HDR)
		return false;
	out->v6 = type == ETHTYPE_IPV6;
	out->ip = ip;
	out->tcp = ip + ip_len;
	out->tcp_off = (uint16_t)(SIZEOF_ETH_HDR + ip_len);
	out->hdr_len = (uint16_t)(out->tcp_off + (out->tcp[12] >> 4) * 4);
	if (out->hdr_len > s->head_len)
		return false;
	out->payload = (uint32_t)s->len - out->hdr_len;
	return true;
}

/* IP's length (and checksum) for `payload` bytes behind TCP's header. */
static void set_ip_len(const struct txq_tcp *t, uint32_t payload)
{
	uint32_t l4 = t->hdr_len - t->tcp_off + payload;

	if (t->v6) {
		put16(t->ip + 4, l4);
		return;
	}
	put16(t->ip + 2, (uint32_t)(t->tcp - t->ip) + l4);
	put16(t->ip + 10, 0);
	uint16_t sum = (uint16_t)~net_chksum(t->ip, (int)(t->tcp - t->ip));
	memcpy(t->ip + 10, &sum, 2);
}

static void set_pseudo_sum(const struct txq_tcp *t, uint32_t payload)
{
	const uint8_t *addrs = t->ip + (t->v6 ? 8 : 12);
	uint32_t l4 = t->hdr_len - t->tcp_off + payload;
	uint32_t sum = net_chksum(addrs, t->v6 ? 32 : 8);
	uint16_t folded;

	sum += lwip_htons(IP_PROTO_TCP) + lwip_htons((uint16_t)l4);
	sum = (sum & 0xffff) + (sum >> 16);
	folded = (uint16_t)((sum & 0xffff) + (sum >> 16));
	memcpy(t->tcp + 16, &folded, 2);
}

/* Appends the bytes of a frame from `skip` on. False: too many pieces, or the
 * chain no longer has what it had. */
static bool add_pieces(struct net_tx *tx, const struct txq_slot *s, uint32_t skip)
{
	const uint8_t *base = s->head;
	const struct pbuf *p = s->p;
	uint32_t len = s->head_len, left = s->len - skip;

	while (left) {
		uint32_t n = len - (skip < len ? skip : len);

		if (n > left)
			n = left;
		if (n) {
			if (tx->n_segs == NET_TX_SEGS_MAX)
				return false;
			tx->seg[tx->n_segs++] =
				(struct net_seg){ base + (len - n), n };
			left -= n;
		}
		skip -= skip < len ? skip : len;
		p = p->next;
		if (!p)
			break;
		base = p->payload;
		len = p->len;
	}
	return left == 0;
}

static bool same_flow(const struct txq_tcp *a, const struct txq_tcp *b)
{
	/* The ports first: they nearly always differ. */
	if (be32(a->tcp) != be32(b->tcp) || a->v6 != b->v6 ||
	    a->hdr_len != b->hdr_len || a->tcp_off != b->tcp_off)
		return false;
	if (memcmp(a->ip - SIZEOF_ETH_HDR, b->ip - SIZEOF_ETH_HDR, SIZEOF_ETH_HDR) != 0)
		return false;
	if (a->v6 ? memcmp(a->ip + 8, b->ip + 8, 32) != 0 :
	    (a->ip[1] != b->ip[1] || memcmp(a->ip + 12, b->ip + 12, 8) != 0))
		return false;
	return be32(a->tcp + 8) == be32(b->tcp + 8) &&	/* acknowledgement */
	       be16(a->tcp + 14) == be16(b->tcp + 14);	/* window */
}

/* How many frames from the oldest on make one: 1 where nothing can be merged.
 * All but the last are full and carry no flag but ACK (and PSH). */
static unsigned merge(struct txq *q, struct net_tx *tx, const struct txq_tcp *first,
		      uint32_t *payload)
{
	unsigned feature = first->v6 ? NETDEV_TSO6 : NETDEV_TSO4;
	uint32_t mss = first->payload, seq = be32(first->tcp + 4);
	uint8_t flags = first->tcp[13];
	struct txq_tcp t = *first;
	unsigned i;

	*payload = mss;
	if (!(q->nd->features & feature) || !q->groups || mss == 0 ||
	    first->hdr_len != first->tcp_off + TCP_HDR)
		return 1;
	for (i = 1; i < q->n && i < NET_TX_SEGS_MAX; i++) {
		struct txq_slot *s = slot_at(q, i);
		unsigned n_segs = tx->n_segs;

		if (t.payload != mss || (flags & ~FLAG_PSH) != FLAG_ACK ||
		    !txq_parse_tcp(s, &t) || !same_flow(first, &t) ||
		    be32(t.tcp + 4) != seq + *payload || t.payload == 0 ||
		    t.payload > mss ||
		    (t.tcp[13] & ~(FLAG_PSH | FLAG_FIN)) != FLAG_ACK ||
		    *payload + t.payload + first->hdr_len > GSO_MAX)
			break;
		if (!add_pieces(tx, s, t.hdr_len)) {
			tx->n_segs = n_segs;
			break;
		}
		*payload += t.payload;
		flags |= t.tcp[13];
	}
	if (i > 1)
		first->tcp[13] = flags;
	return i;
}

static void *group_cookie(struct txq *q, unsigned n)
{
	struct txq_group *g = q->groups;

	q->groups = g->next;
	g->n = n;
	for (unsigned i = 0; i < n; i++)
		g->p[i] = slot_at(q, i)->p;
	return (void *)((uintptr_t)g | GROUP_TAG);
}

void txq_done(struct txq *q, void *cookie)
{
	struct txq_group *g = (void *)((uintptr_t)cookie & ~(uintptr_t)GROUP_TAG);

	if (!((uintptr_t)cookie & GROUP_TAG)) {
		pbuf_free(cookie);
		return;
	}
	for (unsigned i = 0; i < g->n; i++)
		pbuf_free(g->p[i]);
	g->next = q->groups;
	q->groups = g;
}

static void drop_oldest(struct txq *q)
{
	struct txq_slot *s = slot_at(q, 0);

	pbuf_free(s->p);
	q->nd->tx_dropped++;
	q->first = (q->first + 1) & (q->len - 1);
	q->n--;
}

/* One piece instead of too many. False: no memory, or the frame fell apart. */
static bool linearize(struct txq_slot *s)
{
	struct pbuf *to = pbuf_alloc(PBUF_RAW, s->len, PBUF_RAM), *p = s->p;
	uint32_t at = s->head_len;

	if (!to)
		return false;
	memcpy(to->payload, s->head, s->head_len);
	for (p = p->next; p && at + p->len <= s->len; p = p->next) {
		memcpy((uint8_t *)to->payload + at, p->payload, p->len);
		at += p->len;
	}
	if (at != s->len) {
		pbuf_free(to);
		return false;
	}
	pbuf_free(s->p);
	s->p = to;
	s->head = to->payload;
	s->head_len = s->len;
	net_counters.tx_linearized++;
	return true;
}

static int send_oldest(struct txq *q)
{
	struct txq_slot *s = slot_at(q, 0);
	struct net_tx tx;
	struct txq_tcp t;
	uint32_t payload = 0;
	unsigned n = 1;
	int err;

	/* Not its many seg[]: that would be most of the work here. */
	tx.n_segs = 0;
	tx.needs_csum = tx.gso_v6 = false;
	tx.csum_start = tx.csum_offset = tx.gso_size = tx.hdr_len = 0;
	if (!add_pieces(&tx, s, 0)) {
		tx.n_segs = 0;
		if (!linearize(s) || !add_pieces(&tx, s, 0)) {
			drop_oldest(q);
			return 0;
		}
	}
	tx.cookie = s->p;
	if ((q->nd->features & NETDEV_TX_CSUM) && txq_parse_tcp(s, &t)) {
		n = merge(q, &tx, &t, &payload);
		set_pseudo_sum(&t, payload);
		tx.needs_csum = true;
		tx.csum_start = t.tcp_off;
		tx.csum_offset = 16;
	}
	if (n > 1) {
		set_ip_len(&t, payload);
		tx.gso_size = (uint16_t)t.payload;
		tx.gso_v6 = t.v6;
		tx.hdr_len = t.hdr_len;
		tx.cookie = group_cookie(q, n);
	}
	err = q->nd->ops->transmit(q->nd, &tx);
	if (err == 0) {
		net_counters.gso_frames += n > 1;
		net_counters.gso_segments += n > 1 ? n : 0;
		q->first = (q->first + n) & (q->len - 1);
		q->n -= n;
		return 0;
	}
	if (n > 1) {			/* the frames stay here as they were */
		struct txq_group *g = (void *)((uintptr_t)tx.cookie & ~(uintptr_t)GROUP_TAG);

		g->next = q->groups;
		q->groups = g;
		if (!q->dead)
			set_ip_len(&t, t.payload);
	}
	return err;
}

static void flush(void *arg)
{
	struct txq *q = arg;
	bool sent = false;

	if (q->flushing)		/* a driver's upcall from transmit() */
		return;
	q->flushing = true;
	while (q->n && !q->blocked && !q->dead) {
		int err = send_oldest(q);

		if (err == -EAGAIN)
			q->blocked = true;
		else if (err && q->n)
			drop_oldest(q);
		else
			sent = true;
	}
	q->flushing = false;
	if (sent && !q->dead)
		q->nd->ops->kick(q->nd);
}

/* Twice the slots. False: no memory. */
static bool grow(struct txq *q)
{
	struct txq_slot *more;

	if (net_mem_pressure() == NET_MEM_HIGH)
		return false;
	more = heap_alloc(HEAP_NET, 2 * q->len * sizeof(*more));
	if (!more)
		return false;
	for (unsigned i = 0; i < q->n; i++)
		more[i] = *slot_at(q, i);
	heap_free(HEAP_NET, q->slot);
	q->slot = more;
	q->len *= 2;
	q->first = 0;
	return true;
}

static bool has_room(struct txq *q, const struct txq_slot *s)
{
	struct txq_tcp t;

	if (q->n >= TXQ_LEN_OTHER &&
	    (q->n >= TXQ_LEN_TCP || !txq_parse_tcp(s, &t)))
		return false;
	return q->n < q->len || (!q->flushing && grow(q));
}

err_t txq_push(struct txq *q, struct pbuf *p)
{
	const struct txq_slot s = { p, p->payload, p->len, p->tot_len };

	if (q->dead)
		return ERR_IF;
	if (!has_room(q, &s)) {
		net_counters.tx_queue_full++;
		return ERR_MEM;
	}
	pbuf_ref(p);
	*slot_at(q, q->n++) = s;
	event_defer(&q->flush);
	if (q->n >= FLUSH_AT && !q->blocked)
		flush(q);
	return ERR_OK;
}

void txq_ready(struct txq *q)
{
	q->blocked = false;
	flush(q);
}

void txq_kill(struct txq *q)
{
	q->dead = true;
	while (q->n)
		drop_oldest(q);
}

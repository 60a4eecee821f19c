/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Loss seen in selective acknowledgements. lwIP sends them (RFC 2018) but does
 * not read them, and its count of duplicate ACKs (RFC 5681) misses those that
 * carry data or another window, as Linux's do: then each loss waits for the
 * retransmission timer. Here the rules of RFC 6675 are used instead, on what
 * the segment itself says, so no list of holes is kept:
 *
 *   more than two segments beyond the first missing byte have arrived:
 *	it is lost (IsLost), sent again at once;
 *   an ACK of new data in recovery, with more arrived beyond it:
 *	the next hole, sent again at once without another cut of the window;
 *   while in recovery:
 *	what has arrived is no longer under way, the window moves by it.
 *
 * Windows are lwIP's matter and taken as ever.
 */
#include "net/net_impl.h"

#include "kernel/lib/compiler.h"
#include "kernel/lib/string.h"
#include "lwip/priv/tcp_priv.h"
#include "net/hooks.h"

enum { OPT_END, OPT_NOP, OPT_SACK = 5 };

/* The connection whose present segment ends one hole before another. */
static const struct tcp_pcb *next_hole;

static u32_t get32(const u8_t *b)
{
	return (u32_t)b[0] << 24 | (u32_t)b[1] << 16 | (u32_t)b[2] << 8 | b[3];
}

/* Bytes beyond `ack` that the blocks of one option name. */
static u32_t blocks(const struct tcp_pcb *pcb, const u8_t *b, unsigned len, u32_t ack)
{
	u32_t sum = 0, most = pcb->snd_nxt - ack;

	for (; len >= 8; b += 8, len -= 8) {
		u32_t left = get32(b) - ack, right = get32(b + 4) - ack;

		if (left && left < right && right <= most)
			sum += right - left;
	}
	return sum < most ? sum : most;
}

static u32_t arrived_beyond(const struct tcp_pcb *pcb, const struct tcp_hdr *hdr,
			    unsigned len)
{
	const u8_t *o = (const u8_t *)(hdr + 1);

	while (len >= 2 && o[0] != OPT_END) {
		unsigned n = o[0] == OPT_NOP ? 1 : o[1];

		if (n == 0 || n > len)
			break;
		if (o[0] == OPT_SACK && n > 2)
			return blocks(pcb, o + 2, n - 2, hdr->ackno);
		o += n;
		len -= n;
	}
	return 0;
}

/* lwIP cuts ssthresh each time; one window of data is cut once. Outside of
 * its own recovery from a time-out, rto_end is free: the end of that window. */
static void send_again(struct tcp_pcb *pcb)
{
	tcpwnd_size_t ssthresh = pcb->ssthresh;
	bool same = TCP_SEQ_LT(pcb->lastack, pcb->rto_end) &&
		    TCP_SEQ_LEQ(pcb->rto_end, pcb->snd_nxt);

	if (pcb->dupacks < 3)
		pcb->dupacks = 3;
	tcp_rexmit_fast(pcb);
	if (!(pcb->flags & TF_INFR))
		return;			/* the device still has the segment */
	if (same) {
		pcb->ssthresh = ssthresh;
		pcb->cwnd = ssthresh;
	} else {
		pcb->rto_end = pcb->snd_nxt;
	}
}

void net_tcp_sack(struct tcp_pcb *pcb, const struct tcp_hdr *hdr, u16_t optlen)
{
	u32_t beyond;

	next_hole = NULL;
	if (pcb->state < ESTABLISHED || !pcb->unacked || (pcb->flags & TF_RTO) ||
	    (TCPH_FLAGS(hdr) & (TCP_ACK | TCP_SYN | TCP_RST)) != TCP_ACK ||
	    !TCP_SEQ_BETWEEN(hdr->ackno, pcb->lastack, pcb->snd_nxt))
		return;
	beyond = arrived_beyond(pcb, hdr, optlen);
	if (beyond == 0)
		return;
	if (hdr->ackno != pcb->lastack) {
		if (pcb->flags & TF_INFR)
			next_hole = pcb;
		return;
	}
	if (!(pcb->flags & TF_INFR)) {
		if (beyond > 2u * pcb->mss)
			send_again(pcb);
	}
	if ((pcb->flags & TF_INFR) && pcb->cwnd < pcb->ssthresh + beyond)
		pcb->cwnd = pcb->ssthresh + beyond;
}

void net_tcp_acked(struct tcp_pcb *pcb)
{
	if (next_hole == pcb && pcb->unacked)
		send_again(pcb);
	next_hole = NULL;
}

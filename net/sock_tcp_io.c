/* SPDX-License-Identifier: BSD-2-Clause
 *
 * TCP sockets: data and readiness. Received pbufs are queued as they come, and
 * copied once, to the reader; only small segments behind others are packed
 * together, so that a peer that sends single bytes cannot hold a device buffer
 * for each. Sending copies into lwIP's segments, one tcp_output() per call.
 */
#include "net/sock_tcp.h"

#include <errno.h>

#include "kernel/clock.h"
#include "kernel/lib/compiler.h"
#include "kernel/lib/string.h"
#include "kernel/log.h"
#include "kernel/timer.h"
#include "lwip/priv/tcp_priv.h"
#include "net/pcbhash.h"

#define PACK_BELOW	512u		/* bytes of a segment worth packing */
#define PACK_BUF	2000u		/* bytes of a buffer that packs them */
#define RETRY_NS	(50 * NSEC_PER_MSEC)	/* look for memory so often */
#define ORPHANS_NS	NSEC_PER_SEC	/* look after closed connections */
#define REAP_SCAN	512		/* PCBs looked at for one to give up */

/* ---- waiting for memory ---- */
static struct list starved = LIST_INIT(starved);
static void starved_retry(void *arg);
static struct timer starved_timer = { .fn = starved_retry };

static bool is_starved(const struct tcp_sock *t)
{
	return t->state == ST_OPEN && !t->listener && !list_empty(&t->queue);
}

static void arm_retry(nsec_t in)
{
	if (timer_set(&starved_timer, clock_now() + in))
		log_err(LOG_NET, "no memory for the timer of starved sockets");
}

static void starve(struct tcp_sock *t)
{
	t->nospace = true;
	if (is_starved(t))
		return;
	list_push(&starved, &t->queue);
	arm_retry(RETRY_NS);
}

void sock_tcp_not_starved(struct tcp_sock *t)
{
	if (is_starved(t))
		list_del(&t->queue);
}

/* Closed connections whose peer does not take the rest give way first: one at
 * a time, an old one. Whether there are any such. */
static bool reap_orphan(void)
{
	struct tcp_pcb *p = tcp_active_pcbs, *victim = NULL;

	for (int i = 0; p && i < REAP_SCAN; p = p->next, i++)
		if (!p->callback_arg && p->unsent &&
		    (p->state == FIN_WAIT_1 || p->state == CLOSING ||
		     p->state == LAST_ACK))
			victim = p;
	if (victim && net_mem_pressure() == NET_MEM_HIGH)
		tcp_abort(victim);
	return victim != NULL;
}

void sock_tcp_watch_orphans(void)
{
	if (!timer_armed(&starved_timer))
		arm_retry(ORPHANS_NS);
}

static bool memory_is_back(void)
{
	return net_mem_used() + 2 * TCP_MSS < net_mem_limit();
}

/* Everybody gets one more try; who fails comes back to the list. */
static void starved_retry(void *arg)
{
	struct list now = LIST_INIT(now), *l;
	bool orphans = reap_orphan();

	(void)arg;
	while ((l = list_pop(&starved)) != NULL)
		list_push(&now, l);
	while ((l = list_pop(&now)) != NULL) {
		struct tcp_sock *t = container_of(l, struct tcp_sock, queue);

		if (net_snd_room(t->pcb) == 0 || !memory_is_back()) {
			list_push(&starved, &t->queue);
			continue;
		}
		t->nospace = false;
		sock_event(&t->s, FILE_OUT);
	}
	if (!list_empty(&starved))
		arm_retry(RETRY_NS);
	else if (orphans)
		arm_retry(net_mem_pressure() == NET_MEM_HIGH ? RETRY_NS :
			  ORPHANS_NS);
}

/* ---- room to send ---- */
static size_t send_room(const struct tcp_sock *t)
{
	size_t room = net_snd_room(t->pcb), queued;

	if (t->s.sndbuf) {
		queued = t->pcb->snd_lbb - t->pcb->lastack;
		if (queued >= t->s.sndbuf)
			return 0;
		if (room > t->s.sndbuf - queued)
			room = t->s.sndbuf - queued;
	}
	return room;
}

/* A third must be free, so that a slow reader does not cause tiny writes. */
static bool writable(const struct tcp_sock *t)
{
	size_t queued = t->pcb->snd_lbb - t->pcb->lastack, room;

	if (is_starved(t) || send_room(t) == 0)
		return false;
	room = t->pcb->snd_buf;
	if (t->s.sndbuf && room > t->s.sndbuf - queued)
		room = t->s.sndbuf - queued;
	return 2 * room >= queued &&
	       t->pcb->snd_queuelen <= TCP_SND_QUEUELEN - TCP_SND_QUEUELEN / 3;
}

unsigned sock_tcp_poll(struct sock *s)
{
	struct tcp_sock *t = tcp_sock_of(s);
	unsigned ev = s->err ? FILE_ERR : 0;
	bool rd = t->fin_rcvd || t->shut_rd;

	switch ((enum tcp_sock_state)t->state) {
	case ST_LISTENING:
		return list_empty(&t->queue) ? 0 : FILE_IN;
	case ST_NEW:
		return ev | FILE_OUT | FILE_HUP;
	case ST_CONNECTING:
		return ev;
	case ST_CLOSED:
		return ev | FILE_IN | FILE_OUT | FILE_HUP | FILE_RDHUP;
	case ST_OPEN:
		break;
	}
	if (rd)
		ev |= FILE_IN | FILE_RDHUP;
	if (t->rcv_len)
		ev |= FILE_IN;
	if (rd && t->shut_wr)
		ev |= FILE_HUP;
	if (t->shut_wr || writable(t))
		ev |= FILE_OUT;
	else
		t->nospace = true;
	return ev;
}

/* ---- the receive queue ---- */
static void queue_put(struct tcp_sock *t, struct pbuf *p)
{
	t->rcv_len += p->tot_len;
	t->tail_room = 0;
	if (t->rcv_tail)
		t->rcv_tail->next = p;
	else
		t->rcv_head = p;
	while (p->next)
		p = p->next;
	t->rcv_tail = p;
}

/* Into the buffer at the end of the queue, or a new one there. False: no. */
static bool queue_pack(struct tcp_sock *t, struct pbuf *p)
{
	struct pbuf *to = t->rcv_tail;

	if (!to || p->tot_len >= PACK_BELOW)
		return false;
	if (t->tail_room < p->tot_len) {
		to = pbuf_alloc(PBUF_RAW, PACK_BUF, PBUF_RAM);
		if (!to)
			return false;
		to->len = to->tot_len = 0;
		queue_put(t, to);
		t->tail_room = PACK_BUF;
	}
	pbuf_copy_partial(p, (uint8_t *)to->payload + to->len, p->tot_len, 0);
	to->len = (u16_t)(to->len + p->tot_len);
	t->tail_room = (uint16_t)(t->tail_room - p->tot_len);
	t->rcv_len += p->tot_len;
	pbuf_free(p);
	return true;
}

static void queue_drop_head(struct tcp_sock *t)
{
	struct pbuf *p = t->rcv_head;

	t->rcv_head = p->next;
	if (!t->rcv_head) {
		t->rcv_tail = NULL;
		t->tail_room = 0;
	}
	p->next = NULL;
	p->tot_len = p->len;
	pbuf_free(p);
}

void sock_tcp_purge(struct tcp_sock *t)
{
	while (t->rcv_head)
		queue_drop_head(t);
	t->rcv_len = 0;
}

static size_t queue_peek(const struct tcp_sock *t, struct sock_iov *it)
{
	const struct pbuf *p = t->rcv_head;
	size_t off = 0, got = 0, n;
	uint8_t *to;

	while (p && (n = sock_iov_piece(it, &to)) != 0) {
		if (n > p->len - off)
			n = p->len - off;
		memcpy(to, (const uint8_t *)p->payload + off, n);
		sock_iov_skip(it, n);
		got += n;
		off += n;
		if (off == p->len) {
			p = p->next;
			off = 0;
		}
	}
	return got;
}

static size_t queue_take(struct tcp_sock *t, struct sock_iov *it)
{
	size_t got = 0, n;
	uint8_t *to;

	while (t->rcv_head && (n = sock_iov_piece(it, &to)) != 0) {
		struct pbuf *p = t->rcv_head;

		if (n > p->len)
			n = p->len;
		memcpy(to, p->payload, n);
		sock_iov_skip(it, n);
		got += n;
		if (n < p->len) {
			p->payload = (uint8_t *)p->payload + n;
			p->len = (u16_t)(p->len - n);
		} else {
			queue_drop_head(t);
		}
	}
	t->rcv_len -= (uint32_t)got;
	return got;
}

/* The window opens by what was read; towards SO_RCVBUF where that is less. */
static void opened(struct tcp_sock *t, size_t len)
{
	size_t now;

	if (!t->pcb || t->fin_rcvd || len == 0)
		return;
	now = t->s.rcvbuf ? pcbhash_window(t->pcb) : 0;
	if (!t->s.rcvbuf || now < t->s.rcvbuf / 2) {
		net_recved(t->pcb, len);
		return;
	}
	if (now > t->s.rcvbuf) {
		size_t cut = now - t->s.rcvbuf < len ? now - t->s.rcvbuf : len;

		pcbhash_set_window(t->pcb, (u32_t)(now - cut));
		len -= cut;
	}
	while (len) {
		u16_t part = len > 0xffff ? 0xffff : (u16_t)len;

		tcp_recved(t->pcb, part);
		len -= part;
	}
}

/* Nothing to read: 1 ends the stream, 0 is to wait, else -errno. */
static int recv_end(struct tcp_sock *t)
{
	int err = t->s.err;

	if (t->fin_rcvd)
		return 1;
	if (err) {
		t->s.err = 0;
		return -err;
	}
	if (t->state == ST_NEW || t->state == ST_LISTENING)
		return -ENOTCONN;
	return t->shut_rd || t->state == ST_CLOSED;
}

long sock_tcp_recv(struct sock *s, struct sock_msg *m)
{
	struct tcp_sock *t = tcp_sock_of(s);
	struct sock_iov it = { m->iov, m->n_iov, 0 };
	size_t want = sock_iov_len(m->iov, m->n_iov), got = 0, n;
	nsec_t deadline = sock_deadline(s->rcvtimeo);
	bool all = (m->flags & SOCK_MSG_WAITALL) && !(m->flags & SOCK_MSG_PEEK);
	int r;

	m->flags &= ~SOCK_MSG_TRUNC;
	for (;;) {
		if (t->rcv_head && (m->flags & SOCK_MSG_PEEK))
			return (long)queue_peek(t, &it);
		n = queue_take(t, &it);
		got += n;
		opened(t, n);
		if (got == want || (got && !all))
			return (long)got;
		if (got && (t->s.err || t->state == ST_CLOSED))
			return (long)got;	/* the error comes next time */
		r = recv_end(t);
		if (r)
			return got || r == 1 ? (long)got : r;
		r = sock_sleep(s, &s->readers, m->flags, deadline);
		if (r)
			return got ? (long)got : r;
	}
}

/* ---- sending ---- */

/* Can this socket send? 0, or -errno. */
static int send_state(struct tcp_sock *t)
{
	int err = t->s.err;

	if (err) {
		t->s.err = 0;
		return -err;
	}
	return t->state != ST_OPEN || t->shut_wr || !t->pcb ? -EPIPE : 0;
}

/* Queues a part of `len` bytes; how much, 0: no room or memory at present. */
static size_t send_some(struct tcp_sock *t, const uint8_t *p, size_t len,
			bool more)
{
	size_t room = send_room(t), n = len < room ? len : room;
	err_t e;

	if (n == 0) {
		t->nospace = true;
		return 0;
	}
	for (;;) {
		e = tcp_write(t->pcb, p, (u16_t)n, TCP_WRITE_FLAG_COPY |
			      (more || n < len ? TCP_WRITE_FLAG_MORE : 0));
		if (e == ERR_OK)
			return n;
		if (n <= t->pcb->mss)
			break;
		n = n / 4 > t->pcb->mss ? n / 4 : t->pcb->mss;
	}
	starve(t);
	return 0;
}

static int wait_connected(struct tcp_sock *t, unsigned flags, nsec_t deadline)
{
	int r = 0;

	while (!r && t->state == ST_CONNECTING)
		r = sock_sleep(&t->s, &t->s.writers, flags, deadline);
	return r;
}

long sock_tcp_send(struct sock *s, const struct sock_msg *m,
		   const ip_addr_t *to, uint16_t port)
{
	struct tcp_sock *t = tcp_sock_of(s);
	struct sock_iov it = { m->iov, m->n_iov, 0 };
	size_t left = sock_iov_len(m->iov, m->n_iov), sent = 0, len;
	nsec_t deadline = sock_deadline(s->sndtimeo);
	uint8_t *p;
	int r = wait_connected(t, m->flags, deadline);

	(void)to;			/* Linux does not mind it either */
	(void)port;
	if (!r)
		r = send_state(t);
	while (!r && (len = sock_iov_piece(&it, &p)) != 0) {
		size_t n = send_some(t, p, len, left > len);

		sock_iov_skip(&it, n);
		sent += n;
		left -= n;
		if (n)
			continue;
		tcp_output(t->pcb);
		r = sock_sleep(s, &s->writers, m->flags, deadline);
		if (!r && (s->err || t->state != ST_OPEN || t->shut_wr || !t->pcb))
			r = sent ? 1 : send_state(t);
	}
	if (sent && t->pcb)
		tcp_output(t->pcb);
	return sent ? (long)sent : r;
}

/* ---- lwIP's callbacks: event context ---- */
static err_t on_recv(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err)
{
	struct tcp_sock *t = arg;

	(void)pcb;
	(void)err;
	if (p) {
		if (!queue_pack(t, p))
			queue_put(t, p);
		sock_event(&t->s, FILE_IN);
		return ERR_OK;
	}
	t->fin_rcvd = true;
	if (t->shut_wr)
		sock_tcp_detach(t);
	sock_event(&t->s, FILE_IN | FILE_RDHUP | (t->shut_wr ? FILE_HUP : 0));
	return ERR_OK;
}

static err_t on_sent(void *arg, struct tcp_pcb *pcb, u16_t len)
{
	struct tcp_sock *t = arg;

	(void)len;
	net_tcp_acked(pcb);
	if (t->lingering)
		wait_queue_wake_all(&t->s.writers);
	if (t->nospace && !t->shut_wr && writable(t)) {
		t->nospace = false;
		sock_event(&t->s, FILE_OUT);
	}
	return ERR_OK;
}

void sock_tcp_attach(struct tcp_sock *t)
{
	tcp_recv(t->pcb, on_recv);
	tcp_sent(t->pcb, on_sent);
}

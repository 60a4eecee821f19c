/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Console device (Virtio 1.2 section 5.3), port 0, on two descriptors that others
 * share: they stay blocking, and are used only when ppoll says that they can be. When
 * nobody reads the output, a kick waits for STALL_MS once; from then until all that is
 * left was read nothing waits, and the guest's driver drops and counts what does not
 * fit into its ring. Output that has nowhere to go any more (EPIPE) is taken and lost.
 */
#include <asm/errno.h>
#include <linux/time_types.h>

#include "hv/dev/dev_impl.h"
#include "hv/sys.h"

#define RXQ		0u
#define TXQ		1u
#define QUEUE_MAX	64u
#define BATCH		64u
#define PIECE		4096u		/* PIPE_BUF: does not sleep after POLLOUT */
#define STALL_MS	50
#define LOOK_EVERY	64u		/* sweeps of a guest that never sleeps */

static struct con *con_of(struct devs *d, const struct dev *v)
{
	return &d->u[v->index].con;
}

static bool can(int fd, short events, int ms)
{
	struct __kernel_timespec t = { 0, ms * 1000000 };
	struct pollfd p = { .fd = fd, .events = events };

	return sys_ppoll(&p, 1, &t) > 0;
}

/* A piece of the chain in hand; false: not now. */
static bool put(struct devs *d, struct con *c)
{
	const struct vq_chain *ch = &d->chain;
	struct iovec iov[VQ_CHAIN_MAX];
	size_t len;
	long ret;

	if (!can(c->out_fd, POLLOUT, 0) &&
	    (c->out_stalled || !can(c->out_fd, POLLOUT, STALL_MS))) {
		c->out_blocked = c->out_stalled = true;
		return false;
	}
	iov_skip(iov, ch->iov, ch->n_out, c->out_done);
	len = iov[0].iov_len < PIECE ? iov[0].iov_len : PIECE;
	ret = sys_write(c->out_fd, iov[0].iov_base, len);
	if (ret == -EAGAIN || ret == -EINTR) {
		c->out_blocked = true;
		return false;
	}
	if (ret > 0)
		c->out_done += (uint64_t)ret;
	else
		c->out_end = true;
	return true;
}

static bool output(struct devs *d, struct dev *v)
{
	struct con *c = con_of(d, v);
	unsigned i;

	for (i = 0; i < BATCH && !c->out_blocked && dev_peek(d, v, TXQ); i++) {
		if (!c->out_end && c->out_done < d->chain.out_len) {
			if (!put(d, c))
				break;
			if (!c->out_end && c->out_done < d->chain.out_len)
				continue;
		}
		c->out_done = 0;
		vq_take(&v->vq[TXQ]);
		vq_push(&v->vq[TXQ], d->chain.head, 0);
	}
	if (v->running && !c->out_blocked) {
		if (i < BATCH)		/* all of it is out */
			c->out_stalled = false;
		v->again |= dev_more(d, v, TXQ);
	}
	dev_publish(d, v, TXQ);
	return i > 0;
}

static bool input(struct devs *d, struct dev *v)
{
	struct con *c = con_of(d, v);
	const struct iovec *to;
	long ret;

	if (!c->in_ready && c->in_fd >= 0 && !c->in_end && c->sweeps % LOOK_EVERY == 0)
		c->in_ready = can(c->in_fd, POLLIN, 0);
	if (!c->in_ready || !v->running || !dev_peek(d, v, RXQ))
		return false;
	to = &d->chain.iov[d->chain.n_out];
	if (!d->chain.n_in) {
		dev_fail(d, v, "receive buffer without room");
		return false;
	}
	c->in_ready = false;
	ret = sys_read(c->in_fd, to->iov_base, to->iov_len < PIECE ? to->iov_len : PIECE);
	if (ret > 0) {
		vq_take(&v->vq[RXQ]);
		vq_push(&v->vq[RXQ], d->chain.head, (uint32_t)ret);
		dev_publish(d, v, RXQ);
	} else if (ret != -EAGAIN && ret != -EINTR) {
		c->in_end = true;
	}
	return true;
}

bool con_work(struct devs *d, struct dev *v)
{
	struct con *c = con_of(d, v);
	bool any;

	/* a guest that never sleeps has nobody else to see that the reader is back */
	if (c->sweeps++ % LOOK_EVERY == 0 && c->out_blocked)
		c->out_blocked = !can(c->out_fd, POLLOUT, 0);
	any = output(d, v);
	return input(d, v) || any;
}

unsigned con_prepare(struct devs *d, struct dev *v, struct pollfd *p, bool *busy)
{
	struct con *c = con_of(d, v);
	unsigned n = 0;

	if (c->in_fd >= 0 && !c->in_end) {
		/* without a buffer there is nothing to wait for but a kick */
		if (vq_waiting(&v->vq[RXQ]))
			p[n++] = (struct pollfd){ .fd = c->in_fd, .events = POLLIN };
		else
			*busy |= vq_want_kicks(&v->vq[RXQ]);
	}
	if (c->out_blocked)
		p[n++] = (struct pollfd){ .fd = c->out_fd, .events = POLLOUT };
	return n;
}

void con_ready(struct devs *d, struct dev *v, unsigned events)
{
	struct con *c = con_of(d, v);

	/* either descriptor's: a wrong guess costs one look */
	if (events & (POLLOUT | POLLERR | POLLHUP))
		c->out_blocked = false;
	if (events & (POLLIN | POLLERR | POLLHUP))
		c->in_ready = c->in_fd >= 0 && can(c->in_fd, POLLIN, 0);
}

void con_reset(struct devs *d, struct dev *v)
{
	struct con *c = con_of(d, v);

	c->out_done = 0;
	c->out_blocked = false;
}

int devs_add_console(struct devs *d, const char *name, const struct dev_console_param *p)
{
	static const uint8_t config[12];	/* columns, rows, ports, emergency write */
	struct dev *v = dev_new(d, name, VIRTIO_ID_CONSOLE, 2, QUEUE_MAX,
				VIRTIO_CONSOLE_F_EMERG_WRITE);

	if (!v)
		return -ENOSPC;
	con_of(d, v)->in_fd = p->in_fd;
	con_of(d, v)->out_fd = p->out_fd;
	dev_config(d, v, 0, config, sizeof(config));
	return v->index;
}

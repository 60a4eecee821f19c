/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What all devices share: the start block's entries, the hypercalls for status,
 * features and queues (Virtio 1.2 sections 2.1, 2.2, 3.1), sweeping and waiting.
 */
#include <asm/errno.h>
#include <linux/time_types.h>
#include <string.h>

#include "hv/dev/dev_impl.h"
#include "hv/sys.h"

#define LINES_MAX	8u	/* of log about one device: a guest may fail for ever */
#define POLL_EVENT_FD	0xff	/* in poll_dev */

size_t devs_size(void)
{
	return sizeof(struct devs);
}

void devs_init(struct devs *d, uint8_t *mem, uint64_t size, uint64_t rw_size,
	       struct hv_start *start)
{
	d->mem = (struct vq_mem){ mem, size, rw_size };
	d->start = start;
	d->pending = &start->pending;
	d->log_fd = d->event_fd = -1;
}

void devs_move(struct devs *d, uint8_t *mem, struct hv_start *start)
{
	d->mem.base = mem;
	if (d->pending == &d->start->pending)
		d->pending = &start->pending;
	d->start = start;
}

void devs_set_pending(struct devs *d, uint64_t *pending)
{
	d->pending = pending;
}

void devs_set_threaded(struct devs *d, bool threaded)
{
	d->threaded = threaded;
}

void devs_set_log(struct devs *d, int fd)
{
	d->log_fd = fd;
}

void devs_set_event_fd(struct devs *d, int fd)
{
	d->event_fd = fd;
}

/* ---- events ------------------------------------------------------------------ */

void devs_raise(struct devs *d, uint64_t bits)
{
	/* pairs with the exchange in devs_take_events() */
	__atomic_fetch_or(d->pending, bits, __ATOMIC_SEQ_CST);
}

uint64_t devs_take_events(struct devs *d)
{
	if (!__atomic_load_n(d->pending, __ATOMIC_RELAXED))
		return 0;
	return __atomic_exchange_n(d->pending, 0, __ATOMIC_SEQ_CST);
}

void dev_raise(struct devs *d, const struct dev *v)
{
	uint64_t bit = 1ull << v->index;

	if (!(__atomic_load_n(d->pending, __ATOMIC_RELAXED) & bit))
		devs_raise(d, bit);
}

/* ---- for the devices ------------------------------------------------------------ */

struct dev *dev_new(struct devs *d, const char *name, uint32_t id, unsigned n_queues,
		    unsigned queue_max, uint64_t features)
{
	struct hv_device *h = &d->start->device[d->n];
	struct dev *v = &d->dev[d->n];

	if (d->n == HV_DEVICES_MAX)
		return NULL;
	v->id = id;
	v->index = (uint8_t)d->n++;
	v->n_queues = (uint8_t)n_queues;
	v->offered = features | VIRTIO_F_VERSION_1 | VIRTIO_F_EVENT_IDX | VIRTIO_F_INDIRECT_DESC;
	memset(h, 0, sizeof(*h));
	h->virtio_id = id;
	h->n_queues = n_queues;
	for (unsigned i = 0; i < n_queues; i++)
		h->queue_max[i] = (uint16_t)queue_max;
	h->features = v->offered;
	for (unsigned i = 0; i + 1 < sizeof(h->name) && name[i]; i++)
		h->name[i] = name[i];
	d->start->n_devices = d->n;
	return v;
}

void dev_config(struct devs *d, struct dev *v, unsigned off, const void *value, unsigned len)
{
	struct hv_device *h = &d->start->device[v->index];

	memcpy(h->config + off, value, len);
	if (h->config_len < off + len)
		h->config_len = off + len;
}

void dev_config_changed(struct devs *d, struct dev *v)
{
	__atomic_fetch_add(&d->start->device[v->index].generation, 1, __ATOMIC_RELEASE);
	dev_raise(d, v);
}

static unsigned add_text(char *line, unsigned n, unsigned max, const char *text)
{
	while (*text && n < max)
		line[n++] = *text++;
	return n;
}

void dev_log(struct devs *d, struct dev *v, const char *text)
{
	char line[160];
	unsigned n;

	if (d->log_fd < 0 || v->errors_told == LINES_MAX)
		return;
	n = add_text(line, 0, 40, d->start->device[v->index].name);
	n = add_text(line, n, 42, ": ");
	n = add_text(line, n, sizeof(line) - 30, text);
	if (++v->errors_told == LINES_MAX)
		n = add_text(line, n, sizeof(line) - 1, " (no more of these)");
	line[n++] = '\n';
	if (sys_write(d->log_fd, line, n) < 0)
		d->log_fd = -1;
}

static void set_status(struct devs *d, struct dev *v, uint8_t status)
{
	__atomic_store_n(&d->start->device[v->index].status, status, __ATOMIC_RELEASE);
}

static uint8_t status_of(struct devs *d, const struct dev *v)
{
	return __atomic_load_n(&d->start->device[v->index].status, __ATOMIC_RELAXED);
}

void dev_fail(struct devs *d, struct dev *v, const char *why)
{
	for (unsigned i = 0; i < v->n_queues; i++)
		v->vq[i].off = true;
	v->running = false;
	set_status(d, v, (uint8_t)(status_of(d, v) | VIRTIO_S_DEVICE_NEEDS_RESET));
	dev_log(d, v, why);
	dev_config_changed(d, v);
}

bool dev_peek(struct devs *d, struct dev *v, unsigned q)
{
	int ret = vq_peek(&v->vq[q], &d->mem, &d->chain);

	if (ret < 0 && v->running)
		dev_fail(d, v, v->vq[q].error);
	return ret > 0;
}

void dev_publish(struct devs *d, struct dev *v, unsigned q)
{
	if (vq_publish(&v->vq[q]))
		dev_raise(d, v);
}

bool dev_more(struct devs *d, struct dev *v, unsigned q)
{
	if (!d->threaded)
		return vq_want_kicks(&v->vq[q]);
	vq_no_kicks(&v->vq[q]);
	return vq_waiting(&v->vq[q]) != 0;
}

/* ---- hypercalls -------------------------------------------------------------------- */

static void reset(struct devs *d, struct dev *v)
{
	v->running = v->again = false;
	for (unsigned i = 0; i < v->n_queues; i++)
		v->vq[i].off = true;
	if (v->id == VIRTIO_ID_NET)
		net_reset(d, v);
	else if (v->id == VIRTIO_ID_BLOCK)
		blk_reset(d, v);
	else if (v->id == VIRTIO_ID_CONSOLE)
		con_reset(d, v);
	for (unsigned i = 0; i < v->n_queues; i++)
		v->vq[i] = (struct vq){ .off = true };
	v->accepted = 0;
	set_status(d, v, 0);
}

static void start(struct devs *d, struct dev *v)
{
	for (unsigned i = 0; i < v->n_queues; i++) {
		struct vq *q = &v->vq[i];

		q->event_idx = dev_has(v, VIRTIO_F_EVENT_IDX);
		q->indirect = dev_has(v, VIRTIO_F_INDIRECT_DESC);
		q->off = !q->num;
	}
	v->running = true;
	if (v->id == VIRTIO_ID_NET)
		net_start(d, v);
}

int64_t devs_status(struct devs *d, uint64_t dev, uint64_t status)
{
	struct dev *v;
	uint8_t old, now;

	if (dev >= d->n || status > 0xff)
		return -HV_EINVAL;
	v = &d->dev[dev];
	if (!status) {
		reset(d, v);
		return 0;
	}
	old = status_of(d, v);
	now = (uint8_t)(old | status);
	if (now & VIRTIO_S_FEATURES_OK && !(v->accepted & VIRTIO_F_VERSION_1))
		now = (uint8_t)(now & ~VIRTIO_S_FEATURES_OK);
	if (now & VIRTIO_S_DRIVER_OK && !(now & VIRTIO_S_FEATURES_OK))
		now = (uint8_t)(now & ~VIRTIO_S_DRIVER_OK);
	set_status(d, v, now);
	if (now & ~old & VIRTIO_S_DRIVER_OK && !(now & VIRTIO_S_DEVICE_NEEDS_RESET))
		start(d, v);
	return status_of(d, v);
}

int64_t devs_features(struct devs *d, uint64_t dev, uint64_t features)
{
	if (dev >= d->n || features & ~d->dev[dev].offered ||
	    status_of(d, &d->dev[dev]) & VIRTIO_S_FEATURES_OK)
		return -HV_EINVAL;
	d->dev[dev].accepted = features;
	return 0;
}

/* dev << 16 | queue; NULL: there is none. */
static struct dev *dev_of(struct devs *d, uint64_t dev_queue)
{
	uint64_t dev = dev_queue >> 16;

	if (dev >= d->n || (dev_queue & 0xffff) >= d->dev[dev].n_queues)
		return NULL;
	return &d->dev[dev];
}

int64_t devs_queue(struct devs *d, uint64_t dev_queue, uint64_t addr)
{
	struct dev *v = dev_of(d, dev_queue);
	unsigned q = dev_queue & 0xffff;
	struct hv_queue desc;
	uint8_t *p;

	if (!v || !(status_of(d, v) & VIRTIO_S_FEATURES_OK) ||
	    status_of(d, v) & VIRTIO_S_DRIVER_OK)
		return -HV_EINVAL;
	p = vq_range(&d->mem, addr, sizeof(desc), false);
	if (!p)
		return -HV_EFAULT;
	memcpy(&desc, p, sizeof(desc));
	/* copied once: what is checked is what is used */
	__asm__ volatile("" : : : "memory");
	return vq_set(&v->vq[q], &d->mem, &desc, d->start->device[v->index].queue_max[q]);
}

static bool work(struct devs *d, struct dev *v)
{
	v->again = false;
	switch (v->id) {
	case VIRTIO_ID_NET:
		return net_work(d, v);
	case VIRTIO_ID_BLOCK:
		return blk_work(d, v);
	case VIRTIO_ID_CONSOLE:
		return con_work(d, v);
	default:
		return rng_work(d, v);
	}
}

int64_t devs_kick(struct devs *d, uint64_t dev_queue)
{
	struct dev *v = dev_of(d, dev_queue);
	uint64_t bit;

	if (!v)
		return -HV_EINVAL;
	if (!v->running)
		return 0;
	if (v->id == VIRTIO_ID_NET)
		net_kick(d, v, dev_queue & 0xffff);
	else
		work(d, v);
	bit = 1ull << v->index;
	if (!(__atomic_load_n(d->pending, __ATOMIC_RELAXED) & bit))
		return 0;
	__atomic_fetch_and(d->pending, ~bit, __ATOMIC_SEQ_CST);
	return 1;
}

/* ---- sweeping and waiting ------------------------------------------------------------ */

bool devs_sweep(struct devs *d)
{
	bool any = pool_collect(d);

	for (unsigned i = 0; i < d->n; i++)
		if (d->dev[i].running)
			any |= work(d, &d->dev[i]);
	return any;
}

/* Before a sleep beside the guest: asks for kicks where a queue could be worked on. */
static bool ask_for_kicks(struct devs *d, struct dev *v)
{
	switch (v->id) {
	case VIRTIO_ID_NET:
		return !d->u[v->index].net.tx_blocked && vq_want_kicks(&v->vq[1]);
	case VIRTIO_ID_BLOCK:
		return !d->u[v->index].blk.full && vq_want_kicks(&v->vq[0]);
	case VIRTIO_ID_CONSOLE:
		return !d->u[v->index].con.out_blocked && vq_want_kicks(&v->vq[1]);
	default:
		return vq_want_kicks(&v->vq[0]);
	}
}

int devs_prepare(struct devs *d, struct pollfd *pfd, unsigned max)
{
	unsigned n = 0, more;
	bool busy = false;

	if (max < DEVS_POLLFDS)
		return -1;
	for (unsigned i = 0; i < d->n; i++) {
		struct dev *v = &d->dev[i];

		if (!v->running)
			continue;
		if (v->again)
			return -1;
		if (d->threaded)
			busy |= ask_for_kicks(d, v);
		more = 0;
		pfd[n].events = 0;
		if (v->id == VIRTIO_ID_NET) {
			busy |= net_prepare(d, v, pfd + n);
			more = pfd[n].events != 0;
		} else if (v->id == VIRTIO_ID_CONSOLE) {
			more = con_prepare(d, v, pfd + n, &busy);
		}
		while (more--)
			d->poll_dev[n++] = (uint8_t)i;
	}
	if (d->pool.n)
		busy |= pool_prepare(d);
	if (d->event_fd >= 0) {
		pfd[n] = (struct pollfd){ .fd = d->event_fd, .events = POLLIN };
		d->poll_dev[n++] = POLL_EVENT_FD;
	}
	d->n_polled = n;
	return busy ? -1 : (int)n;
}

void devs_ready(struct devs *d, const struct pollfd *pfd, unsigned n)
{
	uint64_t count;

	for (unsigned i = 0; i < n && i < d->n_polled; i++) {
		unsigned events = (unsigned short)pfd[i].revents;

		if (!events)
			continue;
		if (d->poll_dev[i] == POLL_EVENT_FD) {
			if (sys_read(d->event_fd, &count, sizeof(count)) < 0)
				continue;	/* somebody else's wake-up */
		} else if (d->dev[d->poll_dev[i]].id == VIRTIO_ID_NET) {
			net_ready(d, &d->dev[d->poll_dev[i]], events);
		} else {
			con_ready(d, &d->dev[d->poll_dev[i]], events);
		}
	}
}

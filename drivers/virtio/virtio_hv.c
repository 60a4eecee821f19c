/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Virtio by Glint's own hypervisor (pv/hv/abi.h): what other transports have
 * in registers lies in the start block's device entries or is a hypercall. One
 * event line for all of a device; a generation that moved, or NEEDS_RESET, is
 * a change of its configuration.
 */
#include <errno.h>

#include "drivers/virtio/virtio.h"
#include "kernel/bus.h"
#include "kernel/event.h"
#include "kernel/heap.h"
#include "kernel/log.h"
#include "kernel/page.h"
#include "pv/hv/abi.h"

struct virtio_hv {
	struct virtio_dev vd;
	const struct bus_virtio_hv *bus;
	struct hv_device in;		/* copy of what does not change */
	struct event_handler handler;
	uint32_t generation;		/* last seen */
	bool bound;
};

static struct virtio_hv *hv_of(struct virtio_dev *vd)
{
	return container_of(vd, struct virtio_hv, vd);
}

static int64_t call(struct virtio_dev *vd, enum hv_call nr, uint64_t b)
{
	const struct bus_virtio_hv *bus = hv_of(vd)->bus;

	return bus->call(nr, bus->index, b, 0);
}

static uint8_t vhv_status(struct virtio_dev *vd)
{
	return shared_load8(&hv_of(vd)->bus->dev->status);
}

static void vhv_set_status(struct virtio_dev *vd, uint8_t status)
{
	/* What came of it, the status tells. */
	(void)call(vd, HV_DEVICE_STATUS, status);
}

static uint64_t vhv_features(struct virtio_dev *vd)
{
	return hv_of(vd)->in.features;
}

static void vhv_set_features(struct virtio_dev *vd, uint64_t features)
{
	(void)call(vd, HV_DEVICE_FEATURES, features);
}

/* Within config_len, so within the entry's HV_CONFIG_MAX bytes. */
static uint32_t vhv_config_read(struct virtio_dev *vd, unsigned off, unsigned width)
{
	uint32_t v = 0;

	shared_copy_in(&v, &hv_of(vd)->bus->dev->config[off], width);
	return v;
}

/* The only field that a driver of ours writes is the console's emergency
 * write, and a panic's text has gone out by the platform already. */
static void vhv_config_write(struct virtio_dev *vd, unsigned off, uint32_t value)
{
	(void)vd;
	(void)off;
	(void)value;
}

static uint32_t vhv_generation(struct virtio_dev *vd)
{
	return shared_load32(&hv_of(vd)->bus->dev->generation);
}

static void vhv_event(void *arg)
{
	struct virtio_dev *vd = arg;
	struct virtio_hv *h = hv_of(vd);
	uint32_t generation = vhv_generation(vd), what = VIRTIO_EVENT_QUEUES;

	if (generation != h->generation || vhv_status(vd) & VIRTIO_S_DEVICE_NEEDS_RESET)
		what |= VIRTIO_EVENT_CONFIG;
	h->generation = generation;
	virtio_event(vd, what);
}

static int vhv_events_on(struct virtio_dev *vd, unsigned n_queues)
{
	struct virtio_hv *h = hv_of(vd);
	int err;

	(void)n_queues;
	h->generation = vhv_generation(vd);
	h->handler.fn = vhv_event;
	h->handler.arg = vd;
	err = event_bind(h->bus->line, &h->handler);
	h->bound = err == 0;
	return err;
}

static void vhv_cut_off(struct virtio_dev *vd)
{
	struct virtio_hv *h = hv_of(vd);

	if (h->bound)
		event_unbind(&h->handler);
	h->bound = false;
}

static unsigned vhv_queue_max(struct virtio_dev *vd, unsigned q)
{
	const struct hv_device *in = &hv_of(vd)->in;

	return q < in->n_queues ? in->queue_max[q] : 0;
}

static int vhv_queue_start(struct virtio_dev *vd, struct virtq *vq)
{
	const struct bus_virtio_hv *bus = hv_of(vd)->bus;
	struct hv_queue q = {
		.num = vq->num,
		.desc = page_paddr((const volatile void *)(uintptr_t)vq->desc),
		.avail = page_paddr((const volatile void *)(uintptr_t)vq->avail),
		.used = page_paddr((const volatile void *)(uintptr_t)vq->used),
	};

	return bus->call(HV_QUEUE, bus->index << 16 | vq->index, (uintptr_t)&q, 0) ?
	       -EIO : 0;
}

/* What the device did within the kick is an event already. */
static void vhv_notify(struct virtio_dev *vd, unsigned q)
{
	const struct bus_virtio_hv *bus = hv_of(vd)->bus;

	if (bus->call(HV_KICK, bus->index << 16 | q, 0, 0) > 0)
		event_set_pending(bus->line);
}

static const struct virtio_transport hv_transport = {
	.status = vhv_status,
	.set_status = vhv_set_status,
	.features = vhv_features,
	.set_features = vhv_set_features,
	.config_read = vhv_config_read,
	.config_write = vhv_config_write,
	.generation = vhv_generation,
	.events_on = vhv_events_on,
	.cut_off = vhv_cut_off,
	.queue_max = vhv_queue_max,
	.queue_start = vhv_queue_start,
	.notify = vhv_notify,
};

static int vhv_probe(struct device *dev)
{
	const struct bus_virtio_hv *bus = dev->bus_info;
	struct virtio_hv *h = heap_zalloc(HEAP_DRIVER, sizeof(*h));

	if (!h)
		return -ENOMEM;
	shared_copy_in(&h->in, bus->dev, sizeof(h->in));
	if (!h->in.virtio_id || h->in.n_queues > HV_QUEUES_MAX ||
	    h->in.config_len > HV_CONFIG_MAX) {
		log_warn(LOG_DEV, "%s: not a device that we understand", dev->name);
		heap_free(HEAP_DRIVER, h);
		return -ENODEV;
	}
	h->bus = bus;
	h->vd.ops = &hv_transport;
	h->vd.id = h->in.virtio_id;
	h->vd.config_len = h->in.config_len;
	dev->driver_data = h;
	virtio_announce(&h->vd, dev->name);
	return 0;
}

static const struct driver hv_driver DRIVER = {
	.name = "virtio-hv",
	.bus = BUS_VIRTIO_HV,
	.probe = vhv_probe,
};

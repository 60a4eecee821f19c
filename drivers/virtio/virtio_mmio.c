/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Virtio over MMIO, version 2 (Virtio 1.2 section 4.2): the transport of
 * microvm and Firecracker. Version 1 devices are named with the QEMU option
 * that makes them version 2.
 */
#include <errno.h>

#include "drivers/virtio/virtio.h"
#include "kernel/bus.h"
#include "kernel/event.h"
#include "kernel/heap.h"
#include "kernel/lib/mmio.h"
#include "kernel/log.h"
#include "kernel/page.h"

#define ISR_TRIES	4		/* two suffice for an honest device */

struct virtio_mmio {
	struct virtio_dev vd;
	const struct bus_virtio_mmio *bus;
	struct event_handler handler;
	bool bound;
};

static struct virtio_mmio *mmio_of(struct virtio_dev *vd)
{
	return container_of(vd, struct virtio_mmio, vd);
}

static volatile char *reg(const struct virtio_mmio *m, unsigned off)
{
	return (volatile char *)m->bus->regs + off;
}

static uint32_t rd(struct virtio_dev *vd, unsigned off)
{
	return mmio_read32(reg(mmio_of(vd), off));
}

static void wr(struct virtio_dev *vd, unsigned off, uint32_t v)
{
	mmio_write32(reg(mmio_of(vd), off), v);
}

static uint8_t mmio_status(struct virtio_dev *vd)
{
	return (uint8_t)rd(vd, VIRTIO_MMIO_Status);
}

static void mmio_set_status(struct virtio_dev *vd, uint8_t status)
{
	wr(vd, VIRTIO_MMIO_Status, status);
}

static uint64_t mmio_features(struct virtio_dev *vd)
{
	uint64_t f;

	wr(vd, VIRTIO_MMIO_DeviceFeaturesSel, 0);
	f = rd(vd, VIRTIO_MMIO_DeviceFeatures);
	wr(vd, VIRTIO_MMIO_DeviceFeaturesSel, 1);
	return f | (uint64_t)rd(vd, VIRTIO_MMIO_DeviceFeatures) << 32;
}

static void mmio_set_features(struct virtio_dev *vd, uint64_t features)
{
	wr(vd, VIRTIO_MMIO_DriverFeaturesSel, 0);
	wr(vd, VIRTIO_MMIO_DriverFeatures, (uint32_t)features);
	wr(vd, VIRTIO_MMIO_DriverFeaturesSel, 1);
	wr(vd, VIRTIO_MMIO_DriverFeatures, (uint32_t)(features >> 32));
}

static uint32_t mmio_config_read(struct virtio_dev *vd, unsigned off, unsigned width)
{
	volatile char *p = reg(mmio_of(vd), VIRTIO_MMIO_Config + off);

	return width == 1 ? mmio_read8(p) : width == 2 ? mmio_read16(p) : mmio_read32(p);
}

static void mmio_config_write(struct virtio_dev *vd, unsigned off, uint32_t value)
{
	wr(vd, VIRTIO_MMIO_Config + off, value);
}

static uint32_t mmio_generation(struct virtio_dev *vd)
{
	return rd(vd, VIRTIO_MMIO_ConfigGeneration);
}

/* The line is edge triggered on some platforms: acknowledge first, then look at
 * the queues, so that what comes later raises it again. A bit that rose between
 * the look and the answer would keep the line up for ever: look again. */
static void mmio_interrupt(void *arg)
{
	struct virtio_dev *vd = arg;
	uint32_t isr, seen = 0;

	for (unsigned i = 0; i < ISR_TRIES; i++) {
		isr = rd(vd, VIRTIO_MMIO_InterruptStatus) &
		      (VIRTIO_ISR_QUEUE | VIRTIO_ISR_CONFIG);
		if (!isr)
			break;
		wr(vd, VIRTIO_MMIO_InterruptACK, isr);
		seen |= isr;
	}
	virtio_event(vd, VIRTIO_EVENT_QUEUES |
		     (seen & VIRTIO_ISR_CONFIG ? VIRTIO_EVENT_CONFIG : 0));
}

static int mmio_events_on(struct virtio_dev *vd, unsigned n_queues)
{
	struct virtio_mmio *m = mmio_of(vd);
	int err;

	(void)n_queues;
	m->handler.fn = mmio_interrupt;
	m->handler.arg = vd;
	m->handler.line = m->bus->line;
	err = event_bind(m->bus->line, &m->handler);
	m->bound = err == 0;
	return err;
}

static void mmio_cut_off(struct virtio_dev *vd)
{
	struct virtio_mmio *m = mmio_of(vd);

	if (m->bound)
		event_unbind(&m->handler);
	m->bound = false;
}

static unsigned mmio_queue_max(struct virtio_dev *vd, unsigned q)
{
	wr(vd, VIRTIO_MMIO_QueueSel, q);
	if (rd(vd, VIRTIO_MMIO_QueueReady))	/* 4.2.3.2: must not be in use */
		return 0;
	return rd(vd, VIRTIO_MMIO_QueueNumMax);
}

static void wr_addr(struct virtio_dev *vd, unsigned off, const volatile void *p)
{
	paddr_t a = page_paddr(p);

	wr(vd, off, (uint32_t)a);
	wr(vd, off + 4, (uint32_t)(a >> 32));
}

static int mmio_queue_start(struct virtio_dev *vd, struct virtq *vq)
{
	wr(vd, VIRTIO_MMIO_QueueSel, vq->index);
	wr(vd, VIRTIO_MMIO_QueueNum, vq->num);
	wr_addr(vd, VIRTIO_MMIO_QueueDescLow, (const volatile void *)(uintptr_t)vq->desc);
	wr_addr(vd, VIRTIO_MMIO_QueueDriverLow, (const volatile void *)(uintptr_t)vq->avail);
	wr_addr(vd, VIRTIO_MMIO_QueueDeviceLow, (const volatile void *)(uintptr_t)vq->used);
	wr(vd, VIRTIO_MMIO_QueueReady, 1);
	return rd(vd, VIRTIO_MMIO_QueueReady) == 1 ? 0 : -EIO;
}

static void mmio_notify(struct virtio_dev *vd, unsigned q)
{
	wr(vd, VIRTIO_MMIO_QueueNotify, q);
}

static const struct virtio_transport mmio_transport = {
	.status = mmio_status,
	.set_status = mmio_set_status,
	.features = mmio_features,
	.set_features = mmio_set_features,
	.config_read = mmio_config_read,
	.config_write = mmio_config_write,
	.generation = mmio_generation,
	.events_on = mmio_events_on,
	.cut_off = mmio_cut_off,
	.queue_max = mmio_queue_max,
	.queue_start = mmio_queue_start,
	.notify = mmio_notify,
};

static int mmio_probe(struct device *dev)
{
	const struct bus_virtio_mmio *bus = dev->bus_info;
	volatile char *regs = bus->regs;
	struct virtio_mmio *m;
	uint32_t id, version;

	if (bus->len < VIRTIO_MMIO_Config ||
	    mmio_read32(regs + VIRTIO_MMIO_MagicValue) != VIRTIO_MMIO_MAGIC)
		return -ENODEV;
	version = mmio_read32(regs + VIRTIO_MMIO_Version);
	id = mmio_read32(regs + VIRTIO_MMIO_DeviceID);
	if (id == 0)			/* an empty slot */
		return -ENODEV;
	if (version != 2) {
		log_warn(LOG_DEV, "%s: virtio-mmio version %u is not supported%s",
			 dev->name, version, version == 1 ?
			 ": add -global virtio-mmio.force-legacy=false to QEMU's options" : "");
		return -ENODEV;
	}
	m = heap_zalloc(HEAP_DRIVER, sizeof(*m));
	if (!m)
		return -ENOMEM;
	m->bus = bus;
	m->vd.ops = &mmio_transport;
	m->vd.id = id;
	m->vd.config_len = (unsigned)(bus->len - VIRTIO_MMIO_Config);
	dev->driver_data = m;
	virtio_announce(&m->vd, dev->name);
	return 0;
}

static const struct driver mmio_driver DRIVER = {
	.name = "virtio-mmio",
	.bus = BUS_VIRTIO_MMIO,
	.probe = mmio_probe,
};

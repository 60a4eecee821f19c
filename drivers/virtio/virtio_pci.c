/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Virtio over PCI, the modern interface (Virtio 1.2 section 4.1): found by its
 * vendor capabilities, also on transitional devices. Events come by MSI-X, a
 * vector for the configuration and one for each queue (fewer if lines are
 * scarce), else by INTx.
 */
#include <errno.h>

#include "drivers/pci.h"
#include "drivers/virtio/virtio.h"
#include "kernel/event.h"
#include "kernel/heap.h"
#include "kernel/lib/mmio.h"
#include "kernel/log.h"
#include "kernel/page.h"

#define VECTORS		(1 + VIRTIO_QUEUES)	/* configuration, queues */
#define INTX		0			/* vector[] that INTx uses */
#define CONFIG_LEN_MAX	256u			/* more than any driver of ours reads */
#define NOTIFY_LEN_MAX	65536u			/* a page for each of 16 queues */

struct vector {
	struct event_handler handler;
	struct virtio_dev *vd;
	uint32_t what;			/* for virtio_event(); 0: unused */
};

struct virtio_pci {
	struct virtio_dev vd;
	const struct bus_pci *bus;
	struct pci_bars bars;
	struct pci_msix msix;
	bool use_msix;
	volatile char *common, *isr, *config, *notify;
	uint64_t notify_len;
	uint32_t notify_mult;
	uint64_t notify_off[VIRTIO_QUEUES];
	struct vector vector[VECTORS];
};

#define COMMON(field) offsetof(struct virtio_pci_common_cfg, field)

static struct virtio_pci *pci_of(struct virtio_dev *vd)
{
	return container_of(vd, struct virtio_pci, vd);
}

static volatile char *common(struct virtio_dev *vd, size_t off)
{
	return pci_of(vd)->common + off;
}

static uint8_t vpci_status(struct virtio_dev *vd)
{
	return mmio_read8(common(vd, COMMON(device_status)));
}

static void vpci_set_status(struct virtio_dev *vd, uint8_t status)
{
	mmio_write8(common(vd, COMMON(device_status)), status);
}

static uint64_t vpci_features(struct virtio_dev *vd)
{
	uint64_t f;

	mmio_write32(common(vd, COMMON(device_feature_select)), 0);
	f = mmio_read32(common(vd, COMMON(device_feature)));
	mmio_write32(common(vd, COMMON(device_feature_select)), 1);
	return f | (uint64_t)mmio_read32(common(vd, COMMON(device_feature))) << 32;
}

static void vpci_set_features(struct virtio_dev *vd, uint64_t features)
{
	mmio_write32(common(vd, COMMON(driver_feature_select)), 0);
	mmio_write32(common(vd, COMMON(driver_feature)), (uint32_t)features);
	mmio_write32(common(vd, COMMON(driver_feature_select)), 1);
	mmio_write32(common(vd, COMMON(driver_feature)), (uint32_t)(features >> 32));
}

static uint32_t vpci_config_read(struct virtio_dev *vd, unsigned off, unsigned width)
{
	volatile char *p = pci_of(vd)->config + off;

	return width == 1 ? mmio_read8(p) : width == 2 ? mmio_read16(p) : mmio_read32(p);
}

static void vpci_config_write(struct virtio_dev *vd, unsigned off, uint32_t value)
{
	mmio_write32(pci_of(vd)->config + off, value);
}

static uint32_t vpci_generation(struct virtio_dev *vd)
{
	return mmio_read8(common(vd, COMMON(config_generation)));
}

/* ---- events ---------------------------------------------------------------- */

static void msix_event(void *arg)
{
	struct vector *v = arg;

	virtio_event(v->vd, v->what);
}

/* The line may be another device's as well. Reading the ISR clears it. */
static void intx_event(void *arg)
{
	struct vector *v = arg;
	uint8_t isr = mmio_read8(pci_of(v->vd)->isr);

	if (isr & (VIRTIO_ISR_QUEUE | VIRTIO_ISR_CONFIG))
		virtio_event(v->vd, (isr & VIRTIO_ISR_QUEUE ? VIRTIO_EVENT_QUEUES : 0) |
			     (isr & VIRTIO_ISR_CONFIG ? VIRTIO_EVENT_CONFIG : 0));
}

static int bind(struct virtio_pci *d, unsigned v, void (*fn)(void *), unsigned line,
		uint32_t what)
{
	struct vector *vec = &d->vector[v];
	int err;

	vec->vd = &d->vd;
	vec->handler.fn = fn;
	vec->handler.arg = vec;
	vec->handler.line = line;
	err = event_bind(line, &vec->handler);
	if (!err)
		vec->what = what;
	return err;
}

static int msix_vector(struct virtio_pci *d, unsigned v, uint32_t what)
{
	unsigned line;
	int err = pci_msix_line(d->bus, &d->msix, v, &line);

	return err ? err : bind(d, v, msix_event, line, what);
}

static int vpci_events_on(struct virtio_dev *vd, unsigned n_queues)
{
	struct virtio_pci *d = pci_of(vd);

	d->use_msix = pci_msix_open(d->bus, &d->bars, &d->msix) == 0 &&
		      msix_vector(d, 0, VIRTIO_EVENT_CONFIG) == 0;
	if (!d->use_msix) {
		if (d->bus->intx_line < 0)
			return -ENODEV;
		return bind(d, INTX, intx_event, (unsigned)d->bus->intx_line,
			    VIRTIO_EVENT_QUEUES);
	}
	pci_command(d->bus, PCI_COMMAND_INTX_OFF, 0);
	pci_msix_enable(d->bus, &d->msix, true);
	mmio_write16(common(vd, COMMON(config_msix_vector)), 0);
	if (mmio_read16(common(vd, COMMON(config_msix_vector))) != 0)
		return -EIO;
	for (unsigned q = 0; q < n_queues; q++)
		if (msix_vector(d, 1 + q, 1u << q))
			d->vector[0].what |= 1u << q;
	return 0;
}

/* Without the right to master the bus, the device cannot touch memory. */
static void vpci_cut_off(struct virtio_dev *vd)
{
	struct virtio_pci *d = pci_of(vd);

	pci_command(d->bus, PCI_COMMAND_INTX_OFF, PCI_COMMAND_MASTER);
	for (unsigned v = 0; v < VECTORS; v++) {
		if (d->vector[v].what)
			event_unbind(&d->vector[v].handler);
		d->vector[v].what = 0;
	}
	if (d->use_msix)
		pci_msix_enable(d->bus, &d->msix, false);
}

/* ---- queues ---------------------------------------------------------------- */

static unsigned vpci_queue_max(struct virtio_dev *vd, unsigned q)
{
	if (q >= mmio_read16(common(vd, COMMON(num_queues))))
		return 0;
	mmio_write16(common(vd, COMMON(queue_select)), (uint16_t)q);
	return mmio_read16(common(vd, COMMON(queue_size)));
}

static void write_addr(struct virtio_dev *vd, size_t off, const volatile void *p)
{
	paddr_t a = page_paddr(p);

	mmio_write32(common(vd, off), (uint32_t)a);
	mmio_write32(common(vd, off + 4), (uint32_t)(a >> 32));
}

static int vpci_queue_start(struct virtio_dev *vd, struct virtq *vq)
{
	struct virtio_pci *d = pci_of(vd);
	uint16_t vec = d->vector[1 + vq->index].what ? (uint16_t)(1 + vq->index) : 0;
	uint64_t off;

	mmio_write16(common(vd, COMMON(queue_select)), vq->index);
	off = (uint64_t)mmio_read16(common(vd, COMMON(queue_notify_off))) * d->notify_mult;
	if (off + 2 > d->notify_len || off % 2)
		return -EIO;
	d->notify_off[vq->index] = off;
	if (d->use_msix) {
		mmio_write16(common(vd, COMMON(queue_msix_vector)), vec);
		if (mmio_read16(common(vd, COMMON(queue_msix_vector))) != vec)
			return -EIO;
	}
	mmio_write16(common(vd, COMMON(queue_size)), vq->num);
	write_addr(vd, COMMON(queue_desc), (const volatile void *)(uintptr_t)vq->desc);
	write_addr(vd, COMMON(queue_driver), (const volatile void *)(uintptr_t)vq->avail);
	write_addr(vd, COMMON(queue_device), (const volatile void *)(uintptr_t)vq->used);
	mmio_write16(common(vd, COMMON(queue_enable)), 1);
	return 0;
}

static void vpci_notify(struct virtio_dev *vd, unsigned q)
{
	struct virtio_pci *d = pci_of(vd);

	mmio_write16(d->notify + d->notify_off[q], (uint16_t)q);
}

static const struct virtio_transport pci_transport = {
	.status = vpci_status,
	.set_status = vpci_set_status,
	.features = vpci_features,
	.set_features = vpci_set_features,
	.config_read = vpci_config_read,
	.config_write = vpci_config_write,
	.generation = vpci_generation,
	.events_on = vpci_events_on,
	.cut_off = vpci_cut_off,
	.queue_max = vpci_queue_max,
	.queue_start = vpci_queue_start,
	.notify = vpci_notify,
};

/* ---- probing ---------------------------------------------------------------- */

/* Maps the structure that a vendor capability at `pos` describes. */
static void take_cap(struct virtio_pci *d, unsigned pos)
{
	const struct bus_pci *p = d->bus;
	uint8_t type = (uint8_t)p->read(p, pos + offsetof(struct virtio_pci_cap, cfg_type), 1);
	uint8_t cap_len = (uint8_t)p->read(p, pos + offsetof(struct virtio_pci_cap, cap_len), 1);
	uint8_t bar = (uint8_t)p->read(p, pos + offsetof(struct virtio_pci_cap, bar), 1);
	uint32_t off = p->read(p, pos + offsetof(struct virtio_pci_cap, offset), 4);
	uint32_t len = p->read(p, pos + offsetof(struct virtio_pci_cap, length), 4);

	if (type == VIRTIO_PCI_CAP_COMMON_CFG && !d->common &&
	    len >= sizeof(struct virtio_pci_common_cfg) && off % 4 == 0) {
		d->common = pci_map_bar(p, &d->bars, bar, off,
					sizeof(struct virtio_pci_common_cfg));
	} else if (type == VIRTIO_PCI_CAP_ISR_CFG && !d->isr) {
		d->isr = pci_map_bar(p, &d->bars, bar, off, 1);
	} else if (type == VIRTIO_PCI_CAP_DEVICE_CFG && !d->config && off % 4 == 0) {
		d->vd.config_len = len < CONFIG_LEN_MAX ? len : CONFIG_LEN_MAX;
		d->config = pci_map_bar(p, &d->bars, bar, off, d->vd.config_len);
		if (!d->config)
			d->vd.config_len = 0;
	} else if (type == VIRTIO_PCI_CAP_NOTIFY_CFG && !d->notify && off % 2 == 0 &&
		   cap_len >= sizeof(struct virtio_pci_cap) + 4 && pos + cap_len <= 256) {
		d->notify_mult = p->read(p, pos + VIRTIO_PCI_NOTIFY_OFF_MULTIPLIER, 4);
		d->notify_len = len < NOTIFY_LEN_MAX ? len : NOTIFY_LEN_MAX;
		d->notify = pci_map_bar(p, &d->bars, bar, off, d->notify_len);
	}
}

static int vpci_probe(struct device *dev)
{
	const struct bus_pci *bus = dev->bus_info;
	struct pci_cap_walk walk = { 0 };
	struct virtio_pci *d;
	unsigned pos;

	if (bus->vendor != VIRTIO_PCI_VENDOR || bus->device_id < VIRTIO_PCI_DEVICE_MIN ||
	    bus->device_id > VIRTIO_PCI_DEVICE_MAX)
		return -ENODEV;
	d = heap_zalloc(HEAP_DRIVER, sizeof(*d));
	if (!d)
		return -ENOMEM;
	d->bus = bus;
	while ((pos = pci_cap_next(bus, &walk, PCI_CAP_ID_VNDR, sizeof(struct virtio_pci_cap))))
		take_cap(d, pos);
	if (!d->common || !d->isr || !d->notify) {
		log_warn(LOG_DEV, "%s: no usable virtio 1 interface", dev->name);
		heap_free(HEAP_DRIVER, d);
		return -ENODEV;
	}
	pci_command(bus, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER, 0);
	d->vd.ops = &pci_transport;
	d->vd.id = bus->device_id >= VIRTIO_PCI_DEVICE_MODERN ?
		   bus->device_id - (uint32_t)VIRTIO_PCI_DEVICE_MODERN :
		   bus->read(bus, PCI_SUBSYSTEM_ID, 2);
	dev->driver_data = d;
	virtio_announce(&d->vd, dev->name);
	return 0;
}

static const struct driver pci_driver DRIVER = {
	.name = "virtio-pci",
	.bus = BUS_PCI,
	.probe = vpci_probe,
};

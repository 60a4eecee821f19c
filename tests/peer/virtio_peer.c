/* SPDX-License-Identifier: BSD-2-Clause
 *
 * See virtio_peer.h. Register layouts: Virtio 1.2 sections 4.1.4 and 4.2.2.
 */
#include "tests/peer/virtio_peer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "drivers/virtio/virtio.h"
#include "kernel/event.h"
#include "tests/peer/peer_kernel.h"

#define REGION 0x10000			/* addresses of a device's registers */
#define LINE_MMIO 12
#define LINE_INTX 11
#define LINE_MSI 40
enum { BAR_MSIX = 1, BAR_REGS = 4, MSIX_CAP = 0x98 };
enum { OFF_COMMON = 0, OFF_ISR = 0x1000, OFF_CONFIG = 0x2000, OFF_NOTIFY = 0x3000 };

static char region[3][REGION] __attribute__((aligned(REGION)));	/* mmio, bar 4, bar 1 */
static struct vpeer *the_peer;

/* ---- what both transports share ---- */

static void do_reset(struct vpeer *p)
{
	p->n_resets++;
	memset(p->ready, 0, sizeof(p->ready));
	memset(p->kicked, 0, sizeof(p->kicked));
	p->accepted = 0;
	p->isr = 0;
	p->vec_config = p->vec[0] = p->vec[1] = VIRTIO_MSI_NO_VECTOR;
}

static void set_status(struct vpeer *p, uint8_t v)
{
	if (v == 0)
		do_reset(p);
	if (v & VIRTIO_S_FEATURES_OK && (p->refuses_features || p->accepted & ~p->offers))
		v &= (uint8_t)~VIRTIO_S_FEATURES_OK;
	p->status = v;
}

static uint8_t get_status(struct vpeer *p)
{
	if (p->status_stuck)
		return 0;
	return p->status | (p->never_resets ? 0x20 : 0);
}

/* Registers that overlap can make the driver write anything as addresses. */
static bool is_drivers(struct vpeer *p, unsigned q)
{
	struct virtio_dev *vd = p->dev.driver_data;
	struct virtq *vq = vd ? vd->vq[q] : NULL;

	return vq && (uintptr_t)vq->desc == (uintptr_t)p->ring[q].desc &&
	       (uintptr_t)vq->avail == (uintptr_t)p->ring[q].avail &&
	       (uintptr_t)vq->used == (uintptr_t)p->ring[q].used && vq->num == p->num[q];
}

static void start_queue(struct vpeer *p, unsigned q)
{
	struct ring_peer *r = &p->ring[q];
	uint32_t *a = p->addr[q];

	*r = (struct ring_peer){
		.desc = (void *)(uintptr_t)(a[0] | (uint64_t)a[1] << 32),
		.avail = (void *)(uintptr_t)(a[2] | (uint64_t)a[3] << 32),
		.used = (void *)(uintptr_t)(a[4] | (uint64_t)a[5] << 32),
		.num = p->num[q],
		.event_idx = (p->accepted & VIRTIO_F_EVENT_IDX) != 0,
	};
	if (p->tolerant && !is_drivers(p, q))
		return;
	p->ready[q] = true;
	ring_ask(r);
}

static void notified(struct vpeer *p, unsigned q)
{
	if (p->tolerant && (q >= VPEER_QUEUES || !p->ready[q]))
		return;
	if (q >= VPEER_QUEUES || !p->ready[q]) {
		fprintf(stderr, "vpeer: notification for queue %u, which is not ready\n", q);
		abort();
	}
	if (p->deaf)
		return;
	p->n_notified[q]++;
	p->kicked[q] = true;
	if (p->inline_work)
		vpeer_run(p);
}

static uint32_t config_read(struct vpeer *p, unsigned off, unsigned width)
{
	uint32_t v = 0;

	if (p->unsteady)
		p->generation++;
	if (off + width <= p->config_len)
		memcpy(&v, p->config + off, width);
	return v;
}

static void config_write(struct vpeer *p, unsigned off, uint32_t v)
{
	if (p->id == VIRTIO_ID_CONSOLE && off == VIRTIO_CONSOLE_CFG_EMERG_WR &&
	    p->emerg_len < sizeof(p->emerg))
		p->emerg[p->emerg_len++] = (char)v;
}

/* By the vector, if MSI-X is on and the vector is not masked, else by the line. */
static void raise_irq(struct vpeer *p, uint16_t vec, uint8_t isr)
{
	p->n_irqs++;
	if (p->bus != VPEER_MMIO && p->cfg[MSIX_CAP + 3] & 0x80) {
		if (vec < 8 && !(p->msix[4 * vec + 3] & 1) && p->msix[4 * vec] == 0xfee00000)
			event_set_pending(p->msix[4 * vec + 2] % EVENT_LINES);
		return;
	}
	/* the line follows the register, and events follow the line's edges */
	if (!p->isr)
		event_set_pending(p->bus == VPEER_MMIO ? LINE_MMIO : LINE_INTX);
	p->isr |= isr;
}

void vpeer_irq(struct vpeer *p, unsigned q)
{
	raise_irq(p, p->vec[q], VIRTIO_ISR_QUEUE);
}

void vpeer_config_irq(struct vpeer *p)
{
	p->generation++;
	raise_irq(p, p->vec_config, VIRTIO_ISR_CONFIG);
}

void vpeer_publish(struct vpeer *p, unsigned q)
{
	if (ring_publish(&p->ring[q]))
		vpeer_irq(p, q);
}

void vpeer_run(struct vpeer *p)
{
	uint16_t before;

	for (unsigned q = 0; q < VPEER_QUEUES; q++) {
		if (!p->kicked[q] || !p->ready[q] || !p->work)
			continue;
		p->kicked[q] = false;
		do {
			before = p->ring[q].last_avail;
			ring_dont_ask(&p->ring[q]);
			p->work(p, q);
			if (p->ready[q])
				vpeer_publish(p, q);
		} while (p->ready[q] && ring_ask(&p->ring[q]) &&
			 p->ring[q].last_avail != before);
	}
}

void vpeer_config_put(struct vpeer *p, unsigned off, unsigned width, uint64_t v)
{
	memcpy(p->config + off, &v, width);
}

/* ---- MMIO ---- */

static uint32_t mmio_reg_read(struct vpeer *p, unsigned off)
{
	uint32_t q = p->sel_queue;

	switch (off) {
	case VIRTIO_MMIO_MagicValue: return p->magic;
	case VIRTIO_MMIO_Version: return p->version;
	case VIRTIO_MMIO_DeviceID: return p->id;
	case VIRTIO_MMIO_DeviceFeatures:
		return (uint32_t)(p->sel_device < 2 ? p->offers >> (32 * p->sel_device) : 0);
	case VIRTIO_MMIO_QueueNumMax: return q < VPEER_QUEUES ? p->queue_max : 0;
	case VIRTIO_MMIO_QueueReady: return q < VPEER_QUEUES && p->ready[q];
	case VIRTIO_MMIO_InterruptStatus: {
		uint8_t isr = p->isr;

		if (isr && p->late_config) {	/* between the look and the answer */
			p->late_config--;
			raise_irq(p, 0, VIRTIO_ISR_CONFIG);
		}
		return isr;
	}
	case VIRTIO_MMIO_Status: return get_status(p);
	case VIRTIO_MMIO_ConfigGeneration: return p->generation;
	default: return 0;
	}
}

static void mmio_reg_write(struct vpeer *p, unsigned off, uint32_t v)
{
	uint32_t q = p->sel_queue < VPEER_QUEUES ? p->sel_queue : 0;

	switch (off) {
	case VIRTIO_MMIO_DeviceFeaturesSel: p->sel_device = v; break;
	case VIRTIO_MMIO_DriverFeaturesSel: p->sel_driver = v; break;
	case VIRTIO_MMIO_DriverFeatures:
		p->accepted |= (uint64_t)v << (32 * (p->sel_driver & 1));
		break;
	case VIRTIO_MMIO_QueueSel: p->sel_queue = v; break;
	case VIRTIO_MMIO_QueueNum: p->num[q] = (uint16_t)v; break;
	case VIRTIO_MMIO_QueueReady:
		if (v && !p->no_queue_ready)
			start_queue(p, q);
		break;
	case VIRTIO_MMIO_QueueNotify: notified(p, v); break;
	case VIRTIO_MMIO_InterruptACK: p->isr &= (uint8_t)~v; break;
	case VIRTIO_MMIO_Status: set_status(p, (uint8_t)v); break;
	case VIRTIO_MMIO_QueueDescLow: case VIRTIO_MMIO_QueueDescLow + 4:
		p->addr[q][(off - VIRTIO_MMIO_QueueDescLow) / 4] = v;
		break;
	case VIRTIO_MMIO_QueueDriverLow: case VIRTIO_MMIO_QueueDriverLow + 4:
		p->addr[q][2 + (off - VIRTIO_MMIO_QueueDriverLow) / 4] = v;
		break;
	case VIRTIO_MMIO_QueueDeviceLow: case VIRTIO_MMIO_QueueDeviceLow + 4:
		p->addr[q][4 + (off - VIRTIO_MMIO_QueueDeviceLow) / 4] = v;
		break;
	default: break;
	}
}

/* ---- PCI ---- */

#define COMMON(f) offsetof(struct virtio_pci_common_cfg, f)

static uint32_t common_read(struct vpeer *p, unsigned off)
{
	uint32_t q = p->sel_queue;

	switch (off) {
	case COMMON(device_feature):
		return (uint32_t)(p->sel_device < 2 ? p->offers >> (32 * p->sel_device) : 0);
	case COMMON(config_msix_vector): return p->vec_config;
	case COMMON(num_queues): return VPEER_QUEUES;
	case COMMON(device_status): return get_status(p);
	case COMMON(config_generation): return p->generation & 0xff;
	case COMMON(queue_size): return q < VPEER_QUEUES ? p->queue_max : 0;
	case COMMON(queue_msix_vector): return q < VPEER_QUEUES ? p->vec[q] : 0xffff;
	case COMMON(queue_notify_off): return q + p->notify_off;
	default: return 0;
	}
}

static void common_write(struct vpeer *p, unsigned off, uint32_t v)
{
	uint32_t q = p->sel_queue < VPEER_QUEUES ? p->sel_queue : 0;
	uint16_t vec = (uint16_t)(p->no_msix_vector ? VIRTIO_MSI_NO_VECTOR : v);

	switch (off) {
	case COMMON(device_feature_select): p->sel_device = v; break;
	case COMMON(driver_feature_select): p->sel_driver = v; break;
	case COMMON(driver_feature): p->accepted |= (uint64_t)v << (32 * (p->sel_driver & 1)); break;
	case COMMON(config_msix_vector): p->vec_config = vec; break;
	case COMMON(device_status): set_status(p, (uint8_t)v); break;
	case COMMON(queue_select): p->sel_queue = v; break;
	case COMMON(queue_size): p->num[q] = (uint16_t)v; break;
	case COMMON(queue_msix_vector): p->vec[q] = vec; break;
	case COMMON(queue_enable): start_queue(p, q); break;
	default:
		if (off >= COMMON(queue_desc) && off < sizeof(struct virtio_pci_common_cfg))
			p->addr[q][(off - COMMON(queue_desc)) / 4] = v;
	}
}

static uint32_t bar_read(struct vpeer *p, unsigned off, unsigned width)
{
	uint8_t isr = p->isr;

	if (off >= OFF_NOTIFY)
		return 0;
	if (off >= OFF_CONFIG)
		return config_read(p, off - OFF_CONFIG, width);
	if (off >= OFF_ISR) {
		p->isr = 0;
		return isr;
	}
	return common_read(p, off);
}

static void bar_write(struct vpeer *p, unsigned off, uint32_t v)
{
	if (off >= OFF_NOTIFY)
		notified(p, (off - OFF_NOTIFY) / 4);
	else if (off >= OFF_CONFIG)
		config_write(p, off - OFF_CONFIG, v);
	else if (off < OFF_ISR)
		common_write(p, off, v);
}

static struct vpeer *of_pci(const struct bus_pci *b)
{
	return container_of(b, struct vpeer, pci);
}

static uint32_t pci_read(const struct bus_pci *b, unsigned off, unsigned width)
{
	uint32_t v = 0;

	if (off % width || off + width > 256)
		abort();
	memcpy(&v, of_pci(b)->cfg + off, width);
	return v;
}

static void pci_write(const struct bus_pci *b, unsigned off, unsigned width, uint32_t v)
{
	struct vpeer *p = of_pci(b);

	if (off >= 0x10 && off < 0x28) {
		uint32_t size = p->bar_size[(off - 0x10) / 4], old;

		memcpy(&old, p->cfg + off, 4);
		v = size ? (v & ~(size - 1)) | (old & 0xf) : (off == 0x24 || off == 0x18) ? v : 0;
	} else if (off != 4 && off != MSIX_CAP + 2) {
		return;			/* read only */
	}
	memcpy(p->cfg + off, &v, width);
}

static volatile void *pci_map(const struct bus_pci *b, uint64_t paddr, size_t len)
{
	(void)b;
	for (unsigned i = 1; i < 3; i++)
		if (paddr >= (uintptr_t)region[i] && len <= REGION &&
		    paddr - (uintptr_t)region[i] <= REGION - len)
			return (volatile void *)(uintptr_t)paddr;
	return NULL;
}

static int pci_msi_line(const struct bus_pci *b, unsigned *line, uint64_t *addr, uint32_t *data)
{
	struct vpeer *p = of_pci(b);

	if (p->bus == VPEER_PCI_INTX)
		return -ENODEV;
	if (p->n_lines == 0)
		return -ENOSPC;
	*line = LINE_MSI + --p->n_lines;
	*addr = 0xfee00000;
	*data = *line;
	return 0;
}

static void put_cap(struct vpeer *p, unsigned at, unsigned next, unsigned type, uint32_t off,
		    uint32_t len)
{
	struct virtio_pci_cap c = {
		.cap_vndr = 9, .cap_next = (uint8_t)next, .cfg_type = (uint8_t)type,
		.cap_len = type == VIRTIO_PCI_CAP_NOTIFY_CFG ? 20 : 16,
		.bar = BAR_REGS, .offset = off, .length = len,
	};
	uint32_t mult = 4;

	memcpy(p->cfg + at, &c, sizeof(c));
	if (type == VIRTIO_PCI_CAP_NOTIFY_CFG)
		memcpy(p->cfg + at + 16, &mult, 4);
}

static void put_bar(struct vpeer *p, unsigned n, const void *where)
{
	uint32_t v = (uint32_t)(uintptr_t)where | 4;
	uint32_t hi = (uint32_t)((uintptr_t)where >> 32);

	memcpy(p->cfg + 0x10 + 4 * n, &v, 4);
	memcpy(p->cfg + 0x14 + 4 * n, &hi, 4);
	p->bar_size[n] = REGION;
}

static void init_pci(struct vpeer *p)
{
	uint16_t status = 0x10, ids[2] = { VIRTIO_PCI_VENDOR, (uint16_t)(0x1040 + p->id) };
	uint32_t msix[3] = { 0x11u | 0x40u << 8 | 7u << 16, BAR_MSIX, BAR_MSIX | 0x800 };

	memcpy(p->cfg, ids, 4);
	memcpy(p->cfg + 6, &status, 2);
	put_bar(p, BAR_MSIX, region[2]);
	put_bar(p, BAR_REGS, region[1]);
	p->cfg[0x34] = MSIX_CAP;
	memcpy(p->cfg + MSIX_CAP, msix, 12);
	put_cap(p, 0x40, 0x50, VIRTIO_PCI_CAP_COMMON_CFG, OFF_COMMON, 0x1000);
	put_cap(p, 0x50, 0x60, VIRTIO_PCI_CAP_ISR_CFG, OFF_ISR, 0x1000);
	put_cap(p, 0x60, 0x70, VIRTIO_PCI_CAP_DEVICE_CFG, OFF_CONFIG, 0x1000);
	put_cap(p, 0x70, 0, VIRTIO_PCI_CAP_NOTIFY_CFG, OFF_NOTIFY, 0x1000);
	p->pci = (struct bus_pci){
		.vendor = ids[0], .device_id = ids[1], .read = pci_read, .write = pci_write,
		.map = pci_map, .msi_line = pci_msi_line, .intx_line = LINE_INTX,
	};
	for (unsigned i = 0; i < 8; i++)
		p->msix[4 * i + 3] = 1;
	p->n_lines = 16;
}

/* ---- accesses ---- */

uint32_t peer_mmio_read(const volatile void *a, unsigned width)
{
	uintptr_t at = (uintptr_t)a;
	unsigned off = (unsigned)(at % REGION);
	struct vpeer *p = the_peer;
	uint32_t v = 0;

	if (at % width)
		abort();
	if (at - off == (uintptr_t)region[0])
		return off >= 0x100 ? config_read(p, off - 0x100, width) : mmio_reg_read(p, off);
	if (at - off == (uintptr_t)region[1])
		return bar_read(p, off, width);
	if (at - off != (uintptr_t)region[2])
		abort();
	if (off + width > sizeof(p->msix)) {
		if (!p->tolerant)
			abort();
		return 0;
	}
	memcpy(&v, (char *)p->msix + off, width);
	return v;
}

void peer_mmio_write(volatile void *a, unsigned width, uint32_t v)
{
	uintptr_t at = (uintptr_t)a;
	unsigned off = (unsigned)(at % REGION);
	struct vpeer *p = the_peer;

	if (at % width)
		abort();
	if (at - off == (uintptr_t)region[0]) {
		if (off >= 0x100)
			config_write(p, off - 0x100, v);
		else
			mmio_reg_write(p, off, v);
	} else if (at - off == (uintptr_t)region[1]) {
		bar_write(p, off, v);
	} else {
		if (at - off != (uintptr_t)region[2])
			abort();
		if (off + width <= sizeof(p->msix))
			memcpy((char *)p->msix + off, &v, width);
		else if (!p->tolerant)
			abort();
	}
}

/* ---- start ---- */

static void idle(void)
{
	vpeer_run(the_peer);
}

void vpeer_init(struct vpeer *p, enum vpeer_bus bus, uint32_t id, uint64_t offers)
{
	pk_reset();
	memset(p, 0, sizeof(*p));
	the_peer = p;
	pk_idle = idle;
	p->bus = bus;
	p->id = id;
	p->offers = offers | VIRTIO_F_VERSION_1;
	p->config_len = 64;
	p->queue_max = 256;
	p->magic = VIRTIO_MMIO_MAGIC;
	p->version = 2;
	p->mmio = (struct bus_virtio_mmio){ region[0], 0x200, LINE_MMIO };
	snprintf(p->dev.name, sizeof(p->dev.name), "peer");
	p->dev.bus = bus == VPEER_MMIO ? BUS_VIRTIO_MMIO : BUS_PCI;
	p->dev.bus_info = bus == VPEER_MMIO ? (void *)&p->mmio : (void *)&p->pci;
	do_reset(p);
	p->n_resets = 0;
	if (bus != VPEER_MMIO)
		init_pci(p);
}

void vpeer_plug(struct vpeer *p)
{
	device_announce(&p->dev);
}

struct device *vpeer_child(struct vpeer *p)
{
	/* both transports begin with their struct virtio_dev */
	return p->dev.driver_data ? &((struct virtio_dev *)p->dev.driver_data)->dev : NULL;
}

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The start of virtio devices over both transports: the dialogue, features,
 * broken registers, PCI capabilities that lie, storms; by the entropy device,
 * the simplest.
 *
 * SOURCES: drivers/virtio/virtq.c drivers/virtio/virtio.c drivers/virtio/virtio_mmio.c drivers/virtio/virtio_pci.c drivers/pci.c
 * SOURCES: drivers/virtio/virtio_rng.c kernel/lib/shared.c tests/peer/ring_peer.c tests/peer/virtio_peer.c tests/peer/peer_kernel.c
 * FLAGS: -include tests/peer/mmio_hook.h -Wl,-T,tests/peer/tables.ld
 */
#include <string.h>

#include "drivers/virtio/virtio.h"
#include "tests/peer/peer_kernel.h"
#include "tests/peer/virtio_peer.h"
#include "tests/unit/tap.h"

static struct vpeer p;
static const char *const bus_name[] = { "mmio", "pci msi-x", "pci intx" };

static void rng_work(struct vpeer *d, unsigned q)
{
	struct ring_chain c;

	while (ring_take(&d->ring[q], &c)) {
		memset(c.seg[0].base, 0x5a, c.in_len);
		ring_give(&d->ring[q], c.head, c.in_len);
	}
}

static void fresh(enum vpeer_bus bus)
{
	vpeer_init(&p, bus, VIRTIO_ID_RNG, VIRTIO_F_EVENT_IDX | VIRTIO_F_INDIRECT_DESC | 0xff);
	p.work = rng_work;
}

static bool refused(void)
{
	struct device *d;

	vpeer_plug(&p);
	pk_settle();
	d = vpeer_child(&p);
	return (!d || d->state != DEV_LIVE) && pk_entropy_bits == 0 && pk_bound_lines == 0 &&
	       !(p.status & VIRTIO_S_DRIVER_OK);
}

static void test_honest(enum vpeer_bus bus)
{
	uint64_t before;

	for (unsigned mode = 0; mode < 4; mode++) {
		fresh(bus);
		if (mode & 1)
			p.offers &= ~VIRTIO_F_EVENT_IDX;
		p.inline_work = mode & 2;
		vpeer_plug(&p);
		pk_settle();
		ok(pk_entropy_bits == 256 && vpeer_child(&p)->state == DEV_LIVE &&
		   p.status == (VIRTIO_S_ACKNOWLEDGE | VIRTIO_S_DRIVER | VIRTIO_S_FEATURES_OK |
				VIRTIO_S_DRIVER_OK),
		   "%s: seeds, event index %d, at once %d", bus_name[bus], !(mode & 1), mode / 2);
		ok(p.accepted == ((mode & 1 ? 0 : VIRTIO_F_EVENT_IDX) | VIRTIO_F_VERSION_1),
		   "takes only the features that it knows");
	}
	fresh(bus);
	p.deaf = true;
	before = pk_now;
	vpeer_plug(&p);
	ok(pk_now - before < 10000000 && vpeer_child(&p)->state == DEV_LIVE,
	   "a slow device does not hold up the start");
	p.deaf = false;
	p.kicked[0] = true;
	pk_settle();
	ok(pk_entropy_bits == 256, "and helps when it answers");
	pk_now += 700ull * 1000000000;
	pk_settle();
	ok(pk_entropy_bits == 512, "seeds again after ten minutes");
	vpeer_child(&p)->driver->shutdown(vpeer_child(&p));
	ok(p.status == 0 && pk_bound_lines == 0, "shutdown resets and unbinds");
	ok(!strcmp(vpeer_child(&p)->name, "rng/peer"), "name: %s", vpeer_child(&p)->name);
}

static void test_refusals(enum vpeer_bus bus)
{
	const char *b = bus_name[bus];

	fresh(bus);
	p.offers &= ~VIRTIO_F_VERSION_1;
	ok(refused() && pk_logged("legacy"), "%s: legacy only: %s", b, pk_log);
	fresh(bus);
	p.refuses_features = true;
	ok(refused() && pk_logged("refuses our choice"), "%s: FEATURES_OK never comes", b);
	ok(p.status == VIRTIO_S_FAILED, "and is told FAILED");
	fresh(bus);
	p.refuses_features = true;
	p.offers |= VIRTIO_F_ACCESS_PLATFORM;
	ok(refused() && pk_logged("IOMMU"), "%s: ACCESS_PLATFORM insisted on: %s", b, pk_log);
	fresh(bus);
	p.offers |= VIRTIO_F_ACCESS_PLATFORM;
	vpeer_plug(&p);
	pk_settle();
	ok(pk_entropy_bits == 256 && !(p.accepted & VIRTIO_F_ACCESS_PLATFORM),
	   "%s: ACCESS_PLATFORM not insisted on: goes without", b);
	fresh(bus);
	p.never_resets = true;
	ok(refused() && pk_logged("does not reset"), "%s: reset never completes", b);
	fresh(bus);
	p.status_stuck = true;
	ok(refused() && pk_logged("refuses"), "%s: status reads 0 for ever", b);
	fresh(bus);
	p.queue_max = 0;
	ok(refused() && pk_logged("missing or too short"), "%s: no queue", b);
	fresh(bus);
	p.queue_max = 3;
	vpeer_plug(&p);
	pk_settle();
	ok(pk_entropy_bits == 256, "%s: queue size that is no power of two", b);
	fresh(bus);
	p.queue_max = 0xffff;
	vpeer_plug(&p);
	pk_settle();
	ok(pk_entropy_bits == 256, "%s: huge queue size", b);
	for (unsigned i = 1; i < 8; i++) {
		fresh(bus);
		pk_alloc_fail_after = i;
		vpeer_plug(&p);
		pk_settle();
		if (pk_alloc_fail_after)
			break;
		ok(pk_entropy_bits == 0 && pk_bound_lines == 0, "%s: allocation %u fails", b, i);
	}
}

static void test_events(enum vpeer_bus bus)
{
	const char *b = bus_name[bus];

	fresh(bus);
	vpeer_plug(&p);
	pk_settle();
	for (unsigned i = 0; i < 19000; i++) {
		vpeer_irq(&p, 0);
		pk_settle();
	}
	ok(pk_fails == 0, "%s: events without work are harmless", b);
	pk_now += 1000000000;
	for (unsigned i = 0; i < 19000; i++) {
		vpeer_irq(&p, 0);
		pk_settle();
	}
	ok(pk_fails == 0, "%s: also many, if over time", b);
	for (unsigned i = 0; i < 50000 && !pk_fails; i++) {
		vpeer_irq(&p, 0);
		pk_settle();
	}
	ok(pk_fails == 1 && !strcmp(pk_fail_reason, "event storm") && pk_bound_lines == 0,
	   "%s: a storm fails the device and unbinds its lines", b);

	fresh(bus);
	vpeer_plug(&p);
	pk_settle();
	vpeer_config_irq(&p);
	pk_settle();
	ok(pk_fails == 0, "%s: a change of configuration that nobody cares about", b);
	p.status |= VIRTIO_S_DEVICE_NEEDS_RESET;
	vpeer_config_irq(&p);
	pk_settle();
	ok(pk_fails == 1 && pk_logged("asks for a reset") && p.status == 0, "%s: NEEDS_RESET", b);
	vpeer_irq(&p, 0);
	pk_settle();
	ok(pk_fails == 1, "and is left alone afterwards");

	fresh(bus);
	vpeer_plug(&p);
	pk_settle();
	p.never_resets = true;
	ring_set_idx(&p.ring[0], 77);
	vpeer_irq(&p, 0);
	pk_settle();
	ok(pk_fails == 1 && pk_logged("memory stays set aside"), "%s: fails and does not reset", b);
	if (bus != VPEER_MMIO)
		ok(!(p.cfg[4] & 4), "and lost the bus");
}

static void test_mmio(void)
{
	fresh(VPEER_MMIO);
	p.version = 1;
	ok(refused() && pk_logged("force-legacy=false"), "version 1: %s", pk_log);
	fresh(VPEER_MMIO);
	p.version = 3;
	ok(refused() && pk_logged("version 3"), "version 3");
	fresh(VPEER_MMIO);
	p.id = 0;
	p.version = 1;
	ok(refused() && !pk_log[0], "an empty slot is not mentioned");
	fresh(VPEER_MMIO);
	p.magic = 0xffffffff;
	ok(refused() && !pk_log[0], "no magic");
	fresh(VPEER_MMIO);
	p.mmio.len = 0x80;
	ok(refused(), "registers too short");
	fresh(VPEER_MMIO);
	p.no_queue_ready = true;
	ok(refused() && pk_logged("does not take a queue"), "QueueReady stays 0");
	fresh(VPEER_MMIO);
	p.mmio.line = 9999;
	ok(refused() && pk_logged("no usable interrupt"), "a line that does not exist");
	fresh(VPEER_MMIO);
	p.id = 40;
	ok(refused() && !strcmp(vpeer_child(&p)->name, "virtio/peer"), "a type without driver");

	fresh(VPEER_MMIO);
	vpeer_plug(&p);
	pk_settle();
	p.late_config = 1;
	vpeer_irq(&p, 0);
	pk_settle();
	ok(p.isr == 0, "what comes between status and acknowledgement does not hold the line up");
	p.late_config = 1000000;
	vpeer_irq(&p, 0);
	pk_settle();
	ok(p.late_config > 900000, "a status that never clears does not hold the guest up");
}

static void put32(unsigned off, uint32_t v)
{
	memcpy(p.cfg + off, &v, 4);
}

static bool refused_pci(void)
{
	return refused() && pk_logged("no usable virtio 1 interface");
}

static void test_pci(void)
{
	fresh(VPEER_PCI_MSIX);
	p.n_lines = 1;
	vpeer_plug(&p);
	pk_settle();
	ok(pk_entropy_bits == 256, "one vector serves all");
	fresh(VPEER_PCI_MSIX);
	p.n_lines = 0;
	vpeer_plug(&p);
	pk_settle();
	ok(pk_entropy_bits == 256 && pk_bound_lines == 1, "no vector: INTx");
	fresh(VPEER_PCI_INTX);
	p.pci.intx_line = -1;
	ok(refused() && pk_logged("no usable interrupt"), "neither MSI-X nor INTx");
	fresh(VPEER_PCI_MSIX);
	p.no_msix_vector = true;
	ok(refused() && pk_logged("no usable interrupt"), "device takes no vector");
	fresh(VPEER_PCI_MSIX);
	p.pci.device_id = 0x1005;
	p.cfg[0x2e] = VIRTIO_ID_RNG;
	vpeer_plug(&p);
	pk_settle();
	ok(pk_entropy_bits == 256, "transitional device: type from the subsystem id");
	fresh(VPEER_PCI_MSIX);
	p.pci.vendor = 0x8086;
	ok(refused() && !pk_log[0], "another vendor");
	fresh(VPEER_PCI_MSIX);
	p.cfg[6] = 0;
	ok(refused_pci(), "no capability list");
	fresh(VPEER_PCI_MSIX);
	p.cfg[0x99] = 0x98;
	ok(refused_pci(), "a list that loops on one");
	fresh(VPEER_PCI_MSIX);
	p.cfg[0x41] = 0x98;
	ok(refused_pci(), "a list that loops over two");
	fresh(VPEER_PCI_MSIX);
	p.cfg[0x34] = 0x3c;
	ok(refused_pci(), "a list inside the header");
	fresh(VPEER_PCI_MSIX);
	memset(p.cfg + 0xf8, 0, 8);
	p.cfg[0x99] = 0xf8;
	p.cfg[0xf8] = 9;
	ok(refused_pci(), "a capability that leaves configuration space");
	fresh(VPEER_PCI_MSIX);
	p.cfg[0x44] = 6;
	ok(refused_pci(), "BAR 6");
	fresh(VPEER_PCI_MSIX);
	p.cfg[0x44] = 0;
	ok(refused_pci(), "a BAR that is not there");
	fresh(VPEER_PCI_MSIX);
	put32(0x48, 0x10000 - 8);
	ok(refused_pci(), "common configuration leaves the BAR");
	fresh(VPEER_PCI_MSIX);
	put32(0x48, 0xfffffffc);
	put32(0x4c, 0xffffffff);
	ok(refused_pci(), "offset and length that overflow");
	fresh(VPEER_PCI_MSIX);
	put32(0x48, 2);
	ok(refused_pci(), "common configuration misaligned");
	fresh(VPEER_PCI_MSIX);
	put32(0x4c, 55);
	ok(refused_pci(), "common configuration too short");
	fresh(VPEER_PCI_MSIX);
	put32(0x58, 0x10000);
	ok(refused_pci(), "ISR behind the BAR");
	fresh(VPEER_PCI_MSIX);
	put32(0x7c, 0x8000);
	put32(0x78, 0xc000);
	ok(refused_pci(), "notifications leave the BAR");
	fresh(VPEER_PCI_MSIX);
	put32(0x7c, 0);
	ok(refused_pci(), "no notifications");
	fresh(VPEER_PCI_MSIX);
	put32(0x7c, 1);
	ok(refused() && pk_logged("does not take a queue"), "no room for a doorbell");
	fresh(VPEER_PCI_MSIX);
	p.cfg[0x80] = 1;		/* the multiplier */
	p.notify_off = 1;
	ok(refused() && pk_logged("does not take a queue"), "a doorbell at an odd address");
	fresh(VPEER_PCI_MSIX);
	p.notify_off = 0xffff;
	ok(refused() && pk_logged("does not take a queue"), "a doorbell far away");
	fresh(VPEER_PCI_MSIX);
	p.cfg[0x72] = 19;
	ok(refused_pci(), "notification capability too short");
	fresh(VPEER_PCI_MSIX);
	put32(0x10 + 16, 0x1000 | 4);
	ok(refused_pci(), "BAR address that is no multiple of its size");
	fresh(VPEER_PCI_MSIX);
	put32(0x9c, 7);
	vpeer_plug(&p);
	pk_settle();
	ok(pk_entropy_bits == 256 && pk_bound_lines == 1, "MSI-X table in no BAR: INTx");
	fresh(VPEER_PCI_MSIX);
	put32(0x9c, 0xffc0 | 1);
	vpeer_plug(&p);
	pk_settle();
	ok(pk_entropy_bits == 256 && pk_bound_lines == 1, "MSI-X table leaves its BAR: INTx");
	fresh(VPEER_PCI_MSIX);
	p.cfg[0x61] = 0;		/* ends the list before the notifications */
	ok(refused_pci(), "a capability missing");
}

int main(void)
{
	for (unsigned bus = VPEER_MMIO; bus <= VPEER_PCI_INTX; bus++) {
		test_honest(bus);
		test_refusals(bus);
		test_events(bus);
	}
	test_mmio();
	test_pci();
	pk_reset();
	return done_testing();
}

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Configuration fields and the PCI helpers by themselves.
 *
 * SOURCES: drivers/virtio/virtq.c drivers/virtio/virtio.c drivers/pci.c tests/peer/ring_peer.c tests/peer/virtio_peer.c tests/peer/peer_kernel.c
 * FLAGS: -include tests/peer/mmio_hook.h -Wl,-T,tests/peer/tables.ld
 */
#include <stdlib.h>
#include <string.h>

#include "drivers/pci.h"
#include "drivers/virtio/virtio.h"
#include "tests/peer/peer_kernel.h"
#include "tests/peer/virtio_peer.h"
#include "tests/unit/tap.h"

static const struct driver none DRIVER = { .name = "none", .bus = "none" };

/* ---- fields ---- */

static uint8_t config[16] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 };
static unsigned changes;		/* that the device makes while it is read */
static uint32_t generation;

static uint32_t config_read(struct virtio_dev *vd, unsigned off, unsigned width)
{
	uint32_t v = 0;

	if (off % width || off + width > vd->config_len || (width != 1 && width != 2 && width != 4))
		abort();
	memcpy(&v, config + off, width);
	if (changes) {
		changes--;
		generation++;
		config[0]++;
	}
	return v;
}

static uint32_t get_generation(struct virtio_dev *vd)
{
	(void)vd;
	return generation;
}

static const struct virtio_transport ops = {
	.config_read = config_read, .generation = get_generation,
};

static void test_fields(void)
{
	struct virtio_dev vd = { .ops = &ops, .config_len = 13 };
	uint8_t mac[6] = { 0 };
	uint16_t h = 0;
	uint32_t w = 0;
	uint64_t d = 0;
	struct virtio_field f[] = {
		{ mac, 0, 1, 6 }, { &h, 6, 2, 1 }, { &w, 8, 4, 1 }, { &d, 0, 8, 1 },
	};

	ok(virtio_config_fields(&vd, f, 4) == 0 && mac[5] == 6 && h == 0x0807 &&
	   w == 0x0c0b0a09 && d == 0x0807060504030201, "fields of each width");
	d = 1;
	f[3].offset = 8;
	ok(virtio_config_fields(&vd, f, 4) == 0 && d == 0, "a field that ends behind the configuration");
	w = h = 7;
	f[1].offset = 12;
	f[2].offset = 12;
	ok(virtio_config_fields(&vd, f, 3) == 0 && w == 0 && h == 0, "so do these");
	f[0].offset = 10;
	ok(virtio_config_fields(&vd, f, 1) == 0 && mac[2] == 13 && mac[3] == 0, "half a MAC");
	changes = 3;
	ok(virtio_config_fields(&vd, f, 1) == 0 && changes == 0, "changes under reading: read again");
	f[0].offset = 0;
	changes = 1;
	ok(virtio_config_fields(&vd, f, 1) == 0 && mac[0] == config[0], "and what counts is the new");
	changes = 100000;
	ok(virtio_config_fields(&vd, f, 1) < 0, "always changes: given up");
	changes = 0;
}

/* ---- PCI ---- */

static struct vpeer p;

static void test_caps(void)
{
	struct pci_cap_walk w = { 0 };
	unsigned n = 0;

	vpeer_init(&p, VPEER_PCI_MSIX, VIRTIO_ID_RNG, 0);
	while (pci_cap_next(&p.pci, &w, PCI_CAP_ID_VNDR, 16))
		n++;
	ok(n == 4, "four vendor capabilities");
	ok(pci_cap_next(&p.pci, &w, PCI_CAP_ID_VNDR, 16) == 0, "and the end stays the end");
	w = (struct pci_cap_walk){ 0 };
	ok(pci_cap_next(&p.pci, &w, PCI_CAP_ID_MSIX, 12) == 0x98, "MSI-X");
	/* 0x20 looks like a capability, but lies in the header */
	p.cfg[0x34] = 0x20;
	p.cfg[0x20] = PCI_CAP_ID_VNDR;
	w = (struct pci_cap_walk){ 0 };
	ok(pci_cap_next(&p.pci, &w, PCI_CAP_ID_VNDR, 16) == 0, "none in the header");
	vpeer_init(&p, VPEER_PCI_MSIX, VIRTIO_ID_RNG, 0);
	p.cfg[0x71] = 0x40;
	w = (struct pci_cap_walk){ 0 };
	for (n = 0; n < 1000 && pci_cap_next(&p.pci, &w, PCI_CAP_ID_VNDR, 16); n++)
		;
	ok(n < 64, "a loop ends after %u", n);
	memset(p.cfg + 0x34, 0xff, sizeof(p.cfg) - 0x34);
	w = (struct pci_cap_walk){ 0 };
	ok(pci_cap_next(&p.pci, &w, 0xff, 16) == 0, "all ones, as of a device that is gone");
}

/* A platform that maps whatever it is asked for. */
static volatile void *map_all(const struct bus_pci *b, uint64_t paddr, size_t len)
{
	(void)b, (void)paddr, (void)len;
	return config;
}

static void test_bars(void)
{
	struct pci_bars b = { 0 };
	uint32_t v;

	vpeer_init(&p, VPEER_PCI_MSIX, VIRTIO_ID_RNG, 0);
	ok(pci_map_bar(&p.pci, &b, 4, 0, 0x10000) != NULL && b.len[4] == 0x10000, "all of a BAR");
	ok(pci_map_bar(&p.pci, &b, 4, 0xfff0, 16) != NULL, "its end");
	ok(!pci_map_bar(&p.pci, &b, 4, 0xfff1, 16), "a byte beyond");
	ok(!pci_map_bar(&p.pci, &b, 4, 0x10000, 1) && !pci_map_bar(&p.pci, &b, 4, 0, 0) &&
	   !pci_map_bar(&p.pci, &b, 4, UINT64_MAX, 2) && !pci_map_bar(&p.pci, &b, 4, 1, UINT64_MAX),
	   "outside, empty, overflowing");
	ok(!pci_map_bar(&p.pci, &b, 5, 0, 1) && !pci_map_bar(&p.pci, &b, 0, 0, 1) &&
	   !pci_map_bar(&p.pci, &b, 6, 0, 1) && !pci_map_bar(&p.pci, &b, 255, 0, 1), "no such BAR");
	ok(p.cfg[4] & PCI_COMMAND_MEMORY, "memory decoding is on afterwards");
	v = 0xc001;
	memcpy(p.cfg + 0x10, &v, 4);
	ok(!pci_map_bar(&p.pci, &b, 0, 0, 1), "an I/O BAR");
	v = 0xfe000004;
	memcpy(p.cfg + 0x24, &v, 4);
	ok(!pci_map_bar(&p.pci, &b, 5, 0, 1), "a 64-bit BAR that has no second half");
	vpeer_init(&p, VPEER_PCI_MSIX, VIRTIO_ID_RNG, 0);
	b = (struct pci_bars){ 0 };
	p.pci.map = map_all;
	memset(p.cfg + 0x20, 0, 8);
	ok(!pci_map_bar(&p.pci, &b, 4, 0, 1), "a BAR without address");
	v = 0x1000;
	memcpy(p.cfg + 0x20, &v, 4);
	ok(!pci_map_bar(&p.pci, &b, 4, 0, 1), "a BAR that does not lie at a multiple of its size");
	v = 0x10000;
	memcpy(p.cfg + 0x20, &v, 4);
	ok(pci_map_bar(&p.pci, &b, 4, 0, 1) != NULL, "and one that does");
	ok(!pci_map_bar(&p.pci, &b, 4, 1, UINT64_MAX), "an endless range of it");
}

int main(void)
{
	(void)none;
	test_fields();
	test_caps();
	test_bars();
	pk_reset();
	return done_testing();
}

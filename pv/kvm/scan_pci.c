/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The PCI bus: configuration space by ECAM, where the MCFG table has it, else
 * by the ports cf8/cfc. Firmware assigned buses and addresses; what it left
 * out is left out here. Drivers get accessors and no ports.
 */
#include "pv/kvm/kvm.h"

#include <errno.h>

#include "kernel/bus.h"
#include "kernel/lib/fmt.h"
#include "kernel/lib/mmio.h"
#include "pv/x86/cpu.h"
#include "pv/x86/irq.h"
#include "pv/x86/paging.h"

#define CONFIG_ADDRESS	0xcf8
#define CONFIG_DATA	0xcfc
#define CONFIG_ENABLE	0x80000000u
#define CONFIG_LEN	256u		/* by ports */
#define ECAM_LEN	4096u
#define BUS_LEN		((uint64_t)1 << 20)

#define REG_ID		0x00
#define REG_CLASS	0x08
#define REG_HEADER	0x0e
#define REG_SECONDARY	0x19
#define REG_INTERRUPT	0x3c
#define HEADER_MULTI	0x80
#define HEADER_TYPE	0x7f
#define HEADER_BRIDGE	1
#define CLASS_BRIDGE	6
#define PIC_IRQ_LAST	15

static bool use_ecam;
static volatile uint8_t *ecam_bus[256];	/* mapped bus by bus */

static uint32_t port_read(uint16_t bdf, unsigned off, unsigned width)
{
	uint16_t data = (uint16_t)(CONFIG_DATA + (off & 3));

	x86_outl(CONFIG_ADDRESS, CONFIG_ENABLE | (uint32_t)bdf << 8 | (off & 0xfc));
	return width == 1 ? x86_inb(data) : width == 2 ? x86_inw(data) :
	       x86_inl(data);
}

static void port_write(uint16_t bdf, unsigned off, unsigned width, uint32_t v)
{
	uint16_t data = (uint16_t)(CONFIG_DATA + (off & 3));

	x86_outl(CONFIG_ADDRESS, CONFIG_ENABLE | (uint32_t)bdf << 8 | (off & 0xfc));
	if (width == 1)
		x86_outb(data, (uint8_t)v);
	else if (width == 2)
		x86_outw(data, (uint16_t)v);
	else
		x86_outl(data, v);
}

static bool valid(unsigned off, unsigned width)
{
	return (width == 1 || width == 2 || width == 4) && off % width == 0 &&
	       off < (use_ecam ? ECAM_LEN : CONFIG_LEN);
}

static uint32_t config_read(uint16_t bdf, unsigned off, unsigned width)
{
	volatile uint8_t *p = ecam_bus[bdf >> 8];

	if (!valid(off, width) || (use_ecam && !p))
		return UINT32_MAX;
	if (!use_ecam)
		return port_read(bdf, off, width);
	p += (bdf & 0xffu) * ECAM_LEN + off;
	return width == 1 ? mmio_read8(p) : width == 2 ? mmio_read16(p) :
	       mmio_read32(p);
}

static uint32_t pci_read(const struct bus_pci *p, unsigned off, unsigned width)
{
	return config_read(p->bdf, off, width);
}

static void pci_write(const struct bus_pci *p, unsigned off, unsigned width,
		      uint32_t v)
{
	volatile uint8_t *r = ecam_bus[p->bdf >> 8];

	if (!valid(off, width) || (use_ecam && !r))
		return;
	if (!use_ecam) {
		port_write(p->bdf, off, width, v);
		return;
	}
	r += (p->bdf & 0xffu) * ECAM_LEN + off;
	if (width == 1)
		mmio_write8(r, (uint8_t)v);
	else if (width == 2)
		mmio_write16(r, (uint16_t)v);
	else
		mmio_write32(r, v);
}

static volatile void *pci_map(const struct bus_pci *p, uint64_t paddr, size_t len)
{
	(void)p;
	return paging_map_mmio(paddr, len);
}

static int pci_msi_line(const struct bus_pci *p, unsigned *line,
			uint64_t *msg_addr, uint32_t *msg_data)
{
	(void)p;
	return irq_msi_alloc(line, msg_addr, msg_data);
}

/* What firmware wrote for the PICs reaches the same I/O APIC pin on QEMU's
 * machines. 0 and 255 mean none; the first three are never PCI's. */
static int intx_line(uint16_t bdf)
{
	unsigned irq = config_read(bdf, REG_INTERRUPT, 1);

	if (irq < 3 || irq > PIC_IRQ_LAST)
		return -1;
	irq_set_trigger(irq, true, false);
	return (int)irq;
}

static int announce(uint16_t bdf, uint32_t id)
{
	struct device *dev = kvm_device_new(BUS_PCI, sizeof(struct bus_pci));

	if (!dev)
		return -ENOMEM;
	*(struct bus_pci *)(dev + 1) = (struct bus_pci){
		.bdf = bdf,
		.vendor = (uint16_t)id,
		.device_id = (uint16_t)(id >> 16),
		.class_rev = config_read(bdf, REG_CLASS, 4),
		.read = pci_read,
		.write = pci_write,
		.map = pci_map,
		.msi_line = pci_msi_line,
		.intx_line = intx_line(bdf),
	};
	fmt_snprintf(dev->name, sizeof(dev->name), "pci %02x:%02x.%u",
		     (unsigned)bdf >> 8, (unsigned)bdf >> 3 & 31,
		     (unsigned)bdf & 7);
	device_announce(dev);
	return 0;
}

/* Buses still to be looked at; each at most once, however bridges point. */
struct bus_list {
	uint8_t bus[256];
	unsigned n;
	bool seen[256];
};

static void bus_add(struct bus_list *l, uint8_t bus)
{
	if (l->seen[bus])
		return;
	l->seen[bus] = true;
	if (use_ecam && bus > kvm_acpi.ecam_last_bus)
		return;
	if (use_ecam)
		ecam_bus[bus] = paging_map_mmio(kvm_acpi.ecam + bus * BUS_LEN,
						BUS_LEN);
	l->bus[l->n++] = bus;
}

/* Whether the function exists, and its header type. */
static int look_at(struct bus_list *l, uint16_t bdf, uint8_t *header)
{
	uint32_t id = config_read(bdf, REG_ID, 4);
	uint8_t secondary;

	*header = 0;
	if ((id & 0xffff) == 0xffff || !id)
		return 0;
	*header = (uint8_t)config_read(bdf, REG_HEADER, 1);
	if ((*header & HEADER_TYPE) == HEADER_BRIDGE) {
		secondary = (uint8_t)config_read(bdf, REG_SECONDARY, 1);
		if (secondary)
			bus_add(l, secondary);
		return 0;
	}
	if (config_read(bdf, REG_CLASS, 4) >> 24 == CLASS_BRIDGE)
		return 0;
	return announce(bdf, id);
}

bool kvm_has_pci(void)
{
	uint32_t id;

	use_ecam = false;
	if (kvm_acpi.ecam) {
		ecam_bus[0] = paging_map_mmio(kvm_acpi.ecam, BUS_LEN);
		use_ecam = ecam_bus[0];
	}
	id = config_read(0, REG_ID, 4);		/* the host bridge */
	return id != UINT32_MAX && id;
}

static int scan_slot(struct bus_list *l, uint16_t bdf)
{
	unsigned functions = 1;

	for (unsigned f = 0; f < functions; f++) {
		uint8_t header;
		int error = look_at(l, (uint16_t)(bdf | f), &header);

		if (error)
			return error;
		if (!f && header & HEADER_MULTI)
			functions = 8;
	}
	return 0;
}

int kvm_scan_pci(void)
{
	static struct bus_list l;

	bus_add(&l, 0);
	for (unsigned i = 0; i < l.n; i++) {
		for (unsigned device = 0; device < 32; device++) {
			int error = scan_slot(&l, (uint16_t)((unsigned)l.bus[i] << 8 |
							     device << 3));

			if (error)
				return error;
		}
	}
	return 0;
}

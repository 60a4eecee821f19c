/* SPDX-License-Identifier: BSD-2-Clause
 *
 * virtio-mmio devices: where the command line names them, else in the fixed
 * slots of QEMU's microvm, where there is no PCI bus. The slots' interrupts
 * depend on the machine's options, as no table (short of AML) tells them:
 * two I/O APICs: 24 + slot; ACPI with one: 16 + slot; no ACPI: 5 + slot.
 */
#include "pv/kvm/kvm.h"

#include <errno.h>

#include "kernel/bus.h"
#include "kernel/cmdline.h"
#include "kernel/lib/fmt.h"
#include "kernel/lib/mmio.h"
#include "kernel/log.h"
#include "pv/kvm/scan_mmio.h"
#include "pv/x86/irq.h"
#include "pv/x86/paging.h"

#define KEY		"virtio_mmio.device"
#define SLOT_BASE	0xfeb00000u
#define SLOT_LEN	512u
#define SLOTS_MAX	32
#define REG_MAGIC	0x00
#define REG_VERSION	0x04
#define REG_DEVICE_ID	0x08
#define MAGIC		0x74726976	/* "virt" */

static struct mmio_slot slot[SLOTS_MAX];
static unsigned n_slots;

static int parse_key(const char *value, unsigned index)
{
	int error;

	(void)index;
	if (n_slots == SLOTS_MAX)
		return -ENOSPC;
	error = mmio_slot_parse(value, &slot[n_slots]);
	if (!error)
		n_slots++;
	return error;
}

static const struct cmdline_option mmio_opt CMDLINE_OPTION = {
	KEY, "SIZE@ADDRESS:INTERRUPT, e.g. 512@0xfeb00e00:12 (at most 32)",
	parse_key,
};

static int announce(const struct mmio_slot *s, volatile uint8_t *regs)
{
	struct bus_virtio_mmio bus = { regs, s->len, s->gsi };
	struct device *dev = kvm_device_new(BUS_VIRTIO_MMIO, sizeof(bus));

	if (!dev)
		return -ENOMEM;
	*(struct bus_virtio_mmio *)(dev + 1) = bus;
	fmt_snprintf(dev->name, sizeof(dev->name), "virtio-mmio@%llx",
		     (unsigned long long)s->base);
	device_announce(dev);
	return 0;
}

static int look(const struct mmio_slot *s)
{
	volatile uint8_t *regs = paging_map_mmio(s->base, s->len);
	uint32_t version;

	if (!regs) {
		log_err(LOG_PV, "virtio-mmio@%llx: cannot map its registers",
			(unsigned long long)s->base);
		return 0;
	}
	if (mmio_read32(regs + REG_MAGIC) != MAGIC ||
	    !mmio_read32(regs + REG_DEVICE_ID))
		return 0;
	version = mmio_read32(regs + REG_VERSION);
	if (version != 2) {
		log_err(LOG_PV, "virtio-mmio@%llx: device of version %u is not used: "
			"add -global virtio-mmio.force-legacy=false to QEMU's options",
			(unsigned long long)s->base, (unsigned)version);
		return 0;
	}
	return announce(s, regs);
}

/* microvm fills its slots from the last one down: that order is the user's. */
static int look_at_fixed_slots(void)
{
	unsigned n = kvm_acpi.n_ioapics > 1 ? 24 : 8;
	unsigned first_gsi = kvm_acpi.n_ioapics > 1 ? 24 :
			     kvm_acpi.found ? 16 : 5;

	for (unsigned i = n; i-- > 0;) {
		struct mmio_slot s = {
			SLOT_BASE + i * SLOT_LEN, SLOT_LEN, first_gsi + i,
		};
		int error = look(&s);

		if (error)
			return error;
	}
	return 0;
}

int kvm_scan_mmio(bool has_pci)
{
	if (!n_slots)
		return has_pci ? 0 : look_at_fixed_slots();
	for (unsigned i = 0; i < n_slots; i++) {
		int error = look(&slot[i]);

		if (error)
			return error;
	}
	return 0;
}

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * I/O APIC registers; see ioapic.h. Firmware may have left pins unmasked (the
 * PIT ticks on GSI 2 after SeaBIOS): all are masked first.
 */
#include "pv/x86/ioapic.h"

#include <errno.h>
#include <stddef.h>

#include "kernel/lib/mmio.h"
#include "pv/x86/paging.h"

#define IOAPICS_MAX	4
#define SELECT		0x00
#define WINDOW		0x10
#define REG_VERSION	1
#define REG_REDIR(pin)	(0x10 + 2 * (pin))
#define REDIR_LOW_ACTIVE (1u << 13)
#define REDIR_LEVEL	(1u << 15)
#define REDIR_MASKED	(1u << 16)

static struct ioapic {
	volatile uint8_t *regs;
	uint32_t gsi_base, n_pins;
} ioapics[IOAPICS_MAX];
static unsigned n_ioapics;

static uint32_t read(const struct ioapic *a, uint32_t reg)
{
	mmio_write32(a->regs + SELECT, reg);
	return mmio_read32(a->regs + WINDOW);
}

static void write(const struct ioapic *a, uint32_t reg, uint32_t v)
{
	mmio_write32(a->regs + SELECT, reg);
	mmio_write32(a->regs + WINDOW, v);
}

int ioapic_add(uint64_t paddr, uint32_t gsi_base)
{
	struct ioapic *a = &ioapics[n_ioapics];
	uint32_t version;

	if (n_ioapics == IOAPICS_MAX)
		return -ENOSPC;
	a->regs = paging_map_mmio(paddr, 0x20);
	if (!a->regs)
		return -ENOMEM;
	version = read(a, REG_VERSION);
	if (version == UINT32_MAX || !(version & 0xff))
		return -ENODEV;
	a->gsi_base = gsi_base;
	a->n_pins = (version >> 16 & 0xff) + 1;
	for (uint32_t pin = 0; pin < a->n_pins; pin++)
		write(a, REG_REDIR(pin), REDIR_MASKED);
	n_ioapics++;
	return 0;
}

static const struct ioapic *ioapic_of(uint32_t gsi)
{
	for (unsigned i = 0; i < n_ioapics; i++)
		if (gsi - ioapics[i].gsi_base < ioapics[i].n_pins)
			return &ioapics[i];
	return NULL;
}

int ioapic_route(uint32_t gsi, const struct ioapic_route *r)
{
	const struct ioapic *a = ioapic_of(gsi);
	uint32_t reg;

	if (!a)
		return -ENODEV;
	reg = REG_REDIR(gsi - a->gsi_base);
	write(a, reg + 1, (uint32_t)r->dest << 24);
	write(a, reg, r->vector | (r->level ? REDIR_LEVEL : 0) |
		      (r->active_low ? REDIR_LOW_ACTIVE : 0));
	return 0;
}

void ioapic_mask(uint32_t gsi)
{
	const struct ioapic *a = ioapic_of(gsi);

	if (a)
		write(a, REG_REDIR(gsi - a->gsi_base), REDIR_MASKED);
}

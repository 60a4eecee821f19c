/* SPDX-License-Identifier: BSD-2-Clause
 *
 * PCI configuration space for drivers; see pci.h. Enumeration and the
 * accessors are the platform's (pv/).
 */
#include "drivers/pci.h"

#include <errno.h>

#include "kernel/lib/mmio.h"

#define PCI_STATUS		0x06
#define PCI_STATUS_CAP_LIST	0x10
#define PCI_CAPABILITY_LIST	0x34
#define PCI_CAP_FIRST		0x40	/* capabilities lie behind the header */
#define PCI_CONFIG_LEN		256u
#define PCI_CAP_STEPS		48	/* 192 bytes hold no more of 4 bytes each */
#define PCI_BAR_0		0x10
#define PCI_BAR_IO		0x1u
#define PCI_BAR_TYPE		0x6u
#define PCI_BAR_64		0x4u
#define PCI_BAR_MASK		0xfu

#define MSIX_CONTROL		2	/* offsets behind the capability */
#define MSIX_TABLE		4
#define MSIX_CAP_LEN		12
#define MSIX_ENABLE		0x8000u
#define MSIX_MASK_ALL		0x4000u
#define MSIX_ENTRY		16	/* bytes: address low, high, data, control */

void pci_command(const struct bus_pci *p, uint16_t on, uint16_t off)
{
	uint32_t v = p->read(p, PCI_COMMAND, 2);

	p->write(p, PCI_COMMAND, 2, (v & ~(uint32_t)off) | on);
}

unsigned pci_cap_next(const struct bus_pci *p, struct pci_cap_walk *w, uint8_t id,
		      unsigned len)
{
	if (w->pos == 0 && !(p->read(p, PCI_STATUS, 2) & PCI_STATUS_CAP_LIST))
		return 0;
	while (w->steps < PCI_CAP_STEPS) {
		unsigned at = w->pos ? w->pos + 1u : PCI_CAPABILITY_LIST;

		w->steps++;
		w->pos = (uint8_t)(p->read(p, at, 1) & 0xfc);
		if (w->pos < PCI_CAP_FIRST)
			break;
		if ((uint8_t)p->read(p, w->pos, 1) == id && w->pos + len <= PCI_CONFIG_LEN)
			return w->pos;
	}
	w->steps = PCI_CAP_STEPS;
	return 0;
}

/* Writes all ones to learn the size; decoding is off meanwhile. */
static uint32_t bar_mask(const struct bus_pci *p, unsigned off, uint32_t old)
{
	uint32_t mask;

	p->write(p, off, 4, 0xffffffff);
	mask = p->read(p, off, 4);
	p->write(p, off, 4, old);
	return mask;
}

static int bar_decode(const struct bus_pci *p, unsigned n, uint64_t *addr, uint64_t *len)
{
	unsigned off = PCI_BAR_0 + 4 * n;
	uint32_t lo = p->read(p, off, 4), hi = 0;
	bool wide = (lo & PCI_BAR_TYPE) == PCI_BAR_64;
	uint64_t mask;

	if (lo & PCI_BAR_IO || (wide && n + 1 >= PCI_BARS))
		return -ENODEV;
	pci_command(p, 0, PCI_COMMAND_MEMORY);
	mask = bar_mask(p, off, lo) & ~PCI_BAR_MASK;
	if (wide) {
		hi = p->read(p, off + 4, 4);
		mask |= (uint64_t)bar_mask(p, off + 4, hi) << 32;
	} else {
		mask |= 0xffffffffull << 32;
	}
	pci_command(p, PCI_COMMAND_MEMORY, 0);
	*addr = (lo & ~PCI_BAR_MASK) | (uint64_t)hi << 32;
	*len = ~mask + 1;
	/* a size is a power of two, and the address a multiple of it */
	if (*addr == 0 || *len == 0 || *len & (*len - 1) || *addr & (*len - 1))
		return -ENODEV;
	return 0;
}

volatile void *pci_map_bar(const struct bus_pci *p, struct pci_bars *bars, unsigned n,
			   uint64_t off, uint64_t len)
{
	uint64_t addr, start, end;
	volatile char *v;

	if (n >= PCI_BARS)
		return NULL;
	if (!bars->len[n] && bar_decode(p, n, &bars->addr[n], &bars->len[n])) {
		bars->len[n] = 0;
		return NULL;
	}
	if (len == 0 || len > bars->len[n] || off > bars->len[n] - len)
		return NULL;
	addr = bars->addr[n];
	start = ALIGN_DOWN(addr + off, PAGE_SIZE);
	end = ALIGN_UP(addr + off + len, PAGE_SIZE);
	v = p->map(p, start, (size_t)(end - start));
	return v ? v + (addr + off - start) : NULL;
}

int pci_msix_open(const struct bus_pci *p, struct pci_bars *bars, struct pci_msix *m)
{
	struct pci_cap_walk w = { 0 };
	uint32_t table;

	m->cap = pci_cap_next(p, &w, PCI_CAP_ID_MSIX, MSIX_CAP_LEN);
	if (!m->cap)
		return -ENODEV;
	m->n = (p->read(p, m->cap + MSIX_CONTROL, 2) & 0x7ff) + 1;
	table = p->read(p, m->cap + MSIX_TABLE, 4);
	m->table = pci_map_bar(p, bars, table & 7, table & ~7u,
			       (uint64_t)m->n * MSIX_ENTRY);
	return m->table ? 0 : -ENODEV;
}

int pci_msix_line(const struct bus_pci *p, struct pci_msix *m, unsigned v, unsigned *line)
{
	volatile char *entry = m->table + v * MSIX_ENTRY;
	uint64_t addr;
	uint32_t data;
	int err;

	if (v >= m->n)
		return -ENOSPC;
	err = p->msi_line(p, line, &addr, &data);
	if (err)
		return err;
	mmio_write32(entry, (uint32_t)addr);
	mmio_write32(entry + 4, (uint32_t)(addr >> 32));
	mmio_write32(entry + 8, data);
	mmio_write32(entry + 12, 0);		/* unmasked */
	return 0;
}

void pci_msix_enable(const struct bus_pci *p, const struct pci_msix *m, bool on)
{
	uint32_t v = p->read(p, m->cap + MSIX_CONTROL, 2);

	v &= ~(MSIX_ENABLE | MSIX_MASK_ALL);
	p->write(p, m->cap + MSIX_CONTROL, 2, v | (on ? MSIX_ENABLE : 0));
}

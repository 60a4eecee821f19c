/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What PCI drivers need of configuration space: capabilities, BARs, MSI-X.
 * A device can answer anything: walks are bounded, BARs and tables checked.
 * PCI Local Bus 3.0 sections 6.2.5 (BARs), 6.7 (capabilities), 6.8.2 (MSI-X).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "kernel/bus.h"
#include "kernel/lib/compiler.h"

#define PCI_COMMAND		0x04
#define PCI_COMMAND_MEMORY	0x002
#define PCI_COMMAND_MASTER	0x004
#define PCI_COMMAND_INTX_OFF	0x400
#define PCI_SUBSYSTEM_ID	0x2e
#define PCI_CAP_ID_VNDR		0x09
#define PCI_CAP_ID_MSIX		0x11

/* Sets `on`, clears `off` in the command register. */
void pci_command(const struct bus_pci *p, uint16_t on, uint16_t off);

/* A walk over the capabilities: start with { 0 }. */
struct pci_cap_walk {
	uint8_t pos;
	uint8_t steps;
};
/* Configuration offset of the next capability `id`, whose `len` bytes lie
 * inside configuration space; 0: no more. */
unsigned pci_cap_next(const struct bus_pci *p, struct pci_cap_walk *w, uint8_t id,
		      unsigned len);

/* What was learnt of a device's BARs: sizing them is slow. Start with { 0 }. */
#define PCI_BARS 6
struct pci_bars {
	uint64_t addr[PCI_BARS], len[PCI_BARS];
};

/* Maps [off, off + len) of memory BAR n. NULL: no such memory, or it leaves the
 * BAR, or the platform cannot map it. */
volatile void *pci_map_bar(const struct bus_pci *p, struct pci_bars *bars, unsigned n,
			   uint64_t off, uint64_t len);

struct pci_msix {
	volatile char *table;
	unsigned cap;			/* configuration offset */
	unsigned n;			/* vectors */
};
/* 0; -ENODEV: no MSI-X, or its table is not where it can be. */
int pci_msix_open(const struct bus_pci *p, struct pci_bars *bars, struct pci_msix *m)
	MUST_CHECK;
/* A fresh event line behind vector v (below n). 0; -ENOSPC, -ENODEV. */
int pci_msix_line(const struct bus_pci *p, struct pci_msix *m, unsigned v,
		  unsigned *line) MUST_CHECK;
void pci_msix_enable(const struct bus_pci *p, const struct pci_msix *m, bool on);

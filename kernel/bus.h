/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What a platform says about a device of each bus that several share. Register
 * accessors come from the platform, so that drivers contain no port I/O.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "kernel/lib/compiler.h"
#include "kernel/lib/shared.h"

#define BUS_VIRTIO_MMIO "virtio-mmio"
struct bus_virtio_mmio {
	volatile void *regs;		/* mapped uncached */
	size_t len;			/* bytes of registers */
	unsigned line;			/* event line, masked until bound */
};

#define BUS_VIRTIO_HV "virtio-hv"
struct hv_device;			/* pv/hv/abi.h */
struct bus_virtio_hv {
	const struct hv_device SHARED *dev;	/* the hypervisor writes to it */
	unsigned index;			/* of the device, in hypercalls */
	unsigned line;			/* event line: all queues, configuration */
	int64_t (*call)(uint64_t nr, uint64_t a, uint64_t b, uint64_t c);
};

#define BUS_PCI "pci"
struct bus_pci {
	uint16_t bdf;			/* bus << 8 | device << 3 | function */
	uint16_t vendor, device_id;
	uint32_t class_rev;		/* config dword 8 */
	/* Config space; width 1, 2 or 4, aligned. Reads of absent registers
	 * give all ones. */
	uint32_t (*read)(const struct bus_pci *p, unsigned off, unsigned width);
	void (*write)(const struct bus_pci *p, unsigned off, unsigned width,
		      uint32_t v);
	/* Memory space of a BAR, mapped uncached. NULL: not mappable. */
	volatile void *(*map)(const struct bus_pci *p, uint64_t paddr, size_t len);
	/* A fresh event line with the MSI(-X) message that raises it.
	 * 0, -ENOSPC, -ENODEV (no MSI on this platform). */
	int (*msi_line)(const struct bus_pci *p, unsigned *line,
			uint64_t *msg_addr, uint32_t *msg_data);
	int intx_line;			/* event line of INTx, or -1 */
};

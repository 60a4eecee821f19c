/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A simulated virtio device behind MMIO or PCI registers. Honest unless a test
 * sets one of its vices. It works on its queues when it was notified, in
 * pk_settle() or in pv->wait(), never otherwise: a lost notification stalls.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "kernel/bus.h"
#include "kernel/device.h"
#include "tests/peer/ring_peer.h"

#define VPEER_QUEUES 2

enum vpeer_bus { VPEER_MMIO, VPEER_PCI_MSIX, VPEER_PCI_INTX };

struct vpeer {
	enum vpeer_bus bus;
	uint32_t id;
	uint64_t offers, accepted;
	uint8_t config[256];
	unsigned config_len;
	unsigned queue_max;		/* for all queues */
	/* Works on queue q: takes chains, gives them back. Returns nothing. */
	void (*work)(struct vpeer *p, unsigned q);
	bool inline_work;		/* right in the notification */

	/* vices */
	uint32_t version, magic;	/* MMIO */
	bool refuses_features;		/* FEATURES_OK never stays */
	bool never_resets;		/* status keeps a bit */
	bool status_stuck;		/* reads 0 always */
	bool unsteady;			/* generation changes with each look */
	bool no_queue_ready;
	bool no_msix_vector;		/* PCI: refuses vectors */
	bool deaf;			/* ignores notifications */
	unsigned late_config;		/* MMIO: changes right after the status was read */
	unsigned notify_off;		/* PCI: added to each queue's */
	bool tolerant;			/* for fuzzing: wrong accesses do not abort */

	/* state */
	uint8_t status;
	uint32_t generation;
	struct ring_peer ring[VPEER_QUEUES];
	bool ready[VPEER_QUEUES], kicked[VPEER_QUEUES];
	unsigned n_notified[VPEER_QUEUES], n_irqs, n_resets, emerg_len;
	char emerg[256];
	uint8_t isr;
	uint32_t sel_device, sel_driver, sel_queue, addr[VPEER_QUEUES][6];
	uint16_t num[VPEER_QUEUES], vec[VPEER_QUEUES], vec_config;

	/* bus */
	struct device dev;
	struct bus_virtio_mmio mmio;
	struct bus_pci pci;
	uint8_t cfg[256];		/* PCI configuration space */
	uint32_t bar_size[6];
	uint32_t msix[4 * 8];
	unsigned n_lines;		/* lines that msi_line() has left */
};

/* Honest defaults for a type of device; the test then changes what it wants. */
void vpeer_init(struct vpeer *p, enum vpeer_bus bus, uint32_t id, uint64_t offers);
/* Announces it, that is: the drivers probe. */
void vpeer_plug(struct vpeer *p);
/* The device's turn: queues that were notified. */
void vpeer_run(struct vpeer *p);
/* The driver's virtio device (state, reason), NULL before the transport took it. */
struct device *vpeer_child(struct vpeer *p);
/* Publishes what `work` gave back, interrupts if wanted. */
void vpeer_publish(struct vpeer *p, unsigned q);
void vpeer_irq(struct vpeer *p, unsigned q);
void vpeer_config_irq(struct vpeer *p);
void vpeer_config_put(struct vpeer *p, unsigned off, unsigned width, uint64_t v);

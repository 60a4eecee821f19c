/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The few facts that a virtual platform tells by ACPI tables (ACPI 6.4,
 * chapter 5): interrupt controllers, PCI configuration space, power registers.
 * Tables are read once, through a bounded view, checksums verified; there is
 * no interpreter: the one value that lives in AML (\_S5) is found by its shape.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "kernel/lib/view.h"

#define ACPI_IOAPICS_MAX	4
#define ACPI_OVERRIDES_MAX	16

enum acpi_space { ACPI_MEMORY = 0, ACPI_IO = 1 };

/* A register; addr 0: there is none. */
struct acpi_register {
	uint8_t space;			/* enum acpi_space */
	uint64_t addr;
};

struct acpi_info {
	bool found;			/* there are tables */
	struct acpi_ioapic {
		uint32_t addr, gsi_base;
	} ioapic[ACPI_IOAPICS_MAX];
	unsigned n_ioapics;
	struct acpi_override {		/* of an ISA interrupt */
		uint32_t gsi;
		uint8_t irq;
		bool level, active_low;
	} override[ACPI_OVERRIDES_MAX];
	unsigned n_overrides;

	uint64_t ecam;			/* PCI segment 0, bus 0; 0: none */
	uint8_t ecam_last_bus;

	bool hw_reduced;		/* no PM1, no SCI */
	uint16_t sci_irq;
	uint16_t smi_cmd;		/* port that switches to ACPI mode, 0: none */
	uint8_t acpi_enable;		/* what to write there */
	uint16_t pm1a_event, pm1b_event, pm1a_control, pm1b_control;
	uint8_t pm1_event_len;
	uint8_t s5_a, s5_b;		/* SLP_TYP of soft-off */
	struct acpi_register sleep, reset;
	uint8_t reset_value;
};

/* Fills *out from the tables behind the RSDP at `rsdp`; what is missing or
 * damaged stays zero. */
void acpi_parse(const struct view *v, uint64_t rsdp, struct acpi_info *out);

/* How the ISA interrupt `irq` arrives. */
struct acpi_override acpi_isa_irq(const struct acpi_info *a, uint8_t irq,
				  bool level);

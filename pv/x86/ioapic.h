/* SPDX-License-Identifier: BSD-2-Clause
 *
 * I/O APICs (Intel 82093AA): from a global interrupt number to a vector of
 * the one CPU.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "kernel/lib/compiler.h"

/* Maps it and masks all its pins. 0, -ENOMEM, -ENOSPC, -ENODEV. */
int ioapic_add(uint64_t paddr, uint32_t gsi_base) MUST_CHECK;

struct ioapic_route {
	uint8_t vector, dest;
	bool level, active_low;
};
/* 0, -ENODEV: no such pin. */
int ioapic_route(uint32_t gsi, const struct ioapic_route *r) MUST_CHECK;
void ioapic_mask(uint32_t gsi);

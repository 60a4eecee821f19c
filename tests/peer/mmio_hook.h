/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Included before every file of a device test (-include): register accesses of
 * the drivers go to the simulated device.
 */
#pragma once

#include "kernel/lib/mmio.h"

uint32_t peer_mmio_read(const volatile void *p, unsigned width);
void peer_mmio_write(volatile void *p, unsigned width, uint32_t v);

#define mmio_read8(p)	  ((uint8_t)peer_mmio_read((p), 1))
#define mmio_read16(p)	  ((uint16_t)peer_mmio_read((p), 2))
#define mmio_read32(p)	  peer_mmio_read((p), 4)
#define mmio_write8(p, v)  peer_mmio_write((p), 1, (v))
#define mmio_write16(p, v) peer_mmio_write((p), 2, (v))
#define mmio_write32(p, v) peer_mmio_write((p), 4, (v))

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The `virtio_mmio.device=` key that VMMs append to the command line (Linux:
 * drivers/virtio/virtio_mmio.c): SIZE[KM]@BASE:INTERRUPT[:ID].
 */
#pragma once

#include <stdint.h>

#include "kernel/lib/compiler.h"

struct mmio_slot {
	uint64_t base, len;
	uint32_t gsi;
};

/* 0, -EINVAL, -ERANGE. */
int mmio_slot_parse(const char *text, struct mmio_slot *out) MUST_CHECK;

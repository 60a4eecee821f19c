/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A bounded, read-only window on memory that somebody else laid out: boot
 * structures, ACPI tables. Parsers ask for each range before they touch it,
 * so the same parser runs in the guest (the window is identity-mapped memory)
 * and in a host test or fuzzer (a buffer that claims some address). Fields
 * are little endian and may lie at any alignment.
 */
#pragma once

#include <stdint.h>

#include "kernel/lib/compiler.h"

struct view {
	const uint8_t *mem;	/* where the window's first byte can be read */
	uint64_t base, len;	/* the address it stands for, and its bytes */
};

/* [addr, addr + len) as a pointer; NULL unless all of it is in the window. */
static inline const uint8_t *view_at(const struct view *v, uint64_t addr,
				     uint64_t len)
{
	if (addr < v->base || len > v->len || addr - v->base > v->len - len)
		return NULL;
	return v->mem + (addr - v->base);
}

static inline uint16_t get_le16(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

static inline uint32_t get_le32(const uint8_t *p)
{
	return get_le16(p) | (uint32_t)get_le16(p + 2) << 16;
}

static inline uint64_t get_le64(const uint8_t *p)
{
	return get_le32(p) | (uint64_t)get_le32(p + 4) << 32;
}

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The page tables of a ring 0 platform: identity map, W^X, NX, page 0 and all
 * that is not RAM unmapped; 2 MiB pages until somebody asks for less.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pv/pv.h"

/* Tightens the boot map: after this only RAM (regions, modules, the image by
 * segment) is mapped. `guard` is a page of the image to unmap. 0, -ENOMEM. */
int paging_init(const struct boot_info *bi, uintptr_t guard) MUST_CHECK;

/* pv_platform.protect. */
int paging_protect(uintptr_t addr, size_t len, enum pv_prot prot);

/* Device registers, uncached, at their own address. NULL: the range meets
 * RAM or low memory, or no memory for page tables. */
volatile void *paging_map_mmio(uint64_t paddr, uint64_t len);

/* Was the page taken away by paging_protect(..., PV_PROT_NONE)? */
bool paging_is_guard(uint64_t addr);

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Page allocator over the boot memory map. Physical = virtual address; pages
 * are 4 KiB; runs are contiguous. Freed runs merge.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "kernel/lib/compiler.h"

struct boot_info;

typedef uint64_t paddr_t;

void page_init(const struct boot_info *bi);

/* A run of n_pages, its address a multiple of `align` bytes (a power of two,
 * at least PAGE_SIZE). Contents undefined. NULL: no memory. */
void *page_alloc(size_t n_pages, size_t align);
/* Only what is free already: takes nothing from caches. NULL: none. */
void *page_try_alloc(size_t n_pages, size_t align);
/* A run, or any part of one. */
void page_free(void *addr, size_t n_pages);

size_t page_total(void);		/* pages that the allocator manages */
size_t page_free_count(void);

/* The address as devices and page tables see it. The memory must come from
 * the guest's RAM (image or page allocator). */
paddr_t page_paddr(const volatile void *addr);

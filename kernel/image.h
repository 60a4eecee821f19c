/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Places of the image that the linker knows (boot/link.ld).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/lib/compiler.h"

/* Written while booting, read-only from just before the application on. */
#define RO_AFTER_INIT SECTION(".data.ro_after_init")

bool image_is_text(uintptr_t addr);
bool image_is_data(uintptr_t addr);		/* data and bss */
uintptr_t image_text_start(void);
const uint8_t *image_symbols(size_t *len);	/* tools/mksyms' table, maybe empty */

/* Makes RO_AFTER_INIT so. 0 or -errno. */
int image_seal(void);

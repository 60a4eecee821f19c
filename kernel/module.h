/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Boot modules after boot: what the boot protocol loaded beside the image.
 * kmain() calls module_set() once, before the init hooks.
 */
#pragma once

#include "kernel/boot_info.h"

/* Copies the table; the modules' memory stays where it is, for ever. */
void module_set(const struct boot_info *bi);

/* NULL: no such module. */
const struct boot_module *module_get(unsigned i);

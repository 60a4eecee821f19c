/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The table of boot modules.
 */
#include "kernel/module.h"

#include "kernel/lib/string.h"

static struct boot_module table[BOOT_MODULES_MAX];
static unsigned n_modules;

void module_set(const struct boot_info *bi)
{
	n_modules = bi->n_modules;
	memcpy(table, bi->module, n_modules * sizeof(table[0]));
}

const struct boot_module *module_get(unsigned i)
{
	return i < n_modules ? &table[i] : NULL;
}

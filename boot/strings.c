/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Strings and modules out of boot structures: bounded copies, never cut short
 * in silence.
 */
#include "boot/boot.h"

bool boot_copy_string(const struct view *v, uint64_t addr, char *dst,
		      uint64_t size)
{
	dst[0] = '\0';
	if (!addr)
		return true;
	for (uint64_t i = 0; i < size; i++) {
		const uint8_t *c = addr <= UINT64_MAX - i ?
				   view_at(v, addr + i, 1) : NULL;

		if (!c)
			break;
		dst[i] = (char)*c;
		if (!*c)
			return true;
	}
	dst[0] = '\0';
	return false;
}

const char *boot_set_cmdline(struct boot_parser *p, uint64_t addr)
{
	if (boot_copy_string(p->mem, addr, p->bi->cmdline, BOOT_CMDLINE_MAX))
		return NULL;
	return "boot: the command line is longer than 2047 bytes or not terminated";
}

const char *boot_add_module(struct boot_parser *p, uint64_t start, uint64_t len,
			    uint64_t name_addr)
{
	struct boot_module *m = &p->bi->module[p->bi->n_modules];

	if (!len)
		return NULL;
	if (p->bi->n_modules == BOOT_MODULES_MAX)
		return "boot: more than 8 modules";
	if (len > UINT64_MAX - start)
		return "boot: a module's length overflows";
	if (!boot_copy_string(p->mem, name_addr, m->name, sizeof(m->name)))
		return "boot: a module's name is longer than 63 bytes or not terminated";
	m->start = start;
	m->end = start + len;
	p->bi->n_modules++;
	return NULL;
}

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The start block of Glint's own hypervisor (pv/hv/abi.h). What the kernel
 * keeps is copied; the block itself stays where it is, because the clock and
 * the devices live in it.
 */
#include "boot/boot.h"

#include "kernel/lib/string.h"
#include "pv/hv/abi.h"

#define FIELD(field) offsetof(struct hv_start, field)

_Static_assert(HV_CMDLINE_MAX == BOOT_CMDLINE_MAX, "one limit for command lines");
_Static_assert(sizeof(((struct hv_module *)0)->name) <=
	       sizeof(((struct boot_module *)0)->name), "names fit");

static const char *add_modules(struct boot_parser *p, uint64_t start, uint32_t n)
{
	const struct hv_module *m;
	const char *error;

	if (n > HV_MODULES_MAX)
		return "boot: the start block has more modules than it can hold";
	for (uint32_t i = 0; i < n; i++) {
		uint64_t at = start + FIELD(module[i]);

		m = (const void *)view_at(p->mem, at, sizeof(*m));
		if (!m || m->addr % HV_PAGE)
			return "boot: a module does not begin on a page";
		if (!memchr(m->name, '\0', sizeof(m->name)))
			return "boot: a module's name is not terminated";
		error = boot_add_module(p, m->addr, m->len,
					at + offsetof(struct hv_module, name));
		if (error)
			return error;
	}
	return NULL;
}

const char *hv_parse(struct boot_parser *p, uint64_t start)
{
	const struct hv_start *s = (const void *)view_at(p->mem, start, sizeof(*s));
	const char *error;

	if (!s || start % HV_PAGE || s->magic != HV_START_MAGIC)
		return "boot: no start block of Glint's hypervisor";
	/* From here on there is somebody to tell. */
	p->bi->start_block = start;
	if (s->abi_version != HV_ABI_VERSION)
		return "boot: the hypervisor speaks another version of the interface";
	if (s->size < sizeof(*s) || s->size % HV_PAGE || s->mem_size % HV_PAGE ||
	    s->mem_size > HV_MEM_MAX || s->size > s->mem_size ||
	    start - HV_MEM_BASE > s->mem_size - s->size)	/* below it, too */
		return "boot: the start block does not lie within memory";
	if (s->n_devices > HV_DEVICES_MAX)
		return "boot: the start block has more devices than it can hold";
	memcpy(p->bi->seed, s->seed, sizeof(s->seed));
	p->bi->seed_len = sizeof(s->seed);
	p->bi->ram_is_zero = true;
	if (!memchr(s->cmdline, '\0', sizeof(s->cmdline)))
		return "boot: the command line is longer than 2047 bytes or not terminated";
	memcpy(p->bi->cmdline, s->cmdline, sizeof(s->cmdline));
	error = add_modules(p, start, s->n_modules);
	if (error)
		return error;
	error = boot_add_range(p, HV_MEM_BASE, s->mem_size, true);
	return error ? error : boot_add_range(p, start, s->size, false);
}

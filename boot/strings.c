/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Strings and modules out of boot structures: bounded copies, never cut short
 * in silence.
 */
#include "boot/boot.h"

#include "kernel/lib/string.h"

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

static void reverse(char *s, size_t len)
{
	for (size_t i = 0; i < len / 2; i++) {
		char c = s[i];

		s[i] = s[len - 1 - i];
		s[len - 1 - i] = c;
	}
}

/* QEMU and Firecracker append a key for each virtio-mmio device behind what
 * the user wrote, so behind a `--` too: such words go to the front. */
static void hoist_device_keys(char *s)
{
	static const char key[] = "virtio_mmio.device=";
	size_t len = strlen(s), tail;

	while (len && s[len - 1] == ' ')
		s[--len] = '\0';
	tail = len;
	for (size_t word = len; word > 0; ) {
		while (word > 0 && s[word - 1] != ' ')
			word--;
		if (strncmp(s + word, key, sizeof(key) - 1) != 0)
			break;
		tail = word;
		while (word > 0 && s[word - 1] == ' ')
			word--;
	}
	if (tail == 0 || tail == len)
		return;
	reverse(s, len);		/* "user keys" to "syek resu" */
	reverse(s, len - tail);
	reverse(s + len - tail + 1, tail - 1);
}

const char *boot_set_cmdline(struct boot_parser *p, uint64_t addr)
{
	if (boot_copy_string(p->mem, addr, p->bi->cmdline, BOOT_CMDLINE_MAX)) {
		hoist_device_keys(p->bi->cmdline);
		return NULL;
	}
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

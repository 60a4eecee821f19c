/* SPDX-License-Identifier: BSD-2-Clause
 *
 * ACPI tables from an attacker: the input is the memory that the tables lie
 * in, with the RSDP at its start. The checksums are made right first, or the
 * fuzzer would never get past them: the table headers are found by following
 * the pointers as the parser does.
 * SOURCES: pv/kvm/acpi.c
 */
#include <stdlib.h>
#include <string.h>

#include "pv/kvm/acpi.h"

#define BASE 0x10000ull

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fix(uint8_t *mem, size_t size, uint64_t at, uint64_t len,
		unsigned sum_at)
{
	uint8_t s = 0;

	if (at > size || len > size - at || sum_at >= len)
		return;
	mem[at + sum_at] = 0;
	for (uint64_t i = 0; i < len; i++)
		s = (uint8_t)(s + mem[at + i]);
	mem[at + sum_at] = (uint8_t)-s;
}

static void fix_table(uint8_t *mem, size_t size, uint64_t addr)
{
	if (addr >= BASE && addr - BASE + 36 <= size)
		fix(mem, size, addr - BASE, get_le32(mem + (addr - BASE) + 4), 9);
}

static void fix_all(uint8_t *mem, size_t size)
{
	uint64_t root, at;
	unsigned width;

	memcpy(mem, "RSD PTR ", 8);
	width = mem[15] >= 2 ? 8 : 4;
	root = width == 8 ? get_le64(mem + 24) : get_le32(mem + 16);
	if (root < BASE || root - BASE + 36 > size)
		return;
	at = root - BASE;
	for (unsigned i = 0; i < 8; i++) {
		uint64_t entry = at + 36 + i * width, t;

		if (entry + width > size)
			break;
		t = width == 8 ? get_le64(mem + entry) : get_le32(mem + entry);
		if (t >= BASE && t - BASE + 148 <= size) {
			fix_table(mem, size, get_le32(mem + (t - BASE) + 40));
			fix_table(mem, size, get_le64(mem + (t - BASE) + 140));
		}
		fix_table(mem, size, t);
	}
	fix_table(mem, size, root);
	fix(mem, size, 0, 20, 8);
	fix(mem, size, 0, 36, 32);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct acpi_info info;
	struct view view;
	uint8_t *mem;

	if (size < 64)
		return 0;
	mem = malloc(size);
	memcpy(mem, data, size);
	if (mem[9] & 1)
		fix_all(mem, size);
	view = (struct view){ mem, BASE, size };
	acpi_parse(&view, BASE, &info);
	if (info.n_ioapics > ACPI_IOAPICS_MAX ||
	    info.n_overrides > ACPI_OVERRIDES_MAX || info.s5_a > 7)
		abort();
	acpi_isa_irq(&info, 9, true);
	free(mem);
	return 0;
}

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * ACPI tables as QEMU lays them out, then damaged in each place.
 * SOURCES: pv/kvm/acpi.c
 */
#include "pv/kvm/acpi.h"

#include <string.h>

#include "tests/unit/tap.h"

#define BASE 0x7ffe0000ull
#define LEN 0x2000u
#define AT_RSDP 0x10u
#define AT_ROOT 0x100u
#define AT_FADT 0x200u
#define AT_MADT 0x400u
#define AT_MCFG 0x500u
#define AT_DSDT 0x600u

static uint8_t mem[LEN];
static const struct view view = { mem, BASE, LEN };
static struct acpi_info info;

static void put(unsigned off, uint64_t v, unsigned width)
{
	memcpy(mem + off, &v, width);
}

/* Makes the bytes sum to zero by the one at `at`. */
static void sum(unsigned from, unsigned len, unsigned at)
{
	uint8_t s = 0;

	mem[at] = 0;
	for (unsigned i = 0; i < len; i++)
		s = (uint8_t)(s + mem[from + i]);
	mem[at] = (uint8_t)-s;
}

static void table(unsigned at, const char *sig, unsigned len)
{
	memcpy(mem + at, sig, 4);
	put(at + 4, len, 4);
	sum(at, len, at + 9);
}

static void build_madt(void)
{
	static const uint8_t entries[] = {
		0, 8, 0, 0, 1, 0, 0, 0,				/* local APIC */
		1, 12, 0, 0, 0, 0, 0xc0, 0xfe, 0, 0, 0, 0,	/* I/O APIC */
		1, 12, 1, 0, 0, 0, 0xc1, 0xfe, 24, 0, 0, 0,
		2, 10, 0, 0, 2, 0, 0, 0, 0, 0,			/* 0 -> 2 */
		2, 10, 0, 9, 9, 0, 0, 0, 0x0d, 0,		/* 9, level */
		2, 10, 0, 5, 5, 0, 0, 0, 0x0f, 0,		/* low */
	};

	memcpy(mem + AT_MADT + 44, entries, sizeof(entries));
	table(AT_MADT, "APIC", 44 + sizeof(entries));
}

static void build_fadt(unsigned flags)
{
	put(AT_FADT + 40, BASE + AT_DSDT, 4);
	put(AT_FADT + 46, 9, 2);
	put(AT_FADT + 48, 0xb2, 4);
	put(AT_FADT + 52, 2, 1);
	put(AT_FADT + 56, 0x600, 4);
	put(AT_FADT + 64, 0x604, 4);
	put(AT_FADT + 88, 4, 1);
	put(AT_FADT + 112, flags, 4);
	put(AT_FADT + 116, 1, 1);
	put(AT_FADT + 120, 0xcf9, 8);
	put(AT_FADT + 128, 15, 1);
	put(AT_FADT + 244, 0, 1);
	put(AT_FADT + 248, 0xfea00200, 8);
	table(AT_FADT, "FACP", 268);
}

static void build_dsdt(const void *aml, unsigned len)
{
	memset(mem + AT_DSDT, 0, 0x100);
	memcpy(mem + AT_DSDT + 36, aml, len);
	table(AT_DSDT, "DSDT", 36 + len);
}

static const uint8_t s5_aml[] = {
	0x10, 0x08, '_', 'S', '5', '_',		/* not this one: no package */
	0x08, '_', 'S', '5', '_', 0x12, 0x08, 0x04,
	0x0a, 0x05, 0x01, 0x00, 0x00,
};

static void build(unsigned flags, unsigned width)
{
	static const unsigned at[] = { AT_FADT, AT_MADT, AT_MCFG };

	memset(mem, 0, sizeof(mem));
	build_madt();
	build_fadt(flags);
	build_dsdt(s5_aml, sizeof(s5_aml));
	put(AT_MCFG + 44, 0xb0000000, 8);
	mem[AT_MCFG + 55] = 255;
	table(AT_MCFG, "MCFG", 60);
	for (unsigned i = 0; i < 3; i++)
		put(AT_ROOT + 36 + i * width, BASE + at[i], width);
	table(AT_ROOT, width == 8 ? "XSDT" : "RSDT", 36 + 3 * width);
	memcpy(mem + AT_RSDP, "RSD PTR ", 8);
	put(AT_RSDP + 16, width == 4 ? BASE + AT_ROOT : 0, 4);
	mem[AT_RSDP + 15] = width == 8 ? 2 : 0;
	put(AT_RSDP + 20, 36, 4);
	put(AT_RSDP + 24, width == 8 ? BASE + AT_ROOT : 0, 8);
	sum(AT_RSDP, 20, AT_RSDP + 8);
	sum(AT_RSDP, 36, AT_RSDP + 32);
}

static const struct acpi_info *parse(void)
{
	memset(&info, 0xee, sizeof(info));
	acpi_parse(&view, BASE + AT_RSDP, &info);
	return &info;
}

static void good(void)
{
	for (unsigned width = 4; width <= 8; width += 4) {
		const struct acpi_info *a;
		struct acpi_override o;

		build(1u << 10, width);
		a = parse();
		ok(a->found && a->n_ioapics == 2 &&
		   a->ioapic[1].addr == 0xfec10000 && a->ioapic[1].gsi_base == 24,
		   "I/O APICs, by %u-byte pointers", width);
		ok(a->pm1a_event == 0x600 && a->pm1a_control == 0x604 &&
		   a->sci_irq == 9 && a->smi_cmd == 0xb2 && a->acpi_enable == 2 &&
		   a->s5_a == 5 && a->s5_b == 1 && !a->hw_reduced,
		   "power registers and \\_S5");
		ok(a->reset.space == ACPI_IO && a->reset.addr == 0xcf9 &&
		   a->reset_value == 15 && a->sleep.addr == 0xfea00200,
		   "reset and sleep registers");
		ok(a->ecam == 0xb0000000 && a->ecam_last_bus == 255, "ECAM");
		o = acpi_isa_irq(a, 9, true);
		ok(o.gsi == 9 && o.level && !o.active_low, "SCI: level, high");
		o = acpi_isa_irq(a, 0, false);
		ok(o.gsi == 2 && !o.level, "0 is 2");
		o = acpi_isa_irq(a, 5, false);
		ok(o.level && o.active_low, "5: level, low");
		o = acpi_isa_irq(a, 11, true);
		ok(o.gsi == 11 && o.level, "without an override: as asked");
	}
	build(1u << 20, 8);
	parse();
	ok(info.hw_reduced && !info.pm1a_event && !info.smi_cmd &&
	   !info.reset.addr, "hardware-reduced: no PM1");
}

static void damaged(void)
{
	build(0, 8);
	mem[AT_RSDP + 3]++;
	ok(!parse()->found, "RSDP signature");
	build(0, 8);
	mem[AT_RSDP + 9]++;
	ok(!parse()->found, "RSDP checksum");
	build(0, 8);
	mem[AT_ROOT + 20]++;
	ok(!parse()->found, "XSDT checksum, and no RSDT");
	build(0, 8);
	mem[AT_MADT + 20]++;
	ok(parse()->found && !info.n_ioapics && info.pm1a_event,
	   "a damaged table alone is left out");
	build(0, 8);
	put(AT_FADT + 4, UINT32_MAX, 4);
	ok(!parse()->pm1a_event && info.ecam, "a table longer than memory");
	build(0, 8);
	put(AT_FADT + 4, 8, 4);
	ok(!parse()->pm1a_event, "a table shorter than its header");
	build(0, 8);
	put(AT_FADT, 'F' | 'A' << 8 | 'C' << 16 | 'P' << 24, 4);
	table(AT_FADT, "FACP", 60);
	ok(parse()->pm1a_event == 0x600 && !info.pm1a_control && !info.sleep.addr,
	   "fields beyond an old table are zero");
	build(0, 8);
	mem[AT_MADT + 44 + 1] = 0;
	sum(AT_MADT, mem[AT_MADT + 4], AT_MADT + 9);
	ok(!parse()->n_ioapics, "an entry of length 0 ends the list");
	build(0, 8);
	mem[AT_MADT + 44 + 8 + 1] = 255;
	sum(AT_MADT, mem[AT_MADT + 4], AT_MADT + 9);
	ok(!parse()->n_ioapics, "so does one beyond the end");
	build(0, 8);
	put(AT_ROOT + 36, UINT64_MAX - 2, 8);
	sum(AT_ROOT, 60, AT_ROOT + 9);
	ok(parse()->found && info.n_ioapics == 2, "a pointer to nowhere");
	acpi_parse(&view, 0, &info);
	ok(!info.found, "no RSDP");
	acpi_parse(&view, BASE + LEN - 4, &info);
	ok(!info.found, "an RSDP that runs out");
}

static void s5(void)
{
	static const uint8_t rooted[] = { 0x08, '\\', '_', 'S', '5', '_',
					  0x12, 0x46, 0x00, 0x04, 0x00, 0x0a, 7 };
	static const uint8_t word[] = { 0x08, '_', 'S', '5', '_', 0x12, 8, 4,
					0x0b, 1, 2, 0, 0 };
	static const uint8_t cut[] = { 0x08, '_', 'S', '5', '_', 0x12, 8, 4, 0x0a };

	build(0, 8);
	build_dsdt(rooted, sizeof(rooted));
	ok(parse()->s5_a == 0 && info.s5_b == 7, "\\_S5_ with a long length");
	build(0, 8);
	build_dsdt(word, sizeof(word));
	ok(!parse()->s5_a && !info.s5_b, "not a byte: 0");
	build(0, 8);
	build_dsdt(cut, sizeof(cut));
	ok(!parse()->s5_a && !info.s5_b, "cut off: 0");
	build(0, 8);
	mem[AT_DSDT + 50]++;
	ok(!parse()->s5_a && info.pm1a_event, "a damaged DSDT: 0");
}

int main(void)
{
	good();
	damaged();
	s5();
	return done_testing();
}

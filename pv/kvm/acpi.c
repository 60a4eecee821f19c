/* SPDX-License-Identifier: BSD-2-Clause
 *
 * ACPI tables; see acpi.h. Offsets are those of ACPI 6.4, section 5.2.
 */
#include "pv/kvm/acpi.h"

#include "kernel/lib/string.h"

#define HEADER_LEN	36
#define TABLE_LEN_MAX	(1u << 20)
#define TABLES_MAX	64
#define AML_NAME	0x08
#define AML_PACKAGE	0x12
#define AML_BYTE	0x0a
#define FADT_RESET_SUP	(1u << 10)
#define FADT_HW_REDUCED	(1u << 20)

struct table {
	const uint8_t *p;
	uint32_t len;
};

static bool sums_to_zero(const uint8_t *p, uint32_t len)
{
	uint8_t sum = 0;

	for (uint32_t i = 0; i < len; i++)
		sum = (uint8_t)(sum + p[i]);
	return sum == 0;
}

/* Whole and intact, or len 0. */
static struct table table_open(const struct view *v, uint64_t addr)
{
	struct table t = { view_at(v, addr, HEADER_LEN), 0 };
	uint32_t len;

	if (!t.p)
		return t;
	len = get_le32(t.p + 4);
	if (len < HEADER_LEN || len > TABLE_LEN_MAX || !view_at(v, addr, len))
		return t;
	if (sums_to_zero(t.p, len))
		t.len = len;
	return t;
}

/* Fields beyond the table's end (older revisions) read as 0. */
static uint32_t field(const struct table *t, uint32_t off, uint32_t width)
{
	if (off + width > t->len)
		return 0;
	return width == 1 ? t->p[off] : width == 2 ? get_le16(t->p + off) :
	       get_le32(t->p + off);
}

static uint64_t field64(const struct table *t, uint32_t off)
{
	return off + 8 > t->len ? 0 : get_le64(t->p + off);
}

/* Generic address: space, width, offset, access size, address. */
static struct acpi_register gas(const struct table *t, uint32_t off)
{
	struct acpi_register r = { 0, 0 };

	if (off + 12 > t->len || t->p[off] > ACPI_IO)
		return r;
	r.space = t->p[off];
	r.addr = get_le64(t->p + off + 4);
	return r;
}

static void parse_madt(const struct table *t, struct acpi_info *a)
{
	for (uint32_t off = 44; off + 2 <= t->len;) {
		const uint8_t *e = t->p + off;

		if (e[1] < 2 || e[1] > t->len - off)
			return;
		if (e[0] == 1 && e[1] >= 12 && a->n_ioapics < ACPI_IOAPICS_MAX) {
			a->ioapic[a->n_ioapics].addr = get_le32(e + 4);
			a->ioapic[a->n_ioapics++].gsi_base = get_le32(e + 8);
		} else if (e[0] == 2 && e[1] >= 10 &&
			   a->n_overrides < ACPI_OVERRIDES_MAX) {
			struct acpi_override *o = &a->override[a->n_overrides++];

			o->irq = e[3];
			o->gsi = get_le32(e + 4);
			o->active_low = (e[8] & 3) == 3;
			o->level = (e[8] >> 2 & 3) == 3;
		}
		off += e[1];
	}
}

static void parse_mcfg(const struct table *t, struct acpi_info *a)
{
	for (uint32_t off = 44; off + 16 <= t->len; off += 16) {
		const uint8_t *e = t->p + off;

		if (get_le16(e + 8) || e[10])
			continue;	/* another segment, or not from bus 0 */
		a->ecam = get_le64(e);
		a->ecam_last_bus = e[11];
		return;
	}
}

/* One integer of a package; false: not one of the short forms. */
static bool aml_int(const struct table *t, uint32_t *off, uint8_t *out)
{
	uint8_t op = (uint8_t)field(t, *off, 1);

	if (*off >= t->len)
		return false;
	(*off)++;
	if (op <= 1) {			/* ZeroOp, OneOp */
		*out = op;
		return true;
	}
	if (op != AML_BYTE || *off >= t->len)
		return false;
	*out = t->p[(*off)++];
	return true;
}

/* Name(_S5_, Package { SLP_TYPa, SLP_TYPb, ... }): the name, preceded by
 * NameOp with or without a root prefix, then PackageOp, length, count. */
static bool take_s5(const struct table *t, uint32_t at, struct acpi_info *a)
{
	uint32_t off = at + 4;
	uint8_t s5_a, s5_b;

	if (t->p[at - 1] != AML_NAME &&
	    !(t->p[at - 1] == '\\' && t->p[at - 2] == AML_NAME))
		return false;
	if (field(t, off++, 1) != AML_PACKAGE)
		return false;
	off += 1 + (field(t, off, 1) >> 6);	/* PkgLength is 1 to 4 bytes */
	off++;					/* number of elements */
	if (!aml_int(t, &off, &s5_a) || !aml_int(t, &off, &s5_b))
		return false;
	a->s5_a = s5_a & 7;
	a->s5_b = s5_b & 7;
	return true;
}

static void find_s5(const struct view *v, uint64_t dsdt, struct acpi_info *a)
{
	struct table t = table_open(v, dsdt);

	for (uint32_t at = HEADER_LEN; at + 4 <= t.len; at++)
		if (t.p[at] == '_' && !memcmp(t.p + at, "_S5_", 4) &&
		    take_s5(&t, at, a))
			return;
}

static void parse_fadt(const struct view *v, const struct table *t,
		       struct acpi_info *a)
{
	uint32_t flags = field(t, 112, 4);

	a->hw_reduced = flags & FADT_HW_REDUCED;
	a->sleep = gas(t, 244);
	if (flags & FADT_RESET_SUP) {
		a->reset = gas(t, 116);
		a->reset_value = (uint8_t)field(t, 128, 1);
	}
	if (!a->hw_reduced) {
		a->sci_irq = (uint16_t)field(t, 46, 2);
		a->smi_cmd = (uint16_t)field(t, 48, 4);
		a->acpi_enable = (uint8_t)field(t, 52, 1);
		a->pm1a_event = (uint16_t)field(t, 56, 4);
		a->pm1b_event = (uint16_t)field(t, 60, 4);
		a->pm1a_control = (uint16_t)field(t, 64, 4);
		a->pm1b_control = (uint16_t)field(t, 68, 4);
		a->pm1_event_len = (uint8_t)field(t, 88, 1);
	}
	find_s5(v, field64(t, 140) ? field64(t, 140) : field(t, 40, 4), a);
}

static void take_table(const struct view *v, uint64_t addr, struct acpi_info *a)
{
	const uint8_t *sig = view_at(v, addr, 4);
	struct table t;

	if (!sig)
		return;
	if (!memcmp(sig, "APIC", 4)) {
		t = table_open(v, addr);
		parse_madt(&t, a);
	} else if (!memcmp(sig, "FACP", 4)) {
		t = table_open(v, addr);
		if (t.len)
			parse_fadt(v, &t, a);
	} else if (!memcmp(sig, "MCFG", 4)) {
		t = table_open(v, addr);
		parse_mcfg(&t, a);
	}
}

void acpi_parse(const struct view *v, uint64_t rsdp, struct acpi_info *out)
{
	const uint8_t *r = rsdp ? view_at(v, rsdp, 20) : NULL;
	uint32_t width = 4;
	struct table root = { NULL, 0 };

	memset(out, 0, sizeof(*out));
	if (!r || memcmp(r, "RSD PTR ", 8) || !sums_to_zero(r, 20))
		return;
	if (r[15] >= 2 && view_at(v, rsdp, 36) && sums_to_zero(r, 36) &&
	    get_le64(r + 24)) {
		root = table_open(v, get_le64(r + 24));
		width = 8;
	}
	if (!root.len) {
		root = table_open(v, get_le32(r + 16));
		width = 4;
	}
	if (!root.len)
		return;
	out->found = true;
	for (uint32_t i = 0; i < TABLES_MAX; i++) {
		uint32_t off = HEADER_LEN + i * width;

		if (off + width > root.len)
			break;
		take_table(v, width == 8 ? get_le64(root.p + off) :
					   get_le32(root.p + off), out);
	}
}

struct acpi_override acpi_isa_irq(const struct acpi_info *a, uint8_t irq,
				  bool level)
{
	struct acpi_override o = { .gsi = irq, .irq = irq, .level = level };

	for (unsigned i = 0; i < a->n_overrides; i++)
		if (a->override[i].irq == irq)
			return a->override[i];
	return o;
}

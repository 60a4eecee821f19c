/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Parser of virtio_mmio.device= values; see scan_mmio.h.
 */
#include "pv/kvm/scan_mmio.h"

#include <errno.h>
#include <stdbool.h>

static int digit(char c, unsigned base)
{
	int d = c >= '0' && c <= '9' ? c - '0' :
		c >= 'a' && c <= 'f' ? c - 'a' + 10 :
		c >= 'A' && c <= 'F' ? c - 'A' + 10 : 16;

	return (unsigned)d < base ? d : -1;
}

/* A number with an optional 0x; *s moves behind it. */
static int number(const char **s, uint64_t *out)
{
	unsigned base = 10;
	uint64_t v = 0;

	if ((*s)[0] == '0' && ((*s)[1] == 'x' || (*s)[1] == 'X')) {
		base = 16;
		*s += 2;
	}
	if (digit(**s, base) < 0)
		return -EINVAL;
	for (int d; (d = digit(**s, base)) >= 0; (*s)++) {
		if (v > (UINT64_MAX - (unsigned)d) / base)
			return -ERANGE;
		v = v * base + (unsigned)d;
	}
	*out = v;
	return 0;
}

static bool expect(const char **s, char c)
{
	if (**s != c)
		return false;
	(*s)++;
	return true;
}

int mmio_slot_parse(const char *text, struct mmio_slot *out)
{
	const char *s = text;
	uint64_t gsi, id;
	unsigned shift = 0;
	int error = number(&s, &out->len);

	if (error)
		return error;
	if (expect(&s, 'K') || expect(&s, 'k'))
		shift = 10;
	else if (expect(&s, 'M') || expect(&s, 'm'))
		shift = 20;
	if (out->len > 1u << 20)
		return -ERANGE;
	out->len <<= shift;
	if (!expect(&s, '@'))
		return -EINVAL;
	error = number(&s, &out->base);
	if (error)
		return error;
	if (!expect(&s, ':'))
		return -EINVAL;
	error = number(&s, &gsi);
	if (error)
		return error;
	if (expect(&s, ':') && number(&s, &id))
		return -EINVAL;
	if (*s)
		return -EINVAL;
	/* The registers are 256 bytes and configuration behind them. */
	if (out->len < 0x200 || out->base & 3 || gsi > 255)
		return -ERANGE;
	out->gsi = (uint32_t)gsi;
	return 0;
}

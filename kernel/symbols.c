/* SPDX-License-Identifier: BSD-2-Clause
 *
 * See symbols.h.
 */
#include "kernel/symbols.h"

#include "kernel/lib/string.h"

struct reader {
	const uint8_t *p, *end;
};

static bool read_leb128(struct reader *r, uint64_t *out)
{
	unsigned shift = 0;

	*out = 0;
	while (r->p < r->end && shift < 64) {
		uint8_t b = *r->p++;

		*out |= (uint64_t)(b & 0x7f) << shift;
		if (!(b & 0x80))
			return true;
		shift += 7;
	}
	return false;
}

static bool read_name(struct reader *r, char name[SYMBOL_NAME_MAX])
{
	size_t at;

	if (r->p == r->end)
		return false;
	at = *r->p++;
	if (at > strlen(name))
		return false;
	while (r->p < r->end && at < SYMBOL_NAME_MAX) {
		name[at] = (char)*r->p++;
		if (!name[at++])
			return true;
	}
	return false;
}

bool symbols_lookup(const uint8_t *table, size_t len, uint64_t off,
		    struct symbol *out)
{
	struct reader r = { table, table + len };
	struct symbol cur = { .start = 0 };
	bool found = false;

	while (r.p < r.end) {
		uint64_t delta;

		if (!read_leb128(&r, &delta) || !read_name(&r, cur.name))
			break;
		cur.start += delta;
		if (cur.start > off)
			break;
		*out = cur;
		found = true;
	}
	return found;
}

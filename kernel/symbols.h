/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Names of functions for backtraces, from the table that tools/mksyms appends
 * to the image. A record, in the order of addresses: the distance to the
 * previous function's start (LEB128, the first from the start of the text),
 * how many characters the name shares with the previous one (a byte), the rest
 * of the name with a NUL.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SYMBOL_NAME_MAX 64		/* bytes with the NUL; mksyms cuts */

struct symbol {
	char name[SYMBOL_NAME_MAX];
	uint64_t start;			/* offset of its first byte */
};

/* The last symbol that starts at or before `off`. A malformed table ends the
 * search. */
bool symbols_lookup(const uint8_t *table, size_t len, uint64_t off,
		    struct symbol *out);

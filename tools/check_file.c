/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Checking a file's blocks. They form a list from the last to the first, with
 * shortcuts: block n > 0 begins with the numbers of the blocks n - 1, n - 2,
 * n - 4, ..., as many as n has zero bits at its end, and one. So each of these
 * numbers can be compared with the list itself.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tools/check_impl.h"

static unsigned pointers_of(uint32_t index)
{
	return index ? (unsigned)__builtin_ctz(index) + 1 : 0;
}

/* Blocks that `size` bytes take; the bytes in the last one. */
static uint32_t count_blocks(uint32_t size, uint32_t *last)
{
	uint32_t n = 0, room;

	for (;; n++) {
		room = CV_BLOCK - 4 * pointers_of(n);
		if (size <= room)
			break;
		size -= room;
	}
	*last = size;
	return n + 1;
}

/* Reads block `index`: its pointers, or all of it. */
static bool read_one(struct cv *v, uint32_t block, uint32_t last,
		     const char *path)
{
	uint32_t unit = v->bd->block_size;
	uint32_t len = v->c->data ? (last + unit - 1) / unit * unit : unit;

	if (v->c->step)
		v->c->step(len);
	return cv_read(v, block, v->buf, len < unit ? unit : len, path);
}

/* What the blocks seen so far say of one that comes later. */
struct hint {
	uint32_t block, from;
};

static void set_hints(struct cv *v, struct hint *hint, uint32_t at,
		      uint32_t block, const char *path)
{
	for (unsigned k = 1; k < pointers_of(at); k++) {
		struct hint *h = &hint[at - (1u << k)];
		uint32_t p;

		memcpy(&p, v->buf + 4 * k, 4);
		if (!h->from) {
			h->block = p;
			h->from = block;
		} else if (h->block != p) {
			check_problem(v->c, "%s: blocks %u and %u are at odds "
				      "about number %u of the file: one of them "
				      "is damaged", path, h->from, block,
				      at - (1u << k));
		}
	}
}

/* Block number `at` is `block`. True: go on with the one before it. */
static bool check_one(struct cv *v, struct hint *hint, uint32_t at,
		      uint32_t block, uint32_t len, const char *path)
{
	if (hint[at].from && hint[at].block != block)
		check_problem(v->c, "%s: block %u is damaged, or one that leads "
			      "to number %u of the file, here block %u: a "
			      "shortcut says %u", path, hint[at].from, at, block,
			      hint[at].block);
	if ((at > 0 || v->c->data) && !read_one(v, block, len, path))
		return false;
	set_hints(v, hint, at, block, path);
	return at > 0;
}

void cv_check_file(struct cv *v, uint32_t node, uint32_t head, uint32_t size)
{
	uint32_t last, n = count_blocks(size, &last), block = head;
	const char *path = cv_path(v, node);
	struct hint *hint;

	if (n > v->n_blocks) {
		check_problem(v->c, "%s: has %u bytes, more than the volume",
			      path, size);
		return;
	}
	hint = calloc(n, sizeof(*hint));
	if (!hint) {
		v->error = -ENOMEM;
		return;
	}
	for (uint32_t at = n; at-- > 0;) {
		uint32_t used = at < n - 1 ? CV_BLOCK :
				4 * pointers_of(at) + last, next;

		if (!cv_claim(v, block, node, path) ||
		    !check_one(v, hint, at, block, used, path))
			break;
		memcpy(&next, v->buf, 4);
		if (next >= v->n_blocks) {
			check_problem(v->c, "%s: block %u (number %u of the "
				      "file) is damaged: it names block %u",
				      path, block, at, next);
			break;
		}
		block = next;
	}
	free(hint);
}

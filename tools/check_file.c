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

void cv_check_file(struct cv *v, uint32_t node, uint32_t head, uint32_t size)
{
	uint32_t last, n = count_blocks(size, &last), at = n - 1, block = head;
	uint32_t *list;

	if (n > v->n_blocks) {
		check_problem(v->c, "%s: has %u bytes, more than the volume",
			      cv_path(v, node), size);
		return;
	}
	list = malloc((size_t)n * sizeof(*list));
	if (!list) {
		v->error = -ENOMEM;
		return;
	}
	for (;; at--) {
		uint32_t used = 4 * pointers_of(at) +
				(at == n - 1 ? last : CV_BLOCK);

		if (!cv_claim(v, block, node, cv_path(v, node)))
			break;
		list[at] = block;
		if ((at > 0 || v->c->data) &&
		    !read_one(v, block, used < CV_BLOCK ? used : CV_BLOCK,
			      cv_path(v, node)))
			break;
		if (at == 0)
			break;
		memcpy(&block, v->buf, 4);
		if (block >= v->n_blocks) {
			check_problem(v->c, "%s: block %u (number %u of the "
				      "file) is damaged: it names block %u",
				      cv_path(v, node), list[at], at, block);
			break;
		}
	}
	/* The shortcuts, of what was read. */
	for (uint32_t i = n - 1; i > at; i--) {
		uint32_t p;

		if (pointers_of(i) < 2)
			continue;
		if (!cv_read(v, list[i], v->buf, v->bd->block_size,
			     cv_path(v, node)))
			break;
		for (unsigned k = 1; k < pointers_of(i); k++) {
			memcpy(&p, v->buf + 4 * k, 4);
			if (i - (1u << k) >= at && p != list[i - (1u << k)]) {
				check_problem(v->c, "%s: block %u (number %u of "
					      "the file) is damaged: a shortcut "
					      "of it leads to block %u",
					      cv_path(v, node), list[i], i, p);
				break;
			}
		}
	}
	free(list);
}

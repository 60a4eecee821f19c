/* SPDX-License-Identifier: BSD-2-Clause
 *
 * See include/glint.h.
 */
#include <glint.h>

#include "kernel/lib/compiler.h"
#include "kernel/metrics.h"
#include "kernel/page.h"

void glint_metrics(void (*fn)(void *arg, const char *name, const char *label,
			      uint64_t value), void *arg)
{
	metrics_collect(fn, arg);
}

size_t glint_memory_total(void)
{
	return page_total() * PAGE_SIZE;
}

size_t glint_memory_free(void)
{
	return page_free_count() * PAGE_SIZE;
}

const char *glint_version(void)
{
	return GLINT_VERSION;
}

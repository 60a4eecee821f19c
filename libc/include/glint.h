/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What an application can learn from Glint beyond POSIX. On Linux there is no
 * such header: keep its use in a file of its own (SRC_GLINT in app.mk).
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Counters of the whole guest, for a /metrics page. Calls fn for each:
 * `name` as in "glint_heap_bytes", `label` as in "owner=\"net\"" or "". */
void glint_metrics(void (*fn)(void *arg, const char *name, const char *label,
			      uint64_t value), void *arg);

size_t glint_memory_total(void);	/* bytes of RAM the guest manages */
size_t glint_memory_free(void);

const char *glint_version(void);

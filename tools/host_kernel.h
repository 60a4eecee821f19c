/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Knobs of tools/host_kernel.c.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

extern char host_last_log[256];
extern const char *host_log_prefix;	/* "mkvol: " */
extern bool host_log_quiet;
extern long host_heap_live;		/* blocks handed out */
extern long host_heap_fail_after;	/* this many work, one fails; -1: never */
extern size_t host_memory;		/* bytes that are "free" */
extern uint64_t host_now;		/* the clock stands still */
extern uint64_t host_wall;		/* the time of day; 0: the real one */

/* Somebody blocks: lets a disk finish a request. False: nothing is to come. */
extern bool (*host_wait)(void);

/* Memory runs short: asks the caches for `want` bytes. */
size_t host_shrink(size_t want);

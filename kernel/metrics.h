/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Counters of the whole guest under Prometheus names. Layers add a source;
 * the kernel has one for memory, disks, networks. Nothing is kept twice.
 */
#pragma once

#include <stdint.h>

typedef void (*metrics_emit_fn)(void *arg, const char *name, const char *label,
				uint64_t value);

struct metrics_source {
	void (*collect)(metrics_emit_fn emit, void *arg);
	struct metrics_source *next;
};

void metrics_add_source(struct metrics_source *s);
void metrics_collect(metrics_emit_fn emit, void *arg);

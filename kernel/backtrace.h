/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Who called whom, by frame pointers. Reads only memory that is a stack, so
 * that a wild frame pointer ends the trace instead of faulting again.
 */
#pragma once

#include <stdint.h>

typedef void (*backtrace_emit_fn)(const char *line);

/* From the frame that `fp` points to. */
void backtrace_print(uintptr_t fp, backtrace_emit_fn emit);

/* The same after a trap: first the place itself; if the frames lead nowhere,
 * what looks like return addresses above `sp` (marked `?`). */
void backtrace_print_trap(uintptr_t ip, uintptr_t sp, uintptr_t fp,
			  backtrace_emit_fn emit);

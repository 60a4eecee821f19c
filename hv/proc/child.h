/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The child's way from the fork to the blob: still the monitor's code and memory.
 */
#pragma once

#include "hv/proc/proc.h"
#include "hv/run.h"

/* `parent`: the monitor's process id. Failures go into p->ctl. */
void child_enter(const struct run *r, struct proc *p, int parent) __attribute__((noreturn));

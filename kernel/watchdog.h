/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Threads are cooperative: one that computes for long without yielding stops
 * everything else. The watchdog names it, with a backtrace.
 */
#pragma once

#include "kernel/thread.h"

/* At every yield and block, of the thread that does so. */
void watchdog_check(const struct thread *t);

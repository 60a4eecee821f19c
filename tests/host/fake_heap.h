/* SPDX-License-Identifier: BSD-2-Clause
 *
 * See fake_heap.c.
 */
#pragma once

#include <stdbool.h>

#include "kernel/heap.h"

extern unsigned fake_heap_fail_after;

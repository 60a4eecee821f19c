/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Private to kernel/arch/x86_64: how mem.c is told what the CPU is good at.
 */
#pragma once

#include <stdbool.h>

void mem_use_rep_movsb(bool yes);

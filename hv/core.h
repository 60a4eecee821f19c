/* SPDX-License-Identifier: BSD-2-Clause
 *
 * --core FILE: the guest's memory and registers as an ELF core that gdb opens
 * beside the image with debugging information (build/APP.dbg).
 */
#pragma once

#include "hv/fault.h"
#include "hv/run.h"

/* Says what it wrote, or why not. The process is stopped and traced. */
void core_write(const struct run *r, int pid, const struct fault_info *info,
		const struct fault_regs *regs);

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Makes the guest's process. One at a time: its shared pages, its state and its
 * devices lie at the fixed addresses of proc.h in the monitor, too.
 */
#pragma once

#include "hv/proc/proc.h"
#include "hv/run.h"

struct spawned {
	int pid;
	bool traced;		/* else: no registers, no backtrace at a crash */
	int trace_errno;
	struct proc_ctl *ctl;
	struct devs *devs;	/* for devs_raise() only, once it runs */
};

/* Ends the program with a message if the machine does not give what it takes. */
void proc_spawn(struct run *r, struct spawned *out);

/* Gives back what proc_spawn() made in the monitor; the process is gone. */
void proc_forget(void);

/* What the child was doing when it failed: "mapping guest memory". */
const char *proc_step_text(uint32_t step);

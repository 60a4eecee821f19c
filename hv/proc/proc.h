/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Process mode: what the monitor and the code inside the guest's process share.
 *
 * The guest is a child of the monitor. Its address space, once it runs:
 *
 *	HV_MEM_BASE	guest memory (pv/hv/abi.h), image and modules in it,
 *			at its end a read-only view of the start block
 *	PROC_BLOB	the code of hv/proc and hv/dev, read and execute
 *	PROC_SHARED	the start block, writable, and struct proc_ctl: also mapped
 *			in the monitor, which only ever believes what it checks
 *	PROC_STACK	the stack of the hypercalls
 *	PROC_STATE	struct proc, then struct devs
 *
 * and nothing else. A guest that breaks out of its own rules can read and write
 * all of this and run any instruction; what it cannot do is any system call but
 * those of hv/proc/seccomp.c.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "hv/clock.h"
#include "hv/dev/dev.h"
#include "hv/kvm/kvm.h"
#include "pv/hv/abi.h"

#define PROC_BLOB	0x200000000000ul	/* above HV_MEM_MAX, below any mapping of Linux's own */
#define PROC_BLOB_MAX	0x100000ul
#define PROC_SHARED	(PROC_BLOB + 0x100000ul)
#define PROC_STACK_END	(PROC_BLOB + 0x220000ul)	/* blob.ld knows it too */
#define PROC_STACK_LEN	0x10000ul		/* below it nothing is mapped */
#define PROC_STATE	PROC_STACK_END
#define PROC_STATE_LEN	0x8000ul
#define PROC_DEVS	(PROC_STATE + PROC_STATE_LEN)

#define PROC_START_LEN	(2ul * HV_PAGE)
#define PROC_CTL	(PROC_SHARED + PROC_START_LEN)
#define PROC_LIVE	(PROC_CTL + HV_PAGE)	/* kvm mode: hv/kvm/kvm.h */
#define PROC_SHARED_LEN (PROC_START_LEN + 2ul * HV_PAGE)

/* How the process ended, written by it; the monitor takes only what fits. */
enum proc_step {
	PROC_STEP_NONE,
	PROC_STEP_MEMORY,
	PROC_STEP_IMAGE,
	PROC_STEP_MODULE,
	PROC_STEP_START,
	PROC_STEP_BLOB,
	PROC_STEP_LIMITS,
	PROC_STEP_FILES,
	PROC_STEP_UNMAP,
	PROC_STEP_WORKERS,
	PROC_STEP_SECCOMP,
	PROC_STEP_KVM,
	PROC_N_STEPS
};

#define PROC_GO		1u	/* the monitor watches: run */

struct proc_ctl {
	uint32_t go;		/* futex, by the monitor */
	uint32_t running;	/* by the child: the filter is on */
	uint32_t failed_step;	/* by the child: enum proc_step */
	int32_t failed_errno;
	uint32_t has_exit;	/* by the child: HV_EXIT was called */
	uint32_t exit_code;	/* ... with this */
};

/* In kvm mode more is told of the end, in the same page. */
static inline struct kvm_end *kvm_end_of(const struct proc_ctl *ctl)
{
	return (struct kvm_end *)(uintptr_t)(ctl + 1);
}

#define PROC_FILTER_MAX 512u

struct proc_filter_insn {	/* struct sock_filter */
	uint16_t code;
	uint8_t jt, jf;
	uint32_t k;
};

struct proc_range {
	uint64_t start, end;
};

#define PROC_KEEP_MAX 8u

/* Private to the child; filled by the monitor before the fork. */
struct proc {
	uint64_t entry;			/* of the guest; first: proc/entry.S jumps through it */
	uint64_t start_view;		/* the start block as the guest sees it */
	struct hv_start *start;		/* the writable view */
	struct proc_ctl *ctl;
	struct devs *devs;
	uint64_t mem_end;		/* of guest memory, the start block included */
	uint64_t rw_end;		/* modules and start block begin here */
	uint32_t n_code;
	struct proc_range code[16];	/* never to be protected otherwise */
	uint32_t n_keep;
	struct proc_range keep[PROC_KEEP_MAX];	/* ascending */
	uint32_t n_workers;
	uint32_t debug;			/* a breakpoint before the guest, for --gdb */
	int out_fd, event_fd;
	struct kvm kvm;
	uint64_t spin_ns;
	struct clock_moment clock_base;	/* when glint began */
	uint64_t clock_next_ns;		/* when to compare again */
	uint32_t filter_len;
	struct proc_filter_insn filter[PROC_FILTER_MAX];
};
_Static_assert(sizeof(struct proc) <= PROC_STATE_LEN, "struct proc fits");

/* ---- in the blob ---- */

/* Offset 0: where the child jumps, on the blob's stack. */
void proc_enter(struct proc *p) __attribute__((noreturn));

/* Behind struct hv_start.entry, on the blob's stack. */
int64_t proc_hypercall(uint64_t nr, uint64_t a, uint64_t b, uint64_t c);

/* The clock by the guest's record, which it corrects when it is time to. One thread. */
uint64_t proc_clock_time(struct proc *p);

/* proc/entry.S: to the guest's entry point, with the registers of abi.h. */
void proc_start_guest(uint64_t start_view) __attribute__((noreturn));

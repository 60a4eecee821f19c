/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The child's last steps, in the blob, because they take away what the monitor's
 * code stands on: unmap everything else, wait for the monitor to watch, start
 * the disks' threads, put on the filter, enter the guest.
 */
#include <linux/filter.h>
#include <linux/prctl.h>
#include <linux/seccomp.h>

#include "hv/proc/proc.h"
#include "hv/sys.h"

#define USER_END 0x7ffffffff000ul	/* of what a mapping without a hint can have */

_Static_assert(sizeof(struct proc_filter_insn) == sizeof(struct sock_filter), "same layout");

static __attribute__((noreturn)) void fail(struct proc *p, enum proc_step step, long err)
{
	p->ctl->failed_errno = (int32_t)-err;
	__atomic_store_n(&p->ctl->failed_step, (uint32_t)step, __ATOMIC_RELEASE);
	for (;;)
		sys_raw(__NR_exit_group, 125, 0, 0, 0, 0, 0);
}

static void unmap_rest(struct proc *p)
{
	uint64_t at = 0;

	for (uint32_t i = 0; i <= p->n_keep; i++) {
		uint64_t end = i < p->n_keep ? p->keep[i].start : USER_END;
		long err = 0;

		if (end > at)
			err = sys_raw(__NR_munmap, (long)at, (long)(end - at), 0, 0, 0, 0);
		if (err)
			fail(p, PROC_STEP_UNMAP, err);
		if (i < p->n_keep)
			at = p->keep[i].end;
	}
}

static void wait_for_monitor(struct proc *p)
{
	uint32_t *go = &p->ctl->go;

	while (__atomic_load_n(go, __ATOMIC_ACQUIRE) != PROC_GO)
		sys_raw(__NR_futex, (long)go, FUTEX_WAIT, 0, 0, 0, 0);
}

void proc_enter(struct proc *p)
{
	struct sock_fprog prog = {
		.len = (unsigned short)p->filter_len,
		.filter = (struct sock_filter *)(void *)p->filter,
	};
	long err;

	unmap_rest(p);
	err = p->n_workers ? devs_start_workers(p->devs, p->n_workers) : 0;
	if (!err && p->kvm.on)
		err = kvm_start_io(p);
	if (err)
		fail(p, PROC_STEP_WORKERS, err);
	wait_for_monitor(p);
	err = sys_raw(__NR_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0, 0);
	if (!err)
		err = sys_raw(__NR_seccomp, SECCOMP_SET_MODE_FILTER,
			      SECCOMP_FILTER_FLAG_TSYNC, (long)&prog, 0, 0, 0);
	if (err)
		fail(p, PROC_STEP_SECCOMP, err < 0 ? err : -1);
	__atomic_store_n(&p->ctl->running, 1, __ATOMIC_RELEASE);
	if (p->kvm.on)
		kvm_run(p);
	if (p->debug)
		__asm__ volatile("int3");	/* all is mapped: the monitor can plant its own */
	proc_start_guest(p->start_view);
}

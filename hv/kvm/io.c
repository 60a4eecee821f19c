/* SPDX-License-Identifier: BSD-2-Clause
 *
 * KVM mode, in the blob: the thread that serves the devices while the guest runs in
 * the other. It sleeps in ppoll on their descriptors and on the eventfd, which the
 * guest's kicks, the disks' workers and the monitor write to. While it works it asks
 * for no kicks.
 */
#include <linux/futex.h>
#include <linux/poll.h>
#include <linux/time_types.h>

#include "hv/kvm/kvm.h"
#include "hv/proc/proc.h"
#include "hv/sys.h"

#define NS_PER_S 1000000000u

/* After devices were served, or whoever writes the eventfd raised something. */
static void wake_vcpu(struct kvm *k)
{
	/* pairs with sleep_until(): one of us sees the other */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (__atomic_load_n((uint64_t *)PROC_LIVE, __ATOMIC_RELAXED) &&
	    __atomic_load_n(&k->sleeping, __ATOMIC_RELAXED) &&
	    __atomic_exchange_n(&k->sleeping, 0, __ATOMIC_SEQ_CST))
		sys_futex_wake(&k->sleeping, 1);
}

static void let_pass(struct kvm *k)
{
	while (__atomic_load_n(&k->want, __ATOMIC_ACQUIRE))
		sys_futex_wait(&k->want, 1);
}

static void sleep(struct proc *p, struct pollfd *pfd, unsigned n, uint32_t changed, uint64_t now)
{
	uint64_t left = p->clock_next_ns > now ? p->clock_next_ns - now : 0;
	struct __kernel_timespec ts = { (int64_t)(left / NS_PER_S), (int64_t)(left % NS_PER_S) };
	long ret = sys_ppoll(pfd, n, p->start->clock.flags & 1 ? &ts : NULL);

	let_pass(&p->kvm);
	kvm_lock(&p->kvm);
	if (ret > 0 && p->kvm.changed == changed)
		devs_ready(p->devs, pfd, n);
}

static void serve(struct proc *p)
{
	struct kvm *k = &p->kvm;
	struct pollfd pfd[DEVS_POLLFDS];
	uint64_t spin_end = 0;

	kvm_lock(k);
	for (;;) {
		bool work = devs_sweep(p->devs);
		uint64_t now = proc_clock_time(p);
		uint32_t changed;
		int n = -1;

		wake_vcpu(k);
		if (work)
			spin_end = now + p->spin_ns;
		if (now >= spin_end)
			n = devs_prepare(p->devs, pfd, DEVS_POLLFDS);
		changed = k->changed;
		kvm_unlock(k);
		if (n >= 0) {
			sleep(p, pfd, (unsigned)n, changed, now);
			continue;
		}
		__builtin_ia32_pause();
		let_pass(k);
		kvm_lock(k);
	}
}

static void io_main(void *arg)
{
	struct proc *p = arg;

	while (!__atomic_load_n(&p->kvm.go, __ATOMIC_ACQUIRE))
		sys_futex_wait(&p->kvm.go, 0);
	serve(p);
}

long kvm_start_io(struct proc *p)
{
	long tid = devs_thread((void *)KVM_IO_STACK_END, io_main, p);

	return tid < 0 ? tid : 0;
}

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * KVM mode, in the blob: the vCPU's thread. It runs the guest until that asks for
 * something (a hypercall), faults, or does what it may not; then it is this thread
 * that ends the process. Nothing in kvm_run's page is the guest's to write but
 * the values of its registers.
 */
#include <linux/errno.h>
#include <linux/kvm.h>
#include <linux/signal.h>
#include <linux/time_types.h>

#include "hv/kvm/kvm.h"
#include "hv/proc/proc.h"
#include "hv/sys.h"
#include "kernel/lib/compiler.h"

#define NS_PER_S	1000000000u
#define STUBS_VIEW	(KVM_VIEW + KVM_AREA_STUBS * (uint64_t)HV_PAGE)
#define STATUS_CRASHED	134
#define PF_PRESENT	1u
#define EVENTS		(HV_EV_SHUTDOWN | ((1ull << HV_DEVICES_MAX) - 1))

enum vector { V_DE = 0, V_DB = 1, V_BP = 3, V_OF = 4, V_BR = 5, V_UD = 6, V_NM = 7, V_DF = 8,
	      V_TS = 10, V_NP = 11, V_SS = 12, V_GP = 13, V_PF = 14, V_MF = 16, V_AC = 17,
	      V_XM = 19, V_CP = 21 };
#define HAS_ERROR (1u << V_DF | 1u << V_TS | 1u << V_NP | 1u << V_SS | 1u << V_GP | \
		   1u << V_PF | 1u << V_AC | 1u << V_CP)

static struct kvm_run *run_page(void)
{
	return (struct kvm_run *)KVM_RUN_PAGE;
}

static uint64_t clock_now(void)
{
	struct __kernel_timespec ts = { 0, 0 };

	sys_clock_gettime(1, &ts);	/* CLOCK_MONOTONIC */
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

/* ---- the lock of struct devs: a futex that is 2 while somebody waits ---- */

void kvm_lock(struct kvm *k)
{
	uint32_t free = 0;

	if (__atomic_compare_exchange_n(&k->lock, &free, 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
		return;
	while (__atomic_exchange_n(&k->lock, 2, __ATOMIC_ACQUIRE) != 0)
		sys_futex_wait(&k->lock, 2);
}

void kvm_unlock(struct kvm *k)
{
	if (__atomic_exchange_n(&k->lock, 0, __ATOMIC_RELEASE) == 2)
		sys_futex_wake(&k->lock, 1);
}

/* The I/O thread has the lock most of the time: this asks it to pause. */
static void vcpu_lock(struct kvm *k)
{
	__atomic_store_n(&k->want, 1, __ATOMIC_RELAXED);
	kvm_lock(k);
}

static void vcpu_unlock(struct kvm *k)
{
	kvm_unlock(k);
	__atomic_store_n(&k->want, 0, __ATOMIC_RELEASE);
	sys_futex_wake(&k->want, 1);
}

/* ---- the end ---- */

static void copy_regs(struct fault_regs *to, const struct kvm_regs *r)
{
	to->rax = r->rax;
	to->rbx = r->rbx;
	to->rcx = r->rcx;
	to->rdx = r->rdx;
	to->rsi = r->rsi;
	to->rdi = r->rdi;
	to->rbp = r->rbp;
	to->rsp = r->rsp;
	to->r8 = r->r8;
	to->r9 = r->r9;
	to->r10 = r->r10;
	to->r11 = r->r11;
	to->r12 = r->r12;
	to->r13 = r->r13;
	to->r14 = r->r14;
	to->r15 = r->r15;
	to->rip = r->rip;
	to->rflags = r->rflags;
	to->cs = 0x33;
	to->ss = 0x2b;
}

static void end(struct proc *p, enum kvm_end_kind kind) __attribute__((noreturn));
static void end(struct proc *p, enum kvm_end_kind kind)
{
	/* What the guest wrote before comes out before what is told of its end. */
	vcpu_lock(&p->kvm);
	devs_sweep(p->devs);
	__atomic_store_n(&kvm_end_of(p->ctl)->kind, (uint32_t)kind, __ATOMIC_RELEASE);
	for (;;)
		sys_raw(__NR_exit_group, STATUS_CRASHED, 0, 0, 0, 0, 0);
}

static void end_exit(struct proc *p, enum kvm_end_kind kind, uint32_t reason, uint64_t detail)
	__attribute__((noreturn));
static void end_exit(struct proc *p, enum kvm_end_kind kind, uint32_t reason, uint64_t detail)
{
	struct kvm_end *e = kvm_end_of(p->ctl);

	e->reason = reason;
	e->detail = detail;
	copy_regs(&e->regs, &run_page()->s.regs.regs);
	end(p, kind);
}

/* ---- faults ---- */

/* As Linux tells its processes. */
static struct fault_info info_of(const struct kvm *k, unsigned vector, uint64_t cr2, uint64_t rip)
{
	switch (vector) {
	case V_PF:
		return (struct fault_info){ SIGSEGV, cr2 >= HV_MEM_BASE && cr2 < k->mem_end ? SEGV_ACCERR :
					     SEGV_MAPERR, cr2 };
	case V_DE:
		return (struct fault_info){ SIGFPE, FPE_INTDIV, rip };
	case V_MF:
	case V_XM:
		return (struct fault_info){ SIGFPE, FPE_FLTINV, rip };
	case V_UD:
		return (struct fault_info){ SIGILL, ILL_ILLOPN, rip };
	case V_DB:
	case V_BP:
		return (struct fault_info){ SIGTRAP, TRAP_BRKPT, rip };
	case V_AC:
		return (struct fault_info){ SIGBUS, BUS_ADRALN, rip };
	default:
		return (struct fault_info){ SIGSEGV, SI_KERNEL, 0 };
	}
}

/* A page of memory whose table is not made yet; true: try again. */
static bool make_table(struct kvm *k, uint64_t addr)
{
	bool fresh;

	if (addr < HV_MEM_BASE || addr >= k->mem_end)
		return false;
	return kvm_tables_entry(k, addr, &fresh) && fresh;
}

static void on_fault(struct proc *p, unsigned vector)
{
	const uint64_t *frame = (const uint64_t *)(p->kvm.area + (KVM_AREA_TRAP + 1) * (uint64_t)HV_PAGE);
	struct kvm_end *e = kvm_end_of(p->ctl);
	struct kvm_sregs s;
	uint64_t error;

	if (sys_ioctl(p->kvm.vcpu_fd, KVM_GET_SREGS, (uintptr_t)&s))
		end_exit(p, KVM_END_RUN, EIO, vector);
	error = HAS_ERROR >> vector & 1 ? frame[-6] : 0;
	if (vector == V_PF && !(error & PF_PRESENT) && make_table(&p->kvm, s.cr2))
		return;
	copy_regs(&e->regs, &run_page()->s.regs.regs);
	e->regs.rip = frame[-5];
	e->regs.cs = frame[-4];
	e->regs.rflags = frame[-3];
	e->regs.rsp = frame[-2];
	e->regs.ss = frame[-1];
	e->regs.fs_base = s.fs.base;
	e->regs.gs_base = s.gs.base;
	e->info = info_of(&p->kvm, vector, s.cr2, e->regs.rip);
	e->reason = vector;
	e->detail = error;
	end(p, KVM_END_FAULT);
}

/* ---- hypercalls ---- */

static uint64_t take_events(void)
{
	uint64_t *live = (uint64_t *)PROC_LIVE;

	if (!__atomic_load_n(live, __ATOMIC_RELAXED))
		return 0;
	return __atomic_exchange_n(live, 0, __ATOMIC_SEQ_CST) & EVENTS;
}

static void sleep_until(struct kvm *k, uint64_t now, uint64_t deadline)
{
	uint64_t left = deadline - now;
	struct __kernel_timespec ts = { (int64_t)(left / NS_PER_S), (int64_t)(left % NS_PER_S) };

	/* pairs with kvm_wake(): one of us sees the other */
	__atomic_store_n(&k->sleeping, 1, __ATOMIC_SEQ_CST);
	if (!__atomic_load_n((uint64_t *)PROC_LIVE, __ATOMIC_SEQ_CST))
		sys_raw(__NR_futex, (long)&k->sleeping, FUTEX_WAIT_PRIVATE, 1,
			deadline == UINT64_MAX ? 0 : (long)&ts, 0, 0);
	__atomic_store_n(&k->sleeping, 0, __ATOMIC_RELAXED);
}

static int64_t call_wait(struct kvm *k, uint64_t deadline)
{
	for (;;) {
		uint64_t events = take_events(), now;

		if (events || !deadline)
			return (int64_t)events;
		now = clock_now();
		if (now >= deadline)
			return 0;
		sleep_until(k, now, deadline);
	}
}

/* The kernel drops what it has of the pages when their protection changes here, and
 * reads the guest's tables again at the next access; so do processors with two
 * levels of tables, which drop all they remember of the guest. */
static int64_t call_protect(struct proc *p, uint64_t addr, uint64_t len, uint64_t prot)
{
	int64_t ret = proc_hypercall(HV_PROTECT, addr, len, prot);

	return ret ? ret : kvm_tables_protect(&p->kvm, addr, len, prot);
}

static int64_t call_set_tls(const struct kvm *k, uint64_t base)
{
	struct kvm_sregs s;

	if (base >> 47)
		return -HV_EINVAL;
	if (sys_ioctl(k->vcpu_fd, KVM_GET_SREGS, (uintptr_t)&s))
		return -HV_EINVAL;
	s.fs.base = base;
	return sys_ioctl(k->vcpu_fd, KVM_SET_SREGS, (uintptr_t)&s) ? -HV_EINVAL : 0;
}

static int64_t call_device(struct proc *p, uint64_t nr, uint64_t a, uint64_t b, uint64_t c)
{
	struct kvm *k = &p->kvm;
	uint64_t one = 1;
	int64_t ret;

	vcpu_lock(k);
	ret = proc_hypercall(nr, a, b, c);
	if (nr == HV_DEVICE_STATUS)
		k->changed++;
	vcpu_unlock(k);
	if (nr == HV_DEVICE_STATUS)	/* the I/O thread waits for other things now */
		sys_write(p->event_fd, &one, sizeof(one));
	return ret;
}

/* Behind what the console device was given before. */
static int64_t call_puts(struct proc *p, uint64_t addr, uint64_t len)
{
	int64_t ret;

	vcpu_lock(&p->kvm);
	devs_sweep(p->devs);
	ret = proc_hypercall(HV_PUTS, addr, len, 0);
	vcpu_unlock(&p->kvm);
	return ret;
}

static int64_t hypercall(struct proc *p, uint64_t nr, uint64_t a, uint64_t b, uint64_t c)
{
	switch (nr) {
	case HV_WAIT:
		return call_wait(&p->kvm, a);
	case HV_PROTECT:
		return call_protect(p, a, b, c);
	case HV_SET_TLS:
		return call_set_tls(&p->kvm, a);
	case HV_PUTS:
		return call_puts(p, a, b);
	case HV_NOW:
		return proc_hypercall(nr, a, b, c);
	default:
		return call_device(p, nr, a, b, c);
	}
}

/* ---- exits ---- */

static void on_port(struct proc *p, struct kvm_run *run)
{
	struct kvm_regs *r = &run->s.regs.regs;
	uint64_t stub = r->rip - STUBS_VIEW;

	if (run->io.direction == KVM_EXIT_IO_OUT && run->io.size == 1 && run->io.count == 1) {
		if (run->io.port == KVM_PORT_CALL) {
			r->rax = (uint64_t)hypercall(p, r->rdi, r->rsi, r->rdx, r->rcx);
			run->kvm_dirty_regs = KVM_SYNC_X86_REGS;
			return;
		}
		if (run->io.port == KVM_PORT_FAULT && stub < KVM_VECTORS * KVM_STUB_LEN) {
			on_fault(p, (unsigned)(stub / KVM_STUB_LEN));
			return;
		}
	}
	end_exit(p, KVM_END_PORT, run->io.port,
		 run->io.size | (run->io.direction == KVM_EXIT_IO_IN ? 0x100u : 0u));
}

void kvm_run(struct proc *p)
{
	struct kvm_run *run = run_page();

	run->kvm_valid_regs = KVM_SYNC_X86_REGS;
	__atomic_store_n(&p->kvm.go, 1, __ATOMIC_RELEASE);
	sys_futex_wake(&p->kvm.go, 1);
	for (;;) {
		long err = sys_ioctl(p->kvm.vcpu_fd, KVM_RUN, 0);

		if (err == -EINTR || err == -EAGAIN)
			continue;
		if (err < 0)
			end_exit(p, KVM_END_RUN, (uint32_t)-err, 0);
		if (run->exit_reason == KVM_EXIT_IO)
			on_port(p, run);
		else if (run->exit_reason != KVM_EXIT_INTR)
			end_exit(p, KVM_END_EXIT, run->exit_reason,
				 run->exit_reason == KVM_EXIT_MMIO ? run->mmio.phys_addr : run->hw.hardware_exit_reason);
	}
}

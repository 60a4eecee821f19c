/* SPDX-License-Identifier: BSD-2-Clause
 *
 * KVM mode, the monitor's part after the end: what the process wrote about it. That
 * process may have been taken over, so what it says is printed, and nothing else.
 */
#include <linux/kvm.h>

#include "hv/host.h"
#include "hv/kvm/kvm.h"
#include "hv/msg.h"
#include "hv/run.h"
#include "kernel/lib/compiler.h"
#include "kernel/lib/string.h"

static const char *exit_name(uint32_t reason)
{
	switch (reason) {
	case KVM_EXIT_MMIO:
		return "an access to memory that is not there";
	case KVM_EXIT_SHUTDOWN:
		return "a triple fault";
	case KVM_EXIT_INTERNAL_ERROR:
		return "an instruction that KVM cannot emulate";
	case KVM_EXIT_FAIL_ENTRY:
		return "a state that the processor refuses";
	case KVM_EXIT_HLT:
		return "it halted";
	case KVM_EXIT_HYPERCALL:
		return "a hypercall of KVM's";
	default:
		return "an exit that is not expected";
	}
}

static void say(const struct kvm_end *e)
{
	switch (e->kind) {
	case KVM_END_EXIT:
		msg("the guest crashed: %s (KVM exit %u, %llx)", exit_name(e->reason), e->reason,
		    (unsigned long long)e->detail);
		break;
	case KVM_END_RUN:
		msg("the guest crashed: KVM_RUN: %s", errno_text((int)e->reason));
		break;
	default:
		msg("the guest crashed: it %s port 0x%x, %u bytes: no such port",
		    e->detail & 0x100 ? "read" : "wrote", e->reason, (unsigned)(e->detail & 0xff));
	}
}

bool kvm_report(const struct run *r, int pid, const struct kvm_end *end,
		struct fault_info *info, struct fault_regs *regs)
{
	struct kvm_end e;

	if (!r->kvm || __atomic_load_n(&end->kind, __ATOMIC_ACQUIRE) == KVM_END_NONE)
		return false;
	memcpy(&e, end, sizeof(e));	/* once */
	__asm__ volatile("" : : : "memory");
	*info = e.kind == KVM_END_FAULT ? e.info :
		(struct fault_info){ SIGILL, 0, e.regs.rip };
	*regs = e.regs;
	if (e.kind == KVM_END_FAULT) {
		fault_report(r, pid, info, regs);
	} else {
		say(&e);
		fault_report_regs(r, pid, regs);
	}
	return true;
}

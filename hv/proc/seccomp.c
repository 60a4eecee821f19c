/* SPDX-License-Identifier: BSD-2-Clause
 *
 * See seccomp.h. The program is a chain of rules, one for each system call, the
 * frequent ones first: a rule that has the call's number never falls through to
 * the next one. A check is written as "good: skip one; return KILL".
 */
#include "hv/proc/seccomp.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/if_tun.h>
#include <linux/ioctl.h>
#include <linux/kvm.h>
#include <linux/seccomp.h>
#include <stddef.h>

#include "hv/sys.h"
#include "kernel/lib/compiler.h"

#define CLOCK_REALTIME_ID  0
#define CLOCK_MONOTONIC_ID 1
#define ARCH_SET_FS_OP	   0x1002

struct prog {
	struct proc_filter_insn *insn;
	uint32_t len, max;
	uint32_t rule;		/* the jump to be patched at the rule's end */
};

static void emit(struct prog *p, unsigned code, uint32_t k, unsigned jt, unsigned jf)
{
	if (p->len < p->max)
		p->insn[p->len] = (struct proc_filter_insn){
			(uint16_t)code, (uint8_t)jt, (uint8_t)jf, k };
	p->len++;
}

static void load(struct prog *p, size_t off)
{
	emit(p, BPF_LD | BPF_W | BPF_ABS, (uint32_t)off, 0, 0);
}

static void load_low(struct prog *p, unsigned arg)
{
	load(p, offsetof(struct seccomp_data, args) + arg * 8);
}

static void load_high(struct prog *p, unsigned arg)
{
	load(p, offsetof(struct seccomp_data, args) + arg * 8 + 4);
}

static void kill_it(struct prog *p)
{
	emit(p, BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS, 0, 0);
}

static void allow(struct prog *p)
{
	emit(p, BPF_RET | BPF_K, SECCOMP_RET_ALLOW, 0, 0);
}

static void rule_begin(struct prog *p, uint32_t nr)
{
	p->rule = p->len;
	emit(p, BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 0);
}

/* The accumulator must hold the call's number again for the next rule: only
 * rules that were entered load something else, and they end here. */
static void rule_end(struct prog *p)
{
	kill_it(p);
	if (p->len <= p->max)
		p->insn[p->rule].jf = (uint8_t)(p->len - p->rule - 1);
	if (p->len - p->rule - 1 > 255)
		p->len = p->max + 1;	/* a jump reaches no further: fail */
}

static void allow_if(struct prog *p, uint32_t value)
{
	emit(p, BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1);
	allow(p);
}

static void must_be(struct prog *p, uint32_t value)
{
	emit(p, BPF_JMP | BPF_JEQ | BPF_K, value, 1, 0);
	kill_it(p);
}

/* Descriptors are ints: the kernel looks at the low half only. */
static void rule_fds(struct prog *p, uint32_t nr, const struct seccomp_policy *policy, unsigned use)
{
	unsigned n = 0;

	for (uint32_t i = 0; i < policy->n_fds; i++)
		n += (policy->fd[i].use & use) != 0;
	if (!n)
		return;
	rule_begin(p, nr);
	load_low(p, 0);
	for (uint32_t i = 0; i < policy->n_fds; i++) {
		if (policy->fd[i].use & use)
			allow_if(p, (uint32_t)policy->fd[i].fd);
	}
	rule_end(p);
}

static void rule_any(struct prog *p, uint32_t nr)
{
	rule_begin(p, nr);
	allow(p);
	rule_end(p);
}

static void rule_mprotect(struct prog *p, const struct seccomp_policy *policy)
{
	uint32_t start = (uint32_t)policy->protect_start;	/* below 4 GiB */
	uint64_t last = policy->protect_end - 1;

	rule_begin(p, __NR_mprotect);
	load_high(p, 0);
	emit(p, BPF_JMP | BPF_JGT | BPF_K, (uint32_t)(last >> 32), 0, 1);
	kill_it(p);
	emit(p, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)(last >> 32), 0, 3);
	load_low(p, 0);
	emit(p, BPF_JMP | BPF_JGT | BPF_K, (uint32_t)last, 0, 1);
	kill_it(p);
	load_high(p, 0);
	emit(p, BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 3);
	load_low(p, 0);
	emit(p, BPF_JMP | BPF_JGE | BPF_K, start, 1, 0);
	kill_it(p);
	/* A range that goes on behind the end meets the unmapped hole there. */
	load_high(p, 2);
	must_be(p, 0);
	load_low(p, 2);
	allow_if(p, 0);		/* PROT_NONE */
	allow_if(p, 1);		/* PROT_READ */
	allow_if(p, 3);		/* PROT_READ | PROT_WRITE */
	rule_end(p);
}

static void rule_ioctl(struct prog *p, const struct seccomp_policy *policy)
{
	bool taps = false;

	for (uint32_t i = 0; i < policy->n_fds; i++)
		taps |= (policy->fd[i].use & FD_TAP) != 0;
	if (!taps && !policy->vcpu_fd)
		return;
	rule_begin(p, __NR_ioctl);
	if (policy->vcpu_fd) {
		/* Another descriptor: over these eight, to the taps. */
		load_low(p, 0);
		emit(p, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)policy->vcpu_fd, 0, 8);
		load_low(p, 1);
		allow_if(p, (uint32_t)KVM_RUN);
		allow_if(p, (uint32_t)KVM_GET_SREGS);
		allow_if(p, (uint32_t)KVM_SET_SREGS);
		kill_it(p);
	}
	load_low(p, 1);
	must_be(p, (uint32_t)TUNSETOFFLOAD);
	load_low(p, 0);
	for (uint32_t i = 0; i < policy->n_fds; i++) {
		if (policy->fd[i].use & FD_TAP)
			allow_if(p, (uint32_t)policy->fd[i].fd);
	}
	rule_end(p);
}

static void rule_low(struct prog *p, uint32_t nr, unsigned arg, uint32_t a, uint32_t b)
{
	rule_begin(p, nr);
	load_low(p, arg);
	allow_if(p, a);
	if (b != a)
		allow_if(p, b);
	rule_end(p);
}

int seccomp_build(const struct seccomp_policy *policy, struct proc_filter_insn *out,
		  uint32_t max, uint32_t *len)
{
	struct prog p = { .insn = out, .max = max };

	load(&p, offsetof(struct seccomp_data, arch));
	must_be(&p, AUDIT_ARCH_X86_64);		/* no int 0x80 */
	load(&p, offsetof(struct seccomp_data, nr));	/* x32 numbers match no rule */
	rule_fds(&p, __NR_writev, policy, FD_WRITEV);
	rule_fds(&p, __NR_readv, policy, FD_READV);
	rule_any(&p, __NR_ppoll);
	rule_fds(&p, __NR_preadv2, policy, FD_PREADV2);
	rule_fds(&p, __NR_pwritev2, policy, FD_PWRITEV2);
	if (policy->workers)
		rule_low(&p, __NR_futex, 1, FUTEX_WAIT_PRIVATE, FUTEX_WAKE_PRIVATE);
	rule_fds(&p, __NR_read, policy, FD_READ);
	rule_fds(&p, __NR_write, policy, FD_WRITE);
	rule_low(&p, __NR_clock_gettime, 0, CLOCK_MONOTONIC_ID, CLOCK_REALTIME_ID);
	rule_mprotect(&p, policy);
	rule_fds(&p, __NR_fdatasync, policy, FD_PWRITEV2);
	rule_fds(&p, __NR_fallocate, policy, FD_PWRITEV2);
	if (policy->rng)
		rule_any(&p, __NR_getrandom);
	if (policy->set_tls)
		rule_low(&p, __NR_arch_prctl, 0, ARCH_SET_FS_OP, ARCH_SET_FS_OP);
	rule_ioctl(&p, policy);
	rule_any(&p, __NR_exit_group);
	kill_it(&p);
	*len = p.len;
	return p.len <= max ? 0 : -1;
}

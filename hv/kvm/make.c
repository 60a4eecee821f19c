/* SPDX-License-Identifier: BSD-2-Clause
 *
 * KVM mode, in the child before it enters the blob: a virtual machine of one vCPU
 * that stands in ring 3 at the guest's entry point. No interrupt chip, no timer, no
 * firmware, no device.
 */
#include <cpuid.h>
#include <linux/kvm.h>

#include "hv/host.h"
#include "hv/kvm/kvm.h"
#include "hv/proc/proc.h"
#include "hv/run.h"
#include "kernel/lib/compiler.h"
#include "kernel/lib/string.h"

extern const uint8_t kvm_stubs[], kvm_stubs_end[], kvm_entry[], kvm_entry_end[];
extern const uint64_t kvm_entry_spin[];

#define RO_LEN	   (KVM_AREA_TRAP * (uint64_t)HV_PAGE)	/* of the area */

#define CR0_BITS   0x80050033ull	/* PG AM WP NE ET MP PE */
#define CR4_BITS   0x620ull		/* PAE OSFXSR OSXMMEXCPT */
#define CR4_FSGSBASE 0x10000ull
#define EFER_BITS  0xd00ull		/* LME LMA NXE; no SCE: `syscall` is invalid */
#define PHYS_LEAST 36u

static long map_fixed(uintptr_t at, uint64_t len, int prot, int flags, int fd)
{
	uintptr_t got = sys_mmap(at, len, prot, flags | MAP_FIXED_NOREPLACE, fd, 0);

	return got == at ? 0 : sys_failed(got) ? (long)got : -EEXIST;
}

static long set_memory(const struct kvm *k)
{
	struct kvm_userspace_memory_region m = {
		.guest_phys_addr = HV_MEM_BASE, .userspace_addr = HV_MEM_BASE,
		.memory_size = k->area + k->area_len - HV_MEM_BASE,
	};

	return sys_ioctl(k->vm_fd, KVM_SET_USER_MEMORY_REGION, (uintptr_t)&m);
}

/* The guest's own part of --spin, by the counter's rate since glint began. */
static uint32_t spin_cycles(const struct run *r)
{
	struct clock_moment now = clock_now_pair();
	uint64_t ns = now.ns - r->began.ns, spin = r->spin_us * 1000ull;

	return ns && r->tsc_stable ? (uint32_t)((now.tsc - r->began.tsc) * spin / ns) : 0;
}

static long make_area(const struct run *r, struct kvm *k)
{
	uintptr_t live = k->area + KVM_AREA_LIVE * (uint64_t)HV_PAGE, at;
	uint8_t *page = (uint8_t *)k->area;
	long err = map_fixed(k->area, k->area_len, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1);

	if (!err)
		err = map_fixed(KVM_HOST, KVM_IO_STACK_LEN, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1);
	if (err)
		return err;
	k->spin_cycles = spin_cycles(r);
	memcpy(page + KVM_AREA_STUBS * HV_PAGE, kvm_stubs, (size_t)(kvm_stubs_end - kvm_stubs));
	page += KVM_AREA_ENTRY * HV_PAGE;
	memcpy(page, kvm_entry, (size_t)(kvm_entry_end - kvm_entry));
	memcpy(page + ((const uint8_t *)kvm_entry_spin - kvm_entry), &k->spin_cycles, sizeof(k->spin_cycles));
	kvm_tables_init(k);
	/* A length of 0 makes a second view of shared pages (mremap(2)). */
	at = sys_mremap(PROC_LIVE, 0, HV_PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, live);
	return at == live ? sys_mprotect(k->area, RO_LEN, PROT_READ) : (long)at;
}

/* The few leaves that a guest in ring 3 can use; each costs 10 us where CPUID traps,
 * and to ask KVM for all of them a hundred times as much. Features that need state
 * beyond SSE's are left out: nobody enables it. */
static long set_cpuid(const struct kvm *k)
{
	struct {			/* struct kvm_cpuid2 */
		uint32_t nent, pad;
		struct kvm_cpuid_entry2 e[6];
	} c = { .nent = 5 };
	struct kvm_cpuid_entry2 *e = c.e;
	uint32_t phys = PHYS_LEAST, unused;

	e[0].function = 0;
	__cpuid(0, e[0].eax, e[0].ebx, e[0].ecx, e[0].edx);
	e[0].eax = 7;
	e[1].function = 1;
	__cpuid(1, e[1].eax, e[1].ebx, e[1].ecx, e[1].edx);
	e[1].ecx &= 0x42d82203;		/* SSE3 PCLMUL SSSE3 CX16 SSE4 MOVBE POPCNT AES RDRAND */
	e[1].edx &= 0x07808171 | 0x0000e040;	/* FPU TSC MSR PAE CX8 PGE CMOV CLFLUSH MMX FXSR SSE SSE2 */
	e[2].function = 7;
	e[2].flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX;
	__cpuid_count(7, 0, unused, e[2].ebx, e[2].ecx, e[2].edx);
	e[2].ebx &= 0x000c0201 | 0x20000000;	/* FSGSBASE ERMS RDSEED ADX SHA */
	e[2].ecx = e[2].edx = 0;
	e[3].function = 0x80000000;
	e[3].eax = 0x80000008;
	e[4].function = 0x80000001;
	e[4].edx = 0x20100000;		/* NX LM */
	if (k->area + k->area_len > 1ull << PHYS_LEAST) {
		__cpuid(0x80000008, phys, unused, unused, unused);
		if (k->area + k->area_len > 1ull << (phys & 63))
			return -ERANGE;
		e[5].function = 0x80000008;
		e[5].eax = phys;
		c.nent = 6;
	}
	return sys_ioctl(k->vcpu_fd, KVM_SET_CPUID2, (uintptr_t)&c);
}

static struct kvm_segment segment(uint16_t selector, uint8_t type, bool code)
{
	return (struct kvm_segment){ .limit = 0xffffffff, .selector = selector, .type = type,
				     .present = 1, .dpl = 3, .s = 1, .l = code, .db = !code, .g = 1 };
}

static long set_registers(const struct run *r, const struct kvm *k)
{
	uint64_t cpu = KVM_VIEW + KVM_AREA_CPU * (uint64_t)HV_PAGE;
	struct kvm_regs regs = { .rip = r->image.hv_entry, .rdi = r->start_addr, .rflags = 0x202 };
	struct kvm_sregs s;
	long err = sys_ioctl(k->vcpu_fd, KVM_GET_SREGS, (uintptr_t)&s);

	if (err)
		return err;
	s.cs = segment(0x33, 0xb, true);
	s.ss = s.ds = s.es = s.fs = s.gs = segment(0x2b, 3, false);
	s.tr = (struct kvm_segment){ .base = KVM_VIEW + KVM_AREA_TSS * (uint64_t)HV_PAGE,
				     .limit = 104 + 8192, .selector = 0x40, .type = 11, .present = 1 };
	s.ldt = (struct kvm_segment){ .unusable = 1 };
	s.gdt = (struct kvm_dtable){ .base = cpu, .limit = 0x4f };
	s.idt = (struct kvm_dtable){ .base = cpu + 0x400, .limit = KVM_VECTORS * 16 - 1 };
	s.cr0 = CR0_BITS;
	s.cr3 = k->area + KVM_AREA_ROOT * (uint64_t)HV_PAGE;
	s.cr4 = CR4_BITS | (r->fsgsbase ? CR4_FSGSBASE : 0);
	s.efer = EFER_BITS;
	err = sys_ioctl(k->vcpu_fd, KVM_SET_SREGS, (uintptr_t)&s);
	if (err && s.cr4 & CR4_FSGSBASE) {
		/* A KVM without hardware: ring 3 is the host's own, and its bit counts. */
		s.cr4 &= ~CR4_FSGSBASE;
		err = sys_ioctl(k->vcpu_fd, KVM_SET_SREGS, (uintptr_t)&s);
	}
	return err ? err : sys_ioctl(k->vcpu_fd, KVM_SET_REGS, (uintptr_t)&regs);
}

/* The guest's counter is the host's, or it has to ask for the time. */
static void set_counter(const struct run *r, const struct kvm *k, struct hv_start *start)
{
	uint64_t offset = 0;
	struct kvm_device_attr attr = {
		.group = KVM_VCPU_TSC_CTRL, .attr = KVM_VCPU_TSC_OFFSET, .addr = (uintptr_t)&offset,
	};

	if (r->tsc_stable && sys_ioctl(k->vcpu_fd, KVM_SET_DEVICE_ATTR, (uintptr_t)&attr))
		start->clock.flags = 0;
}

static long make_vcpu(const struct run *r, struct kvm *k, struct hv_start *start)
{
	struct kvm_ioeventfd kick = { .addr = KVM_PORT_KICK, .len = 4, .fd = r->event_fd,
				      .flags = KVM_IOEVENTFD_FLAG_PIO };
	long err = sys_ioctl(k->vm_fd, KVM_IOEVENTFD, (uintptr_t)&kick);

	if (err)
		return err;
	err = sys_ioctl(k->vm_fd, KVM_CREATE_VCPU, 0);
	if (err < 0)
		return err;
	k->vcpu_fd = (int)err;
	err = sys_ioctl(k->dev_fd, KVM_GET_VCPU_MMAP_SIZE, 0);
	if (err < HV_PAGE || err > (long)KVM_RUN_MAX)
		return err < 0 ? err : -ERANGE;
	k->run_len = (uint64_t)err;
	err = map_fixed(KVM_RUN_PAGE, k->run_len, PROT_READ | PROT_WRITE, MAP_SHARED, k->vcpu_fd);
	if (!err)
		err = set_cpuid(k);
	if (!err)
		err = set_registers(r, k);
	if (!err)
		set_counter(r, k, start);
	return err;
}

long kvm_make(const struct run *r, struct proc *p)
{
	struct kvm *k = &p->kvm;
	long err = make_area(r, k);

	if (err)
		return err;
	err = sys_ioctl(k->dev_fd, KVM_CREATE_VM, 0);
	if (err < 0)
		return err;
	k->vm_fd = (int)err;
	err = set_memory(k);
	if (!err)
		err = make_vcpu(r, k, p->start);
	if (!err)		/* a number that the filter was told before the fork */
		err = SYS(dup3, k->vcpu_fd, k->dev_fd, O_CLOEXEC, 0, 0, 0);
	k->vcpu_fd = k->dev_fd;
	return err < 0 ? err : 0;
}

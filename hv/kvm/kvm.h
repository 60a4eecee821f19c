/* SPDX-License-Identifier: BSD-2-Clause
 *
 * KVM mode: the guest's process (hv/proc/proc.h) holds a virtual machine in place
 * of running the guest itself. Its address space, layout, limits and filter are those
 * of process mode, but nothing of guest memory is executable here, and there is:
 *
 *	KVM_IO_STACK	of the second thread, which serves the devices (io.c)
 *	KVM_RUN_PAGE	struct kvm_run
 *	the area	what the processor reads, above guest memory: see below
 *
 * The guest runs in ring 3 from the first instruction. The first pages of the area
 * are read-only, because their mapping here is: the processor's tables and the stubs
 * that a fault ends in, supervisor-only, and a page of code that the guest may call
 * (guest.S). The others can be written by the processor: the page where a fault
 * leaves its frame, supervisor-only; the guest's page of events, whose first word
 * holds the HV_EV_* bits that the entry code takes without leaving the guest (PROC_LIVE
 * is the same page); and the page tables (tables.c), which are mapped nowhere. They are
 * not read-only, because processors with two levels of tables count each walk as a
 * write.
 *
 * Addresses as the guest sees them: memory as in abi.h, and page i of the area
 * at KVM_VIEW + i pages. Guest-physical: both where they lie in this process, in one
 * slot, because each costs milliseconds on a busy machine.
 */
#pragma once

#define KVM_VIEW	0x300000000000
#define KVM_AREA_CPU	0		/* page numbers: GDT, IDT */
#define KVM_AREA_TSS	1		/* three pages: the I/O bitmap, all zero */
#define KVM_AREA_STUBS	4
#define KVM_AREA_ENTRY	5
#define KVM_AREA_TRAP	6		/* from here on: writable */
#define KVM_AREA_LIVE	7
#define KVM_AREA_ROOT	8		/* page tables */

#define KVM_STUB_LEN	16		/* bytes: vector = offset / this */
#define KVM_VECTORS	32

/* One byte, `out imm8`. Every other port, size or direction ends the guest. */
#define KVM_PORT_CALL	0xe0		/* a hypercall, in %rdi %rsi %rdx %rcx */
#define KVM_PORT_KICK	0xe4		/* 4 bytes; an ioeventfd, seen by the kernel alone */
#define KVM_PORT_FAULT	0xe8		/* from a stub */

#ifndef __ASSEMBLER__

#include <stdbool.h>
#include <stdint.h>

#include "hv/elf.h"
#include "hv/fault.h"
#include "pv/hv/abi.h"

struct proc;

#define KVM_HOST	0x200010000000ul	/* above what proc.h places */
#define KVM_IO_STACK_LEN 0x10000ul		/* below it nothing is mapped */
#define KVM_IO_STACK_END (KVM_HOST + KVM_IO_STACK_LEN)
#define KVM_RUN_PAGE	(KVM_HOST + 0x100000ul)
#define KVM_RUN_MAX	0x10000ul

struct kvm_range {
	uint64_t start, end;		/* whole pages */
	bool write, exec;
};

/* In struct proc, so private to the process. */
struct kvm {
	bool on;
	int dev_fd, vm_fd, vcpu_fd;	/* the first two until the set-up is done */
	uint64_t run_len;
	/* page tables */
	uint64_t mem_end, rw_end;
	uint64_t area, area_len;	/* here, and guest-physical */
	uint32_t area_used;		/* pages */
	uint32_t n_ranges;
	struct kvm_range range[IMAGE_SEGMENTS_MAX];
	/* the two threads */
	uint32_t go;			/* futex: the I/O thread may start */
	uint32_t lock;			/* futex: struct devs; 2: somebody waits */
	uint32_t want;			/* futex: the vCPU wants the lock, let it pass */
	uint32_t changed;		/* counts: what ppoll knows may be out of date */
	uint32_t sleeping;		/* futex: the vCPU's thread waits for events */
	uint32_t spin_cycles;		/* guest.S, before it leaves the guest to sleep */
};

/* How the guest ended, for the monitor: behind struct proc_ctl. */
enum kvm_end_kind {
	KVM_END_NONE,
	KVM_END_FAULT,			/* `info` and `regs` as process mode has them */
	KVM_END_EXIT,			/* KVM stopped for `reason`, `detail` */
	KVM_END_RUN,			/* KVM_RUN failed: `reason` is its errno */
	KVM_END_PORT,			/* port `reason`, `detail`: size, bit 8: in */
};

struct kvm_end {
	uint32_t kind;			/* enum kvm_end_kind; written last */
	uint32_t reason;
	uint64_t detail;
	struct fault_info info;
	struct fault_regs regs;
};

/* ---- the monitor ---- */

/* Opens /dev/kvm; ends the program with a message that says what to do. */
int kvm_open(void);
/* Fills r's part of `k`, before the fork. */
void kvm_describe(const struct run *r, struct kvm *k);
/* Says how it ended; true if `end` tells of something. In `info` and `regs`, for
 * a core. */
bool kvm_report(const struct run *r, int pid, const struct kvm_end *end,
		struct fault_info *info, struct fault_regs *regs);

/* ---- the child, before it enters the blob ---- */

/* The virtual machine with all that belongs to it; memory is mapped. 0 or -errno. */
long kvm_make(const struct run *r, struct proc *p);

/* ---- tables.c: both ---- */

/* All of the area but page tables. */
void kvm_tables_init(struct kvm *k);
/* The entry of a page of guest memory; NULL: no room. Makes the tables above it; then
 * *fresh is true, and all of their entries are filled in. */
uint64_t *kvm_tables_entry(struct kvm *k, uint64_t addr, bool *fresh);
/* Permissions (HV_PROT_*) of whole pages inside guest memory. 0 or -HV_ENOMEM. */
int64_t kvm_tables_protect(struct kvm *k, uint64_t addr, uint64_t len, uint64_t prot);

/* ---- the blob ---- */

/* Starts the I/O thread, which waits for kvm_run(). 0 or -errno. */
long kvm_start_io(struct proc *p);
void kvm_run(struct proc *p) __attribute__((noreturn));

void kvm_lock(struct kvm *k);
void kvm_unlock(struct kvm *k);

#endif

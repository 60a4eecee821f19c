/* SPDX-License-Identifier: BSD-2-Clause
 *
 * pvclock: the hypervisor publishes (time stamp, nanoseconds, rate) in memory
 * and we extrapolate. One layout for KVM (MSRs), Xen (shared_info) and hv
 * (start page). Linux: Documentation/virt/kvm/x86/msr.rst; Xen: public/xen.h.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "kernel/lib/shared.h"

struct pvclock_time {
	uint32_t version;	/* odd: being written */
	uint32_t pad0;
	uint64_t tsc_timestamp;
	uint64_t system_time;	/* ns at tsc_timestamp */
	uint32_t mul;		/* ns = (ticks << shift) * mul >> 32 */
	int8_t shift;
	uint8_t flags;
	uint8_t pad[2];
};

struct pvclock_wall {
	uint32_t version, sec, nsec;	/* 1970 time of system time 0 */
};

#define PVCLOCK_TSC_STABLE	1u
#define PVCLOCK_GUEST_STOPPED	2u

_Static_assert(sizeof(struct pvclock_time) == 32, "pvclock ABI");

/* Ticks to nanoseconds; saturates instead of overflowing. A negative shift
 * goes right. */
uint64_t pvclock_scale(uint64_t ticks, uint32_t mul, int shift);

/* The time now, by a record that the hypervisor may be updating. `tsc` reads
 * the counter. False: no consistent record (never written, or torn for ever);
 * *ns is unchanged. */
bool pvclock_read(const struct pvclock_time SHARED *rec, uint64_t (*tsc)(void),
		  uint64_t *ns);

/* Nanoseconds since 1970 at system time 0; 0: not given. */
uint64_t pvclock_wall_base(const struct pvclock_wall SHARED *w);

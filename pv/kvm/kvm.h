/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What the files of pv/kvm share. The platform's entries are in kvm.c; each
 * file below implements some of them.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/device.h"
#include "pv/kvm/acpi.h"
#include "pv/pv.h"

extern struct acpi_info kvm_acpi;	/* kvm.c */
void kvm_acpi_load(void);		/* once; by init, or by an exit before it */

/* kvm.c: which hypervisor answers CPUID, and its highest leaf. */
struct kvm_cpu {
	bool kvm, tcg;			/* signatures: APIC timer at 1 GHz */
	uint32_t base, max;		/* hypervisor leaves, 0: none */
};
extern struct kvm_cpu kvm_cpu;

/* uart.c */
void kvm_puts(const char *text, size_t len);

/* emerg.c: while the boot page tables are in use (!kvm_mapped) */
extern bool kvm_mapped;			/* kvm.c: our own tables are active */
void kvm_emerg_puts(const char *text, size_t len);

/* clock.c */
void kvm_clock_init(const struct boot_info *bi);
nsec_t kvm_now(void);
nsec_t kvm_wall(void);
void kvm_wait(nsec_t deadline);

/* power.c */
void kvm_power_init(void);		/* registers, while they can be mapped */
void kvm_power_button(void);		/* arms it; from scan */
void kvm_exit(int status) NORETURN;

/* scan_mmio.c, scan_pci.c: 0 or -errno */
int kvm_scan_mmio(bool has_pci);
int kvm_scan_pci(void);
bool kvm_has_pci(void);

/* A device in zeroed memory of its own, followed by `bus_len` bytes for its
 * bus_info; NULL: no memory. */
struct device *kvm_device_new(const char *bus, size_t bus_len);

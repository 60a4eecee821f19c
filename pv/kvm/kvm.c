/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The `kvm` platform: a ring 0 guest of QEMU (TCG or KVM), Firecracker or
 * Cloud Hypervisor. It owns what such a machine is made of: local and I/O
 * APICs, the PCI bus, virtio-mmio slots, ACPI power registers.
 */
#include "pv/kvm/kvm.h"

#include <errno.h>

#include "kernel/boot_info.h"
#include "kernel/heap.h"
#include "kernel/lib/string.h"
#include "kernel/log.h"
#include "pv/x86/cpu.h"
#include "pv/x86/ioapic.h"
#include "pv/x86/irq.h"
#include "pv/x86/lapic.h"
#include "pv/x86/paging.h"
#include "pv/x86/trap.h"

#define HV_LEAF_FIRST	0x40000000u
#define HV_LEAF_STEP	0x100u
#define HV_LEAF_END	0x40000400u
#define CPUID1_ECX_HYPERVISOR	(1u << 31)
#define CPUID7_EBX_FSGSBASE	(1u << 0)
#define CPUID7_ECX_UMIP		(1u << 2)
#define IOAPIC_DEFAULT	0xfec00000u
#define VIEW_START	0x10ull
#define VIEW_END	(4ull << 30)

struct acpi_info kvm_acpi;
bool kvm_mapped;
struct kvm_cpu kvm_cpu;

extern char boot_stack_guard[];		/* boot/stack.S */

static bool fsgsbase, acpi_loaded;
static const struct boot_info *boot;

static bool signature_is(const struct cpuid *c, const char text[static 13])
{
	return !memcmp(&c->ebx, text, 4) && !memcmp(&c->ecx, text + 4, 4) &&
	       !memcmp(&c->edx, text + 8, 4);
}

/* KVM moves its leaves up when it also shows Hyper-V's. */
static void identify(void)
{
	kvm_cpu = (struct kvm_cpu){ 0 };
	if (!(x86_cpuid(1).ecx & CPUID1_ECX_HYPERVISOR))
		return;
	for (uint32_t leaf = HV_LEAF_FIRST; leaf < HV_LEAF_END;
	     leaf += HV_LEAF_STEP) {
		struct cpuid c = x86_cpuid(leaf);

		kvm_cpu.kvm = signature_is(&c, "KVMKVMKVM\0\0\0");
		kvm_cpu.tcg = signature_is(&c, "TCGTCGTCGTCG");
		if (!kvm_cpu.kvm && !kvm_cpu.tcg)
			continue;
		kvm_cpu.base = leaf;
		kvm_cpu.max = c.eax;
		return;
	}
}

static bool kvm_probe(const struct boot_info *bi)
{
	struct cpuid c;

	if (bi->protocol != BOOT_PVH && bi->protocol != BOOT_MULTIBOOT2 &&
	    bi->protocol != BOOT_LINUX64)
		return false;
	boot = bi;
	identify();
	if (kvm_cpu.base || !(x86_cpuid(1).ecx & CPUID1_ECX_HYPERVISOR))
		return true;
	c = x86_cpuid(HV_LEAF_FIRST);
	return !signature_is(&c, "XenVMMXenVMM") &&
	       !signature_is(&c, "Microsoft Hv");
}

static int init_interrupts(void)
{
	int error = lapic_init();

	if (error) {
		log_err(LOG_PV, "no usable local APIC");
		return error;
	}
	irq_init();
	if (!kvm_acpi.n_ioapics) {
		/* microvm without ACPI has one, at the usual place. */
		kvm_acpi.ioapic[0].addr = IOAPIC_DEFAULT;
		kvm_acpi.n_ioapics = 1;
	}
	for (unsigned i = 0; i < kvm_acpi.n_ioapics; i++) {
		error = ioapic_add(kvm_acpi.ioapic[i].addr,
				   kvm_acpi.ioapic[i].gsi_base);
		if (error)
			log_warn(LOG_PV, "no I/O APIC at 0x%x",
				 (unsigned)kvm_acpi.ioapic[i].addr);
	}
	return 0;
}

static void init_cpu(void)
{
	struct cpuid c;

	if (x86_cpuid(0).eax < 7)
		return;
	c = x86_cpuid(7);
	if (c.ebx & CPUID7_EBX_FSGSBASE) {
		x86_write_cr4(x86_read_cr4() | CR4_FSGSBASE);
		fsgsbase = true;
	}
	if (c.ecx & CPUID7_ECX_UMIP)
		x86_write_cr4(x86_read_cr4() | CR4_UMIP);
}

void kvm_acpi_load(void)
{
	static const struct view memory = {
		(const uint8_t *)VIEW_START, VIEW_START, VIEW_END - VIEW_START,
	};

	if (!acpi_loaded)
		acpi_parse(&memory, boot->rsdp, &kvm_acpi);
	acpi_loaded = true;
}

static int kvm_init(const struct boot_info *bi)
{
	int error;

	x86_trap_init();
	/* Tables may lie anywhere below 4 GiB: read before that is unmapped. */
	kvm_acpi_load();
	kvm_mapped = true;
	error = paging_init(bi, (uintptr_t)boot_stack_guard);
	if (error)
		return error;
	init_cpu();
	kvm_power_init();
	error = init_interrupts();
	if (error)
		return error;
	kvm_clock_init(bi);
	return 0;
}

static void kvm_set_tls(uintptr_t base)
{
	if (fsgsbase)
		__asm__ volatile("wrfsbase %0" :: "r"(base) : "memory");
	else
		x86_wrmsr(MSR_FS_BASE, base);
}

struct device *kvm_device_new(const char *bus, size_t bus_len)
{
	struct device *dev = heap_zalloc(HEAP_DRIVER, sizeof(*dev) + bus_len);

	if (!dev)
		return NULL;
	dev->bus = bus;
	dev->bus_info = dev + 1;
	return dev;
}

static int kvm_scan(void)
{
	bool has_pci = kvm_has_pci();
	int error;

	kvm_power_button();
	error = kvm_scan_mmio(has_pci);
	if (!error && has_pci)
		error = kvm_scan_pci();
	return error;
}

static const struct pv_platform kvm = {
	.name = "kvm",
	.probe = kvm_probe,
	.init = kvm_init,
	.puts = kvm_puts,
	.exit = kvm_exit,
	.now = kvm_now,
	.wall = kvm_wall,
	.wait = kvm_wait,
	.line = irq_line,
	.scan = kvm_scan,
	.protect = paging_protect,
	.set_tls = kvm_set_tls,
};
static const struct pv_platform *const entry PV_PLATFORM("50") = &kvm;

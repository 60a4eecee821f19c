/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Local APIC; see lapic.h. The timer's mode is written once per change, not
 * per deadline: each access is an exit under KVM and costs under TCG.
 */
#include "pv/x86/lapic.h"

#include <errno.h>

#include "kernel/lib/mmio.h"
#include "pv/x86/cpu.h"
#include "pv/x86/paging.h"

#define REG_ID		0x020
#define REG_TPR		0x080
#define REG_EOI		0x0b0
#define REG_SVR		0x0f0
#define REG_LVT_TIMER	0x320
#define REG_LVT_LINT0	0x350
#define REG_LVT_LINT1	0x360
#define REG_LVT_ERROR	0x370
#define REG_INITIAL	0x380
#define REG_CURRENT	0x390
#define REG_DIVIDE	0x3e0

#define SVR_ENABLE	0x100u
#define LVT_MASKED	0x10000u
#define LVT_NMI		0x400u
#define BASE_X2APIC	(1u << 10)
#define BASE_ENABLE	(1u << 11)
#define BASE_ADDR	0x000ffffffffff000ull

#define CPUID1_ECX_X2APIC	(1u << 21)
#define CPUID1_EDX_APIC		(1u << 9)

static volatile uint8_t *regs;	/* NULL: x2APIC */
static uint32_t lvt_timer = LVT_MASKED;
static uint32_t divide = UINT32_MAX;

static uint32_t read(unsigned reg)
{
	return regs ? mmio_read32(regs + reg) :
		      (uint32_t)x86_rdmsr(MSR_X2APIC + reg / 16);
}

static void write(unsigned reg, uint32_t v)
{
	if (regs)
		mmio_write32(regs + reg, v);
	else
		x86_wrmsr(MSR_X2APIC + reg / 16, v);
}

int lapic_init(void)
{
	struct cpuid c = x86_cpuid(1);
	uint64_t base;

	if (!(c.edx & CPUID1_EDX_APIC))
		return -ENODEV;
	base = x86_rdmsr(MSR_APIC_BASE) | BASE_ENABLE;
	if (c.ecx & CPUID1_ECX_X2APIC) {
		x86_wrmsr(MSR_APIC_BASE, base);
		x86_wrmsr(MSR_APIC_BASE, base | BASE_X2APIC);
	} else {
		x86_wrmsr(MSR_APIC_BASE, base);
		regs = paging_map_mmio(base & BASE_ADDR, PAGE_SIZE);
		if (!regs)
			return -ENOMEM;
	}
	write(REG_SVR, SVR_ENABLE | LAPIC_SPURIOUS_VECTOR);
	write(REG_TPR, 0);
	write(REG_LVT_TIMER, LVT_MASKED);
	write(REG_LVT_LINT0, LVT_MASKED);	/* the PICs' way in */
	write(REG_LVT_LINT1, LVT_NMI);
	write(REG_LVT_ERROR, LVT_MASKED | LAPIC_SPURIOUS_VECTOR);
	return 0;
}

uint32_t lapic_id(void)
{
	uint32_t id = read(REG_ID);

	return regs ? id >> 24 : id;
}

void lapic_eoi(void)
{
	write(REG_EOI, 0);
}

static void set_lvt(uint32_t v)
{
	if (lvt_timer != v)
		write(REG_LVT_TIMER, v);
	lvt_timer = v;
}

/* SDM figure 10-10: bits 3, 1, 0; 111 divides by 1, 000 by 2, 110 by 128. */
static void set_divider(unsigned log2_divider)
{
	unsigned code = (log2_divider + 7) & 7;
	uint32_t v = (code & 3) | (code & 4) << 1;

	if (divide != v)
		write(REG_DIVIDE, v);
	divide = v;
}

void lapic_count_start(void)
{
	set_lvt(LVT_MASKED);
	set_divider(0);
	write(REG_INITIAL, UINT32_MAX);
}

uint32_t lapic_count(void)
{
	return read(REG_CURRENT);
}

void lapic_timer_in(uint32_t ticks, unsigned log2_divider)
{
	set_divider(log2_divider);
	set_lvt(LAPIC_TIMER_VECTOR);
	write(REG_INITIAL, ticks);
}

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Time and sleep. Time is kvmclock where KVM offers it, else the time stamp
 * counter at a rate that the hypervisor or CPUID names, else at the rate that
 * comparing it with the APIC timer shows (TCG and KVM run that at 1 GHz):
 * first over 20 us, then again whenever a longer comparison comes for free.
 * Nothing ever waits for a calibration. Sleep is sti; hlt under the one-shot
 * APIC timer.
 */
#include "pv/kvm/kvm.h"

#include "kernel/boot_info.h"
#include "kernel/event.h"
#include "kernel/lib/string.h"
#include "pv/kvm/rtc.h"
#include "pv/x86/cpu.h"
#include "pv/x86/irq.h"
#include "pv/x86/lapic.h"
#include "pv/x86/pvclock.h"
#include "pv/x86/trap.h"
#include "pv/x86/tsc.h"

#define MSR_KVM_WALL		0x4b564d00u
#define MSR_KVM_TIME		0x4b564d01u
#define KVM_FEATURE_CLOCK2	(1u << 3)
#define HV_LEAF_TIMING		0x10u	/* + base: TSC and bus in kHz */

#define APIC_HZ_DEFAULT		1000000000ull
#define FIRST_WINDOW_NS		20000	/* 0.2 to 1 % off, enough to start */
#define LAST_WINDOW_NS		100000000u	/* no better after 100 ms */
#define APIC_WINDOW_NS		100000
#define SLEEP_MAX_NS		(400 * NSEC_PER_SEC)

#define CMOS_INDEX		0x70
#define CMOS_DATA		0x71
#define CMOS_NMI_OFF		0x80
#define CMOS_STATUS_A		0x0a
#define CMOS_UPDATING		0x80
#define CMOS_ABSENT		0xff
#define CMOS_UPDATE_NS		(3 * NSEC_PER_MSEC)	/* it takes 2 */

static struct pvclock_time kvmclock_record ALIGNED(64);
static struct pvclock_wall kvmwall_record ALIGNED(64);
static const struct pvclock_time SHARED *const kvmclock =
	(const struct pvclock_time SHARED *)&kvmclock_record;
static const struct pvclock_wall SHARED *const kvmwall =
	(const struct pvclock_wall SHARED *)&kvmwall_record;
static bool has_kvmclock;
static nsec_t kvmclock_last;
static struct tsc_clock tsc;
static uint64_t apic_hz = APIC_HZ_DEFAULT;

/* When, and from what count, the APIC timer was started last. */
static struct {
	uint64_t tsc;
	nsec_t since;
	uint32_t count;
	unsigned log2_divider;
	bool wanted;		/* does the rate need comparing? */
} ref;

static nsec_t armed;		/* deadline of the running timer, 0: none */

static nsec_t wall_base;	/* 1970 to time 0, 0: unknown */
static nsec_t wall_asked;	/* time of the reading, 0: none yet */

static bool kvmclock_start(void)
{
	if (!kvm_cpu.kvm || kvm_cpu.max < kvm_cpu.base + 1 ||
	    !(x86_cpuid(kvm_cpu.base + 1).eax & KVM_FEATURE_CLOCK2))
		return false;
	x86_wrmsr(MSR_KVM_TIME, (uintptr_t)kvmclock | 1);
	return pvclock_read(kvmclock, x86_rdtsc, &kvmclock_last);
}

/* A rate that somebody names; 0: nobody does. Leaf numbers above the highest
 * return something else's values, so each is checked first. */
static uint64_t named_tsc_hz(void)
{
	struct cpuid c;

	if (kvm_cpu.max >= kvm_cpu.base + HV_LEAF_TIMING) {
		c = x86_cpuid(kvm_cpu.base + HV_LEAF_TIMING);
		if (c.eax)
			return c.eax * 1000ull;
	}
	if (x86_cpuid(0).eax >= 0x15) {
		c = x86_cpuid(0x15);
		if (c.eax && c.ebx && c.ecx)
			return (uint64_t)c.ecx * c.ebx / c.eax;
	}
	return 0;
}

/* Counter and count as of one moment: the closest of three pairs. */
static uint32_t read_pair(uint64_t *at)
{
	uint64_t best = UINT64_MAX;
	uint32_t count = 0;

	for (unsigned i = 0; i < 3; i++) {
		uint64_t before = x86_rdtsc();
		uint32_t c = lapic_count();
		uint64_t took = x86_rdtsc() - before;

		if (took >= best)
			continue;
		best = took;
		count = c;
		*at = before + took / 2;
	}
	return count;
}

static void compare(void)
{
	uint64_t at = 0;
	uint32_t count = read_pair(&at);

	if (!count || count >= ref.count)	/* ran out, or never started */
		return;
	tsc_clock_compare(&tsc, at, at - ref.tsc,
			  (uint64_t)(ref.count - count) << ref.log2_divider);
}

/* Nobody says what the APIC timer runs at: take the counter's word. */
static void measure_apic(uint64_t tsc_hz)
{
	uint64_t start = 0, end = 0, ticks;
	uint32_t first = read_pair(&start), last;

	do
		last = read_pair(&end);
	while (end - start < tsc_hz / (NSEC_PER_SEC / APIC_WINDOW_NS));
	ticks = first - last;
	if (ticks)
		apic_hz = ticks * tsc_hz / (end - start);
}

void kvm_clock_init(const struct boot_info *bi)
{
	uint64_t hz;

	tsc_clock_start(&tsc, bi->tsc_at_entry);
	lapic_count_start();
	ref.count = read_pair(&ref.tsc);
	has_kvmclock = kvmclock_start();
	if (has_kvmclock)
		return;
	hz = named_tsc_hz();
	tsc_clock_set_hz(&tsc, x86_rdtsc(), hz);
	if (hz && !kvm_cpu.kvm && !kvm_cpu.tcg)
		measure_apic(hz);
	ref.wanted = !hz;
}

static nsec_t kvmclock_now(void)
{
	nsec_t ns;

	/* Never back, even over a migration to a host with another counter. */
	if (pvclock_read(kvmclock, x86_rdtsc, &ns) && ns > kvmclock_last)
		kvmclock_last = ns;
	return kvmclock_last;
}

nsec_t kvm_now(void)
{
	if (has_kvmclock)
		return kvmclock_now();
	if (!ref.count)		/* a message before init has a time stamp too */
		return 0;
	while (!tsc.ns_per_tick) {
		uint64_t at = 0;

		if (ref.count - read_pair(&at) >= FIRST_WINDOW_NS)
			compare();
	}
	return tsc_clock_ns(&tsc, x86_rdtsc());
}

static uint8_t cmos(uint8_t reg)
{
	x86_outb(CMOS_INDEX, CMOS_NMI_OFF | reg);
	return x86_inb(CMOS_DATA);
}

static void cmos_read(struct rtc_registers *r)
{
	nsec_t end = kvm_now() + CMOS_UPDATE_NS;

	while (cmos(CMOS_STATUS_A) & CMOS_UPDATING)
		if (kvm_now() > end)
			break;
	r->sec = cmos(0);
	r->min = cmos(2);
	r->hour = cmos(4);
	r->day = cmos(7);
	r->month = cmos(8);
	r->year = cmos(9);
	r->status_b = cmos(0x0b);
}

/* Two equal readings: no update came between. */
static nsec_t cmos_wall(void)
{
	struct rtc_registers a, b;
	uint64_t seconds;

	if (cmos(CMOS_STATUS_A) == CMOS_ABSENT)
		return 0;
	cmos_read(&a);
	for (unsigned i = 0; i < 3; i++) {
		b = a;
		cmos_read(&a);
		if (!memcmp(&a, &b, sizeof(a)))
			return rtc_to_unix(&a, &seconds) ?
			       seconds * NSEC_PER_SEC : 0;
	}
	return 0;
}

/* kvmclock's is asked for again once a second: the host writes it anew, which
 * is how a resume on another day shows. The CMOS date is read once. */
nsec_t kvm_wall(void)
{
	nsec_t now = kvm_now();

	if (has_kvmclock) {
		if (!wall_asked || now - wall_asked >= NSEC_PER_SEC) {
			x86_wrmsr(MSR_KVM_WALL, (uintptr_t)kvmwall);
			wall_base = pvclock_wall_base(kvmwall);
			wall_asked = now;
		}
	} else if (!wall_asked) {
		wall_base = cmos_wall();
		if (wall_base)
			wall_base -= now;
		wall_asked = now;
	}
	return wall_base ? wall_base + now : 0;
}

/* One interrupt at the deadline or, if that is far, after some minutes. */
static void arm(nsec_t now, nsec_t deadline)
{
	uint64_t ns = deadline - now < SLEEP_MAX_NS ? deadline - now
						    : SLEEP_MAX_NS;
	uint64_t ticks = apic_hz == APIC_HZ_DEFAULT ? ns :
			 ns / 1000 * (apic_hz / 1000) / 1000;
	unsigned log2_divider = 0;

	while (ticks > UINT32_MAX && log2_divider < 7) {
		ticks >>= 1;
		log2_divider++;
	}
	if (ticks > UINT32_MAX)
		ticks = UINT32_MAX;
	if (!ticks)
		ticks = 1;
	ref.log2_divider = log2_divider;
	ref.count = (uint32_t)ticks;
	lapic_timer_in(ref.count, log2_divider);
	ref.tsc = x86_rdtsc();
	ref.since = now;
	armed = deadline;
}

static bool want_compare(nsec_t now)
{
	return ref.wanted && tsc.window_ns < LAST_WINDOW_NS &&
	       now - ref.since >= 2 * tsc.window_ns;
}

void kvm_wait(nsec_t deadline)
{
	nsec_t now = 0;

	irq_rearm();
	if (event_pending() || !deadline || deadline <= (now = kvm_now())) {
		x86_irq_window();
	} else {
		if (want_compare(now))
			compare();
		/* A timer that fires earlier is left alone: one more round. */
		if (deadline != NSEC_NEVER && (!armed || armed > deadline))
			arm(now, deadline);
		x86_idle();
	}
	/* It may have fired in the window too; the next sleep needs a new one. */
	if (irq_timer_fired())
		armed = 0;
}

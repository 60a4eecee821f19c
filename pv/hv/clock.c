/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Time and events. Time is the clock record of the start block, which the
 * hypervisor keeps right, or a hypercall where the host's counter is not
 * usable; our time 0 is when `glint run` began. Event line i is device i.
 */
#include "pv/hv/hv.h"

#include "kernel/event.h"
#include "kernel/power.h"
#include "pv/x86/cpu.h"
#include "pv/x86/pvclock.h"

/* Programs that poll without end look at the devices this often, not oftener:
 * a look is a system call or more. Cycles; 5 us or so. */
#define SWEEP_CYCLES	16384u

static const struct pvclock_time SHARED *record;	/* NULL: ask */
static bool async;			/* HV_F_ASYNC: calls are dear, looks are free */
static nsec_t last;			/* what hv_now() said last */
static nsec_t base;			/* clock time of our time 0 */
static uint64_t lines_on;
static uint64_t swept;			/* counter at a look; 0: since the last wait none */

_Static_assert(sizeof(struct pvclock_time) == sizeof(struct hv_clock),
	       "one layout of clock records");

void hv_clock_init(void)
{
	struct hv_clock c;
	nsec_t began;

	shared_copy_in(&c, &hv_start->clock, sizeof(c));
	record = c.flags & PVCLOCK_TSC_STABLE ?
		 (const struct pvclock_time SHARED *)&hv_start->clock : NULL;
	async = shared_load32(&hv_start->flags) & HV_F_ASYNC;
	base = last = 0;
	base = hv_now();
	began = shared_load64(&hv_start->start_ns);
	if (began && began < base)
		base = began;
	last = 0;
}

nsec_t hv_now(void)
{
	nsec_t ns = 0;

	if (!record || !pvclock_read(record, x86_rdtsc, &ns)) {
		int64_t told = hv_call(HV_NOW, 0, 0, 0);

		ns = told > 0 ? (nsec_t)told : 0;
	}
	/* Never back: the rate is refined while we run. */
	ns = ns > base ? ns - base : 0;
	if (ns > last)
		last = ns;
	return last;
}

nsec_t hv_wall(void)
{
	uint64_t wall = hv_start ? shared_load64(&hv_start->wall_ns) : 0;

	return wall ? wall + base + hv_now() : 0;
}

void hv_line(unsigned line, bool on)
{
	if (line >= HV_DEVICES_MAX)
		return;
	if (on)
		lines_on |= 1ull << line;
	else
		lines_on &= ~(1ull << line);
}

/* Reading the counter costs too, so a wait that may sleep does not: the first
 * look that is asked for after it is spared, and time runs from there. */
static bool spare_look(void)
{
	uint64_t now = x86_rdtsc();
	bool first = !swept;

	if (!first && now - swept < SWEEP_CYCLES)
		return true;
	swept = now;
	return first;
}

void hv_wait(nsec_t deadline)
{
	int64_t told;
	uint64_t bits;

	if (event_pending())
		deadline = 0;
	if (!deadline && (async ? !shared_load64(&hv_start->pending) : spare_look()))
		return;
	if (deadline) {			/* clock time; NEVER stays what it is */
		deadline = deadline < NSEC_NEVER - base ? deadline + base : NSEC_NEVER;
		swept = 0;
	}
	told = hv_call(HV_WAIT, deadline, 0, 0);
	if (told <= 0)
		return;
	bits = (uint64_t)told;
	if (bits & HV_EV_SHUTDOWN)
		power_request(POWER_OFF);
	for (bits &= lines_on; bits; bits &= bits - 1)
		event_set_pending((unsigned)__builtin_ctzll(bits));
}

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The hypercalls of process mode, inside the guest's process. Every argument is
 * checked, because an honest guest may be wrong; a hostile one could make the
 * system calls itself, and is held by the filter alone.
 */
#include <linux/errno.h>
#include <linux/poll.h>
#include <linux/time_types.h>

#include "hv/proc/proc.h"
#include "hv/sys.h"
#include "kernel/lib/compiler.h"

#define PROT_READ_BIT	1u
#define PROT_WRITE_BIT	2u
#define ARCH_SET_FS_OP	0x1002
#define PUTS_PATIENCE_NS 5000000000ll
#define CLOCK_REALTIME_ID 0
#define WALL_STEP_NS	1000000u
#define CLOCK_FIRST_NS	1000000u	/* a comparison this soon after the start */
#define CLOCK_LAST_NS	60000000000ull	/* and this far apart at last */

extern char blob_state[] __attribute__((visibility("hidden")));

static struct proc *state(void)
{
	return (struct proc *)(void *)blob_state;
}

static bool overlaps(uint64_t a, uint64_t a_end, uint64_t b, uint64_t b_end)
{
	return a < b_end && b < a_end;
}

static int64_t wait_writable(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLOUT };
	struct __kernel_timespec ts = { .tv_sec = PUTS_PATIENCE_NS / 1000000000 };

	return sys_ppoll(&pfd, 1, &ts);
}

static int64_t call_puts(struct proc *p, uint64_t addr, uint64_t len)
{
	if (addr < HV_MEM_BASE || addr > p->mem_end || len > p->mem_end - addr)
		return -HV_EFAULT;
	while (len) {
		long n = sys_write(p->out_fd, (const void *)addr, len);

		if (n == -EFAULT)
			return -HV_EFAULT;
		if (n == -EAGAIN && wait_writable(p->out_fd) > 0)
			continue;
		if (n == -EINTR)
			continue;
		if (n <= 0)
			return 0;	/* nobody reads: no business of the guest's */
		addr += (uint64_t)n;
		len -= (uint64_t)n;
	}
	return 0;
}

/* Somebody may set the host's clock; what differs less is our own inexactness. */
static void check_wall(struct proc *p, uint64_t now)
{
	int64_t ts[2] = { 0, 0 };
	uint64_t wall;

	sys_raw(__NR_clock_gettime, CLOCK_REALTIME_ID, (long)ts, 0, 0, 0, 0);
	wall = (uint64_t)ts[0] * 1000000000u + (uint64_t)ts[1] - now;
	if (wall - p->start->wall_ns + WALL_STEP_NS > 2 * WALL_STEP_NS)
		__atomic_store_n(&p->start->wall_ns, wall, __ATOMIC_RELAXED);
}

/* Compares the clocks again: soon, then at ever longer distances. */
static uint64_t refine(struct proc *p)
{
	struct clock_moment now = clock_now_pair();
	uint64_t age = now.ns - p->clock_base.ns;

	clock_set(&p->start->clock, p->clock_base, now);
	check_wall(p, now.ns);
	if (age > CLOCK_LAST_NS) {
		p->clock_base = now;
		age = CLOCK_LAST_NS;
	}
	p->clock_next_ns = now.ns + (age > CLOCK_FIRST_NS ? age : CLOCK_FIRST_NS);
	return now.ns;
}

uint64_t proc_clock_time(struct proc *p)
{
	uint64_t now;

	if (!(p->start->clock.flags & 1))
		return clock_now_pair().ns;
	now = clock_read(&p->start->clock, clock_rdtsc());
	return now < p->clock_next_ns ? now : refine(p);
}

static void sleep_until(struct proc *p, uint64_t now, uint64_t deadline)
{
	struct pollfd pfd[DEVS_POLLFDS];
	struct __kernel_timespec ts;
	int n = devs_prepare(p->devs, pfd, DEVS_POLLFDS);

	if (n < 0)
		return;
	ts.tv_sec = (int64_t)((deadline - now) / 1000000000u);
	ts.tv_nsec = (int64_t)((deadline - now) % 1000000000u);
	if (sys_ppoll(pfd, (unsigned)n, deadline == UINT64_MAX ? NULL : &ts) > 0)
		devs_ready(p->devs, pfd, (unsigned)n);
}

static int64_t call_wait(struct proc *p, uint64_t deadline)
{
	uint64_t events = devs_take_events(p->devs), now, spin_end = 0;

	while (!events) {
		bool work = devs_sweep(p->devs);

		events = devs_take_events(p->devs);
		if (events || !deadline)
			break;
		now = proc_clock_time(p);
		if (now >= deadline)
			break;
		if (work || !spin_end)
			spin_end = now + p->spin_ns;
		if (now >= spin_end)
			sleep_until(p, now, deadline);
	}
	return (int64_t)events;
}

static int64_t call_exit(struct proc *p, uint64_t code)
{
	if (code > 255 && code != HV_EXIT_REBOOT && code != HV_EXIT_CRASH)
		return -HV_EINVAL;
	devs_sweep(p->devs);
	p->ctl->exit_code = (uint32_t)code;
	__atomic_store_n(&p->ctl->has_exit, 1, __ATOMIC_RELEASE);
	for (;;)
		sys_raw(__NR_exit_group, (long)(code & 255), 0, 0, 0, 0, 0);
}

static int64_t call_protect(const struct proc *p, uint64_t addr, uint64_t len, uint64_t prot)
{
	long bits = prot == HV_PROT_RW ? PROT_READ_BIT | PROT_WRITE_BIT :
		    prot == HV_PROT_R ? PROT_READ_BIT : 0;

	if (prot != HV_PROT_NONE && prot != HV_PROT_R && prot != HV_PROT_RW)
		return -HV_EINVAL;
	if ((addr | len) % HV_PAGE)
		return -HV_EINVAL;
	if (addr < HV_MEM_BASE || addr > p->rw_end || len > p->rw_end - addr)
		return -HV_EFAULT;
	for (uint32_t i = 0; i < p->n_code; i++) {
		if (overlaps(addr, addr + len, p->code[i].start, p->code[i].end))
			return -HV_EINVAL;
	}
	return sys_raw(__NR_mprotect, (long)addr, (long)len, bits, 0, 0, 0);
}

int64_t proc_hypercall(uint64_t nr, uint64_t a, uint64_t b, uint64_t c)
{
	struct proc *p = state();

	switch ((enum hv_call)nr) {
	case HV_PUTS:
		return call_puts(p, a, b);
	case HV_WAIT:
		return call_wait(p, a);
	case HV_KICK:
		return devs_kick(p->devs, a);
	case HV_EXIT:
		return call_exit(p, a);
	case HV_DEVICE_STATUS:
		return devs_status(p->devs, a, b);
	case HV_DEVICE_FEATURES:
		return devs_features(p->devs, a, b);
	case HV_QUEUE:
		return devs_queue(p->devs, a, b);
	case HV_PROTECT:
		return call_protect(p, a, b, c);
	case HV_SET_TLS:
		if (a >> 47)
			return -HV_EINVAL;
		return sys_raw(__NR_arch_prctl, ARCH_SET_FS_OP, (long)a, 0, 0, 0, 0);
	case HV_NOW:
		return (int64_t)clock_now_pair().ns;
	case HV_N_CALLS:
		break;
	}
	return -HV_ENOSYS;
}

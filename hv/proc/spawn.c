/* SPDX-License-Identifier: BSD-2-Clause
 *
 * See spawn.h: the monitor's part, before the fork and after it.
 */
#include "hv/proc/spawn.h"

#include <linux/ptrace.h>
#include <linux/signal.h>

#include "hv/host.h"
#include "hv/msg.h"
#include "hv/proc/child.h"
#include "hv/proc/seccomp.h"
#include "kernel/lib/fmt.h"
#include "kernel/lib/string.h"

extern const uint8_t blob_start[], blob_end[];

#define BLOB_HYPERCALL 16u	/* proc/entry.S */
#define START_EXTRA_NS 1000000u	/* the child compares clocks again after this */

static uint64_t page_up(uint64_t v)
{
	return ALIGN_UP(v, (uint64_t)HV_PAGE);
}

static void map_fixed(uintptr_t addr, size_t len, int flags)
{
	uintptr_t at = sys_mmap(addr, len, PROT_READ | PROT_WRITE,
				flags | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	if (at != addr)
		die(EXIT_HOST, "mmap of %zu bytes: %s", len, sys_failed(at) ? errno_text((long)at) :
		    "the address is in use");
}

static void fill_start(const struct run *r, struct hv_start *s)
{
	s->magic = HV_START_MAGIC;
	s->abi_version = HV_ABI_VERSION;
	s->size = PROC_START_LEN;
	s->flags = r->fsgsbase ? HV_F_FSGSBASE : 0;
	s->mem_size = r->mem_size;
	s->entry = r->kvm ? KVM_VIEW + KVM_AREA_ENTRY * (uint64_t)HV_PAGE : PROC_BLOB + BLOB_HYPERCALL;
	s->image_end = r->image.end;
	s->n_modules = r->n_modules;
	for (uint32_t i = 0; i < r->n_modules; i++) {
		s->module[i].addr = r->module[i].addr;
		s->module[i].len = r->module[i].len;
		memcpy(s->module[i].name, r->module[i].name, strlen(r->module[i].name));
	}
	if (sys_getrandom(s->seed, sizeof(s->seed), 0) != sizeof(s->seed))
		die(EXIT_HOST, "getrandom: no entropy");
	fmt_snprintf(s->build, sizeof(s->build), "glint %s, %s", GLINT_VERSION,
		     r->kvm ? "kvm" : "process");
	memcpy(s->cmdline, r->cmdline, sizeof(s->cmdline));
}

/* The rate comes from the time since glint began, which is short: the child
 * compares again while it runs. */
static void fill_clock(const struct run *r, struct hv_start *s)
{
	struct clock_moment now = clock_now_pair();

	clock_set(&s->clock, r->began, now);
	s->clock.flags = r->tsc_stable ? 1 : 0;
	s->wall_ns = (uint64_t)sys_clock_ns(0) - now.ns;
	s->start_tsc = r->began.tsc;
	s->start_ns = r->began.ns;
}

static void add_devices(struct run *r, struct devs *d)
{
	char name[8] = "net0";
	struct dev_console_param con = { .in_fd = r->console_in, .out_fd = 1 };
	int err = devs_add_console(d, "console", &con);

	if (err >= 0)
		err = devs_add_rng(d, "rng0");
	for (uint32_t i = 0; i < r->n_nets && err >= 0; i++) {
		name[3] = (char)('0' + i);
		err = devs_add_net(d, name, &r->net[i].dev);
	}
	memcpy(name, "disk0", 6);
	for (uint32_t i = 0; i < r->n_disks && err >= 0; i++) {
		name[4] = (char)('0' + i);
		err = devs_add_blk(d, name, &r->disk[i].dev);
	}
	if (err < 0)
		die(EXIT_HOST, "a device cannot be made (after %s): %s", name, errno_text(err));
	devs_set_event_fd(d, r->event_fd);
	devs_set_log(d, 2);
}

static void allow_fd(struct seccomp_policy *s, int fd, unsigned use)
{
	if (fd < 0)
		return;
	for (uint32_t i = 0; i < s->n_fds; i++) {
		if (s->fd[i].fd == fd) {
			s->fd[i].use |= use;
			return;
		}
	}
	if (s->n_fds == SECCOMP_FDS_MAX)
		die(EXIT_HOST, "too many devices: more than %u descriptors", SECCOMP_FDS_MAX);
	s->fd[s->n_fds++] = (struct seccomp_fd){ fd, use };
}

/* What hv/dev/dev.h says that the devices call. */
static void fill_policy(const struct run *r, struct seccomp_policy *s)
{
	*s = (struct seccomp_policy){
		.workers = r->n_disks > 0 || r->kvm, .rng = true, .set_tls = !r->fsgsbase && !r->kvm, .vcpu_fd = r->kvm ? r->kvm_fd : 0,
		.protect_start = HV_MEM_BASE, .protect_end = r->modules_addr,
	};
	allow_fd(s, r->console_in, FD_READ);
	allow_fd(s, 1, FD_WRITE);
	allow_fd(s, 2, FD_WRITE);
	allow_fd(s, r->event_fd, FD_READ | FD_WRITE);
	for (uint32_t i = 0; i < r->n_nets; i++) {
		allow_fd(s, r->net[i].dev.fd, FD_READV | FD_WRITEV |
			 (r->net[i].dev.kind == DEV_NET_TAP ? FD_TAP : 0));
		allow_fd(s, r->net[i].dev.pcap_fd, FD_WRITEV);
	}
	for (uint32_t i = 0; i < r->n_disks; i++) {
		unsigned use = FD_PREADV2 | (r->disk[i].read_only ? 0 : FD_PWRITEV2);

		allow_fd(s, r->disk[i].dev.fd, use);
		allow_fd(s, r->disk[i].dev.direct_fd, use);
	}
}

static void fill_code(const struct image *img, struct proc *p)
{
	for (uint32_t i = 0; i < img->n_segments; i++) {
		const struct image_segment *s = &img->seg[i];

		if (s->exec)
			p->code[p->n_code++] = (struct proc_range){
				ALIGN_DOWN(s->addr, (uint64_t)HV_PAGE), page_up(s->addr + s->mem_len) };
	}
}

static void fill_keep(struct proc *p, uint64_t devs_len)
{
	const struct proc_range keep[] = {
		{ HV_MEM_BASE, p->kvm.on ? p->kvm.area + p->kvm.area_len : p->mem_end },
		{ PROC_BLOB, PROC_BLOB + (uint64_t)(blob_end - blob_start) },
		{ PROC_SHARED, PROC_SHARED + PROC_SHARED_LEN },
		{ PROC_STACK_END - PROC_STACK_LEN, PROC_DEVS + devs_len },
		{ KVM_HOST, KVM_IO_STACK_END },
		{ KVM_RUN_PAGE, KVM_RUN_PAGE + KVM_RUN_MAX },
	};

	memcpy(p->keep, keep, sizeof(keep));
	p->n_keep = ARRAY_SIZE(keep) - (p->kvm.on ? 0 : 2);
}

static void fill_state(const struct run *r, struct proc *p, uint64_t devs_len)
{
	struct seccomp_policy policy;

	p->entry = r->image.hv_entry;
	p->start_view = r->start_addr;
	p->start = (struct hv_start *)PROC_SHARED;
	p->ctl = (struct proc_ctl *)(PROC_SHARED + PROC_START_LEN);
	p->devs = (struct devs *)PROC_DEVS;
	p->mem_end = HV_MEM_BASE + r->mem_size;
	p->rw_end = r->modules_addr;
	p->out_fd = 1;
	p->event_fd = r->event_fd;
	p->spin_ns = r->spin_us * 1000ull;
	p->debug = r->gdb_port != 0;
	p->clock_base = r->began;
	p->clock_next_ns = r->began.ns + START_EXTRA_NS;
	fill_code(&r->image, p);
	if (r->kvm)
		kvm_describe(r, &p->kvm);
	fill_keep(p, devs_len);
	fill_policy(r, &policy);
	if (seccomp_build(&policy, p->filter, PROC_FILTER_MAX, &p->filter_len))
		die(EXIT_HOST, "too many devices: the filter has no room for them");
}

/* From now on the guest dies with us, and we see how it dies. */
static void watch(struct spawned *out)
{
	long err = sys_ptrace(PTRACE_SEIZE, out->pid, 0, PTRACE_O_EXITKILL | PTRACE_O_TRACEEXIT);

	out->traced = err == 0;
	out->trace_errno = (int)-err;
	__atomic_store_n(&out->ctl->go, PROC_GO, __ATOMIC_RELEASE);
	SYS(futex, &out->ctl->go, FUTEX_WAKE, 1, 0, 0, 0);
}

void proc_spawn(struct run *r, struct spawned *out)
{
	struct proc *p = (struct proc *)PROC_STATE;
	struct hv_start *start = (struct hv_start *)PROC_SHARED;
	uint64_t devs_len = page_up(devs_size());
	int self = (int)SYS(getpid, 0, 0, 0, 0, 0, 0);

	map_fixed(PROC_SHARED, PROC_SHARED_LEN, MAP_SHARED);
	map_fixed(PROC_STACK_END - PROC_STACK_LEN, PROC_STACK_LEN + PROC_STATE_LEN + devs_len, MAP_PRIVATE);
	*out = (struct spawned){ .ctl = (struct proc_ctl *)(PROC_SHARED + PROC_START_LEN),
				 .devs = (struct devs *)PROC_DEVS };
	fill_state(r, p, devs_len);
	fill_start(r, start);
	devs_init(p->devs, (uint8_t *)HV_MEM_BASE, r->mem_size, r->modules_addr - HV_MEM_BASE, start);
	if (r->kvm) {
		devs_set_pending(p->devs, (uint64_t *)PROC_LIVE);
		devs_set_threaded(p->devs, true);
	}
	add_devices(r, p->devs);
	p->n_workers = devs_workers_wanted(p->devs);
	fill_clock(r, start);
	out->pid = (int)SYS(clone, SIGCHLD, 0, 0, 0, 0, 0);
	if (out->pid == 0)
		child_enter(r, p, self);
	if (out->pid < 0)
		die(EXIT_HOST, "clone: %s", errno_text(out->pid));
	watch(out);
}

void proc_forget(void)
{
	sys_munmap(PROC_SHARED, PROC_DEVS + page_up(devs_size()) - PROC_SHARED);
}

const char *proc_step_text(uint32_t step)
{
	static const char *const texts[PROC_N_STEPS] = {
		[PROC_STEP_MEMORY] = "mapping guest memory",
		[PROC_STEP_IMAGE] = "mapping the image",
		[PROC_STEP_MODULE] = "mapping a module",
		[PROC_STEP_START] = "mapping the start block",
		[PROC_STEP_BLOB] = "moving the device code",
		[PROC_STEP_LIMITS] = "setting limits",
		[PROC_STEP_FILES] = "closing descriptors",
		[PROC_STEP_UNMAP] = "unmapping the monitor",
		[PROC_STEP_WORKERS] = "starting the disks' threads",
		[PROC_STEP_KVM] = "making the virtual machine",
		[PROC_STEP_SECCOMP] = "installing the seccomp filter (does this kernel have it?)",
	};

	return step < PROC_N_STEPS && texts[step] ? texts[step] : "an unknown step";
}

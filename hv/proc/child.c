/* SPDX-License-Identifier: BSD-2-Clause
 *
 * See child.h. Guest memory first, then what the process may not have any more.
 */
#include "hv/proc/child.h"

#include <linux/close_range.h>
#include <linux/prctl.h>
#include <linux/resource.h>
#include <linux/signal.h>

#include "hv/host.h"
#include "kernel/lib/string.h"

#define NOFILE_LEAST	 64u	/* ppoll takes no more descriptors than the limit */
#define CONSOLE_FILE_MAX (1ull << 30)	/* where stdout is a file */
#define NO_HUGE_BELOW	 (256ull << 20)	/* a huge page in a small guest is waste */

extern const uint8_t blob_start[], blob_end[];

static void fail(struct proc *p, enum proc_step step, long err) __attribute__((noreturn));
static void fail(struct proc *p, enum proc_step step, long err)
{
	p->ctl->failed_errno = (int32_t)-err;
	__atomic_store_n(&p->ctl->failed_step, (uint32_t)step, __ATOMIC_RELEASE);
	sys_exit(125);
}

static void map(struct proc *p, enum proc_step step, uint64_t addr, uint64_t len, int prot,
		int flags, int fd, uint64_t off)
{
	uintptr_t at;

	if (!len)
		return;
	at = sys_mmap(addr, len, prot, flags | MAP_PRIVATE, fd, off);
	if (at != addr)
		fail(p, step, sys_failed(at) ? (long)at : -EEXIST);
}

static void map_memory(const struct run *r, struct proc *p)
{
	map(p, PROC_STEP_MEMORY, HV_MEM_BASE, r->mem_size, PROT_READ | PROT_WRITE,
	    MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
	if (r->mem_size < NO_HUGE_BELOW)
		SYS(madvise, HV_MEM_BASE, r->mem_size, MADV_NOHUGEPAGE, 0, 0, 0);
}

static void copy_file(struct proc *p, int fd, uint64_t addr, uint64_t len, uint64_t off)
{
	while (len) {
		long n = sys_pread(fd, (void *)addr, len, off);

		if (n <= 0)
			fail(p, PROC_STEP_IMAGE, n ? n : -EIO);
		addr += (uint64_t)n;
		off += (uint64_t)n;
		len -= (uint64_t)n;
	}
}

/* Whole pages of the file are mapped, so that all guests of one image share
 * them; what is in memory only, and a segment that lies in the file by another
 * offset within the page, is anonymous. */
static void map_segment(const struct run *r, struct proc *p, const struct image_segment *s)
{
	uint64_t start = ALIGN_DOWN(s->addr, (uint64_t)HV_PAGE);
	uint64_t end = ALIGN_UP(s->addr + s->mem_len, (uint64_t)HV_PAGE);
	uint64_t file_end = s->addr + s->file_len;
	uint64_t mapped = s->mem_len > s->file_len ? ALIGN_DOWN(file_end, (uint64_t)HV_PAGE) :
			  ALIGN_UP(file_end, (uint64_t)HV_PAGE);
	int prot = PROT_READ | (s->write ? PROT_WRITE : 0) | (s->exec && !r->kvm ? PROT_EXEC : 0);

	if (mapped < start || (s->addr - s->file_off) % HV_PAGE || !s->file_len)
		mapped = start;
	if (mapped > start)
		map(p, PROC_STEP_IMAGE, start, mapped - start, prot, MAP_FIXED, r->image_fd,
		    s->file_off - (s->addr - start));
	if (file_end > mapped) {
		uint64_t from = mapped > s->addr ? mapped : s->addr;

		copy_file(p, r->image_fd, from, file_end - from, s->file_off + (from - s->addr));
	}
	if (!s->write && end > mapped && sys_mprotect(mapped, end - mapped, prot))
		fail(p, PROC_STEP_IMAGE, -ENOMEM);
}

static void map_all(const struct run *r, struct proc *p)
{
	size_t blob_len = (size_t)(blob_end - blob_start);
	uintptr_t at;

	map_memory(r, p);
	for (uint32_t i = 0; i < r->image.n_segments; i++)
		map_segment(r, p, &r->image.seg[i]);
	for (uint32_t i = 0; i < r->n_modules; i++)
		map(p, PROC_STEP_MODULE, r->module[i].addr, ALIGN_UP(r->module[i].len, (uint64_t)HV_PAGE),
		    PROT_READ, MAP_FIXED, r->module[i].fd, 0);
	/* A length of 0 makes a second view of shared pages (mremap(2)). */
	at = sys_mremap(PROC_SHARED, 0, PROC_START_LEN, MREMAP_MAYMOVE | MREMAP_FIXED, r->start_addr);
	if (at != r->start_addr)
		fail(p, PROC_STEP_START, (long)at);
	if (sys_mprotect(r->start_addr, PROC_START_LEN, PROT_READ))
		fail(p, PROC_STEP_START, -ENOMEM);
	at = sys_mremap((uintptr_t)blob_start, blob_len, blob_len, MREMAP_MAYMOVE | MREMAP_FIXED, PROC_BLOB);
	if (at != PROC_BLOB)
		fail(p, PROC_STEP_BLOB, (long)at);
}

static void limit(struct proc *p, int what, uint64_t value)
{
	uint64_t old[2] = { 0, 0 }, both[2];
	long err = SYS(prlimit64, 0, what, 0, old, 0, 0);

	both[0] = both[1] = value < old[1] ? value : old[1];
	if (!err)
		err = SYS(prlimit64, 0, what, both, 0, 0, 0);
	if (err)
		fail(p, PROC_STEP_LIMITS, err);
}

static uint64_t file_limit(const struct run *r)
{
	struct statx st;
	uint64_t most = 0;

	for (uint32_t i = 0; i < r->n_disks; i++) {
		if (!r->disk[i].read_only && r->disk[i].dev.size > most)
			most = r->disk[i].dev.size;
	}
	for (int fd = 1; fd <= 2; fd++) {
		if (sys_statx(fd, STATX_BASIC_STATS, &st) == 0 && (st.stx_mode & S_IFMT) == S_IFREG &&
		    st.stx_size + CONSOLE_FILE_MAX > most)
			most = st.stx_size + CONSOLE_FILE_MAX;
	}
	for (uint32_t i = 0; i < r->n_nets; i++) {
		if (r->net[i].dev.pcap_fd >= 0 && most < CONSOLE_FILE_MAX)
			most = CONSOLE_FILE_MAX;
	}
	return most;
}

static void close_but(int a, int b)
{
	if (a <= b)
		SYS(close_range, a, b, 0, 0, 0, 0);
}

/* Closes everything but what the devices hold. */
static void keep_files(const struct run *r, const struct proc *p)
{
	int keep[64], n = 0, next = 0;

	keep[n++] = r->console_in;
	keep[n++] = 1;
	keep[n++] = 2;
	keep[n++] = r->event_fd;
	keep[n++] = r->kvm ? p->kvm.vcpu_fd : -1;
	for (uint32_t i = 0; i < r->n_nets; i++) {
		keep[n++] = r->net[i].dev.fd;
		keep[n++] = r->net[i].dev.pcap_fd;
	}
	for (uint32_t i = 0; i < r->n_disks; i++) {
		keep[n++] = r->disk[i].dev.fd;
		keep[n++] = r->disk[i].dev.direct_fd;
	}
	for (;;) {
		int least = INT32_MAX;

		for (int i = 0; i < n; i++) {
			if (keep[i] >= next && keep[i] < least)
				least = keep[i];
		}
		close_but(next, least == INT32_MAX ? least : least - 1);
		if (least == INT32_MAX)
			return;
		next = least + 1;
	}
}

/* What ps shows, now that there are no arguments to be seen: "glint:httpd.elf". */
static void name_process(const struct run *r)
{
	char name[16] = "glint:";
	const char *slash = strrchr(r->image_path, '/');
	const char *base = slash ? slash + 1 : r->image_path;

	memcpy(name + 6, base, strnlen(base, sizeof(name) - 7));
	sys_prctl(PR_SET_NAME, (uintptr_t)name);
}

static void drop(const struct run *r, struct proc *p, int parent)
{
	struct {
		uint64_t handler, flags, restorer, mask;
	} ignore = { .handler = (uint64_t)(uintptr_t)SIG_IGN };
	uint64_t blocked = 1ull << (SIGTTOU - 1) | 1ull << (SIGTTIN - 1) | 1ull << (SIGTSTP - 1);

	SYS(setpgid, 0, 0, 0, 0, 0, 0);
	SYS(rt_sigaction, SIGPIPE, &ignore, 0, 8, 0, 0);
	SYS(rt_sigaction, SIGXFSZ, &ignore, 0, 8, 0, 0);
	/* A background process's output to the terminal is no reason to stop. */
	SYS(rt_sigprocmask, SIG_SETMASK, &blocked, 0, 8, 0, 0);
	sys_prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (SYS(getppid, 0, 0, 0, 0, 0, 0) != parent)
		sys_exit(125);
	name_process(r);
	limit(p, RLIMIT_CORE, 0);
	limit(p, RLIMIT_FSIZE, file_limit(r));
	limit(p, RLIMIT_MEMLOCK, 0);
	keep_files(r, p);
	limit(p, RLIMIT_NOFILE, NOFILE_LEAST);
}

void child_enter(const struct run *r, struct proc *p, int parent)
{
	map_all(r, p);
	if (r->kvm) {
		long err = kvm_make(r, p);

		if (err)
			fail(p, PROC_STEP_KVM, err);
	}
	drop(r, p, parent);
	__asm__ volatile("jmp *%1" : : "D"(p), "r"(PROC_BLOB) : "memory");
	__builtin_unreachable();
}

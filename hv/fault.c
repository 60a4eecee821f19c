/* SPDX-License-Identifier: BSD-2-Clause
 *
 * See fault.h. The stack is the guest's, so nothing in it is believed: frames
 * must lead upwards and return addresses into code.
 */
#include "hv/fault.h"

#include <linux/elf.h>
#include <linux/ptrace.h>

#include "hv/host.h"
#include "hv/msg.h"
#include "hv/proc/proc.h"
#include "kernel/lib/compiler.h"
#include "kernel/lib/string.h"
#include "kernel/symbols.h"

#define FRAMES_MAX 48
#define SCAN_WORDS 256u
#define SCAN_FOUND_MAX 12

/* Not PTRACE_GETREGSET, whose layout is another while 32-bit code runs. */
bool fault_read_regs(int pid, struct fault_regs *regs)
{
	return sys_ptrace(PTRACE_GETREGS, pid, 0, (uintptr_t)regs) == 0;
}

bool fault_read_info(int pid, struct fault_info *info)
{
	siginfo_t si;

	memset(&si, 0, sizeof(si));
	if (sys_ptrace(PTRACE_GETSIGINFO, pid, 0, (uintptr_t)&si))
		return false;
	*info = (struct fault_info){ si.si_signo, si.si_code, (uint64_t)(uintptr_t)si.si_addr };
	return true;
}

bool fault_read_mem(int pid, uint64_t addr, void *buf, size_t len)
{
	struct iovec local = { buf, len }, remote = { (void *)addr, len };

	return SYS(process_vm_readv, pid, &local, 1, &remote, 1, 0) == (long)len;
}

bool fault_write_regs(int pid, const struct fault_regs *regs)
{
	return sys_ptrace(PTRACE_SETREGS, pid, 0, (uintptr_t)regs) == 0;
}

int fault_open_mem(int pid, int flags)
{
	char path[32] = "/proc/";
	size_t at = sizeof("/proc/") - 1, digits = 1;

	for (int v = pid; v >= 10; v /= 10)
		digits++;
	for (size_t i = digits; i-- > 0; pid /= 10)
		path[at + i] = (char)('0' + pid % 10);
	memcpy(path + at + digits, "/mem", 5);
	return sys_open(path, flags, 0);
}

bool fault_write_mem(int pid, uint64_t addr, const void *buf, size_t len)
{
	int fd = fault_open_mem(pid, O_RDWR);
	bool good = fd >= 0 && sys_pwrite(fd, buf, len, addr) == (long)len;

	if (fd >= 0)
		sys_close(fd);
	return good;
}

static bool is_text(const struct run *r, uint64_t ip)
{
	return ip >= r->image.text_start && ip < r->image.text_end;
}

static bool is_blob(uint64_t ip)
{
	return ip >= PROC_BLOB && ip < PROC_BLOB + PROC_BLOB_MAX;
}

static void print_frame(const struct run *r, int n, uint64_t ip, const char *mark)
{
	const struct image *img = &r->image;
	struct symbol sym;

	if (is_blob(ip))
		report("  #%d hypervisor+0x%llx (0x%llx)\n", n, (unsigned long long)(ip - PROC_BLOB),
		       (unsigned long long)ip);
	else if (is_text(r, ip) && img->symbols &&
		 symbols_lookup(img->symbols, img->symbols_len, ip - img->text_start, &sym))
		report("  #%d %s+0x%llx%s (0x%llx)\n", n, sym.name,
		       (unsigned long long)(ip - img->text_start - sym.start), mark, (unsigned long long)ip);
	else
		report("  #%d 0x%llx%s\n", n, (unsigned long long)ip, mark);
}

static int walk(const struct run *r, int pid, int n, uint64_t fp)
{
	uint64_t frame[2];

	while (n < FRAMES_MAX && fp % 8 == 0 && fault_read_mem(pid, fp, frame, sizeof(frame)) &&
	       (is_text(r, frame[1]) || is_blob(frame[1]))) {
		print_frame(r, n++, frame[1], "");
		/* From the hypercall's stack, far above, to the guest's: the one step down. */
		if (frame[0] <= fp && fp < PROC_BLOB)
			break;
		fp = frame[0];
	}
	return n;
}

/* Is the instruction before `ip` a call? E8 rel32, or FF /2 of 2 to 7 bytes. */
static bool follows_call(const struct run *r, int pid, uint64_t ip)
{
	uint8_t b[7];

	if (!is_text(r, ip) || !is_text(r, ip - 7) || !fault_read_mem(pid, ip - 7, b, 7))
		return false;
	if (b[2] == 0xe8)
		return true;
	for (int i = 2; i <= 7; i++) {
		if (b[7 - i] == 0xff && i > 1 && (b[8 - i] & 0x38) == 0x10)
			return true;
	}
	return false;
}

static void scan(const struct run *r, int pid, int n, uint64_t sp)
{
	int found = 0;

	sp = ALIGN_DOWN(sp, 8ull);
	for (unsigned i = 0; i < SCAN_WORDS && found < SCAN_FOUND_MAX; i++) {
		uint64_t ip;

		if (!fault_read_mem(pid, sp + i * 8, &ip, 8))
			break;
		if (follows_call(r, pid, ip)) {
			print_frame(r, n++, ip, " ?");
			found++;
		}
	}
}

/* In a hypercall, the guest's stack pointer is the first word on ours. */
static void backtrace(const struct run *r, int pid, const struct fault_regs *regs)
{
	uint64_t sp = regs->rsp, ip;
	int n;

	report("backtrace:\n");
	print_frame(r, 0, regs->rip, "");
	n = 1;
	if (is_blob(regs->rip) && fault_read_mem(pid, PROC_STACK_END - 8, &sp, 8) &&
	    fault_read_mem(pid, sp, &ip, 8) && is_text(r, ip))
		print_frame(r, n++, ip, "");
	n = walk(r, pid, n, regs->rbp);
	if (n < 3)
		scan(r, pid, n, sp);
}

static void print_registers(const struct fault_regs *r)
{
	static const char names[][4] = {
		"rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp", "r8",
		"r9", "r10", "r11", "r12", "r13", "r14", "r15",
	};
	const uint64_t values[] = {
		r->rax, r->rbx, r->rcx, r->rdx, r->rsi, r->rdi, r->rbp, r->rsp,
		r->r8, r->r9, r->r10, r->r11, r->r12, r->r13, r->r14, r->r15,
	};

	report("  rip %016llx rflags %llx fs %llx\n", (unsigned long long)r->rip,
	       (unsigned long long)r->rflags, (unsigned long long)r->fs_base);
	for (unsigned i = 0; i < ARRAY_SIZE(values); i++)
		report("  %3s %016llx%s", names[i], (unsigned long long)values[i], i % 4 == 3 ? "\n" : "");
}

static const char *segv_text(const struct run *r, const struct fault_info *info, uint64_t rip)
{
	uint64_t end = HV_MEM_BASE + r->mem_size;

	if (info->code == SI_KERNEL)
		return "general protection fault: a privileged instruction, or an address that cannot be";
	if (info->addr == rip && info->addr >= HV_PAGE)
		return "page fault: no code may be executed there";
	if (info->addr < HV_PAGE)
		return "page fault: null pointer";
	if (info->addr < HV_MEM_BASE || info->addr >= end)
		return "page fault: nothing is there";
	if (info->addr >= r->modules_addr)
		return "page fault: modules and start block are read-only";
	return "page fault: the page does not permit it";
}

static const char *reason(const struct run *r, const struct fault_info *info, uint64_t rip)
{
	switch (info->signo) {
	case SIGSEGV:
		return segv_text(r, info, rip);
	case SIGILL:
		return "invalid instruction";
	case SIGFPE:
		return "arithmetic fault";
	case SIGBUS:
		return "bus error: is the image or a module now shorter than it was?";
	case SIGTRAP:
		return "breakpoint or trap";
	default:
		return "signal";
	}
}

/* An access just below the stack pointer, to a page without permission. */
static const char *overflow_hint(const struct fault_info *info, const struct fault_regs *regs)
{
	if (info->signo != SIGSEGV || info->code != SEGV_ACCERR || info->addr == regs->rip)
		return "";
	return regs->rsp - info->addr < HV_PAGE || info->addr - regs->rsp < 256 ? ": stack overflow" : "";
}

void fault_report(const struct run *r, int pid, const struct fault_info *info,
		  const struct fault_regs *regs)
{
	msg("the guest crashed: %s (signal %d, code %d), address %llx%s", reason(r, info, regs->rip), info->signo,
	    info->code, (unsigned long long)info->addr, overflow_hint(info, regs));
	print_registers(regs);
	backtrace(r, pid, regs);
}

void fault_report_regs(const struct run *r, int pid, const struct fault_regs *regs)
{
	print_registers(regs);
	backtrace(r, pid, regs);
}

void fault_report_syscall(const struct run *r, int pid, const struct fault_regs *regs)
{
	msg("the guest crashed: it made system call %lld, or gave it arguments, that the filter forbids",
	    (long long)regs->orig_rax);
	print_registers(regs);
	backtrace(r, pid, regs);
}

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * While the guest runs: signals to glint, the guest's end in all its forms,
 * input from a terminal. The monitor sleeps in ppoll and costs nothing.
 */
#include <linux/ptrace.h>
#include <linux/time_types.h>
#include <linux/poll.h>
#include <linux/signal.h>
#include <linux/wait.h>

#include "hv/core.h"
#include "hv/fault.h"
#include "hv/gdb.h"
#include "hv/host.h"
#include "hv/msg.h"
#include "hv/proc/spawn.h"

/* A status of wait4(2). */
#define WTERMSIG(s)	((s) & 0x7f)
#define WEXITSTATUS(s)	((s) >> 8 & 0xff)
#define WSTOPSIG(s)	WEXITSTATUS(s)
#define WIFSTOPPED(s)	(((s) & 0xff) == 0x7f)
#define WIFSIGNALED(s)	(WTERMSIG(s) != 0 && !WIFSTOPPED(s))

#define SIGNALFD_RECORD 128u
#define REBOOT		(-1)
#define RUNNING		(-2)
#define EXIT_EVENT	6		/* PTRACE_EVENT_EXIT */

struct watch {
	struct run *run;
	struct spawned guest;
	int signal_fd;
	bool asked;			/* to shut down */
	bool terminal;			/* read from it */
	int64_t deadline;		/* of the grace period, 0: none */
	bool ended_by_us;
	struct gdb *gdb;		/* or NULL */
	enum { BEFORE, PLANTED, ENTERED } phase;	/* with gdb: on the way to the entry */
	uint8_t entry_byte;
	bool interrupting;
	bool no_helper;			/* user networking ended by itself */
};

static bool is_ignored(int sig)
{
	uint64_t old[4] = { 0 };

	return SYS(rt_sigaction, sig, 0, old, 8, 0, 0) == 0 && old[0] == (uint64_t)(uintptr_t)SIG_IGN;
}

/* A message to a pipe without a reader, or to a file at its limit, is lost; we are not. */
static void ignore_writes(void)
{
	uint64_t ignore[4] = { (uint64_t)(uintptr_t)SIG_IGN };

	SYS(rt_sigaction, SIGPIPE, ignore, 0, 8, 0, 0);
	SYS(rt_sigaction, SIGXFSZ, ignore, 0, 8, 0, 0);
}

/* What nohup or a shell script set to "ignore" stays so. */
static int open_signals(void)
{
	static const int wanted[] = { SIGTERM, SIGINT, SIGHUP };
	uint64_t mask = 1ull << (SIGCHLD - 1) | 1ull << (SIGCONT - 1) | 1ull << (SIGTTIN - 1) |
			1ull << (SIGTTOU - 1);
	uint64_t listen = 1ull << (SIGCHLD - 1) | 1ull << (SIGCONT - 1);
	int fd;

	for (unsigned i = 0; i < 3; i++) {
		if (!is_ignored(wanted[i]))
			listen |= 1ull << (wanted[i] - 1);
	}
	mask |= listen;
	SYS(rt_sigprocmask, SIG_BLOCK, &mask, 0, 8, 0, 0);
	fd = (int)SYS(signalfd4, -1, &listen, 8, O_NONBLOCK | O_CLOEXEC, 0, 0);
	if (fd < 0)
		die(EXIT_HOST, "signalfd: %s", errno_text(fd));
	return fd;
}

static void end_guest(struct watch *w)
{
	w->ended_by_us = true;
	sys_kill(w->guest.pid, SIGKILL);
}

static void ask_to_end(struct watch *w, int sig)
{
	uint64_t one = 1;

	if (w->asked) {
		msg("asked again: ending the guest");
		end_guest(w);
		return;
	}
	w->asked = true;
	w->deadline = sys_clock_ns(1) + (int64_t)w->run->grace_s * 1000000000;
	msg("signal %d: asking the guest to shut down; it has %u s", sig, w->run->grace_s);
	devs_raise(w->guest.devs, HV_EV_SHUTDOWN);
	sys_write(w->run->event_fd, &one, sizeof(one));
}

/* ---- how it ended ---- */

static int crashed(struct watch *w, const struct fault_info *info, const struct fault_regs *regs)
{
	if (w->run->core_path)
		core_write(w->run, w->guest.pid, info, regs);
	end_guest(w);
	return EXIT_CRASHED;
}

/* A signal that the processor caused, not one that somebody sent. */
static bool is_fault(const struct fault_info *info)
{
	switch (info->signo) {
	case SIGSEGV:
	case SIGILL:
	case SIGFPE:
	case SIGBUS:
	case SIGTRAP:
		return info->code > 0;
	default:
		return false;
	}
}

/* ---- gdb ---- */

static const struct gdb_target process_target = {
	fault_read_regs, fault_write_regs, fault_read_mem, fault_write_mem,
};

/* The numbers of gdb (include/gdb/signals.def) are not all Linux's. */
static int gdb_signal(int sig)
{
	return sig == SIGBUS ? 10 : sig == 10 ? SIGBUS : sig;
}

static void go_on(struct watch *w, long request, int sig)
{
	sys_ptrace(request, w->guest.pid, 0, (uintptr_t)sig);
}

/* The blob's breakpoint, then ours at the guest's first instruction. */
static void on_way_to_entry(struct watch *w)
{
	uint64_t entry = w->run->image.hv_entry;
	uint8_t int3 = 0xcc;
	struct fault_regs regs = { 0 };
	int pid = w->guest.pid;

	if (w->phase == BEFORE) {
		fault_read_mem(pid, entry, &w->entry_byte, 1);
		fault_write_mem(pid, entry, &int3, 1);
		w->phase = PLANTED;
		go_on(w, PTRACE_CONT, 0);
		return;
	}
	fault_write_mem(pid, entry, &w->entry_byte, 1);
	fault_read_regs(pid, &regs);
	regs.rip = entry;
	fault_write_regs(pid, &regs);
	w->phase = ENTERED;
	if (w->gdb->fd < 0)
		go_on(w, PTRACE_CONT, 0);
	else
		gdb_tell_stop(w->gdb, SIGTRAP);
}

static void on_gdb(struct watch *w)
{
	bool was_stopped = w->gdb->stopped;

	switch (gdb_read(w->gdb)) {
	case GDB_CONTINUE:
		go_on(w, PTRACE_CONT, gdb_signal(w->gdb->signal));
		break;
	case GDB_STEP:
		go_on(w, PTRACE_SINGLESTEP, gdb_signal(w->gdb->signal));
		break;
	case GDB_INTERRUPT:
		w->interrupting = true;
		go_on(w, PTRACE_INTERRUPT, 0);
		break;
	case GDB_KILL:
		end_guest(w);
		break;
	case GDB_LEFT:
		if (was_stopped)
			go_on(w, PTRACE_CONT, 0);
		w->gdb->stopped = false;
		break;
	case GDB_NOTHING:
		break;
	}
}

/* Whether gdb has it now: the guest stays stopped. */
static bool gdb_takes(struct watch *w, const struct fault_info *info, const struct fault_regs *regs)
{
	if (!w->gdb || (w->gdb->fd < 0 && w->phase == ENTERED))
		return false;
	if (w->phase != ENTERED && info->signo == SIGTRAP) {
		on_way_to_entry(w);
		return true;
	}
	if (w->gdb->fd < 0)
		return false;
	if (info->signo != SIGTRAP)
		fault_report(w->run, w->guest.pid, info, regs);
	gdb_tell_stop(w->gdb, gdb_signal(info->signo));
	return true;
}

static int on_stop(struct watch *w, int status)
{
	int sig = WSTOPSIG(status), event = status >> 16;
	struct fault_info info;
	struct fault_regs regs = { 0 };
	long request = PTRACE_CONT;

	if (event == EXIT_EVENT) {
		uint64_t how = 0;

		if (kvm_report(w->run, w->guest.pid, kvm_end_of(w->guest.ctl), &info, &regs))
			return crashed(w, &info, &regs);
		sys_ptrace(PTRACE_GETEVENTMSG, w->guest.pid, 0, (uintptr_t)&how);
		if (WIFSIGNALED((int)how) && WTERMSIG((int)how) == SIGSYS &&
		    fault_read_regs(w->guest.pid, &regs)) {
			info = (struct fault_info){ .signo = SIGSYS, .code = 1, .addr = regs.rip };
			fault_report_syscall(w->run, w->guest.pid, &regs);
			return crashed(w, &info, &regs);
		}
		sig = 0;
	} else if (event) {
		if (w->interrupting && w->gdb->fd >= 0) {
			w->interrupting = false;
			gdb_tell_stop(w->gdb, SIGINT);
			return RUNNING;
		}
		/* A group stop: stay stopped until SIGCONT. */
		request = sig == SIGTRAP ? PTRACE_CONT : PTRACE_LISTEN;
		sig = 0;
	} else if (fault_read_info(w->guest.pid, &info) && is_fault(&info) &&
		   fault_read_regs(w->guest.pid, &regs)) {
		if (gdb_takes(w, &info, &regs))
			return RUNNING;
		fault_report(w->run, w->guest.pid, &info, &regs);
		return crashed(w, &info, &regs);
	}
	sys_ptrace(request, w->guest.pid, 0, (uintptr_t)sig);
	return RUNNING;
}

static int on_signal_death(const struct watch *w, int sig)
{
	if (w->ended_by_us)
		return w->no_helper ? EXIT_HOST : EXIT_KILLED;
	if (sig == SIGKILL) {
		msg("the guest was killed by somebody else (out of memory? see dmesg)");
		return EXIT_KILLED;
	}
	msg("the guest crashed: signal %d%s%s", sig,
	    sig == SIGSYS ? ", a system call that the filter forbids" :
	    w->run->kvm && sig == SIGSEGV ? ", as when its rings lead a device to memory that cannot be written" : "",
	    w->guest.traced ? "" : "; no registers, because tracing is not permitted here");
	return EXIT_CRASHED;
}

static int on_end(const struct watch *w, int status)
{
	const struct proc_ctl *ctl = w->guest.ctl;
	uint32_t step = __atomic_load_n(&ctl->failed_step, __ATOMIC_ACQUIRE);
	uint32_t code = __atomic_load_n(&ctl->exit_code, __ATOMIC_RELAXED);

	if (WIFSIGNALED(status))
		return on_signal_death(w, WTERMSIG(status));
	if (kvm_report(w->run, w->guest.pid, kvm_end_of(ctl), &(struct fault_info){ 0 }, &(struct fault_regs){ 0 }))
		return EXIT_CRASHED;	/* not traced: there is no more to be had of it */
	if (!__atomic_load_n(&ctl->running, __ATOMIC_ACQUIRE)) {
		msg("the guest's process cannot be set up: %s: %s", proc_step_text(step),
		    errno_text(__atomic_load_n(&ctl->failed_errno, __ATOMIC_RELAXED)));
		return EXIT_HOST;
	}
	if (__atomic_load_n(&ctl->has_exit, __ATOMIC_ACQUIRE) && code == HV_EXIT_REBOOT)
		return REBOOT;
	if (__atomic_load_n(&ctl->has_exit, __ATOMIC_ACQUIRE) && code == HV_EXIT_CRASH)
		return EXIT_CRASHED;
	return WEXITSTATUS(status);
}

static void on_helper_end(struct watch *w, int pid)
{
	for (uint32_t i = 0; i < w->run->n_nets; i++) {
		if (w->run->net[i].helper == pid) {
			w->run->net[i].helper = 0;
			msg("net%u: user networking has ended, and with it the guest", i);
			w->no_helper = true;
			end_guest(w);
		}
	}
}

static void wait_for_end(int pid)
{
	int status = 0;

	/* SIGKILL does not wake it out of the stop at its exit. */
	do
		sys_ptrace(PTRACE_CONT, pid, 0, 0);
	while (SYS(wait4, pid, &status, __WALL, 0, 0, 0) == pid && WIFSTOPPED(status));
}

static int reap(struct watch *w)
{
	int result = RUNNING;

	for (;;) {
		int status = 0;
		int pid = (int)SYS(wait4, -1, &status, WNOHANG | __WALL, 0, 0, 0);

		if (pid <= 0)
			return result;
		if (pid != w->guest.pid) {
			on_helper_end(w, pid);
		} else if (!WIFSTOPPED(status)) {
			return result == RUNNING ? on_end(w, status) : result;
		} else if (result == RUNNING) {
			result = on_stop(w, status);
			/* Killed: its end is all that is still to come. */
			if (result != RUNNING) {
				wait_for_end(w->guest.pid);
				return result;
			}
		}
	}
}

static int on_signals(struct watch *w)
{
	uint8_t record[SIGNALFD_RECORD];
	int result = RUNNING;

	while (result == RUNNING && sys_read(w->signal_fd, record, sizeof(record)) == sizeof(record)) {
		int sig = record[0];		/* ssi_signo, little-endian */

		if (sig == SIGCHLD)
			result = reap(w);
		else if (sig == SIGCONT)
			w->terminal = w->run->console_feed >= 0;
		else
			ask_to_end(w, sig);
	}
	return result;
}

/* What does not fit into the pipe is lost, as with a terminal. */
static void on_terminal(struct watch *w)
{
	char text[512];
	long n = sys_read(0, text, sizeof(text));

	if (n > 0) {
		sys_write(w->run->console_feed, text, (size_t)n);
	} else {
		w->terminal = false;		/* in the background, or hung up */
		if (n == 0) {
			sys_close(w->run->console_feed);
			w->run->console_feed = -1;
		}
	}
}

static int watch(struct watch *w)
{
	int result = reap(w);

	while (result == RUNNING) {
		struct pollfd pfd[3] = {
			{ .fd = w->signal_fd, .events = POLLIN },
			{ .fd = w->terminal ? 0 : -1, .events = POLLIN },
			{ .fd = w->gdb && w->phase == ENTERED ? w->gdb->fd : -1, .events = POLLIN },
		};
		struct __kernel_timespec ts = { 0, 0 };
		int64_t left = w->deadline ? w->deadline - sys_clock_ns(1) : 0;

		if (w->deadline && left <= 0 && !w->ended_by_us) {
			msg("the guest did not end within %u s: ending it", w->run->grace_s);
			end_guest(w);
		}
		if (left > 0) {
			ts.tv_sec = left / 1000000000;
			ts.tv_nsec = left % 1000000000;
		}
		if (sys_ppoll(pfd, 3, w->deadline && !w->ended_by_us ? &ts : NULL) <= 0)
			continue;
		if (pfd[0].revents)
			result = on_signals(w);
		if (result == RUNNING && pfd[1].revents)
			on_terminal(w);
		if (result == RUNNING && pfd[2].revents)
			on_gdb(w);
	}
	return result;
}

/* For the next boot: what was written to wake the last one is gone. */
static void begin_again(struct run *r)
{
	uint64_t count;

	sys_read(r->event_fd, &count, sizeof(count));
	proc_forget();
	r->began = clock_now_pair();
}

int run_guest(struct run *r)
{
	static struct gdb gdb = { .target = &process_target };
	struct watch w = { .run = r, .terminal = r->console_feed >= 0 };
	int result;

	if (r->gdb_port) {
		w.gdb = &gdb;
		gdb_wait(&gdb, r->gdb_port);
	}
	ignore_writes();
	w.signal_fd = open_signals();
	for (;;) {
		proc_spawn(r, &w.guest);
		if (w.gdb && !w.guest.traced)
			die(EXIT_HOST, "--gdb: tracing is not permitted here: %s", errno_text(w.guest.trace_errno));
		gdb.id = w.guest.pid;
		w.phase = BEFORE;
		result = watch(&w);
		if (result != REBOOT || w.asked)
			break;
		begin_again(r);
	}
	result = result == REBOOT ? 0 : result;
	if (w.gdb)
		gdb_tell_end(&gdb, result);
	return result;
}

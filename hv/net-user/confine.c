/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A seccomp filter that lists what libslirp, GLib's memory and the C library use.
 * Files can only be opened for reading (libslirp follows changes of resolv.conf).
 * What is not listed fails with EPERM; what would start a program, or look into
 * another process, ends this one.
 */
#include "hv/net-user/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define RET(value)  BPF_STMT(BPF_RET | BPF_K, (value))
#define IF(value, yes, no) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), (yes), (no))

static const int allowed[] = {
	SYS_poll, SYS_ppoll, SYS_read, SYS_write, SYS_readv, SYS_writev, SYS_recvfrom, SYS_sendto,
	SYS_recvmsg, SYS_sendmsg, SYS_recvmmsg, SYS_sendmmsg, SYS_socket, SYS_connect, SYS_bind,
	SYS_listen, SYS_accept, SYS_accept4, SYS_shutdown, SYS_getsockname, SYS_getpeername,
	SYS_setsockopt, SYS_getsockopt, SYS_close, SYS_fcntl, SYS_ioctl, SYS_clock_gettime,
	SYS_gettimeofday, SYS_time, SYS_brk, SYS_mmap, SYS_munmap, SYS_mremap, SYS_madvise,
	SYS_futex, SYS_getrandom, SYS_newfstatat, SYS_fstat, SYS_stat, SYS_lseek, SYS_exit_group,
	SYS_exit, SYS_rt_sigreturn, SYS_restart_syscall, SYS_getpid,
};

static const int deadly[] = {
	SYS_execve, SYS_execveat, SYS_ptrace, SYS_process_vm_readv, SYS_process_vm_writev,
	SYS_fork, SYS_vfork, SYS_clone, SYS_clone3,
};

#define N(a) (sizeof(a) / sizeof((a)[0]))

static int install(void)
{
	struct sock_filter f[16 + 2 * (N(allowed) + N(deadly))], *p = f;
	struct sock_fprog prog = { .filter = f };

#define ADD(...) (*p++ = (struct sock_filter)__VA_ARGS__)
	ADD(LOAD(arch));
	ADD(IF(AUDIT_ARCH_X86_64, 1, 0));
	ADD(RET(SECCOMP_RET_KILL_PROCESS));
	ADD(LOAD(nr));
	for (unsigned i = 0; i < N(deadly); i++) {
		ADD(IF((unsigned)deadly[i], 0, 1));
		ADD(RET(SECCOMP_RET_KILL_PROCESS));
	}
	for (unsigned i = 0; i < N(allowed); i++) {
		ADD(IF((unsigned)allowed[i], 0, 1));
		ADD(RET(SECCOMP_RET_ALLOW));
	}
	ADD(IF(SYS_openat, 0, 3));
	ADD(LOAD(args[2]));		/* flags: nothing but reading */
	ADD(BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, O_WRONLY | O_RDWR | O_CREAT | O_TRUNC, 1, 0));
	ADD(RET(SECCOMP_RET_ALLOW));
	ADD(RET(SECCOMP_RET_ERRNO | EPERM));
#undef ADD
	prog.len = (unsigned short)(p - f);
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog) ? -errno : 0;
}

int confine(void)
{
	struct __user_cap_header_struct h = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[2];

	memset(none, 0, sizeof(none));
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || syscall(SYS_capset, &h, none) ||
	    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0))
		return -errno;
	return install();
}

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * User networking is the program glint-net-user (hv/net-user), which lies beside
 * glint: started here with one end of a socket pair. It ends when the other end
 * is closed, or with glint.
 */
#include <linux/prctl.h>
#include <linux/signal.h>

#include "hv/host.h"
#include "hv/msg.h"
#include "hv/run.h"
#include "kernel/lib/fmt.h"
#include "kernel/lib/string.h"

#define HELPER "glint-net-user"
#define PATH_LEN 1024

/* The helper's path: glint's own folder. */
static void helper_path(char path[PATH_LEN])
{
	long n = SYS(readlinkat, AT_FDCWD, "/proc/self/exe", path, PATH_LEN - sizeof(HELPER), 0, 0);
	char *slash;

	path[n < 0 ? 0 : n] = '\0';
	if (n < 0)
		die(EXIT_HOST, "user networking: /proc/self/exe: %s", errno_text(n));
	slash = strrchr(path, '/');
	memcpy(slash ? slash + 1 : path, HELPER, sizeof(HELPER));
	n = SYS(faccessat, AT_FDCWD, path, 1 /* X_OK */, 0, 0, 0);
	if (n)
		die(EXIT_HOST, "user networking: %s: %s; build it with `make glint` (needs libslirp-dev)",
		    path, errno_text(n));
}

static void run_helper(const struct net_option *n, const char *path, int fd, int parent) __attribute__((noreturn));
static void run_helper(const struct net_option *n, const char *path, int fd, int parent)
{
	char fd_text[16], fwd[RUN_FWDS_MAX][64];
	char *argv[4 + RUN_FWDS_MAX], *envp[1] = { NULL };
	uint32_t argc = 0;
	uint64_t no_signals = 0;

	fmt_snprintf(fd_text, sizeof(fd_text), "%d", fd);
	argv[argc++] = (char *)(uintptr_t)HELPER;
	argv[argc++] = (char *)(uintptr_t)"--fd";
	argv[argc++] = fd_text;
	for (uint32_t i = 0; i < n->n_fwd; i++) {
		fmt_snprintf(fwd[i], sizeof(fwd[i]), "fwd=%s", n->fwd[i]);
		argv[argc++] = fwd[i];
	}
	argv[argc] = NULL;
	SYS(rt_sigprocmask, SIG_SETMASK, &no_signals, 0, 8, 0, 0);
	sys_prctl(PR_SET_PDEATHSIG, SIGKILL);
	SYS(setpgid, 0, 0, 0, 0, 0, 0);		/* Ctrl-C is for glint, which then asks the guest */
	if (SYS(getppid, 0, 0, 0, 0, 0, 0) != parent)
		sys_exit(EXIT_HOST);
	SYS(fcntl, fd, F_SETFD, 0, 0, 0, 0);
	SYS(execve, path, argv, envp, 0, 0, 0);
	sys_exit(EXIT_HOST);
}

void net_user_start(struct net_option *n, uint32_t index)
{
	char path[PATH_LEN];
	int ends[2], self = (int)SYS(getpid, 0, 0, 0, 0, 0, 0);
	long err;

	(void)index;
	for (uint32_t i = 0; i < n->n_fwd; i++) {
		if (strlen(n->fwd[i]) > 56)
			die(EXIT_USAGE, "--net user: fwd=%s is too long", n->fwd[i]);
	}
	helper_path(path);
	err = SYS(socketpair, AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends, 0, 0);
	if (err)
		die(EXIT_HOST, "user networking: socketpair: %s", errno_text(err));
	err = SYS(clone, SIGCHLD, 0, 0, 0, 0, 0);
	if (err == 0)
		run_helper(n, path, ends[1], self);
	if (err < 0)
		die(EXIT_HOST, "user networking: clone: %s", errno_text(err));
	n->helper = (int)err;
	sys_close(ends[1]);
	n->dev.fd = ends[0];
	n->dev.kind = DEV_NET_SEQPACKET;
	n->dev.vnet_hdr = true;
}

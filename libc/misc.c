/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Small calls: who we are, random bytes, and the process calls that a
 * unikernel answers honestly (one process, no fork).
 */
#include "libc_impl.h"

#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/random.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "kernel/cmdline.h"
#include "kernel/entropy.h"
#include "kernel/page.h"
#include "kernel/power.h"

ssize_t getrandom(void *buf, size_t len, unsigned flags)
{
	(void)flags;
	entropy_bytes(buf, len);
	return (ssize_t)len;
}

int getentropy(void *buf, size_t len)
{
	if (len > 256)
		return (int)libc_result(-EIO);
	entropy_bytes(buf, len);
	return 0;
}

pid_t getpid(void)
{
	return 1;
}

int kill(pid_t pid, int sig)
{
	if (pid != 1 && pid != 0 && pid != -1)
		return (int)libc_result(-ESRCH);
	return sig == 0 ? 0 : raise(sig);
}

pid_t fork(void)
{
	return (pid_t)libc_result(-ENOSYS);
}

int gethostname(char *buf, size_t len)
{
	const char *name = cmdline_get("hostname");
	size_t n;

	if (!name)
		name = "glint";
	n = strlen(name);
	if (n >= len)
		return (int)libc_result(-ENAMETOOLONG);
	memcpy(buf, name, n + 1);
	return 0;
}

int uname(struct utsname *out)
{
	memset(out, 0, sizeof(*out));
	strcpy(out->sysname, "Glint");
	if (gethostname(out->nodename, sizeof(out->nodename)))
		strcpy(out->nodename, "glint");	/* the name is too long */
	strcpy(out->release, GLINT_VERSION);
	strcpy(out->version, GLINT_VERSION);
	strcpy(out->machine, "x86_64");
	return 0;
}

long sysconf(int name)
{
	switch (name) {
	case _SC_PAGESIZE:
		return PAGE_SIZE;
	case _SC_PHYS_PAGES:
		return (long)page_total();
	case _SC_AVPHYS_PAGES:
		return (long)page_free_count();
	case _SC_CLK_TCK:
		return CLOCKS_PER_SEC;		/* as times() counts */
	case _SC_IOV_MAX:
		return IOV_MAX;
	case _SC_HOST_NAME_MAX:
		return sizeof(((struct utsname *)0)->nodename) - 1;
	case _SC_OPEN_MAX:
		return FD_MAX;
	case _SC_NPROCESSORS_CONF:
	case _SC_NPROCESSORS_ONLN:
		return 1;
	default:
		return libc_result(-EINVAL);
	}
}

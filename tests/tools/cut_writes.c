/* SPDX-License-Identifier: BSD-2-Clause
 *
 * LD_PRELOAD: the CUT_AT-th call that changes a file (counted from 1) is the
 * last one. CUT_HOW: before (it is not done), half (half of its sectors are),
 * after (it is), fail (it and all later ones say EIO). The process ends with
 * status 99, but for `fail`.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

static long count;

static int due(void)
{
	const char *at = getenv("CUT_AT");

	return at && ++count >= atol(at);
}

static const char *how(void)
{
	const char *s = getenv("CUT_HOW");

	return s ? s : "before";
}

ssize_t pwritev(int fd, const struct iovec *iov, int n, off_t off)
{
	ssize_t (*real)(int, const struct iovec *, int, off_t) =
		(ssize_t (*)(int, const struct iovec *, int, off_t))
		dlsym(RTLD_NEXT, "pwritev");
	size_t half;

	if (!due())
		return real(fd, iov, n, off);
	if (!strcmp(how(), "fail")) {
		errno = EIO;
		return -1;
	}
	half = iov[0].iov_len / 2 / 512 * 512;
	if (!strcmp(how(), "half") && half)
		pwrite(fd, iov[0].iov_base, half, off);
	if (!strcmp(how(), "after"))
		real(fd, iov, n, off);
	_exit(99);
}

int ftruncate(int fd, off_t size)
{
	int (*real)(int, off_t) =
		(int (*)(int, off_t))dlsym(RTLD_NEXT, "ftruncate");

	if (!due())
		return real(fd, size);
	if (!strcmp(how(), "fail")) {
		errno = EIO;
		return -1;
	}
	if (!strcmp(how(), "after"))
		real(fd, size);
	_exit(99);
}

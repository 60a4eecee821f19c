/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Scatter and gather.
 */
#pragma once

#include <stddef.h>
#include <sys/types.h>

#define IOV_MAX 64			/* more: EINVAL */

struct iovec {
	void *iov_base;
	size_t iov_len;
};

ssize_t readv(int fd, const struct iovec *iov, int n);
ssize_t writev(int fd, const struct iovec *iov, int n);

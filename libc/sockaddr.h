/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Private to libc/: BSD socket addresses to the kernel's and back.
 */
#pragma once

#include <sys/socket.h>

#include "kernel/sock.h"

/* 0, -EINVAL (too short), -EAFNOSUPPORT. */
int sockaddr_read(struct sock_addr *out, const struct sockaddr *sa, socklen_t len);

/* The length of the address written. */
socklen_t sockaddr_write(const struct sock_addr *a, struct sockaddr_storage *ss);

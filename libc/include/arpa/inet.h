/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Byte order (picolibc's) and address texts.
 */
#pragma once

#include_next <arpa/inet.h>
#include <netinet/in.h>

in_addr_t inet_addr(const char *s);
int inet_aton(const char *s, struct in_addr *out);
char *inet_ntoa(struct in_addr a);
const char *inet_ntop(int family, const void *addr, char *buf, socklen_t len);
int inet_pton(int family, const char *s, void *out);

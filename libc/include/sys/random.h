/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Random bytes; see kernel/entropy.h for where they come from.
 */
#pragma once

#include <sys/types.h>

#define GRND_NONBLOCK	1
#define GRND_RANDOM	2

ssize_t getrandom(void *buf, size_t len, unsigned flags);
int getentropy(void *buf, size_t len);	/* at most 256 bytes */

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The ioctls that portable network programs use.
 */
#pragma once

#define FIONBIO		0x5421

int ioctl(int fd, unsigned long request, ...);

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Included before every file of a test of hv/ (-include): its system calls go
 * through the test, which may see them, and answer for the kernel.
 */
#pragma once

#define sys_raw peer_sys
long peer_sys(long nr, long a, long b, long c, long d, long e, long f);

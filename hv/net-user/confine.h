/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What glint-net-user may do once it serves: sockets, and reading /etc/resolv.conf.
 */
#pragma once

/* No capabilities, no new privileges, a seccomp filter. 0 or -errno. */
int confine(void);

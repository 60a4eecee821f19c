/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Who are we.
 */
#pragma once

struct utsname {
	char sysname[32], nodename[64], release[32], version[64], machine[16];
};

int uname(struct utsname *out);

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * TCP socket options.
 */
#pragma once

#define TCP_NODELAY	1
#define TCP_KEEPIDLE	4		/* seconds */
#define TCP_KEEPINTVL	5		/* seconds */
#define TCP_KEEPCNT	6

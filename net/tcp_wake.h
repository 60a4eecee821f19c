/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Forced into the compilation of lwIP's TCP: whoever enters it wakes the TCP
 * timer if that is parked (net/timers.c). lwIP announces every entry to its
 * core by this macro.
 */
#pragma once

#include <stdbool.h>

#include "lwip/opt.h"

extern bool net_tcp_parked;
void net_tcp_wake(void);
#undef LWIP_ASSERT_CORE_LOCKED
#define LWIP_ASSERT_CORE_LOCKED() \
	do { if (net_tcp_parked) net_tcp_wake(); } while (0)

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The two clocks. Times of day never drive timers.
 */
#pragma once

#include "pv/pv.h"

nsec_t clock_now(void);			/* monotonic, since about boot */
nsec_t clock_wall(void);		/* since 1970 UTC; from 1970 up if unknown */
void clock_set_wall(nsec_t wall);	/* settimeofday */

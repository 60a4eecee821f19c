/* SPDX-License-Identifier: BSD-2-Clause
 *
 * See clock.h. The time of day is the platform's plus an offset that
 * settimeofday and `clock=` set; without a platform clock it counts from 1970.
 */
#include "kernel/clock.h"

#include <errno.h>

#include "kernel/cmdline.h"
#include "kernel/lib/fmt.h"

static nsec_t offset;			/* modulo 2^64: may be "negative" */

nsec_t clock_now(void)
{
	return pv ? pv->now() : 0;
}

static nsec_t platform_wall(void)
{
	nsec_t wall = pv ? pv->wall() : 0;

	return wall ? wall : clock_now();
}

nsec_t clock_wall(void)
{
	return platform_wall() + offset;
}

void clock_set_wall(nsec_t wall)
{
	offset = wall - platform_wall();
}

static int parse_clock(const char *value, unsigned index)
{
	uint64_t seconds;
	int err = fmt_parse_u64(value, 10, &seconds);

	(void)index;
	if (err)
		return err;
	if (seconds > UINT64_MAX / NSEC_PER_SEC)
		return -ERANGE;
	clock_set_wall(seconds * NSEC_PER_SEC);
	return 0;
}

static const struct cmdline_option clock_option CMDLINE_OPTION = {
	"clock", "seconds since 1970 UTC", parse_clock,
};

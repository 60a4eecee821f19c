/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The CMOS date (MC146818), read once where no paravirtual clock knows the
 * time of day. Taken as UTC.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "kernel/lib/compiler.h"

/* Registers as read: seconds, minutes, hours, day, month, year, status B. */
struct rtc_registers {
	uint8_t sec, min, hour, day, month, year, status_b;
};

/* Seconds since 1970. False: not a date (no such device reads all ones). */
bool rtc_to_unix(const struct rtc_registers *r, uint64_t *seconds) MUST_CHECK;

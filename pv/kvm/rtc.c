/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Calendar arithmetic for the CMOS date. Years are 2000 to 2099: the century
 * byte is not where every firmware puts it.
 */
#include "pv/kvm/rtc.h"

#define STATUS_B_24H	0x02
#define STATUS_B_BINARY	0x04
#define HOUR_PM		0x80

static bool decode(uint8_t raw, bool binary, unsigned min, unsigned max,
		   unsigned *out)
{
	if (!binary && ((raw & 15) > 9 || raw >> 4 > 9))
		return false;
	*out = binary ? raw : (raw >> 4) * 10u + (raw & 15);
	return *out >= min && *out <= max;
}

static bool decode_hour(const struct rtc_registers *r, unsigned *out)
{
	bool binary = r->status_b & STATUS_B_BINARY;

	if (r->status_b & STATUS_B_24H)
		return decode(r->hour, binary, 0, 23, out);
	if (!decode(r->hour & (uint8_t)~HOUR_PM, binary, 1, 12, out))
		return false;
	*out = *out % 12 + (r->hour & HOUR_PM ? 12 : 0);
	return true;
}

bool rtc_to_unix(const struct rtc_registers *r, uint64_t *seconds)
{
	static const uint16_t days_before[12] = {
		0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334,
	};
	bool binary = r->status_b & STATUS_B_BINARY;
	unsigned sec, min, hour, day, month, year, days;

	if (!decode(r->sec, binary, 0, 60, &sec) ||
	    !decode(r->min, binary, 0, 59, &min) || !decode_hour(r, &hour) ||
	    !decode(r->day, binary, 1, 31, &day) ||
	    !decode(r->month, binary, 1, 12, &month) ||
	    !decode(r->year, binary, 0, 99, &year))
		return false;
	/* 1970 to 2000 is 10957 days; 2000 is a leap year, so is every 4th. */
	days = 10957 + year * 365 + (year + 3) / 4 + days_before[month - 1] +
	       (month > 2 && year % 4 == 0) + day - 1;
	*seconds = days * 86400ull + hour * 3600 + min * 60 + sec;
	return true;
}

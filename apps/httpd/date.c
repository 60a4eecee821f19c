/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Dates to and from text: RFC 9110, 5.6.7. The calendar counts years from
 * March, so that the leap day is the last day of a year.
 * Pure functions; host tests in tests/unit/test_httpd_date.c.
 */
#include "date.h"

#include <string.h>

#define DAY_SECONDS 86400
#define DAYS_BEFORE_1970 719468		/* from 1 March of the year 0 */
#define DAYS_400_YEARS 146097
#define LAST_SECOND 253402300799	/* the end of 9999 */

static const char month_names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
static const char day_names[] = "SunMonTueWedThuFriSat";

struct civil {
	int year, month, day;	/* month 1 to 12 */
	int hour, minute, second;
	int weekday;		/* 0 is Sunday */
};

static struct civil split(int64_t t)
{
	struct civil c;

	if (t < 0)
		t = 0;
	if (t > LAST_SECOND)
		t = LAST_SECOND;
	int days = (int)(t / DAY_SECONDS), rest = (int)(t % DAY_SECONDS);

	c.weekday = (days + 4) % 7;
	c.hour = rest / 3600;
	c.minute = rest / 60 % 60;
	c.second = rest % 60;
	days += DAYS_BEFORE_1970;

	int era = days / DAYS_400_YEARS, in_era = days % DAYS_400_YEARS;
	int year = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
	int in_year = in_era - (365 * year + year / 4 - year / 100);
	int month = (5 * in_year + 2) / 153;	/* 0 is March */

	c.day = in_year - (153 * month + 2) / 5 + 1;
	c.month = month < 10 ? month + 3 : month - 9;
	c.year = year + era * 400 + (c.month <= 2);
	return c;
}

static int64_t join(const struct civil *c)
{
	int year = c->month <= 2 ? c->year - 1 : c->year;
	int month = c->month > 2 ? c->month - 3 : c->month + 9;
	int era = year / 400, in_era = year % 400;
	int in_year = (153 * month + 2) / 5 + c->day - 1;
	int64_t days = (int64_t)era * DAYS_400_YEARS + in_era * 365 + in_era / 4 - in_era / 100 + in_year;

	return (days - DAYS_BEFORE_1970) * DAY_SECONDS + c->hour * 3600 + c->minute * 60 + c->second;
}

static void put2(char *out, int v)
{
	out[0] = (char)('0' + v / 10);
	out[1] = (char)('0' + v % 10);
}

static void put4(char *out, int v)
{
	put2(out, v / 100);
	put2(out + 2, v % 100);
}

void date_format_http(int64_t seconds, char out[DATE_HTTP_LEN])
{
	struct civil c = split(seconds);

	memcpy(out, "Sun, 06 Nov 1994 08:49:37 GMT", DATE_HTTP_LEN);
	memcpy(out, day_names + 3 * c.weekday, 3);
	put2(out + 5, c.day);
	memcpy(out + 8, month_names + 3 * (c.month - 1), 3);
	put4(out + 12, c.year);
	put2(out + 17, c.hour);
	put2(out + 20, c.minute);
	put2(out + 23, c.second);
}

void date_format_log(int64_t seconds, char out[DATE_LOG_LEN])
{
	struct civil c = split(seconds);

	memcpy(out, "06/Nov/1994:08:49:37 +0000", DATE_LOG_LEN);
	put2(out, c.day);
	memcpy(out + 3, month_names + 3 * (c.month - 1), 3);
	put4(out + 7, c.year);
	put2(out + 12, c.hour);
	put2(out + 15, c.minute);
	put2(out + 18, c.second);
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* n digits; a leading blank counts as zero where asctime pads with one. */
static int number(const char *p, int n)
{
	int v = 0;

	for (int i = 0; i < n; i++) {
		if (i == 0 && n == 2 && p[0] == ' ')
			continue;
		if (!is_digit(p[i]))
			return -1;
		v = v * 10 + (p[i] - '0');
	}
	return v;
}

static int month_number(const char *p)
{
	for (int m = 0; m < 12; m++)
		if (!memcmp(p, month_names + 3 * m, 3))
			return m + 1;
	return -1;
}

static bool clock_parse(const char *p, struct civil *c)
{
	c->hour = number(p, 2);
	c->minute = number(p + 3, 2);
	c->second = number(p + 6, 2);
	return p[2] == ':' && p[5] == ':';
}

static bool valid(const struct civil *c)
{
	static const unsigned char days[] = { 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

	return c->year >= 1970 && c->month >= 1 && c->day >= 1 && c->day <= days[c->month - 1] && c->hour >= 0 &&
	       c->hour < 24 && c->minute >= 0 && c->minute < 60 && c->second >= 0 && c->second <= 60;
}

/* "Sunday, 06-Nov-94 08:49:37 GMT": two digits of the year, 70 to 99 are the last century's */
static bool rfc850_parse(const char *p, size_t len, struct civil *c)
{
	const char *comma = memchr(p, ',', len);

	if (!comma || (size_t)(p + len - comma) != sizeof(", 06-Nov-94 08:49:37 GMT") - 1)
		return false;
	p = comma + 2;
	c->day = number(p, 2);
	c->month = month_number(p + 3);
	c->year = number(p + 7, 2);
	if (c->year >= 0)
		c->year += c->year < 70 ? 2000 : 1900;
	return p[2] == '-' && p[6] == '-' && clock_parse(p + 10, c) && !memcmp(p + 18, " GMT", 4);
}

bool date_parse(const char *p, size_t len, int64_t *seconds)
{
	struct civil c = { 0 };

	if (len < 24)	/* the shortest form */
		return false;
	if (len == DATE_HTTP_LEN && p[3] == ',') {
		c.day = number(p + 5, 2);
		c.month = month_number(p + 8);
		c.year = number(p + 12, 4);
		if (!clock_parse(p + 17, &c) || memcmp(p + 25, " GMT", 4))
			return false;
	} else if (len == 24 && p[3] == ' ') {
		/* Sun Nov  6 08:49:37 1994 */
		c.month = month_number(p + 4);
		c.day = number(p + 8, 2);
		c.year = number(p + 20, 4);
		if (!clock_parse(p + 11, &c))
			return false;
	} else if (!rfc850_parse(p, len, &c)) {
		return false;
	}
	if (!valid(&c))
		return false;
	*seconds = join(&c);
	return true;
}

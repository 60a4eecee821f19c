/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Small parsers of pv/kvm and pv/x86: CMOS date, virtio_mmio.device= keys.
 * SOURCES: pv/kvm/rtc.c pv/kvm/mmio_key.c
 */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "pv/kvm/rtc.h"
#include "pv/kvm/scan_mmio.h"
#include "tests/unit/tap.h"

static void dates(void)
{
	struct rtc_registers r = { 0x56, 0x34, 0x12, 0x29, 0x02, 0x24, 0x02 };
	struct rtc_registers none;
	uint64_t s;
	bool good = true;

	ok(rtc_to_unix(&r, &s) && s == 1709210096, "2024-02-29 12:34:56, BCD");
	r = (struct rtc_registers){ 56, 34, 0x8c, 29, 2, 24, 0x04 };
	ok(rtc_to_unix(&r, &s) && s == 1709210096, "binary, 12 PM");
	r.hour = 12;
	ok(rtc_to_unix(&r, &s) && s == 1709210096 - 12 * 3600, "12 AM is midnight");
	memset(&none, 0xff, sizeof(none));
	ok(!rtc_to_unix(&none, &s), "no device");
	memset(&none, 0, sizeof(none));
	ok(!rtc_to_unix(&none, &s), "all zero is no date");
	r = (struct rtc_registers){ 0x5a, 0, 0, 1, 1, 0, 0x02 };
	ok(!rtc_to_unix(&r, &s), "not BCD");
	for (unsigned i = 0; i < 7; i++) {
		static const uint8_t wrong[7][3] = {
			{ 0x12, 0x01, 0x61 }, { 0x12, 0x13, 0x00 }, { 0x12, 0x00, 0x00 },
			{ 0x00, 0x01, 0x00 }, { 0x32, 0x01, 0x00 }, { 0x12, 0x99, 0x00 },
			{ 0x12, 0xff, 0x00 },
		};

		r = (struct rtc_registers){ wrong[i][2], 0, 0, wrong[i][0], wrong[i][1], 0x24, 0x02 };
		ok(!rtc_to_unix(&r, &s), "no such second, month or day (%u)", i);
	}
	for (time_t t = 946684800; t < 4102444800ll; t += 86400 * 3 + 7777) {
		struct tm tm;

		gmtime_r(&t, &tm);
		r = (struct rtc_registers){
			(uint8_t)tm.tm_sec, (uint8_t)tm.tm_min,
			(uint8_t)tm.tm_hour, (uint8_t)tm.tm_mday,
			(uint8_t)(tm.tm_mon + 1), (uint8_t)(tm.tm_year - 100),
			0x06,
		};
		good &= rtc_to_unix(&r, &s) && s == (uint64_t)t;
	}
	ok(good, "2000 to 2099 agree with gmtime");
}

static void keys(void)
{
	struct mmio_slot s;
	static const char *const bad[] = {
		"", "512", "512@", "512@0xfeb00e00", "512@0xfeb00e00:", "x@1:2",
		"512@0x:3", "512@0xfeb00e00:12x", "512@0xfeb00e00:12:",
		"512 @0xfeb00e00:12", "-512@0xfeb00e00:12", "512@0xfeb00e00:12:3:4",
		"4Q@0xfeb00e00:12",
	};
	static const char *const range[] = {
		"511@0xfeb00e00:12", "512@0xfeb00e01:12", "512@0xfeb00e00:256",
		"99999999999999999999@1:1", "512@0x10000000000000000:1",
		"2000000M@0xfeb00e00:5",
	};

	ok(!mmio_slot_parse("512@0xfeb00e00:12", &s) && s.len == 512 &&
	   s.base == 0xfeb00e00 && s.gsi == 12, "QEMU's form");
	ok(!mmio_slot_parse("4K@0xd0000000:5", &s) && s.len == 4096 && s.gsi == 5,
	   "Firecracker's form");
	ok(!mmio_slot_parse("1M@4096:5:7", &s) && s.len == 1 << 20 &&
	   s.base == 4096, "with an id");
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ok(mmio_slot_parse(bad[i], &s) == -EINVAL, "refused: '%s'", bad[i]);
	for (unsigned i = 0; i < sizeof(range) / sizeof(range[0]); i++)
		ok(mmio_slot_parse(range[i], &s) == -ERANGE, "out of range: '%s'",
		   range[i]);
}

int main(void)
{
	dates();
	keys();
	return done_testing();
}

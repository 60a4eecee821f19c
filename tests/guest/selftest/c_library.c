/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The C library as linked in: formatting, memory and strings (ours, not
 * picolibc's), heap, clocks, environment, randomness.
 */
#include "selftest.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

static void test_printf(void)
{
	static const char *volatile six = "abcdef";
	char buf[128];

	snprintf(buf, sizeof(buf), "%d %5.2f %s %#x %lld %c", -42, 3.14159, "str",
		 0xbeefu, LLONG_MIN, 'z');
	ok(!strcmp(buf, "-42  3.14 str 0xbeef -9223372036854775808 z"),
	   "printf family: %s", buf);
	ok(snprintf(buf, 4, "%s", six) == 6 && !strcmp(buf, "abc"),
	   "snprintf cuts and says the length");
	ok(strtod("1e-3", NULL) == 0.001 && strtol("0x7f", NULL, 0) == 127,
	   "numbers are read");
}

/* Every length and alignment near the places where the copy loops change. */
static bool memory_functions(void)
{
	static unsigned char a[9000], b[9000], c[9000];
	static const size_t len[] = { 0, 1, 3, 7, 8, 15, 16, 17, 31, 33, 64, 127,
		128, 129, 255, 511, 1460, 2047, 2048, 2049, 4096, 8191 };

	for (size_t i = 0; i < sizeof(a); i++)
		a[i] = (unsigned char)(i * 7 + (i >> 8));
	for (size_t l = 0; l < sizeof(len) / sizeof(len[0]); l++)
		for (size_t off = 0; off < 17; off++) {
			size_t n = len[l];

			memset(b, 0xee, sizeof(b));
			memcpy(b + off, a + (off * 5) % 16, n);
			for (size_t i = 0; i < n; i++)
				if (b[off + i] != a[(off * 5) % 16 + i])
					return false;
			if (b[off + n] != 0xee || (off && b[off - 1] != 0xee))
				return false;
			memcpy(c, a, sizeof(a));
			memmove(c + off, c + 3, n);
			for (size_t i = 0; i < n; i++)
				if (c[off + i] != a[3 + i])
					return false;
			memset(b + off, 0x11, n);
			if (n && (b[off] != 0x11 || b[off + n - 1] != 0x11))
				return false;
			if (b[off + n] != 0xee)
				return false;
		}
	return true;
}

static void test_heap(void)
{
	enum { N = 500 };
	static unsigned char *p[N];
	static size_t len[N];
	volatile size_t huge = SIZE_MAX / 2, terabyte = (size_t)1 << 40;
	bool fine = true;
	uint32_t x = 1;

	for (int round = 0; round < 20000; round++) {
		int i = (int)((x = x * 1664525 + 1013904223) >> 16) % N;

		for (size_t k = 0; p[i] && k < len[i]; k += 37)
			fine &= p[i][k] == (unsigned char)i;
		free(p[i]);
		len[i] = (x >> 8) % 3000 + 1;
		p[i] = malloc(len[i]);
		if (!p[i]) {
			fine = false;
			break;
		}
		fine &= ((uintptr_t)p[i] & 15) == 0;
		memset(p[i], i, len[i]);
	}
	for (int i = 0; i < N; i++)
		free(p[i]);
	ok(fine, "20,000 random allocations keep their contents");
	errno = 0;
	ok(malloc(terabyte) == NULL && errno == ENOMEM,
	   "an impossible malloc is ENOMEM, not the end");
	ok(calloc(huge, 3) == NULL, "calloc's overflow is seen");
	unsigned char *r = realloc(NULL, 10);

	memcpy(r, "012345678", 10);
	r = realloc(r, 100000);
	ok(r && !memcmp(r, "012345678", 10), "realloc keeps the contents");
	free(r);
}

static void test_clocks(void)
{
	struct timespec a, b;
	time_t now = time(NULL);
	struct tm tm;
	long ms;
	bool mono = true;

	clock_gettime(CLOCK_MONOTONIC, &a);
	for (int i = 0; i < 10000; i++) {
		clock_gettime(CLOCK_MONOTONIC, &b);
		mono &= b.tv_sec > a.tv_sec ||
			(b.tv_sec == a.tv_sec && b.tv_nsec >= a.tv_nsec);
		a = b;
	}
	ok(mono, "the monotonic clock never goes back");
	usleep(50000);
	clock_gettime(CLOCK_MONOTONIC, &b);
	ms = (b.tv_sec - a.tv_sec) * 1000 + (b.tv_nsec - a.tv_nsec) / 1000000;
	ok(ms >= 49 && ms < 5000, "usleep(50000) took %ld ms", ms);
	gmtime_r(&now, &tm);
	ok(tm.tm_year + 1900 >= 2024 && tm.tm_year + 1900 < 2100,
	   "time of day: %04d-%02d-%02d", tm.tm_year + 1900, tm.tm_mon + 1,
	   tm.tm_mday);
}

static void test_inet(void)
{
	static const char *const text[] = { "::", "::1", "fe80::1", "2001:db8::",
		"1:2:3:4:5:6:7:8", "2001:db8:0:1::2", "::ffff:10.1.2.3" };
	unsigned char a[16];
	char buf[64];
	bool fine = true;

	for (size_t i = 0; i < sizeof(text) / sizeof(text[0]); i++) {
		fine &= inet_pton(AF_INET6, text[i], a) == 1;
		fine &= inet_ntop(AF_INET6, a, buf, sizeof(buf)) &&
			!strcmp(buf, text[i]);
	}
	fine &= inet_pton(AF_INET, "10.0.2.256", a) == 0;
	fine &= inet_pton(AF_INET6, "1::2::3", a) == 0;
	ok(fine, "addresses are read and written");
}

void test_c_library(void)
{
	unsigned char r1[32], r2[32];
	struct utsname u;

	test_printf();
	ok(memory_functions(), "memcpy, memmove, memset at all alignments");
	test_heap();
	test_clocks();
	test_inet();
	ok(fabs(sqrt(2.0) - 1.41421356) < 1e-8, "floating point works");
	ok(getrandom(r1, 32, 0) == 32 && getentropy(r2, 32) == 0 &&
	   memcmp(r1, r2, 32), "random bytes differ");
	ok(getenv("GREETING") && !strcmp(getenv("GREETING"), "good day"),
	   "env.GREETING arrives as environment");
	ok(uname(&u) == 0 && !strcmp(u.sysname, "Glint"), "uname");
	errno = 0;
	ok(fork() == -1 && errno == ENOSYS, "fork is ENOSYS");
	errno = 0;
	ok(close(999) == -1 && errno == EBADF, "a closed descriptor is EBADF");
}

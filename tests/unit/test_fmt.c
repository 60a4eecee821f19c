/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Formatting against the C library's, number parsing by table.
 *
 * SOURCES: kernel/lib/fmt.c
 * FLAGS: -Wno-format -Wno-format-truncation
 */
#include "tests/unit/tap.h"

#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <string.h>

#include "kernel/lib/fmt.h"

#define SAME(...) do {							\
	char a_[200], b_[200];						\
	int n_ = snprintf(a_, sizeof(a_), __VA_ARGS__);			\
	int m_ = fmt_snprintf(b_, sizeof(b_), __VA_ARGS__);		\
	ok(n_ == m_ && !strcmp(a_, b_), "%s: \"%s\" \"%s\"", #__VA_ARGS__, a_, b_); \
} while (0)

static void test_like_libc(void)
{
	SAME("plain %% text");
	SAME("%d %i %d %d", 0, -1, INT_MIN, INT_MAX);
	SAME("%u %x %X", 0u, 0xdeadbeefu, 0xabcu);
	SAME("%ld %lld %zu %jd %td", LONG_MIN, LLONG_MAX, SIZE_MAX,
	     (intmax_t)-7, (ptrdiff_t)-8);
	SAME("%hhd %hhu %hd %hu", 300, 300, 70000, -1);
	SAME("%hhx %hx", -1, -1);
	SAME("[%5d] [%-5d] [%05d] [%-05d]", 42, 42, -42, 42);
	SAME("[%.3d] [%8.3d] [%-8.3d] [%08.3d] [%.0d] [%.0d]", 5, -5, 5, 5, 0, 1);
	SAME("[%*d] [%-*d] [%*d]", 6, 1, 6, 2, -6, 3);
	SAME("%c%c[%3c][%-3c]", 'a', 'b', 'c', 'd');
	SAME("%s [%6s] [%-6s] [%.2s] [%6.2s]", "abc", "abc", "abc", "abc", "abc");
	SAME("%.*s|%.*s", 2, "xyz", -1, "xyz");
	SAME("%p", (void *)0x1234);
	SAME("%016llx", 0x123456789abcdefull);
}

static void test_bounds(void)
{
	char buf[8];
	static const char open[3] = { 'a', 'b', 'c' };

	memset(buf, '#', sizeof(buf));
	ok(fmt_snprintf(buf, 4, "%s", "abcdef") == 6 && !strcmp(buf, "abc") &&
	   buf[4] == '#', "cut at the size, whole length returned");
	ok(fmt_snprintf(NULL, 0, "%d", 12345) == 5, "size 0 only counts");
	ok(fmt_snprintf(buf, 1, "%d", 5) == 1 && !buf[0], "size 1: only the NUL");
	ok(fmt_snprintf(buf, 8, "%.3s", open) == 3, "%%.3s reads 3 bytes");
	ok(fmt_snprintf(buf, 8, "%s", (char *)NULL) == 6, "NULL string");
	ok(fmt_snprintf(buf, 8, "100%") == 4 && !strcmp(buf, "100%"), "lone %%");
	ok(fmt_snprintf(buf, 8, "%q") == 2 && !strcmp(buf, "%q"), "unknown kept");
}

static void test_parse_u64(void)
{
	static const struct { const char *s; unsigned base; int err; uint64_t v; } t[] = {
		{ "0", 10, 0, 0 }, { "18446744073709551615", 10, 0, UINT64_MAX },
		{ "18446744073709551616", 10, -ERANGE, 0 },
		{ "99999999999999999999", 10, -ERANGE, 0 },
		{ "", 10, -EINVAL, 0 }, { "12x", 10, -EINVAL, 0 },
		{ " 1", 10, -EINVAL, 0 }, { "-1", 10, -EINVAL, 0 },
		{ "+1", 10, -EINVAL, 0 }, { "ff", 16, 0, 255 },
		{ "0xFf", 16, 0, 255 }, { "0x10", 0, 0, 16 }, { "10", 0, 0, 10 },
		{ "0x", 0, -EINVAL, 0 }, { "0x10", 10, -EINVAL, 0 },
		{ "0xffffffffffffffff", 0, 0, UINT64_MAX },
		{ "0x10000000000000000", 0, -ERANGE, 0 }, { "a", 10, -EINVAL, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		uint64_t v = 0;
		int err = fmt_parse_u64(t[i].s, t[i].base, &v);

		ok(err == t[i].err && (err || v == t[i].v), "u64 \"%s\" base %u",
		   t[i].s, t[i].base);
	}
}

static void test_parse_size(void)
{
	static const struct { const char *s; int err; uint64_t v; } t[] = {
		{ "4096", 0, 4096 }, { "64K", 0, 65536 }, { "64k", 0, 65536 },
		{ "16M", 0, 16 << 20 }, { "2G", 0, 2ull << 30 },
		{ "17179869183G", 0, 17179869183ull << 30 },
		{ "17179869184G", -ERANGE, 0 }, { "K", -EINVAL, 0 },
		{ "1KB", -EINVAL, 0 }, { "1T", -EINVAL, 0 }, { "", -EINVAL, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		uint64_t v = 0;
		int err = fmt_parse_size(t[i].s, &v);

		ok(err == t[i].err && (err || v == t[i].v), "size \"%s\"", t[i].s);
	}
}

int main(void)
{
	test_like_libc();
	test_bounds();
	test_parse_u64();
	test_parse_size();
	return done_testing();
}

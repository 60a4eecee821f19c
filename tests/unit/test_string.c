/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The guest's mem* and str* against the C library's, at every alignment and
 * length that matters, with overlap, and with untouched bytes around. The
 * sources are included under other names.
 */
#include "tests/unit/tap.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define memcpy g_memcpy
#define memmove g_memmove
#define memset g_memset
#define memcmp g_memcmp
#define memchr g_memchr
#define strlen g_strlen
#define strnlen g_strnlen
#define strcmp g_strcmp
#define strncmp g_strncmp
#define strchr g_strchr
#define strrchr g_strrchr
#include "kernel/arch/x86_64/mem.c"
#include "kernel/lib/string.c"
#include "kernel/lib/shared.c"
#undef memcpy
#undef memmove
#undef memset
#undef memcmp
#undef memchr
#undef strlen
#undef strnlen
#undef strcmp
#undef strncmp
#undef strchr
#undef strrchr

#define ROOM 9000

static unsigned char src[ROOM], got[ROOM], want[ROOM];

static void scramble(void)
{
	for (int i = 0; i < ROOM; i++) {
		src[i] = (unsigned char)rand();
		got[i] = want[i] = (unsigned char)rand();
	}
}

/* Every length to 300, then steps over the `rep movsb` limit. */
static size_t next_len(size_t n)
{
	return n < 300 ? n + 1 : n + 61;
}

static bool copy_case(size_t d, size_t s, size_t n)
{
	bool good = g_memcpy(got + d, src + s, n) == got + d;

	memcpy(want + d, src + s, n);
	good &= !memcmp(got, want, ROOM);
	shared_copy_in(got + d, src + s + 1, n);
	memcpy(want + d, src + s + 1, n);
	good &= !memcmp(got, want, ROOM);
	shared_copy_out(got + d, src + s, n);
	memcpy(want + d, src + s, n);
	return good && !memcmp(got, want, ROOM);
}

static void test_copy(const char *how)
{
	bool good = true;

	scramble();
	for (size_t n = 0; n < 4500; n = next_len(n)) {
		for (int k = 0; k < 12; k++)
			good &= copy_case(64 + (size_t)rand() % 16,
					  64 + (size_t)rand() % 16, n);
	}
	ok(good, "memcpy, shared copies %s", how);
}

static void test_move(void)
{
	bool good = true;

	scramble();
	for (size_t n = 0; n < 4500; n = next_len(n)) {
		for (int k = 0; k < 24; k++) {
			size_t s = 200 + (size_t)rand() % 16;
			size_t d = s + (size_t)(rand() % 300) - 150;

			if (k % 4 == 0)
				d = s + (k % 8 ? n : (size_t)-(long)n / 2) % 3000;
			good &= g_memmove(got + d, got + s, n) == got + d;
			memmove(want + d, want + s, n);
			good &= !memcmp(got, want, ROOM);
		}
	}
	ok(good, "memmove with every kind of overlap");
}

static void test_set(void)
{
	bool good = true;

	scramble();
	for (size_t n = 0; n < 4500; n = next_len(n)) {
		for (size_t d = 64; d < 80; d++) {
			int c = rand() - RAND_MAX / 2;

			good &= g_memset(got + d, c, n) == got + d;
			memset(want + d, c, n);
			good &= !memcmp(got + 64, want + 64, n + 40);
		}
	}
	ok(good && !memcmp(got, want, ROOM), "memset");
}

static int sign(int v)
{
	return (v > 0) - (v < 0);
}

static void test_compare(void)
{
	bool good = true;

	scramble();
	memcpy(got, src, ROOM);
	for (size_t n = 1; n < 200; n++) {
		for (size_t at = 0; at < n; at++) {
			unsigned char keep = got[at + 3];

			got[at + 3] = (unsigned char)rand();
			good &= sign(g_memcmp(src + 3, got + 3, n)) ==
				sign(memcmp(src + 3, got + 3, n));
			got[at + 3] = keep;
		}
		good &= g_memcmp(src + 3, got + 3, n) == 0;
	}
	ok(good && g_memcmp(src, "x", 0) == 0, "memcmp");
}

static void test_strings(void)
{
	static const char *const s[] = { "", "a", "ab", "abc", "abd", "\xff", "ba" };
	bool good = true;

	for (size_t i = 0; i < ARRAY_SIZE(s); i++) {
		good &= g_strlen(s[i]) == strlen(s[i]);
		for (size_t n = 0; n < 5; n++)
			good &= g_strnlen(s[i], n) == strnlen(s[i], n);
		for (size_t j = 0; j < ARRAY_SIZE(s); j++) {
			good &= sign(g_strcmp(s[i], s[j])) == sign(strcmp(s[i], s[j]));
			for (size_t n = 0; n < 5; n++)
				good &= sign(g_strncmp(s[i], s[j], n)) ==
					sign(strncmp(s[i], s[j], n));
		}
	}
	ok(good, "strlen, strnlen, strcmp, strncmp");
	good = g_strchr("abca", 'a') && g_strchr("xbca", 'a') &&
	       !g_strchr("bc", 'a') && *g_strchr("bc", 0) == 0;
	ok(good && g_strrchr(s[3], 'c') == s[3] + 2 && !g_strrchr("b", 'a') &&
	   *g_strrchr("b", 0) == 0, "strchr, strrchr");
	ok(g_memchr("ab\0c", 'c', 4) && !g_memchr("abc", 'c', 2) &&
	   g_memchr("\xff", -1, 1), "memchr");
}

int main(void)
{
	test_copy("by SSE2");
	mem_use_rep_movsb(true);
	test_copy("with rep movsb above");
	mem_use_rep_movsb(false);
	test_move();
	test_set();
	test_compare();
	test_strings();
	return done_testing();
}

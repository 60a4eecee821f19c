/* SPDX-License-Identifier: BSD-2-Clause
 *
 * libc/inet.c against known texts, and against the host's C library for many
 * thousand random ones.
 */
#define inet_pton glint_pton
#define inet_ntop glint_ntop
#define inet_aton glint_aton
#define inet_addr glint_addr
#define inet_ntoa glint_ntoa
#include "libc/inet.c"
#undef inet_pton
#undef inet_ntop
#include "tests/unit/tap.h"

int inet_pton(int family, const char *s, void *out);
const char *inet_ntop(int family, const void *addr, char *buf, socklen_t len);

static const struct { const char *text, *canonical; } good6[] = {
	{ "::", "::" }, { "::1", "::1" }, { "1::", "1::" }, { "0:0:0:0:0:0:0:0", "::" },
	{ "2001:DB8::00ff", "2001:db8::ff" }, { "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8" },
	{ "1:0:0:2:0:0:0:3", "1:0:0:2::3" }, { "1:0:2:0:3:0:4:0", "1:0:2:0:3:0:4:0" },
	{ "::ffff:192.0.2.1", "::ffff:192.0.2.1" }, { "::ffff:c000:201", "::ffff:192.0.2.1" },
	{ "fe80::1:2:3:4", "fe80::1:2:3:4" }, { "1::8", "1::8" },
	{ "1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0" }, { "::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8" },
	{ "64:ff9b::1.2.3.4", "64:ff9b::102:304" },
	{ "1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304" },
};

static const char *const bad6[] = {
	"", ":", ":::", "1:2", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1::2::3", "12345::",
	"g::", ":1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8:", "1:2:3:4:5:6:7:8::", "::1%eth0",
	" ::1", "::1 ", "1.2.3.4", "::1.2.3", "::1.2.3.4.5", "::256.1.1.1", "::1.2.3.4:5",
	"1:2:3:4:5:6:7:1.2.3.4", "1:", "::1:", ":1", "1:2:3:4:5:6:7::8:9",
};

static const char *const bad4[] = {
	"", "1", "1.2", "1.2.3", "1.2.3.", ".1.2.3", "1..2.3", "1.2.3.4.", "1.2.3.4.5",
	"256.1.1.1", "1.2.3.256", "01.2.3.4", "1.2.3.04", "1.2.3.4 ", " 1.2.3.4", "a.b.c.d",
	"0x1.2.3.4", "1.2.3.1234", "-1.2.3.4", "1,2,3,4",
};

static void test_texts(void)
{
	uint8_t a[16];
	char s[64];

	for (size_t i = 0; i < sizeof(good6) / sizeof(good6[0]); i++) {
		s[0] = '\0';
		ok(glint_pton(AF_INET6, good6[i].text, a) == 1 &&
		   glint_ntop(AF_INET6, a, s, sizeof(s)) && !strcmp(s, good6[i].canonical),
		   "%s: %s", good6[i].text, s);
	}
	for (size_t i = 0; i < sizeof(bad6) / sizeof(bad6[0]); i++)
		ok(glint_pton(AF_INET6, bad6[i], a) == 0, "not IPv6: '%s'", bad6[i]);
	for (size_t i = 0; i < sizeof(bad4) / sizeof(bad4[0]); i++)
		ok(glint_pton(AF_INET, bad4[i], a) == 0, "not IPv4: '%s'", bad4[i]);
	ok(glint_pton(AF_INET, "0.9.10.255", a) == 1 && !memcmp(a, "\0\x09\x0a\xff", 4), "IPv4");
	ok(glint_ntop(AF_INET, a, s, 11) && !strcmp(s, "0.9.10.255"), "exact room");
	errno = 0;
	ok(!glint_ntop(AF_INET, a, s, 10) && errno == ENOSPC, "one less: ENOSPC");
	ok(glint_pton(77, "1.2.3.4", a) == -1 && errno == EAFNOSUPPORT, "EAFNOSUPPORT");
	ok(!glint_ntop(77, a, s, 64), "EAFNOSUPPORT");
	ok(glint_addr("1.2.3.4") == htonl(0x01020304) && glint_addr("x") == INADDR_NONE,
	   "inet_addr");
	ok(!strcmp(glint_ntoa((struct in_addr){ htonl(0x7f000001) }), "127.0.0.1"), "inet_ntoa");
}

static void test_random(void)
{
	static const char alphabet[] = "0123456789abcdefA::::....%g";
	uint8_t a[16], b[16];
	char s[64], t[64];
	unsigned seed = 7, wrong = 0;

	for (int k = 0; k < 200000; k++) {
		int fam = k & 1 ? AF_INET6 : AF_INET, len = k % 24, mine, theirs;

		for (int i = 0; i < len; i++) {
			seed = seed * 1103515245 + 12345;
			s[i] = alphabet[(seed >> 16) % (sizeof(alphabet) - 1)];
		}
		s[len] = '\0';
		mine = glint_pton(fam, s, a);
		theirs = inet_pton(fam, s, b);
		if (mine != theirs || (mine == 1 && memcmp(a, b, fam == AF_INET ? 4 : 16))) {
			printf("# %s: %d, the host says %d\n", s, mine, theirs);
			wrong++;
		}
	}
	ok(wrong == 0, "random texts: %u unlike the host's", wrong);
	for (int k = 0; k < 100000; k++) {
		for (int i = 0; i < 16; i++) {
			seed = seed * 1103515245 + 12345;
			a[i] = (seed >> 16) & 3 ? 0 : (uint8_t)(seed >> 20);
		}
		glint_ntop(AF_INET6, a, s, sizeof(s));
		inet_ntop(AF_INET6, a, t, sizeof(t));
		/* glibc writes ::1:2 as ::0.1.0.2, from before RFC 5952. */
		if (strcmp(s, t) && !strchr(t, '.'))
			wrong++;
		if (glint_pton(AF_INET6, s, b) != 1 || memcmp(a, b, 16))
			wrong++;
	}
	ok(wrong == 0, "random addresses: %u wrong", wrong);
}

int main(void)
{
	test_texts();
	test_random();
	return done_testing();
}

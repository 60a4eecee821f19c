/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The command line: words, quotes, keys, options, arguments, environment.
 *
 * SOURCES: tests/host/fake_pv.c kernel/page.c kernel/heap.c kernel/thread.c
 * SOURCES: kernel/event.c kernel/timer.c kernel/clock.c kernel/log.c
 * SOURCES: kernel/console.c kernel/trace.c kernel/panic.c kernel/backtrace.c
 * SOURCES: kernel/symbols.c kernel/watchdog.c kernel/cmdline.c
 * SOURCES: kernel/device.c kernel/lib/fmt.c kernel/arch/x86_64/switch.S
 * FLAGS: -Wl,-T,tests/host/tables.ld
 */
#include "tests/unit/tap.h"

#include <errno.h>
#include <string.h>

#include "kernel/boot_info.h"
#include "kernel/cmdline.h"
#include "kernel/console.h"
#include "tests/host/fake_pv.h"

static char seen[512];

static int parse_ip(const char *value, unsigned index)
{
	char buf[64];

	if (!strcmp(value, "bad"))
		return -EINVAL;
	snprintf(buf, sizeof(buf), "%u:%s;", index, value);
	strcat(seen, buf);
	return 0;
}

static const struct cmdline_option ip CMDLINE_OPTION = { "ip", "an address", parse_ip };
static const struct cmdline_option netip CMDLINE_OPTION = {
	"net*.ip", "an address", parse_ip,
};

/* argv and envp as one text: words in brackets, `|` between. */
static const char *vectors(const char *text)
{
	static char out[4096];

	out[0] = 0;
	if (cmdline_init(text))
		return "error";
	if (cmdline_parse_options())
		return "refused";
	for (int i = 1; i < cmdline_argc(); i++)
		strcat(strcat(strcat(out, "["), cmdline_argv()[i]), "]");
	if (cmdline_argv()[cmdline_argc()])
		return "argv has no end";
	strcat(out, "|");
	for (char **e = cmdline_envp(); *e; e++)
		strcat(strcat(strcat(out, "["), *e), "]");
	return out;
}

static void same(const char *text, const char *want)
{
	const char *got = vectors(text);

	ok(!strcmp(got, want), "<%s> gives %s", text, got);
}

static void test_words(void)
{
	same("", "|");
	same("   \t ", "|");
	same("-- a b", "[a][b]|");
	same("-- ", "|");
	same("--", "|");
	same("ip=1 -- 'a b' \"c d\" e\\ f", "[a b][c d][e f]|");
	same("-- '' \"\"", "[][]|");
	same("-- a'b'\"c\"d", "[abcd]|");
	same("-- 'a\\b' \"a\\\"b\" \\'", "[a\\b][a\"b][']|");
	same("-- a -- b", "[a][--][b]|");
	same("'--' x", "|");
	same("--x --- -- a", "[a]|");
	same("env.HOME=/ env.X='1 2' -- env.Y=3", "[env.Y=3]|[HOME=/][X=1 2]");
	same("env.NOVALUE", "|");
	same("-- 'open", "error");
	same("-- \"open", "error");
	same("-- open\\", "error");
	same("-- \"open\\\"", "error");
}

static void test_options(void)
{
	size_t pos = 0;

	seen[0] = 0;
	same("ip=dhcp net1.ip=a net23.ip=b ip='c d' net.ip=x netx.ip=y ip", "|");
	ok(!strcmp(seen, "0:dhcp;1:a;23:b;0:c d;0:;"), "parsed in order: %s", seen);
	ok(!strcmp(cmdline_get("ip"), "dhcp") && !cmdline_get("i") &&
	   !cmdline_get("ipx"), "get gives the first value of the exact key");
	ok(!strcmp(cmdline_next("ip", &pos), "dhcp") &&
	   !strcmp(cmdline_next("ip", &pos), "c d") &&
	   !strcmp(cmdline_next("ip", &pos), "") && !cmdline_next("ip", &pos),
	   "next gives all");
	same("-- ip=5", "[ip=5]|");
	ok(!cmdline_get("ip"), "arguments of the application are not keys");
	fake_pv_output_clear();
	ok(!strcmp(vectors("net2.ip=bad"), "refused") &&
	   fake_pv_output_has("net2.ip=bad") && fake_pv_output_has("an address"),
	   "a wrong value is named, with what it should be");
	ok(!strcmp(vectors("log=loud"), "refused") &&
	   !strcmp(vectors("clock=x"), "refused") &&
	   !strcmp(vectors("watchdog=1s"), "refused") &&
	   !strcmp(vectors("boot-trace=2"), "refused"), "the kernel's own refuse too");
}

static void test_unknown(void)
{
	fake_pv_output_clear();
	vectors("ip=1 typo=2 env.A=b asked=3 -- other=4");
	cmdline_get("asked");
	cmdline_warn_unknown();
	ok(fake_pv_output_has("unknown: typo=2"), "unknown keys are named");
	ok(!fake_pv_output_has("asked") && !fake_pv_output_has("unknown: ip") &&
	   !fake_pv_output_has("env.A") && !fake_pv_output_has("other"),
	   "others are not");
}

static void test_length(void)
{
	static char text[BOOT_CMDLINE_MAX + 8];

	memset(text, 'a', BOOT_CMDLINE_MAX - 1);
	ok(cmdline_init(text) == 0, "the greatest length");
	memset(text, 'a', BOOT_CMDLINE_MAX);
	ok(cmdline_init(text) == -E2BIG, "one more");
	ok(cmdline_argc() == 1 && !cmdline_get("a"), "and nothing is left of it");
	for (int i = 0; i < BOOT_CMDLINE_MAX - 1; i++)
		text[i] = i % 2 ? ' ' : 'b';
	text[BOOT_CMDLINE_MAX - 1] = 0;
	memcpy(text, "-- ", 3);
	ok(cmdline_init(text) == 0 && cmdline_argc() == 1 + 1022,
	   "as many words as fit: %d", cmdline_argc());
}

int main(void)
{
	fake_pv_init(4u << 20);
	console_use_platform();
	test_words();
	test_options();
	test_unknown();
	test_length();
	return done_testing();
}

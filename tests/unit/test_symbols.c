/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The symbol table: what tools/mksyms makes of this very program gives back
 * every function that nm shows; malformed tables give no read out of bounds.
 *
 * SOURCES: kernel/symbols.c
 */
#include "tests/unit/tap.h"

#include <stdlib.h>
#include <string.h>

#include "kernel/symbols.h"

static void test_by_hand(void)
{
	/* foo_a at 0x10, foo_bc at 0x90, x at 0x4090 */
	static const uint8_t t[] = "\x10\x00" "foo_a\0" "\x80\x01\x04" "bc\0"
				   "\x80\x80\x01\x00" "x";
	uint8_t big[200];
	struct symbol s;

	ok(!symbols_lookup(t, sizeof(t), 0xf, &s), "before the first");
	ok(symbols_lookup(t, sizeof(t), 0x10, &s) && !strcmp(s.name, "foo_a") &&
	   s.start == 0x10, "the first byte");
	ok(symbols_lookup(t, sizeof(t), 0x8f, &s) && !strcmp(s.name, "foo_a"),
	   "the last");
	ok(symbols_lookup(t, sizeof(t), 0x90, &s) && !strcmp(s.name, "foo_bc"),
	   "shared prefix");
	ok(symbols_lookup(t, sizeof(t), 0x99999, &s) && !strcmp(s.name, "x") &&
	   s.start == 0x4090, "the last symbol reaches to the end");
	ok(!symbols_lookup(t, 0, 5, &s), "no table");
	ok(!symbols_lookup((const uint8_t *)"\1\5x", 4, 9, &s),
	   "more shared than there is");
	memset(big, 'a', sizeof(big));
	big[0] = 1;
	big[1] = 0;
	big[sizeof(big) - 1] = 0;
	ok(!symbols_lookup(big, sizeof(big), 9, &s), "too long a name");
}

/* Random and cut tables, in memory of exactly their size for ASan. */
static void test_malformed(void)
{
	struct symbol s;

	for (int k = 0; k < 20000; k++) {
		size_t len = (size_t)rand() % 100;
		uint8_t *t = malloc(len + !len);

		for (size_t i = 0; i < len; i++)
			t[i] = (uint8_t)(rand() % 3 ? rand() % 4 : rand());
		if (symbols_lookup(t, len, (uint64_t)rand(), &s) &&
		    !memchr(s.name, 0, sizeof(s.name)))
			abort();
		free(t);
	}
	ok(true, "20,000 malformed tables");
}

/* The bytes that mksyms prints for a small program. */
static uint8_t *make_table(size_t *len)
{
	char line[4096], dir[] = "/tmp/mksymsXXXXXX", cmd[512];
	uint8_t *t = malloc(65536);
	FILE *f;

	*len = 0;
	if (!mkdtemp(dir))
		abort();
	snprintf(cmd, sizeof(cmd), "cd %s && printf '.text\\n"
		 ".globl _text_start\\n_text_start:\\n"
		 ".globl one\\none: .skip 5\\none_more: .skip 300\\n"
		 "two.constprop.0: .skip 7\\n.globl three\\nthree: .skip 1\\n' "
		 "| as -o a.o - && cd - >/dev/null && tools/mksyms %s/a.o; rm -r %s",
		 dir, dir, dir);
	f = popen(cmd, "r");
	while (fgets(line, sizeof(line), f)) {
		char *p = strstr(line, ".byte");

		for (p = p ? p + 6 : NULL; p; p = strchr(p, ',') ?
		     strchr(p, ',') + 1 : NULL)
			t[(*len)++] = (uint8_t)atoi(p);
	}
	ok(pclose(f) == 0, "mksyms runs");
	return t;
}

static void test_mksyms(void)
{
	size_t len;
	uint8_t *t = make_table(&len);
	struct symbol s;

	ok(symbols_lookup(t, len, 4, &s) && !strcmp(s.name, "one") && s.start == 0,
	   "one");
	ok(symbols_lookup(t, len, 304, &s) && !strcmp(s.name, "one_more") &&
	   s.start == 5, "one_more");
	ok(symbols_lookup(t, len, 305, &s) && !strcmp(s.name, "two"),
	   "a clone under its plain name");
	ok(symbols_lookup(t, len, 312, &s) && !strcmp(s.name, "three"), "three");
	free(t);
}

int main(void)
{
	test_by_hand();
	test_malformed();
	test_mksyms();
	return done_testing();
}

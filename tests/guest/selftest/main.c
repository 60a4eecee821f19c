/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Runs the areas named as arguments, or all; a writable folder for the file
 * tests is given as dir=PATH. The exit status is the number of failures.
 */
#include "selftest.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static int count, failed;

void ok(bool cond, const char *fmt, ...)
{
	va_list ap;

	printf("%s %d - ", cond ? "ok" : "not ok", ++count);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
	failed += !cond;
}

void skip(const char *what, const char *why)
{
	printf("ok %d - %s # SKIP %s\n", ++count, what, why);
}

static bool wanted(int argc, char **argv, const char *area)
{
	bool any = false;

	for (int i = 1; i < argc; i++) {
		if (strchr(argv[i], '='))
			continue;
		any = true;
		if (!strcmp(argv[i], area))
			return true;
	}
	return !any;
}

int main(int argc, char **argv)
{
	const char *dir = NULL;

	for (int i = 1; i < argc; i++)
		if (!strncmp(argv[i], "dir=", 4))
			dir = argv[i] + 4;
	if (wanted(argc, argv, "libc"))
		test_c_library();
	if (wanted(argc, argv, "posix"))
		test_posix();
	if (wanted(argc, argv, "threads"))
		test_threads();
	if (wanted(argc, argv, "sockets"))
		test_sockets();
	if (wanted(argc, argv, "files")) {
		if (dir)
			test_files(dir), test_posix_files();
		else
			skip("files", "no dir= given");
	}
	printf("1..%d\n", count);
	return failed > 100 ? 100 : failed;
}

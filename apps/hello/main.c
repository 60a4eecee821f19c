/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hello: one line on the console, then the end, with status 0. The smallest image there is; so no stdio.
 */
#include <unistd.h>

static const char line[] = "hello, world\n";

int main(void)
{
	return write(STDOUT_FILENO, line, sizeof(line) - 1) == (ssize_t)(sizeof(line) - 1) ? 0 : 1;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* powercut [LOAD]: all loads in turn, or one, until somebody kills the machine: see powercut.h. */
#include "powercut.h"

#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (unsigned i = 0; i < n_loads; i++)
		loads[i].begin();
	printf("begins\n");
	for (;;) {
		for (unsigned i = 0; i < n_loads; i++) {
			if (argc < 2 || !strcmp(argv[1], loads[i].name))
				loads[i].step();
		}
	}
}

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * glint with a C library, for the sanitizers: build/host/glint-asan. The code
 * inside the guest's process stays as it is. Run it with GLIBC_TUNABLES=
 * glibc.pthread.rseq=0: the kernel would look for that area in the child, too.
 */
#include <sys/auxv.h>
#include <unistd.h>

#include "hv/main.h"

int main(int argc, char **argv)
{
	struct clock_moment began = clock_now_pair();

	_exit(glint_main(argc, argv, getauxval(AT_HWCAP2), began));
}

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * glint without the way in: start.c calls it, or a test that has a C library.
 */
#pragma once

#include <stdint.h>

#include "hv/clock.h"

/* The exit status. `hwcap2`: AT_HWCAP2; `began`: taken first of all. */
int glint_main(int argc, char **argv, uint64_t hwcap2, struct clock_moment began);

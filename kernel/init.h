/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Start-up hooks of what is linked in: kmain runs them in the order of their
 * level, so that kernel/main.c need not know that a network stack exists.
 */
#pragma once

#include "kernel/lib/compiler.h"

/* Levels, as strings for the section name. */
#define INIT_CORE	"10"	/* after heap, threads, clock */
#define INIT_DEVICE	"30"	/* runs before pv->scan(): registries */
#define INIT_STACK	"50"	/* after pv->scan(): network, volumes */
#define INIT_LIBC	"70"	/* last before the application's main() */

struct init_hook {
	const char *name;
	int (*fn)(void);	/* -errno: boot stops with a message */
};

/* static const struct init_hook hook INIT_HOOK(INIT_STACK) = { "net", fn }; */
#define INIT_HOOK(level) SECTION(".init_hooks." level) USED

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The kernel around the drivers in device tests: memory from malloc, so that the
 * sanitizers see every overrun, a clock that a test moves, events that a test
 * polls, and what the drivers said and did, for looking at.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/blkdev.h"
#include "kernel/console.h"
#include "kernel/device.h"
#include "kernel/netdev.h"

extern uint64_t pk_now;			/* nanoseconds */
extern uint64_t pk_step;		/* what each look at the clock costs */
extern char pk_log[8192];		/* log lines since pk_log_clear() */
extern unsigned pk_fails;		/* dev_fail() calls that counted */
extern char pk_fail_reason[128];	/* of the last */
extern unsigned pk_entropy_bits;
extern size_t pk_pages;			/* page_total() */
extern struct blkdev *pk_blk;		/* last registered */
extern struct netdev *pk_net;
extern struct console *pk_con;		/* registered, or NULL */
extern char pk_input[4096];		/* console_input() */
extern size_t pk_input_len;
extern unsigned pk_bound_lines;		/* handlers bound now */
extern void (*pk_idle)(void);		/* pv->wait(): the devices' turn */
extern unsigned pk_alloc_fail_after;	/* n: the nth allocation from now fails */

void pk_reset(void);			/* frees all; between tests */
/* Polls events and lets devices run until neither has anything to do. */
void pk_settle(void);
bool pk_logged(const char *text);

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The host asks the guest to stop, and the guest ends. The first request runs
 * the registered hooks (the application's SIGTERM) and starts a grace period;
 * a second one, or the end of the period, powers off at once.
 */
#pragma once

#include "kernel/lib/compiler.h"

enum power_kind { POWER_OFF, POWER_REBOOT, POWER_SUSPEND };

#define POWER_GRACE_NS (10ull * 1000000000ull)

/* Any driver or platform that hears a request; from event handlers. */
void power_request(enum power_kind kind);

/* Runs in event context: must not block; e.g. marks SIGTERM pending, wakes
 * threads. Returns whether it will see to the ending (else: off at once). */
struct power_hook {
	int (*fn)(enum power_kind kind);
	struct power_hook *next;
};
void power_add_hook(struct power_hook *h);

/* Runs in thread context when the machine ends in good order: sync volumes.
 * < 0 if something was lost, which it has said: an exit status of 0 becomes
 * POWER_LOST. */
#define POWER_LOST 1
struct power_exit_hook {
	int (*fn)(void);
	struct power_exit_hook *next;
};
void power_add_exit_hook(struct power_exit_hook *h);

/* Ends the machine: exit hooks, then pv->exit(status). */
void power_exit(int status) NORETURN;

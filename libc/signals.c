/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The host's shutdown request as SIGTERM: a program that installed a handler
 * (picolibc's signal()) has it called and gets the grace period; any other is
 * ended in good order at once.
 */
#include <signal.h>

#include "kernel/init.h"
#include "kernel/power.h"

static int on_power(enum power_kind kind)
{
	void (*h)(int) = signal(SIGTERM, SIG_IGN);

	(void)kind;
	signal(SIGTERM, h);
	if (h == SIG_DFL || h == SIG_ERR)
		return 0;
	if (h != SIG_IGN)
		raise(SIGTERM);
	return 1;
}

static struct power_hook hook = { on_power, 0 };

static int signals_init(void)
{
	power_add_hook(&hook);
	return 0;
}

static const struct init_hook init INIT_HOOK(INIT_LIBC) = {
	"signals", signals_init,
};

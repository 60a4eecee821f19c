/* SPDX-License-Identifier: BSD-2-Clause
 *
 * See power.h.
 */
#include "kernel/power.h"

#include <stdbool.h>

#include "kernel/clock.h"
#include "kernel/device.h"
#include "kernel/event.h"
#include "kernel/log.h"
#include "kernel/thread.h"
#include "kernel/timer.h"

static struct power_hook *hooks;
static struct power_exit_hook *exit_hooks;
static bool requested, exiting, reboot;

void power_add_hook(struct power_hook *h)
{
	h->next = hooks;
	hooks = h;
}

void power_add_exit_hook(struct power_exit_hook *h)
{
	h->next = exit_hooks;
	exit_hooks = h;
}

static void shutdown_device(struct device *dev, void *arg)
{
	(void)arg;
	if (dev->state == DEV_LIVE && dev->driver->shutdown)
		dev->driver->shutdown(dev);
}

void power_exit(int status)
{
	/* A hook that exits, or a signal meanwhile, must not start over. */
	if (!exiting) {
		exiting = true;
		while (exit_hooks) {
			struct power_exit_hook *h = exit_hooks;

			exit_hooks = h->next;
			if (h->fn() < 0 && status == 0)
				status = POWER_LOST;
		}
		device_for_each(shutdown_device, NULL);
	}
	pv->exit(reboot ? PV_EXIT_REBOOT : status);
}

/* Hooks sync volumes and so may block: a thread of their own does it. */
static void off_thread(void *arg)
{
	(void)arg;
	power_exit(0);
}

static void off_now(void *arg)
{
	struct thread *t = thread_create("power-off", off_thread, NULL, 0);

	(void)arg;
	if (t) {
		thread_detach(t);
		return;
	}
	log_err(LOG_KERNEL, "no memory to end in good order: off at once");
	pv->exit(1);
}

static struct timer grace = { .fn = off_now };

void power_request(enum power_kind kind)
{
	static const char *const names[] = { "power-off", "reboot", "suspend" };
	bool handled = false;

	if (kind == POWER_SUSPEND) {
		log_warn(LOG_KERNEL, "the host asks to suspend: not supported, ignored");
		return;
	}
	if (requested) {
		timer_cancel(&grace);
		off_now(NULL);
		return;
	}
	requested = true;
	log_info(LOG_KERNEL, "the host asks for %s", names[kind]);
	/* The program ended already, its volumes are being synced. */
	if (exiting && timer_set(&grace, clock_now() + POWER_GRACE_NS) == 0)
		return;
	reboot = kind == POWER_REBOOT;
	for (struct power_hook *h = hooks; h; h = h->next)
		handled |= h->fn(kind) != 0;
	if (!handled || timer_set(&grace, clock_now() + POWER_GRACE_NS))
		off_now(NULL);
}

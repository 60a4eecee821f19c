/* SPDX-License-Identifier: BSD-2-Clause
 *
 * See device.h.
 */
#include "kernel/device.h"

#include <errno.h>

#include "kernel/lib/string.h"
#include "kernel/log.h"
#include "kernel/trace.h"

extern const struct driver __drivers_start[], __drivers_end[];

static struct list devices = LIST_INIT(devices);

static void probe(struct device *dev)
{
	for (const struct driver *d = __drivers_start; d < __drivers_end; d++) {
		int err;

		if (strcmp(d->bus, dev->bus))
			continue;
		dev->driver = d;
		err = d->probe(dev);
		if (err == 0) {
			/* It may have failed again before probe() returned. */
			if (dev->state == DEV_NEW)
				dev->state = DEV_LIVE;
			return;
		}
		dev->driver = NULL;
		if (err != -ENODEV) {
			dev->state = DEV_FAILED;
			if (!dev->fail_reason)
				dev->fail_reason = "probe failed";
			return;
		}
	}
}

void device_announce(struct device *dev)
{
	dev->state = DEV_NEW;
	list_push(&devices, &dev->all);
	trace_event("device", (uint64_t)(uintptr_t)dev, 0);
	probe(dev);
}

void dev_fail(struct device *dev, const char *reason)
{
	dev->errors++;
	if (dev->state == DEV_FAILED || dev->state == DEV_GONE)
		return;
	dev->state = DEV_FAILED;
	dev->fail_reason = reason;
	log_err(LOG_DEV, "%s: failed: %s", dev->name, reason);
	if (dev->driver && dev->driver->quiesce)
		dev->driver->quiesce(dev);
}

void device_for_each(void (*fn)(struct device *dev, void *arg), void *arg)
{
	struct list *pos, *tmp;

	list_for_each_safe(pos, tmp, &devices)
		fn(container_of(pos, struct device, all), arg);
}

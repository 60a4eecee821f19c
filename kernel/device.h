/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Devices, and the drivers that take them. A platform's scan() announces what
 * it shows; the first driver of the device's bus whose probe() returns 0 owns
 * it. A device whose back end misbehaves fails alone (dev_fail); the guest
 * stays up.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/lib/list.h"

enum dev_state { DEV_NEW, DEV_LIVE, DEV_FAILED, DEV_GONE };

struct device {
	const char *bus;		/* "virtio-mmio", "pci", ... */
	char name[32];			/* "virtio-mmio@feb00e00", "pci 00:04.0" */
	const void *bus_info;		/* struct of kernel/bus.h; set by the platform */
	enum dev_state state;
	const struct driver *driver;
	void *driver_data;		/* set by probe() */
	const char *fail_reason;	/* first reason, for the panic report */
	struct list all;
	uint64_t events, errors;	/* counters for reports */
};

struct driver {
	const char *name;
	const char *bus;
	/* 0: taken; -ENODEV: not mine; else -errno, logged by the driver. */
	int (*probe)(struct device *dev);
	/* Stops the device for good and fails its callers with -EIO. Called at
	 * most once, from dev_fail; must not block. */
	void (*quiesce)(struct device *dev);
	/* The machine ends in good order or the driver lets go; may be NULL. */
	void (*shutdown)(struct device *dev);
};

/* static const struct driver drv DRIVER = { ... }; */
#define DRIVER SECTION(".drivers") USED ALIGNED(8)

/* `dev` must stay valid for ever. Probes at once. */
void device_announce(struct device *dev);

/* The peer broke the protocol: logs device and reason once, quiesces, marks
 * DEV_FAILED. Safe to call again. Never panics. */
void dev_fail(struct device *dev, const char *reason);

/* Calls fn for each device, in the order of announcement. */
void device_for_each(void (*fn)(struct device *dev, void *arg), void *arg);

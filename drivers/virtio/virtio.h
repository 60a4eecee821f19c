/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Virtio devices between transport and driver. A transport (virtio_mmio.c,
 * virtio_pci.c, or a hypervisor's own) fills a struct virtio_dev and hands it
 * to virtio_announce(), which announces a device of bus BUS_VIRTIO; the
 * drivers of that bus know nothing of registers. Start-up in a driver's probe():
 *
 *	virtio_begin(vd, features, n)		reset .. FEATURES_OK, events
 *	virtio_config_fields(...)
 *	virtio_queue(vd, i, ...)		for each of the n queues
 *	virtio_ready(vd)			DRIVER_OK
 *	...or virtio_give_up(vd)		after any failure
 *
 * Its quiesce() begins with virtio_stop(vd); then it drains its queues. After a
 * failure the drivers' own memory that the device could write is kept for good
 * unless the reset was confirmed. Callers' buffers (disk reads) are returned
 * with -EIO all the same: such a device could write any guest memory anyway,
 * as virtio without ACCESS_PLATFORM gives it all of it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "drivers/virtio/abi.h"
#include "drivers/virtio/virtq.h"
#include "kernel/device.h"
#include "kernel/lib/compiler.h"

#define BUS_VIRTIO		"virtio"
#define VIRTIO_QUEUES		2	/* most that a driver of ours uses */
#define VIRTIO_EVENT_CONFIG	(1u << 31)	/* else bit i: queue i */
#define VIRTIO_EVENT_QUEUES	((1u << VIRTIO_QUEUES) - 1)

struct virtio_dev;

/* A transport. All of it is called from the one flow of control; what it
 * returns came from the device and is not trusted by the callers. */
struct virtio_transport {
	uint8_t (*status)(struct virtio_dev *vd);
	void (*set_status)(struct virtio_dev *vd, uint8_t status);	/* 0: reset */
	uint64_t (*features)(struct virtio_dev *vd);
	void (*set_features)(struct virtio_dev *vd, uint64_t features);
	/* Configuration: aligned fields of width 1, 2 or 4 inside config_len. */
	uint32_t (*config_read)(struct virtio_dev *vd, unsigned off, unsigned width);
	void (*config_write)(struct virtio_dev *vd, unsigned off, uint32_t value);
	uint32_t (*generation)(struct virtio_dev *vd);
	/* Sees to it that virtio_event() gets called for n_queues queues and
	 * configuration changes. Before any queue starts. 0 or -errno, logged. */
	int (*events_on)(struct virtio_dev *vd, unsigned n_queues);
	/* No more events; where the transport can, no more access to memory
	 * either. Called in event handlers; at most once. */
	void (*cut_off)(struct virtio_dev *vd);
	unsigned (*queue_max)(struct virtio_dev *vd, unsigned q);	/* 0: none */
	int (*queue_start)(struct virtio_dev *vd, struct virtq *vq);
	void (*notify)(struct virtio_dev *vd, unsigned q);
};

struct virtio_dev {
	struct device dev;		/* of bus BUS_VIRTIO */
	const struct virtio_transport *ops;	/* transport */
	uint32_t id;			/* transport: VIRTIO_ID_* */
	unsigned config_len;		/* transport: bytes */
	uint64_t features;		/* negotiated; set by virtio_begin() */
	struct virtq *vq[VIRTIO_QUEUES];
	/* Driver: the configuration may have changed. NULL: does not care. */
	void (*config_changed)(struct virtio_dev *vd);
	bool stopped;			/* failed, or shut down */
	uint64_t progress;		/* completions, all queues; virtq.c */
	uint64_t progress_seen;		/* at the last event */
	unsigned idle_events;		/* in a row, without progress */
	uint64_t idle_since;		/* time of the first of them */
};

static inline struct virtio_dev *virtio_of(struct device *dev)
{
	return container_of(dev, struct virtio_dev, dev);
}

/* ---- for transports ---- */

/* `where`: the parent device's name. Probes at once. */
void virtio_announce(struct virtio_dev *vd, const char *where);

/* Something happened: a mask of queues and VIRTIO_EVENT_CONFIG. */
void virtio_event(struct virtio_dev *vd, uint32_t what);

/* ---- for drivers ---- */

/* Negotiates what is offered of `wanted`, VERSION_1 always. 0 or -errno, logged. */
int virtio_begin(struct virtio_dev *vd, uint64_t wanted, unsigned n_queues) MUST_CHECK;

static inline bool virtio_has(const struct virtio_dev *vd, uint64_t feature)
{
	return (vd->features & feature) != 0;
}

struct virtio_field {
	void *dst;			/* `count` integers of `width` bytes */
	uint8_t offset, width, count;	/* width 1, 2, 4 or 8 */
};
/* Reads the fields, all of the same generation. Fields beyond the device's
 * configuration read as 0. 0; -EIO: it never held still. */
int virtio_config_fields(struct virtio_dev *vd, const struct virtio_field *f,
			 unsigned n) MUST_CHECK;

/* A queue of about `want` entries, within the device's maximum, at least
 * `least`. 0 or -errno, logged; the queue is vd->vq[index]. */
int virtio_queue(struct virtio_dev *vd, unsigned index, unsigned want,
		 unsigned least, unsigned table_len,
		 void (*event)(struct virtq *vq), void *arg) MUST_CHECK;

/* Entries that suit the memory of this machine, at most `most`. */
unsigned virtio_queue_size(unsigned most);

void virtio_ready(struct virtio_dev *vd);

/* In probe(): logs `reason` if not NULL, resets, frees the queues. `err`
 * comes back. */
int virtio_give_up(struct virtio_dev *vd, int err, const char *reason);

/* Resets and cuts off. Idempotent. Waits at most VIRTIO_RESET_NS. */
#define VIRTIO_RESET_NS (10ull * 1000 * 1000)
bool virtio_stop(struct virtio_dev *vd);

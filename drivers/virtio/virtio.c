/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What all virtio drivers and transports share: the start-up dialogue (Virtio
 * 1.2 section 3.1.1), configuration reads, dispatch of events, the end.
 */
#include "drivers/virtio/virtio.h"

#include <errno.h>

#include "kernel/clock.h"
#include "kernel/lib/fmt.h"
#include "kernel/log.h"
#include "kernel/page.h"
#include "kernel/panic.h"

#define RESET_TRIES	100000u		/* besides the time: clocks may stand */
#define CONFIG_TRIES	16		/* a change comes once in a blue moon */
#define IDLE_EVENTS_MAX	20000u		/* in a second, with nothing done: a storm */

static const char *type_name(uint32_t id)
{
	switch (id) {
	case VIRTIO_ID_NET:	return "net";
	case VIRTIO_ID_BLOCK:	return "blk";
	case VIRTIO_ID_CONSOLE:	return "console";
	case VIRTIO_ID_RNG:	return "rng";
	default:		return "virtio";
	}
}

void virtio_announce(struct virtio_dev *vd, const char *where)
{
	vd->dev.bus = BUS_VIRTIO;
	vd->dev.bus_info = vd;
	fmt_snprintf(vd->dev.name, sizeof(vd->dev.name), "%s/%s", type_name(vd->id), where);
	device_announce(&vd->dev);
}

/* ---- start-up ------------------------------------------------------------ */

/* 4.1.4.3.1, 4.2.3.1: a reset is over when the status reads 0. */
static bool reset(struct virtio_dev *vd)
{
	nsec_t deadline = clock_now() + VIRTIO_RESET_NS;

	vd->ops->set_status(vd, 0);
	for (unsigned i = 0; i < RESET_TRIES; i++) {
		if (vd->ops->status(vd) == 0)
			return true;
		if (clock_now() >= deadline)
			break;
	}
	return false;
}

static void add_status(struct virtio_dev *vd, uint8_t bits)
{
	vd->ops->set_status(vd, vd->ops->status(vd) | bits);
}

int virtio_begin(struct virtio_dev *vd, uint64_t wanted, unsigned n_queues)
{
	uint64_t offered;

	ASSERT(n_queues <= VIRTIO_QUEUES);
	if (!reset(vd))
		return virtio_give_up(vd, -EIO, "does not reset");
	add_status(vd, VIRTIO_S_ACKNOWLEDGE);
	add_status(vd, VIRTIO_S_DRIVER);
	offered = vd->ops->features(vd);
	if (!(offered & VIRTIO_F_VERSION_1))
		return virtio_give_up(vd, -ENODEV, "offers only the legacy interface");
	vd->features = offered & (wanted | VIRTIO_F_VERSION_1);
	vd->ops->set_features(vd, vd->features);
	add_status(vd, VIRTIO_S_FEATURES_OK);
	if (!(vd->ops->status(vd) & VIRTIO_S_FEATURES_OK))
		return virtio_give_up(vd, -ENODEV, offered & VIRTIO_F_ACCESS_PLATFORM ?
				      "wants an IOMMU (iommu_platform=on): not supported" :
				      "refuses our choice of features");
	if (vd->ops->events_on(vd, n_queues))
		return virtio_give_up(vd, -EIO, "has no usable interrupt");
	return 0;
}

unsigned virtio_queue_size(unsigned most)
{
	size_t mib = page_total() >> (20 - PAGE_SHIFT);
	unsigned n = mib < 12 ? 64 : mib < 48 ? 256 : 1024;

	return n < most ? n : most;
}

int virtio_queue(struct virtio_dev *vd, unsigned index, unsigned want,
		 unsigned least, unsigned table_len,
		 void (*event)(struct virtq *vq), void *arg)
{
	unsigned max = vd->ops->queue_max(vd, index), num = 1;
	struct virtq *vq;

	if (want > VIRTQ_MAX)
		want = VIRTQ_MAX;
	while (num * 2 <= max && num * 2 <= want)
		num *= 2;
	if (num < least || max == 0)
		return virtio_give_up(vd, -EIO, "has a queue that is missing or too short");
	vq = virtq_create(vd, index, num, virtio_has(vd, VIRTIO_F_EVENT_IDX),
			  virtio_has(vd, VIRTIO_F_INDIRECT_DESC) ? table_len : 0);
	if (!vq)
		return virtio_give_up(vd, -ENOMEM, "gets no memory for its queues");
	vq->event = event;
	vq->arg = arg;
	vd->vq[index] = vq;
	if (vd->ops->queue_start(vd, vq))
		return virtio_give_up(vd, -EIO, "does not take a queue");
	return 0;
}

void virtio_ready(struct virtio_dev *vd)
{
	add_status(vd, VIRTIO_S_DRIVER_OK);
}

/* ---- configuration -------------------------------------------------------- */

static void read_field(struct virtio_dev *vd, const struct virtio_field *f)
{
	for (unsigned i = 0; i < f->count; i++) {
		unsigned off = f->offset + i * f->width;
		bool there = off + f->width <= vd->config_len;
		uint64_t v = 0;

		/* 4.2.2.2: a 64-bit field is two 32-bit accesses */
		if (there && f->width == 8)
			v = vd->ops->config_read(vd, off, 4) |
			    (uint64_t)vd->ops->config_read(vd, off + 4, 4) << 32;
		else if (there)
			v = vd->ops->config_read(vd, off, f->width);
		switch (f->width) {
		case 1: ((uint8_t *)f->dst)[i] = (uint8_t)v; break;
		case 2: ((uint16_t *)f->dst)[i] = (uint16_t)v; break;
		case 4: ((uint32_t *)f->dst)[i] = (uint32_t)v; break;
		default: ((uint64_t *)f->dst)[i] = v; break;
		}
	}
}

int virtio_config_fields(struct virtio_dev *vd, const struct virtio_field *f, unsigned n)
{
	for (unsigned tries = 0; tries < CONFIG_TRIES; tries++) {
		uint32_t before = vd->ops->generation(vd);

		for (unsigned i = 0; i < n; i++)
			read_field(vd, &f[i]);
		if (vd->ops->generation(vd) == before)
			return 0;
	}
	return -EIO;
}

/* ---- events --------------------------------------------------------------- */

/* A device that only ever interrupts would keep the guest from its work. */
static bool is_storm(struct virtio_dev *vd)
{
	if (vd->progress != vd->progress_seen) {
		vd->progress_seen = vd->progress;
		vd->idle_events = 0;
		return false;
	}
	if (vd->idle_events++ == 0)
		vd->idle_since = clock_now();
	if (vd->idle_events < IDLE_EVENTS_MAX)
		return false;
	vd->idle_events = 0;
	return clock_now() - vd->idle_since < NSEC_PER_SEC;
}

void virtio_event(struct virtio_dev *vd, uint32_t what)
{
	if (vd->stopped)
		return;
	vd->dev.events++;
	if (is_storm(vd)) {
		dev_fail(&vd->dev, "event storm");
		return;
	}
	if (what & VIRTIO_EVENT_CONFIG) {
		if (vd->ops->status(vd) & VIRTIO_S_DEVICE_NEEDS_RESET) {
			dev_fail(&vd->dev, "device asks for a reset");
			return;
		}
		if (vd->config_changed)
			vd->config_changed(vd);
	}
	for (unsigned q = 0; q < VIRTIO_QUEUES; q++)
		if (what & (1u << q) && vd->vq[q] && vd->vq[q]->event && !vd->stopped)
			vd->vq[q]->event(vd->vq[q]);
}

/* ---- the end --------------------------------------------------------------- */

bool virtio_stop(struct virtio_dev *vd)
{
	bool quiet;

	if (vd->stopped)
		return true;
	vd->stopped = true;
	quiet = reset(vd);
	if (!quiet)
		log_warn(LOG_DEV, "%s: does not reset; its memory stays set aside",
			 vd->dev.name);
	vd->ops->cut_off(vd);
	return quiet;
}

int virtio_give_up(struct virtio_dev *vd, int err, const char *reason)
{
	bool quiet;

	if (reason)
		log_err(LOG_DEV, "%s: %s", vd->dev.name, reason);
	if (vd->stopped)
		return err;
	quiet = virtio_stop(vd);
	vd->ops->set_status(vd, VIRTIO_S_FAILED);
	for (unsigned q = 0; q < VIRTIO_QUEUES; q++) {
		if (vd->vq[q] && quiet)
			virtq_destroy(vd->vq[q]);
		vd->vq[q] = NULL;
	}
	return err;
}

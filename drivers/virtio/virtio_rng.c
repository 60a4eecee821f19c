/* SPDX-License-Identifier: BSD-2-Clause
 *
 * virtio entropy device (Virtio 1.2 section 5.4): asked at start, and waited for
 * some milliseconds if nothing else has seeded the generator; then asked from
 * time to time. What it sends is mixed in, so it can never undo other sources;
 * but it is believed: where it is the only source, a device that lies knows the
 * seed. CPUs with RDRAND or RDSEED, and boot seeds, do not depend on it.
 */
#include <errno.h>

#include "drivers/virtio/virtio.h"
#include "kernel/clock.h"
#include "kernel/entropy.h"
#include "kernel/heap.h"
#include "kernel/lib/string.h"
#include "kernel/timer.h"

#define SEED_LEN	64u
#define BITS_PER_BYTE	4u	/* half of what it claims: 64 bytes seed us */
#define RESEED_NS	(600 * NSEC_PER_SEC)
#define SEED_WAIT_NS	(5 * NSEC_PER_MSEC)	/* jitter would take longer */

struct vrng {
	struct virtio_dev *vd;
	struct timer timer;
	uint8_t SHARED *buf;		/* SEED_LEN bytes, the device's to write */
};

static void ask(void *arg)
{
	struct vrng *r = arg;
	struct virtq *vq = r->vd->vq[0];
	struct virtq_seg seg = { (const void *)(uintptr_t)r->buf, SEED_LEN };

	if (virtq_in_flight(vq) == 0 && virtq_add(vq, &seg, 0, 1, r) == 0)
		virtq_kick(vq);
}

static void answer(struct virtq *vq)
{
	struct vrng *r = vq->arg;
	uint8_t seed[SEED_LEN];
	void *cookie;
	uint32_t len;

	do {
		while (virtq_get(vq, &cookie, &len)) {
			shared_copy_in(seed, r->buf, len);
			entropy_add(seed, len, len * BITS_PER_BYTE);
			memset(seed, 0, sizeof(seed));
			/* no timer: no fresh seed, the generator goes on */
			if (timer_set(&r->timer, clock_now() + RESEED_NS))
				continue;
		}
	} while (virtq_arm(vq, 1));
}

/* The network stack's first act is to ask for random numbers. */
static void wait_seed(struct vrng *r)
{
	nsec_t now = clock_now(), deadline = now + SEED_WAIT_NS;

	answer(r->vd->vq[0]);		/* arms the event */
	while (!entropy_seeded() && !r->vd->stopped && now < deadline) {
		pv->wait(now + NSEC_PER_MSEC);
		answer(r->vd->vq[0]);
		now = clock_now();
	}
}

static int vrng_probe(struct device *dev)
{
	struct virtio_dev *vd = virtio_of(dev);
	struct vrng *r;
	int err;

	if (vd->id != VIRTIO_ID_RNG)
		return -ENODEV;
	r = heap_zalloc(HEAP_DRIVER, sizeof(*r));
	if (!r)
		return -ENOMEM;
	r->vd = vd;
	r->timer.fn = ask;
	r->timer.arg = r;
	r->buf = (uint8_t SHARED *)heap_alloc_aligned(HEAP_DRIVER, SEED_LEN, SEED_LEN);
	if (!r->buf) {
		heap_free(HEAP_DRIVER, r);
		return -ENOMEM;
	}
	dev->driver_data = r;
	err = virtio_begin(vd, VIRTIO_F_EVENT_IDX, 1);
	if (!err)
		err = virtio_queue(vd, 0, 1, 1, 0, answer, r);
	if (err)
		return err;		/* a few bytes stay set aside */
	virtio_ready(vd);
	ask(r);
	wait_seed(r);
	return vd->stopped || vd->vq[0]->broken ?
	       virtio_give_up(vd, -EIO, NULL) : 0;
}

static void vrng_quiesce(struct device *dev)
{
	struct vrng *r = dev->driver_data;

	timer_cancel(&r->timer);
	virtio_stop(r->vd);
}

static const struct driver vrng_driver DRIVER = {
	.name = "virtio-rng",
	.bus = BUS_VIRTIO,
	.probe = vrng_probe,
	.quiesce = vrng_quiesce,
	.shutdown = vrng_quiesce,
};

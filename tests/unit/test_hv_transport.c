/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Virtio by the hypervisor's start block and calls: a simulated entry function
 * and device entries, honest and hostile; by the drivers of the entropy device,
 * the console and the network.
 *
 * SOURCES: drivers/virtio/virtq.c drivers/virtio/virtio.c drivers/virtio/virtio_hv.c drivers/virtio/virtio_rng.c
 * SOURCES: drivers/virtio/virtio_console.c kernel/lib/shared.c tests/peer/ring_peer.c tests/peer/peer_kernel.c
 * FLAGS: -Wl,-T,tests/peer/tables.ld
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "drivers/virtio/virtio.h"
#include "kernel/bus.h"
#include "kernel/event.h"
#include "pv/hv/abi.h"
#include "tests/peer/peer_kernel.h"
#include "tests/peer/ring_peer.h"
#include "tests/unit/tap.h"

#define INDEX 5				/* of the device, so that 0 is not right by luck */
#define LINE 9				/* not the index: the bus says which */
#define GOOD_STATUS (VIRTIO_S_ACKNOWLEDGE | VIRTIO_S_DRIVER | VIRTIO_S_FEATURES_OK | \
		     VIRTIO_S_DRIVER_OK)

static struct peer {
	struct hv_device *d;		/* malloc'd: ASan watches its end */
	struct ring_peer ring[HV_QUEUES_MAX];
	bool ready[HV_QUEUES_MAX], kicked[HV_QUEUES_MAX];
	uint64_t accepted;
	unsigned n_kicks, n_wrong, n_queue_calls;
	char out[256];			/* console */
	size_t out_len;
	bool inline_work, never_resets, deaf, refuses_features, refuses_queue, refuses_all;
	int64_t kick_lie;		/* 0: none */
} p;
static struct bus_virtio_hv bus;
static struct device dev;

static void work(unsigned q)
{
	struct ring_chain c;

	while (ring_take(&p.ring[q], &c)) {
		if (p.d->virtio_id == VIRTIO_ID_RNG)
			memset(c.seg[0].base, 0x5a, c.in_len);
		for (unsigned i = 0; i < c.n_out && p.out_len + c.seg[i].len < sizeof(p.out); i++) {
			memcpy(p.out + p.out_len, c.seg[i].base, c.seg[i].len);
			p.out_len += c.seg[i].len;
		}
		ring_give(&p.ring[q], c.head, c.in_len);
	}
}

/* Whether the guest has to hear of it. */
static bool run(void)
{
	bool event = false;

	for (unsigned q = 0; q < HV_QUEUES_MAX; q++) {
		bool input = p.d->virtio_id == VIRTIO_ID_CONSOLE && q == 0;

		if (!p.kicked[q] || !p.ready[q] || input)
			continue;
		p.kicked[q] = false;
		do {
			ring_dont_ask(&p.ring[q]);
			work(q);
			event |= ring_publish(&p.ring[q]);
		} while (ring_ask(&p.ring[q]));
	}
	return event;
}

static void idle(void)
{
	if (run())
		event_set_pending(LINE);
}

static int64_t set_status(uint8_t v)
{
	if (v == 0) {
		memset(p.ready, 0, sizeof(p.ready));
		memset(p.kicked, 0, sizeof(p.kicked));
		p.accepted = 0;
	}
	if (v & VIRTIO_S_FEATURES_OK && (p.refuses_features || p.accepted & ~p.d->features))
		v &= (uint8_t)~VIRTIO_S_FEATURES_OK;
	p.d->status = v | (p.never_resets ? 0x20 : 0);
	return p.d->status;
}

static int64_t set_queue(unsigned q, const struct hv_queue *h)
{
	p.n_queue_calls++;
	if (p.refuses_queue || q >= p.d->n_queues || h->num > p.d->queue_max[q] ||
	    h->desc % 16 || h->avail % 2 || h->used % 4 || h->pad)
		return -HV_EINVAL;
	p.ring[q] = (struct ring_peer){
		.desc = (void *)(uintptr_t)h->desc, .avail = (void *)(uintptr_t)h->avail,
		.used = (void *)(uintptr_t)h->used, .num = (uint16_t)h->num,
		.event_idx = (p.accepted & VIRTIO_F_EVENT_IDX) != 0,
	};
	p.ready[q] = true;
	ring_ask(&p.ring[q]);
	return 0;
}

static int64_t kick(unsigned q)
{
	p.n_kicks++;
	if (q >= HV_QUEUES_MAX || !p.ready[q]) {
		p.n_wrong++;
		return -HV_EINVAL;
	}
	if (p.deaf)
		return p.kick_lie;
	p.kicked[q] = true;
	if (p.inline_work && run())
		return 1;
	return p.kick_lie;
}

static int64_t entry(uint64_t nr, uint64_t a, uint64_t b, uint64_t c)
{
	bool by_queue = nr == HV_KICK || nr == HV_QUEUE;

	p.n_wrong += (by_queue ? a >> 16 : a) != INDEX || c;
	if (p.refuses_all)
		return -HV_ENOSYS;
	switch (nr) {
	case HV_DEVICE_STATUS:
		return set_status((uint8_t)b);
	case HV_DEVICE_FEATURES:
		p.accepted = b;
		return 0;
	case HV_QUEUE:
		return set_queue(a & 0xffff, (const struct hv_queue *)(uintptr_t)b);
	case HV_KICK:
		return kick(a & 0xffff);
	default:
		p.n_wrong++;
		return -HV_ENOSYS;
	}
}

static void fresh(uint32_t id, uint64_t features)
{
	free(p.d);
	p = (struct peer){ .d = calloc(1, sizeof(*p.d)) };
	pk_reset();
	pk_idle = idle;
	p.d->virtio_id = id;
	p.d->n_queues = id == VIRTIO_ID_RNG ? 1 : 2;
	p.d->queue_max[0] = p.d->queue_max[1] = 256;
	p.d->features = VIRTIO_F_VERSION_1 | VIRTIO_F_EVENT_IDX | features;
	p.d->config_len = HV_CONFIG_MAX;
	bus = (struct bus_virtio_hv){ p.d, INDEX, LINE, entry };
	dev = (struct device){ .bus = BUS_VIRTIO_HV, .name = "dev0", .bus_info = &bus };
}

static void plug(void)
{
	device_announce(&dev);
	pk_settle();
}

static struct virtio_dev *vd(void)
{
	return dev.driver_data;		/* which begins with it */
}

static bool refused(void)
{
	plug();
	return (!vd() || vd()->dev.state != DEV_LIVE) && pk_entropy_bits == 0 &&
	       pk_bound_lines == 0 && !(p.d->status & VIRTIO_S_DRIVER_OK);
}

static void honest(void)
{
	for (unsigned mode = 0; mode < 4; mode++) {
		fresh(VIRTIO_ID_RNG, 0xff);
		if (mode & 1)
			p.d->features &= ~VIRTIO_F_EVENT_IDX;
		p.inline_work = mode & 2;
		plug();
		ok(pk_entropy_bits == 256 && vd()->dev.state == DEV_LIVE && p.n_wrong == 0 &&
		   p.d->status == GOOD_STATUS && p.n_queue_calls == 1,
		   "seeds; event index %d, work within the kick %d", !(mode & 1), mode / 2);
		ok(p.accepted == ((mode & 1 ? 0 : VIRTIO_F_EVENT_IDX) | VIRTIO_F_VERSION_1),
		   "takes only the features that it knows");
	}
	ok(!strcmp(vd()->dev.name, "rng/dev0"), "name: %s", vd()->dev.name);
	vd()->dev.driver->shutdown(&vd()->dev);
	ok(p.d->status == 0 && pk_bound_lines == 0, "shutdown resets and unbinds");
}

/* What a kick completed needs no wait: the event is pending when it returns. */
static void kicks(void)
{
	uint64_t before;

	fresh(VIRTIO_ID_RNG, 0);
	plug();
	p.inline_work = true;
	pk_idle = NULL;			/* nobody looks at the device again */
	before = vd()->dev.events;
	pk_now += 700ull * 1000000000;
	pk_settle();
	ok(pk_entropy_bits == 512 && vd()->dev.events == before + 1,
	   "a kick that completes is the event");
	p.inline_work = false;
	p.kick_lie = -HV_EFAULT;
	pk_now += 700ull * 1000000000;
	pk_settle();
	ok(pk_entropy_bits == 512 && vd()->dev.events == before + 1 &&
	   vd()->dev.state == DEV_LIVE, "a kick that fails is none");
	p.deaf = true;
	p.kick_lie = 1;
	pk_now += 700ull * 1000000000;
	pk_settle();
	ok(pk_entropy_bits == 512 && vd()->dev.state == DEV_LIVE,
	   "a kick that says it completed and did not is harmless");
}

static void refusals(void)
{
	fresh(VIRTIO_ID_RNG, 0);
	p.d->features = 0xff;
	ok(refused() && pk_logged("legacy"), "features without VERSION_1");
	fresh(VIRTIO_ID_RNG, 0);
	p.refuses_features = true;
	ok(refused() && pk_logged("refuses our choice"), "FEATURES_OK never stays");
	fresh(VIRTIO_ID_RNG, 0);
	p.never_resets = true;
	ok(refused() && pk_logged("does not reset"), "a status that never resets");
	fresh(VIRTIO_ID_RNG, 0);
	p.refuses_all = true;
	ok(refused() && p.n_queue_calls == 0, "every call fails");
	fresh(VIRTIO_ID_RNG, 0);
	p.refuses_all = true;
	p.d->status = 0xff;
	plug();
	ok(vd()->dev.state != DEV_LIVE && pk_bound_lines == 0 && pk_logged("does not reset"),
	   "every call fails, all status bits set");
	fresh(VIRTIO_ID_RNG, 0);
	p.refuses_queue = true;
	ok(refused() && pk_logged("does not take a queue"), "no queue is taken");
	fresh(VIRTIO_ID_RNG, 0);
	p.d->n_queues = 0;
	ok(refused() && pk_logged("missing or too short"), "no queue");
	fresh(VIRTIO_ID_RNG, 0);
	p.d->queue_max[0] = 0;
	ok(refused() && pk_logged("missing or too short"), "a queue of no entries");
	fresh(VIRTIO_ID_RNG, 0);
	p.d->queue_max[0] = 0xffff;
	plug();
	ok(pk_entropy_bits == 256, "a queue of more entries than we want");
	fresh(VIRTIO_ID_RNG, 0);
	bus.line = 9999;
	ok(refused() && pk_logged("no usable interrupt"), "a line that does not exist");
	for (unsigned i = 1; i < 8; i++) {
		fresh(VIRTIO_ID_RNG, 0);
		pk_alloc_fail_after = i;
		plug();
		if (pk_alloc_fail_after)
			break;
		ok(pk_entropy_bits == 0 && pk_bound_lines == 0, "allocation %u fails", i);
	}
}

static void wrong_entries(void)
{
	fresh(VIRTIO_ID_RNG, 0);
	p.d->virtio_id = 0;
	ok(refused() && !vd() && pk_logged("not a device that we understand"), "no type");
	fresh(VIRTIO_ID_RNG, 0);
	p.d->n_queues = HV_QUEUES_MAX + 1;
	ok(refused() && !vd(), "three queues");
	fresh(VIRTIO_ID_RNG, 0);
	p.d->n_queues = UINT32_MAX;
	ok(refused() && !vd(), "any number of queues");
	fresh(VIRTIO_ID_RNG, 0);
	p.d->config_len = HV_CONFIG_MAX + 1;
	ok(refused() && !vd(), "configuration that leaves its place");
	fresh(VIRTIO_ID_RNG, 0);
	p.d->config_len = UINT32_MAX;
	ok(refused() && !vd(), "configuration of any length");
	fresh(40, 0);
	ok(refused() && !strcmp(vd()->dev.name, "virtio/dev0"), "a type without driver");
}

static void config(void)
{
	uint8_t bytes[6] = { 0 }, last = 0;
	uint16_t half = 0;
	uint64_t wide = 0, beyond = 7;
	struct virtio_field f[] = {
		{ bytes, 0, 1, 6 }, { &half, 6, 2, 1 }, { &wide, 8, 8, 1 }, { &last, 63, 1, 1 },
		{ &beyond, 60, 8, 1 },
	};

	fresh(VIRTIO_ID_RNG, 0);
	for (unsigned i = 0; i < HV_CONFIG_MAX; i++)
		p.d->config[i] = (uint8_t)(i + 1);
	plug();
	ok(!virtio_config_fields(vd(), f, 5) && bytes[5] == 6 && half == 0x0807 &&
	   wide == 0x100f0e0d0c0b0a09 && last == 64, "fields of each width");
	ok((uint32_t)(beyond >> 32) == 0, "what lies behind the configuration reads as 0");
	p.d->config[0] = 99;
	ok(!virtio_config_fields(vd(), f, 1) && bytes[0] == 99, "it is read anew each time");
	fresh(VIRTIO_ID_RNG, 0);
	memset(p.d->config, 0xff, HV_CONFIG_MAX);
	p.d->config_len = 5;
	plug();
	ok(!virtio_config_fields(vd(), f, 4) && bytes[4] == 0xff && bytes[5] == 0 && wide == 0,
	   "a short configuration ends where it says");
	/* The entry changes after it was read. */
	p.d->config_len = UINT32_MAX;
	p.d->n_queues = UINT32_MAX;
	p.d->queue_max[0] = 7;
	p.d->features = UINT64_MAX;
	ok(vd()->config_len == 5 && vd()->ops->queue_max(vd(), 1) == 0 &&
	   vd()->ops->queue_max(vd(), UINT32_MAX) == 0 && vd()->ops->queue_max(vd(), 0) == 256 &&
	   vd()->ops->features(vd()) == (VIRTIO_F_VERSION_1 | VIRTIO_F_EVENT_IDX),
	   "numbers that change after the start are not looked at");
}

static unsigned n_changes;

static void config_changed(struct virtio_dev *v)
{
	(void)v;
	n_changes++;
}

static void event(void)
{
	event_set_pending(LINE);
	pk_settle();
}

static void events(void)
{
	fresh(VIRTIO_ID_RNG, 0);
	p.d->generation = 77;
	p.deaf = true;			/* so that there was no event yet */
	plug();
	vd()->config_changed = config_changed;
	n_changes = 0;
	event();
	ok(n_changes == 0, "an event for queues is no change of configuration");
	p.d->generation++;
	event();
	event();
	ok(n_changes == 1, "a generation that moved is one");
	p.d->status |= VIRTIO_S_DEVICE_NEEDS_RESET;
	event();
	ok(pk_fails == 1 && pk_logged("asks for a reset") && p.d->status == 0 &&
	   pk_bound_lines == 0, "NEEDS_RESET ends it");
	event();
	ok(pk_fails == 1, "and it is left alone afterwards");

	fresh(VIRTIO_ID_RNG, 0);
	plug();
	for (unsigned i = 0; i < 50000 && !pk_fails; i++)
		event();
	ok(pk_fails == 1 && !strcmp(pk_fail_reason, "event storm") && pk_bound_lines == 0,
	   "a storm fails the device");
	fresh(VIRTIO_ID_RNG, 0);
	plug();
	ring_set_idx(&p.ring[0], 77);
	event();
	ok(pk_fails == 1 && p.d->status == 0, "a ring that lies fails the device");
	fresh(VIRTIO_ID_RNG, 0);
	plug();
	p.refuses_all = true;
	ring_set_idx(&p.ring[0], 77);
	event();
	ok(pk_fails == 1 && pk_logged("memory stays set aside") && pk_bound_lines == 0,
	   "and if it does not reset, keeps its memory");
}

static void console(void)
{
	fresh(VIRTIO_ID_CONSOLE, VIRTIO_CONSOLE_F_EMERG_WRITE);
	p.d->config_len = 12;
	p.inline_work = true;
	plug();
	ok(pk_con && p.n_queue_calls == 2 && p.n_wrong == 0, "the console starts");
	pk_con->write(pk_con, "text\n", 5);
	ok(p.out_len == 5 && !memcmp(p.out, "text\n", 5), "and writes within the kick");
	pk_con->panic_write(pk_con, "panic\n", 6);
	ok(p.out_len == 5 && p.n_wrong == 0, "panic text is the platform's alone");
	fresh(VIRTIO_ID_CONSOLE, VIRTIO_CONSOLE_F_EMERG_WRITE);
	p.d->config_len = 11;
	p.inline_work = true;
	plug();
	pk_con->panic_write(pk_con, "panic\n", 6);
	ok(p.out_len == 6, "without room for the emergency write, it takes the ring");
}

/* A hypervisor that changes everything all the time. */
static int stop;			/* atomic */

static void *restless(void *arg)
{
	volatile struct hv_device *d = p.d;
	uint32_t n = 1;

	(void)arg;
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		n = n * 1664525 + 1013904223;
		d->n_queues = n >> 20 & 3;
		d->config_len = n >> 9 & 127;
		d->queue_max[0] = (uint16_t)(n >> 4);
		d->generation = n;
		d->status = (uint8_t)(n >> 24);
		d->features = (uint64_t)n << 32 | VIRTIO_F_VERSION_1;
		d->config[n % HV_CONFIG_MAX] = (uint8_t)n;
	}
	return NULL;
}

static void changes(void)
{
	unsigned taken = 0, wrong = 0;
	pthread_t t;

	fresh(VIRTIO_ID_RNG, 0);
	stop = 0;
	pk_step = 1000000;		/* few looks at a status until time is up */
	pthread_create(&t, NULL, restless, NULL);
	for (unsigned i = 0; i < 3000 || (taken < 50 && i < 3000000); i++) {
		uint64_t v[8];
		struct virtio_field f = { v, 0, 8, 8 };

		sched_yield();
		pk_reset();
		memset(p.ready, 0, sizeof(p.ready));
		dev = (struct device){ .bus = BUS_VIRTIO_HV, .name = "dev0", .bus_info = &bus };
		plug();
		if (!vd())
			continue;
		taken++;
		wrong += vd()->config_len > HV_CONFIG_MAX;
		(void)!virtio_config_fields(vd(), &f, 1);
		event();
	}
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	pthread_join(t, NULL);
	pk_step = 100;
	ok(taken && !wrong, "values that change with each look: %u times taken, no harm", taken);
}

int main(void)
{
	honest();
	kicks();
	refusals();
	wrong_entries();
	config();
	events();
	console();
	changes();
	pk_reset();
	free(p.d);
	return done_testing();
}

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The guest's driver and the hypervisor's device on one ring in two threads, as in kvm
 * mode: drivers/virtio/virtq.c against hv/dev/virtq.c. Each sleeps until the other
 * notifies it, so that a lost notification shows as a stall; data cross in plain
 * memory, so that a missing release or acquire shows as a race. The indices start
 * near their wrap. Arguments: chains (default 100000).
 *
 * SOURCES: drivers/virtio/virtq.c hv/dev/virtq.c tests/peer/peer_kernel.c
 * FLAGS: -Wl,-T,tests/peer/tables.ld
 */
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "drivers/virtio/virtio.h"
#include "hv/dev/virtq.h"
#include "tests/peer/peer_kernel.h"
#include "tests/unit/tap.h"

#define NUM 16u
#define START 0xff00
#define STALL_SECONDS 5

static struct virtio_dev vd;
static struct virtq *vq;
static struct vq peer;
/* The driver gives pointers for addresses: all of this process is its memory. */
static const struct vq_mem mem = { (uint8_t *)HV_MEM_BASE, 1ull << 47, 1ull << 47 };
static unsigned n_kicks, n_irqs;	/* atomic: the doorbells */
static bool stalled, finished;		/* atomic */
static unsigned long total;

struct message {
	unsigned long question, answer;
};
static struct message msg[NUM];

static void ring_doorbell(unsigned *bell)
{
	__atomic_fetch_add(bell, 1, __ATOMIC_RELEASE);
}

/* Waits until the bell was rung since `seen`. False: stalled, or the end. */
static bool wait_doorbell(unsigned *bell, unsigned *seen, const bool *end)
{
	time_t deadline = time(NULL) + STALL_SECONDS;

	for (unsigned i = 0;; i++) {
		unsigned now = __atomic_load_n(bell, __ATOMIC_ACQUIRE);

		if (now != *seen) {
			*seen = now;
			return true;
		}
		if (__atomic_load_n(&stalled, __ATOMIC_ACQUIRE) ||
		    (end && __atomic_load_n(end, __ATOMIC_ACQUIRE)))
			return false;
		if (i % 1024 == 1023) {
			sched_yield();
			if (time(NULL) > deadline) {
				__atomic_store_n(&stalled, true, __ATOMIC_RELEASE);
				return false;
			}
		}
	}
}

static void kick(struct virtio_dev *d, unsigned q)
{
	(void)d, (void)q;
	ring_doorbell(&n_kicks);
}

static const struct virtio_transport ops = { .notify = kick };

/* The device: answers, in batches of its own. */
static void *device(void *arg)
{
	unsigned seen = 0, seed = 1;
	static struct vq_chain c;

	(void)arg;
	for (;;) {
		unsigned batch = (unsigned)rand_r(&seed) % 5 + 1;

		vq_no_kicks(&peer);
		while (batch && vq_peek(&peer, &mem, &c) > 0) {
			const unsigned long *q = c.iov[0].iov_base;
			unsigned long *a = c.iov[1].iov_base;

			*a = *q * 3 + 1;
			vq_take(&peer);
			vq_push(&peer, c.head, sizeof(*a));
			batch--;
		}
		if (vq_publish(&peer))
			ring_doorbell(&n_irqs);
		if (batch && !vq_want_kicks(&peer) && !wait_doorbell(&n_kicks, &seen, &finished))
			return NULL;
	}
}

/* The driver: fills the ring, sleeps when it is full or nothing is done. */
static unsigned long drive(unsigned after)
{
	unsigned long sent = 0, got = 0, wrong = 0;
	unsigned seen = 0, seed = 2;
	bool busy[NUM] = { false };

	while (got < total) {
		unsigned batch = (unsigned)rand_r(&seed) % 4 + 1;
		void *cookie;
		uint32_t len;

		for (unsigned i = 0; i < NUM && batch && sent < total; i++) {
			struct virtq_seg seg[2] = {
				{ &msg[i].question, sizeof(msg[i].question) },
				{ &msg[i].answer, sizeof(msg[i].answer) },
			};

			if (busy[i])
				continue;
			msg[i].question = sent;
			if (virtq_add(vq, seg, 1, 1, &msg[i]))
				break;
			busy[i] = true;
			sent++;
			batch--;
		}
		virtq_kick(vq);
		while (virtq_get(vq, &cookie, &len)) {
			struct message *m = cookie;

			wrong += m->answer != m->question * 3 + 1 || len != sizeof(m->answer);
			busy[m - msg] = false;
			got++;
		}
		if (vq->broken)
			break;
		/* sometimes sleeps although there is room */
		if ((virtq_room(vq) < 2 || sent == total || rand_r(&seed) % 4 == 0) &&
		    virtq_in_flight(vq) && !virtq_arm(vq, after) &&
		    !wait_doorbell(&n_irqs, &seen, NULL))
			break;
	}
	return got - wrong;
}

static void run(bool event_idx, unsigned table_len, unsigned after)
{
	unsigned long good;
	pthread_t t;

	pk_reset();
	memset(&vd, 0, sizeof(vd));
	vd.ops = &ops;
	vq = virtq_create(&vd, 0, NUM, event_idx, table_len);
	peer = (struct vq){
		.desc = (void *)(uintptr_t)vq->desc, .avail = (void *)(uintptr_t)vq->avail,
		.used = (void *)(uintptr_t)vq->used, .num = NUM, .event_idx = event_idx, .indirect = true,
		.next_avail = START, .avail_seen = START, .next_used = START, .published = START,
	};
	vq->prod = vq->published = vq->cons = vq->peer_prod = START;
	peer.avail->idx = peer.used->idx = START;
	n_kicks = n_irqs = 0;
	stalled = finished = false;
	pthread_create(&t, NULL, device, NULL);
	good = drive(after);
	__atomic_store_n(&finished, true, __ATOMIC_RELEASE);
	pthread_join(t, NULL);
	ok(good == total && !stalled && !pk_fails && !peer.error,
	   "event_idx %d, tables of %u, armed for %u: %lu of %lu right%s, %u kicks, %u interrupts",
	   event_idx, table_len, after, good, total, stalled ? ", STALLED" : "", n_kicks, n_irqs);
}

int main(int argc, char **argv)
{
	total = argc > 1 ? strtoul(argv[1], NULL, 0) : 100000;
	for (int e = 0; e < 2; e++)
		for (unsigned t = 0; t <= 2; t += 2)
			for (unsigned after = 1; after <= 4; after += 3)
				run(e, t, after);
	pk_reset();
	return done_testing();
}

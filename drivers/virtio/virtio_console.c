/* SPDX-License-Identifier: BSD-2-Clause
 *
 * virtio console device (Virtio 1.2 section 5.3), port 0 only. Output goes into
 * a ring of bytes from which the device takes it; when the device lags, the
 * writer waits for it as long as it moves, and drops, counted, once it stands
 * still for a while. One descriptor a chain: Cloud Hypervisor reads no further.
 */
#include <errno.h>

#include "drivers/virtio/virtio.h"
#include "kernel/clock.h"
#include "kernel/console.h"
#include "kernel/heap.h"
#include "kernel/lib/fmt.h"
#include "kernel/lib/string.h"
#include "kernel/page.h"

#define RXQ		0u
#define TXQ		1u
#define TX_QUEUE_LEN	16u
#define TX_BYTES	PAGE_SIZE	/* a power of two */
#define RX_BUFS		4u
#define RX_LEN		64u		/* a person types, or a test sends lines */
#define STALL_NS	(10 * NSEC_PER_MSEC)	/* then the host is not reading */
#define STALL_SPINS	1000000u	/* besides the time: clocks may stand */

struct vcon {
	struct virtio_dev *vd;
	struct console con;
	char SHARED *tx;		/* TX_BYTES; the indices below run free */
	char SHARED *rx;		/* RX_BUFS * RX_LEN */
	uint32_t head, posted, tail;	/* written, given to the device, taken */
	uint64_t dropped;		/* bytes, not reported yet */
	bool stuck;			/* does not move: do not wait again */
	bool registered;
	bool ended;			/* shut down: each write is waited for */
};

/* ---- output ------------------------------------------------------------------ */

/* Frees what the device has taken. Whether it moved. */
static bool reclaim(struct vcon *c)
{
	bool moved = false;
	void *cookie;
	uint32_t len;

	/* Chains may complete in any order; their lengths then free the bytes of
	 * others, which garbles the text of a device that does so, no more. */
	while (virtq_get(c->vd->vq[TXQ], &cookie, &len)) {
		c->tail += (uint32_t)(uintptr_t)cookie;
		moved = true;
	}
	if (moved)
		c->stuck = false;
	return moved;
}

static void fill_queue(struct vcon *c)
{
	while (c->posted != c->head) {
		uint32_t at = c->posted & (TX_BYTES - 1), n = c->head - c->posted;
		struct virtq_seg seg;

		if (n > TX_BYTES - at)
			n = (uint32_t)TX_BYTES - at;
		seg = (struct virtq_seg){ (const void *)(uintptr_t)(c->tx + at), n };
		if (virtq_add(c->vd->vq[TXQ], &seg, 1, 0, (void *)(uintptr_t)n))
			break;
		c->posted += n;
	}
	virtq_kick(c->vd->vq[TXQ]);
}

/* Gives the device what it does not have yet. What finds no room goes with the
 * event of the next completion; without such a rest there are no events. */
static void post(struct vcon *c)
{
	struct virtq *vq = c->vd->vq[TXQ];

	fill_queue(c);
	while (c->posted != c->head && virtq_arm(vq, 1)) {
		reclaim(c);
		fill_queue(c);
	}
	if (c->posted == c->head)
		virtq_disarm(vq);
}

/* Waits until the device moves. False: it stands still. */
static bool wait_moved(struct vcon *c)
{
	nsec_t deadline = clock_now() + STALL_NS;

	if (c->stuck)
		return reclaim(c);
	for (unsigned i = 0; i < STALL_SPINS && !c->vd->stopped; i++) {
		if (reclaim(c))
			return true;
		if (clock_now() >= deadline)
			break;
		pv->wait(0);		/* some devices work only in there */
	}
	c->stuck = true;
	return false;
}

static void put(struct vcon *c, const char *text, size_t len)
{
	while (len && !c->vd->stopped) {
		uint32_t room = (uint32_t)TX_BYTES - (c->head - c->tail);
		uint32_t at = c->head & (TX_BYTES - 1);
		uint32_t n = len < room ? (uint32_t)len : room;

		if (n > TX_BYTES - at)
			n = (uint32_t)TX_BYTES - at;
		if (at % 8 && n > 8 - at % 8)	/* then whole words, aligned */
			n = 8 - at % 8;
		if (n == 0) {
			post(c);
			if (wait_moved(c))
				continue;
			c->dropped += len;
			return;
		}
		shared_copy_out(c->tx + at, text, n);
		c->head += n;
		text += n;
		len -= n;
	}
}

static void report_dropped(struct vcon *c)
{
	char msg[64];
	int n;

	if (!c->dropped || TX_BYTES - (c->head - c->tail) < sizeof(msg))
		return;
	n = fmt_snprintf(msg, sizeof(msg), "\n[console: %llu bytes lost]\n",
			 (unsigned long long)c->dropped);
	c->dropped = 0;
	put(c, msg, (size_t)n);
}

static void drain(struct vcon *c)
{
	while (c->tail != c->head && !c->vd->stopped) {
		post(c);
		if (!wait_moved(c))
			break;
	}
}

static void vcon_write(struct console *con, const char *text, size_t len)
{
	struct vcon *c = container_of(con, struct vcon, con);

	/* A lie seen here ends in dev_fail(), which logs, which comes here again
	 * from within: the queue is broken then, and takes nothing. */
	if (c->vd->stopped || c->vd->vq[TXQ]->broken)
		return;
	reclaim(c);
	report_dropped(c);
	put(c, text, len);
	post(c);
	if (c->ended)
		drain(c);
}

static void tx_event(struct virtq *vq)
{
	struct vcon *c = vq->arg;

	reclaim(c);
	report_dropped(c);
	post(c);
}

/* The emergency register needs no ring, which may be what is broken. */
static void vcon_panic_write(struct console *con, const char *text, size_t len)
{
	struct vcon *c = container_of(con, struct vcon, con);

	if (!virtio_has(c->vd, VIRTIO_CONSOLE_F_EMERG_WRITE)) {
		vcon_write(con, text, len);
		if (!c->vd->stopped)
			drain(c);
		return;
	}
	for (size_t i = 0; i < len; i++)
		c->vd->ops->config_write(c->vd, VIRTIO_CONSOLE_CFG_EMERG_WR,
					 (unsigned char)text[i]);
}

/* ---- input -------------------------------------------------------------------- */

static void post_rx(struct vcon *c, unsigned i)
{
	struct virtq_seg seg = { (const void *)(uintptr_t)(c->rx + i * RX_LEN), RX_LEN };

	/* as many as the queue has room for: a short one just has fewer */
	if (virtq_add(c->vd->vq[RXQ], &seg, 0, 1, (void *)(uintptr_t)i))
		return;
}

static void rx_event(struct virtq *vq)
{
	struct vcon *c = vq->arg;
	char text[RX_LEN];
	void *cookie;
	uint32_t len;

	do {
		while (virtq_get(vq, &cookie, &len)) {
			unsigned i = (unsigned)(uintptr_t)cookie;

			shared_copy_in(text, c->rx + i * RX_LEN, len);
			post_rx(c, i);
			console_input(text, len);
		}
		virtq_kick(vq);
	} while (virtq_arm(vq, 1));
}

/* ---- start and end ------------------------------------------------------------- */

static int vcon_start(struct vcon *c)
{
	struct virtio_dev *vd = c->vd;
	int err;

	c->tx = (char SHARED *)page_alloc(TX_BYTES / PAGE_SIZE, PAGE_SIZE);
	c->rx = (char SHARED *)heap_alloc_aligned(HEAP_DRIVER, RX_LEN, RX_BUFS * RX_LEN);
	if (!c->tx || !c->rx)
		return virtio_give_up(vd, -ENOMEM, "gets no memory");
	err = virtio_begin(vd, VIRTIO_CONSOLE_F_EMERG_WRITE | VIRTIO_F_EVENT_IDX, 2);
	if (!err)
		err = virtio_queue(vd, RXQ, RX_BUFS, 1, 0, rx_event, c);
	if (!err)
		err = virtio_queue(vd, TXQ, TX_QUEUE_LEN, 2, 0, tx_event, c);
	if (err)
		return err;
	if (vd->config_len < VIRTIO_CONSOLE_CFG_EMERG_WR + 4)
		vd->features &= ~VIRTIO_CONSOLE_F_EMERG_WRITE;
	virtio_ready(vd);
	for (unsigned i = 0; i < RX_BUFS; i++)
		post_rx(c, i);
	virtq_kick(vd->vq[RXQ]);
	rx_event(vd->vq[RXQ]);		/* arms the event */
	if (vd->stopped || vd->vq[RXQ]->broken)
		return virtio_give_up(vd, -EIO, NULL);
	c->registered = true;
	console_register(&c->con);
	return 0;
}

static int vcon_probe(struct device *dev)
{
	struct vcon *c;

	if (virtio_of(dev)->id != VIRTIO_ID_CONSOLE)
		return -ENODEV;
	c = heap_zalloc(HEAP_DRIVER, sizeof(*c));
	if (!c)
		return -ENOMEM;
	c->vd = virtio_of(dev);
	c->con.name = dev->name;
	c->con.write = vcon_write;
	c->con.panic_write = vcon_panic_write;
	dev->driver_data = c;
	return vcon_start(c);
}

static void vcon_quiesce(struct device *dev)
{
	struct vcon *c = dev->driver_data;

	virtio_stop(c->vd);
	if (c->registered)
		console_unregister(&c->con);
	c->registered = false;
}

/* Stays in service: what ends the machine may have something to say. */
static void vcon_shutdown(struct device *dev)
{
	struct vcon *c = dev->driver_data;

	if (c->vd->stopped)
		return;
	c->stuck = false;		/* a slow reader may be back: one more try */
	drain(c);
	report_dropped(c);
	drain(c);
	c->ended = true;
}

static const struct driver vcon_driver DRIVER = {
	.name = "virtio-console",
	.bus = BUS_VIRTIO,
	.probe = vcon_probe,
	.quiesce = vcon_quiesce,
	.shutdown = vcon_shutdown,
};

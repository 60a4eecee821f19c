/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The block driver against an honest disk and hostile ones.
 *
 * SOURCES: drivers/virtio/virtq.c drivers/virtio/virtio.c drivers/virtio/virtio_mmio.c drivers/virtio/virtio_pci.c drivers/pci.c
 * SOURCES: drivers/virtio/virtio_blk.c kernel/lib/shared.c tests/peer/ring_peer.c tests/peer/virtio_peer.c tests/peer/peer_kernel.c
 * FLAGS: -include tests/peer/mmio_hook.h -Wl,-T,tests/peer/tables.ld
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "drivers/virtio/virtio.h"
#include "tests/peer/peer_kernel.h"
#include "tests/peer/virtio_peer.h"
#include "tests/unit/tap.h"

#define DISK (1u << 20)
#define ALL (VIRTIO_BLK_F_SEG_MAX | VIRTIO_BLK_F_BLK_SIZE | VIRTIO_BLK_F_FLUSH | \
	     VIRTIO_BLK_F_DISCARD | VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX)

static struct vpeer p;
static uint8_t disk[DISK];
static unsigned n_flushes, n_discards, n_done, max_segs_seen;
static int status_to_give;		/* -1: as the work went; -2: writes none */
static bool hold;			/* take nothing */
static bool reorder;
static uint64_t seen_sector[64];
static unsigned n_seen;

static uint8_t serve(struct ring_chain *c, uint32_t *written)
{
	struct virtio_blk_req_hdr h;
	uint64_t off;

	if (c->seg[0].len != sizeof(h) || c->seg[c->n_out + c->n_in - 1].len != 1)
		abort();
	memcpy(&h, c->seg[0].base, sizeof(h));
	off = h.sector * 512;
	*written = c->in_len;
	if (c->n_out + c->n_in > max_segs_seen)
		max_segs_seen = c->n_out + c->n_in;
	if (n_seen < 64)
		seen_sector[n_seen++] = h.sector;
	switch (h.type) {
	case VIRTIO_BLK_T_IN:
		if (off + c->in_len - 1 > DISK)
			return VIRTIO_BLK_S_IOERR;
		for (unsigned i = c->n_out; i < c->n_out + c->n_in - 1; off += c->seg[i++].len)
			memcpy(c->seg[i].base, disk + off, c->seg[i].len);
		return VIRTIO_BLK_S_OK;
	case VIRTIO_BLK_T_OUT:
		if (off + c->out_len - sizeof(h) > DISK)
			return VIRTIO_BLK_S_IOERR;
		for (unsigned i = 1; i < c->n_out; off += c->seg[i++].len)
			memcpy(disk + off, c->seg[i].base, c->seg[i].len);
		return VIRTIO_BLK_S_OK;
	case VIRTIO_BLK_T_FLUSH:
		n_flushes++;
		return VIRTIO_BLK_S_OK;
	case VIRTIO_BLK_T_DISCARD: {
		struct virtio_blk_discard d;

		memcpy(&d, c->seg[1].base, sizeof(d));
		if (d.num_sectors > 100)	/* as configured */
			return VIRTIO_BLK_S_IOERR;
		memset(disk + d.sector * 512, 0, d.num_sectors * 512);
		n_discards++;
		return VIRTIO_BLK_S_OK;
	}
	case VIRTIO_BLK_T_GET_ID:
		memcpy(c->seg[1].base, "serial-0123456789abcdefgh", 20);
		return VIRTIO_BLK_S_OK;
	default:
		return VIRTIO_BLK_S_UNSUPP;
	}
}

static void work(struct vpeer *d, unsigned q)
{
	struct ring_chain c[256];
	uint32_t len[256];
	unsigned n = 0;

	while (!hold && n < 256 && ring_take(&d->ring[q], &c[n])) {
		uint8_t s = serve(&c[n], &len[n]);

		if (status_to_give != -2)
			c[n].seg[c[n].n_out + c[n].n_in - 1].base[0] =
				status_to_give >= 0 ? (uint8_t)status_to_give : s;
		n++;
	}
	for (unsigned i = 0; i < n; i++) {
		unsigned at = reorder ? n - 1 - i : i;

		ring_give(&d->ring[q], c[at].head, len[at]);
	}
}

static void init(enum vpeer_bus bus, uint64_t offers)
{
	vpeer_init(&p, bus, VIRTIO_ID_BLOCK, offers);
	vpeer_config_put(&p, VIRTIO_BLK_CFG_CAPACITY, 8, DISK / 512);
	vpeer_config_put(&p, VIRTIO_BLK_CFG_SEG_MAX, 4, 126);
	vpeer_config_put(&p, VIRTIO_BLK_CFG_BLK_SIZE, 4, 512);
	vpeer_config_put(&p, VIRTIO_BLK_CFG_MAX_DISCARD, 4, 100);
	p.work = work;
	n_flushes = n_discards = n_done = max_segs_seen = n_seen = 0;
	status_to_give = -1;
	hold = reorder = false;
}

static void start(enum vpeer_bus bus, uint64_t offers)
{
	init(bus, offers);
	vpeer_plug(&p);
}

static void done(struct blk_request *rq)
{
	(void)rq;
	n_done++;
}

static struct blk_request request(enum blk_op op, uint64_t sector, void *buf, uint32_t len,
				  unsigned n_segs)
{
	struct blk_request rq = { .op = op, .sector = sector, .n_segs = n_segs, .done = done,
				  .status = 12345, .n_sectors = len / 512 };

	for (unsigned i = 0; i < n_segs; i++)
		rq.seg[i] = (struct blk_seg){ (uint8_t *)buf + i * len / n_segs, len / n_segs };
	return rq;
}

static int run(struct blk_request rq)
{
	static struct blk_request kept;

	kept = rq;
	pk_blk->ops->submit(pk_blk, &kept);
	pk_settle();
	return kept.status;
}

static void test_honest(enum vpeer_bus bus, uint64_t offers, bool at_once)
{
	static uint8_t a[16 * 512], b[16 * 512];
	struct blk_request many[300];
	bool good = true;

	init(bus, offers);
	p.inline_work = at_once;
	vpeer_plug(&p);
	if (!ok(pk_blk && pk_blk->n_sectors == DISK / 512 && pk_blk->block_size == 512 &&
		!pk_blk->read_only, "found, bus %d, offers %llx", bus, (unsigned long long)offers))
		return;
	ok(!strcmp(pk_blk->serial, "serial-0123456789abc"), "serial number %s", pk_blk->serial);
	ok(pk_blk->max_segs == (offers & VIRTIO_BLK_F_SEG_MAX ? 16 : 1), "max_segs %u", pk_blk->max_segs);
	for (unsigned i = 0; i < sizeof(a); i++)
		a[i] = (uint8_t)(i * 7 + i / 256);
	ok(run(request(BLK_WRITE, 8, a, sizeof(a), pk_blk->max_segs)) == 0 &&
	   !memcmp(disk + 8 * 512, a, sizeof(a)), "write");
	ok(run(request(BLK_READ, 8, b, sizeof(b), pk_blk->max_segs)) == 0 &&
	   !memcmp(a, b, sizeof(a)), "read");
	ok(run(request(BLK_FLUSH, 0, NULL, 0, 0)) == 0 &&
	   n_flushes == (offers & VIRTIO_BLK_F_FLUSH ? 1 : 0), "flush: %u", n_flushes);
	if (offers & VIRTIO_BLK_F_DISCARD)
		ok(run(request(BLK_DISCARD, 8, NULL, 250 * 512, 0)) == 0 && n_discards == 3 &&
		   !disk[8 * 512 + 1] && !disk[257 * 512 + 1], "discard in pieces: %u", n_discards);
	else
		ok(run(request(BLK_DISCARD, 8, NULL, 512, 0)) == -EINVAL, "no discard");
	ok(run(request(BLK_READ, DISK / 512, b, 512, 1)) == -EIO && vpeer_child(&p)->errors == 1,
	   "IOERR is -EIO");

	/* more than the ring holds, twice, in and out of order */
	for (unsigned r = 0; r < 2; r++) {
		reorder = r;
		n_done = 0;
		hold = !at_once;
		n_seen = 0;
		for (unsigned i = 0; i < 300; i++) {
			many[i] = request(BLK_WRITE, i, a + 512 * (i % 16), 512, 1);
			pk_blk->ops->submit(pk_blk, &many[i]);
			if (i % 7 == 0)
				pk_settle();
		}
		pk_settle();
		good &= at_once || n_done == 0;
		hold = false;
		p.kicked[0] = true;	/* its disk became free */
		pk_settle();
		good &= n_done == 300;
		for (unsigned i = 0; i < 64; i++)
			good &= seen_sector[i] == i;	/* order of submission is kept */
		for (unsigned i = 0; i < 300; i++)
			good &= many[i].status == 0 && !memcmp(disk + 512 * i, a + 512 * (i % 16), 512);
	}
	ok(good, "300 requests at once, done %u", n_done);
	pk_blk->ops->submit(pk_blk, &many[0]);
	hold = false;
	pk_blk->ops->poll(pk_blk);
	vpeer_run(&p);
	pk_blk->ops->poll(pk_blk);
	ok(n_done == 301, "poll needs no event");
	vpeer_config_put(&p, VIRTIO_BLK_CFG_CAPACITY, 8, 4096);
	vpeer_config_irq(&p);
	pk_settle();
	ok(pk_blk->n_sectors == 4096 && pk_logged("now 4096 sectors"), "grows");
	vpeer_child(&p)->driver->shutdown(vpeer_child(&p));
	ok(p.status == 0 && run(request(BLK_READ, 0, b, 512, 1)) == -EIO, "after shutdown: -EIO");
}

static void test_bounds(void)
{
	uint8_t b[512];
	struct blk_request rq;

	start(VPEER_MMIO, ALL);
	rq = request(BLK_READ, 0, b, 512, 1);
	rq.n_segs = 0;
	ok(run(rq) == -EINVAL, "a read of nothing");
	rq.n_segs = 17;
	ok(run(rq) == -EINVAL, "too many segments");
	init(VPEER_MMIO, ALL | VIRTIO_BLK_F_SIZE_MAX | VIRTIO_BLK_F_RO);
	vpeer_config_put(&p, VIRTIO_BLK_CFG_SIZE_MAX, 4, 5000);
	vpeer_config_put(&p, VIRTIO_BLK_CFG_BLK_SIZE, 4, 4096);
	vpeer_config_put(&p, VIRTIO_BLK_CFG_SEG_MAX, 4, 3);
	vpeer_plug(&p);
	ok(pk_blk && pk_blk->max_bytes == 4096 && pk_blk->block_size == 4096 &&
	   pk_blk->max_segs == 3 && pk_blk->read_only, "limits of the device");
	init(VPEER_MMIO, ALL);
	p.queue_max = 16;
	vpeer_plug(&p);
	ok(pk_blk && run(request(BLK_READ, 0, b, 512, 1)) == 0, "a short queue");
	init(VPEER_MMIO, ALL & ~VIRTIO_F_INDIRECT_DESC);
	p.queue_max = 16;
	vpeer_plug(&p);
	ok(!pk_blk && pk_logged("too short"), "too short without indirect descriptors");
	init(VPEER_MMIO, ALL);
	p.deaf = true;
	vpeer_plug(&p);
	ok(pk_blk && !pk_blk->serial[0], "no answer about the serial number: goes without");
	p.deaf = false;
	p.kicked[0] = true;
	pk_settle();
	ok(pk_blk->serial[0], "which may come later");
	init(VPEER_MMIO, ALL);
	status_to_give = VIRTIO_BLK_S_UNSUPP;
	vpeer_plug(&p);
	ok(pk_blk && !pk_blk->serial[0] && run(request(BLK_READ, 0, b, 512, 1)) == -ENOTSUP,
	   "UNSUPP is -ENOTSUP");
	for (unsigned i = 1; i < 12; i++) {
		init(VPEER_MMIO, ALL);
		pk_alloc_fail_after = i;
		vpeer_plug(&p);
		if (pk_alloc_fail_after)
			break;
		ok(!pk_blk && pk_bound_lines == 0, "allocation %u fails", i);
	}
}

static void refused(const char *why)
{
	vpeer_plug(&p);
	ok(!pk_blk && pk_logged(why) && p.status == VIRTIO_S_FAILED && pk_bound_lines == 0,
	   "refused: %s", why);
}

static void test_config_lies(void)
{
	static const uint32_t bad_size[] = { 0, 1, 511, 513, 8192, 0x80000000, 0xffffffff };

	init(VPEER_MMIO, ALL);
	vpeer_config_put(&p, VIRTIO_BLK_CFG_CAPACITY, 8, ~0ull);
	refused("capacity is out of range");
	for (unsigned i = 0; i < ARRAY_SIZE(bad_size); i++) {
		init(VPEER_MMIO, ALL);
		vpeer_config_put(&p, VIRTIO_BLK_CFG_BLK_SIZE, 4, bad_size[i]);
		refused("block size");
	}
	init(VPEER_MMIO, ALL);
	vpeer_config_put(&p, VIRTIO_BLK_CFG_SEG_MAX, 4, 0);
	refused("no whole block");
	init(VPEER_MMIO, ALL | VIRTIO_BLK_F_SIZE_MAX);
	vpeer_config_put(&p, VIRTIO_BLK_CFG_SIZE_MAX, 4, 511);
	refused("no whole block");
	init(VPEER_MMIO, ALL);
	p.unsteady = true;
	refused("does not hold still");
	init(VPEER_MMIO, ALL);
	p.config_len = 8;
	p.mmio.len = 0x108;
	refused("block size");
	start(VPEER_MMIO, ALL);
	vpeer_config_put(&p, VIRTIO_BLK_CFG_CAPACITY, 8, 1ull << 60);
	vpeer_config_irq(&p);
	pk_settle();
	ok(pk_fails == 1, "capacity that leaves the range later");
	start(VPEER_MMIO, ALL);
	p.unsteady = true;
	vpeer_config_irq(&p);
	pk_settle();
	ok(pk_fails == 1, "configuration that never holds still later");
}

static struct blk_request *chained;

/* A submitter that asks again in its done(), as caches do. */
static void again(struct blk_request *rq)
{
	if (++n_done < 20) {
		chained = rq;
		pk_blk->ops->submit(pk_blk, rq);
	}
}

static void test_failures(enum vpeer_bus bus)
{
	static uint8_t b[512];
	struct blk_request rq[100];

	for (unsigned lie = 0; lie < 5; lie++) {
		bool good = true;

		start(bus, lie & 1 ? ALL : ALL & ~VIRTIO_F_INDIRECT_DESC);
		hold = true;
		n_done = 0;
		for (unsigned i = 0; i < 100; i++) {
			rq[i] = request(BLK_READ, 0, b, 512, 1);
			pk_blk->ops->submit(pk_blk, &rq[i]);
		}
		pk_settle();
		switch (lie) {
		case 0:
			ring_set_idx(&p.ring[0], (uint16_t)(p.ring[0].used_idx + 200));
			break;
		case 1:
			ring_put(&p.ring[0], p.ring[0].used_idx, 5000, 0);
			ring_set_idx(&p.ring[0], (uint16_t)(p.ring[0].used_idx + 1));
			break;
		case 2:
			ring_put(&p.ring[0], p.ring[0].used_idx, 0, 514);
			ring_set_idx(&p.ring[0], (uint16_t)(p.ring[0].used_idx + 1));
			break;
		case 3:
			hold = false;
			status_to_give = 0x77;
			p.kicked[0] = true;
			break;
		default:		/* done, and no status written */
			hold = false;
			status_to_give = -2;
			p.kicked[0] = true;
		}
		vpeer_run(&p);
		vpeer_irq(&p, 0);
		pk_settle();
		for (unsigned i = 0; i < 100; i++)
			good &= rq[i].status == -EIO;
		ok(good && n_done == 100 && pk_fails == 1 && p.status == 0 && pk_bound_lines == 0,
		   "bus %d: %u callers get -EIO: %s", bus, n_done, pk_fail_reason);
		ok(run(request(BLK_WRITE, 0, b, 512, 1)) == -EIO, "and so do later ones");
	}
	start(bus, ALL);
	hold = true;
	n_done = 0;
	rq[0] = request(BLK_READ, 0, b, 512, 1);
	rq[0].done = again;
	pk_blk->ops->submit(pk_blk, &rq[0]);
	pk_settle();
	p.status |= VIRTIO_S_DEVICE_NEEDS_RESET;
	vpeer_config_irq(&p);
	pk_settle();
	ok(n_done == 20 && rq[0].status == -EIO, "a submitter that insists");
	start(bus, ALL);
	rq[0] = request(BLK_READ, 0, b, 512, 1);
	rq[0].done = again;
	n_done = 0;
	pk_blk->ops->submit(pk_blk, &rq[0]);
	pk_settle();
	ok(n_done == 20 && rq[0].status == 0, "submitting in done()");
}

int main(void)
{
	static const uint64_t offers[] = {
		ALL, ALL & ~VIRTIO_F_EVENT_IDX, ALL & ~VIRTIO_F_INDIRECT_DESC,
		ALL & ~(VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX), 0,
	};

	for (unsigned bus = VPEER_MMIO; bus <= VPEER_PCI_INTX; bus++) {
		for (unsigned i = 0; i < ARRAY_SIZE(offers); i++) {
			test_honest(bus, offers[i], false);
			test_honest(bus, offers[i], true);
		}
		test_failures(bus);
	}
	test_bounds();
	test_config_lies();
	pk_reset();
	return done_testing();
}

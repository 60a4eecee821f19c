/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What a device says of itself before anything moves: feature bits, registers,
 * its configuration, PCI configuration space with its capabilities and BARs.
 * The input's head chooses the device, the rest edits an honest one.
 *
 * SOURCES: drivers/virtio/virtq.c drivers/virtio/virtio.c drivers/virtio/virtio_mmio.c drivers/virtio/virtio_pci.c drivers/pci.c
 * SOURCES: drivers/virtio/virtio_net.c drivers/virtio/virtio_rx_net.c drivers/virtio/virtio_blk.c drivers/virtio/virtio_console.c
 * SOURCES: drivers/virtio/virtio_rng.c kernel/lib/shared.c tests/peer/ring_peer.c tests/peer/virtio_peer.c tests/peer/peer_kernel.c
 * FLAGS: -include tests/peer/mmio_hook.h -Wl,-T,tests/peer/tables.ld
 */
#include <stdlib.h>
#include <string.h>

#include "drivers/virtio/virtio.h"
#include "tests/peer/peer_kernel.h"
#include "tests/peer/virtio_peer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct vpeer p;
static unsigned budget;			/* chains that the device will handle */

/* Gives every chain back at once, with zeroes in it. */
static void work(struct vpeer *d, unsigned q)
{
	struct ring_chain c;

	while (budget && ring_take(&d->ring[q], &c)) {
		budget--;
		for (unsigned i = c.n_out; i < c.n_out + c.n_in; i++)
			memset(c.seg[i].base, 0, c.seg[i].len);
		ring_give(&d->ring[q], c.head, d->id == VIRTIO_ID_NET ? 0 : c.in_len);
		if (d->id == VIRTIO_ID_NET && q == 0)
			return;
	}
}

static void check_netdev(void)
{
	unsigned total;

	if (pk_net->mtu < 68 || pk_net->mac[0] & 1 ||
	    pk_net->ops->rx_free(pk_net, &total) > total)
		abort();
	if (pk_net->features & (NETDEV_TSO4 | NETDEV_TSO6) && !(pk_net->features & NETDEV_TX_CSUM))
		abort();
}

static void check_blkdev(void)
{
	if (pk_blk->block_size < 512 || pk_blk->block_size > 4096 ||
	    pk_blk->max_bytes < pk_blk->block_size || !pk_blk->max_segs ||
	    pk_blk->max_segs > BLK_MAX_SEGS || pk_blk->n_sectors > INT64_MAX / 512 ||
	    strlen(pk_blk->serial) >= sizeof(pk_blk->serial))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t size)
{
	if (size < 16)
		return 0;
	vpeer_init(&p, in[0] % 3, in[1] % 6, 0);
	p.tolerant = true;
	memcpy(&p.offers, in + 2, 8);
	if (!(in[10] & 1))
		p.offers |= VIRTIO_F_VERSION_1;
	p.unsteady = in[10] & 2;
	p.refuses_features = in[10] & 4;
	p.never_resets = in[10] & 8;
	p.no_queue_ready = p.no_msix_vector = in[10] & 16;
	p.inline_work = in[10] & 32;
	p.deaf = in[10] & 64;
	p.queue_max = (unsigned)in[11] << (in[10] & 128 ? 8 : 0);
	p.config_len = in[12] % 64;
	p.mmio.len = 0x100 + in[13];
	p.n_lines = in[14] % 5;
	pk_pages = 64u << (in[15] % 8);
	p.work = work;
	budget = 100;
	pk_step = 50000;		/* short waits */
	in += 16;
	size -= 16;
	vpeer_config_put(&p, 0, 8, 2048);
	for (; size >= 2; in += 2, size -= 2) {
		if (p.bus != VPEER_MMIO && in[0] >= 64)
			p.cfg[in[0] == 64 ? 0x34 : in[0] < 100 ? in[0] - 64 : in[0]] = in[1];
		else
			p.config[in[0] % 64] = in[1];
	}
	vpeer_plug(&p);
	if (pk_net)
		check_netdev();
	if (pk_blk)
		check_blkdev();
	pk_settle();
	vpeer_config_irq(&p);
	pk_settle();
	if (pk_con)
		pk_con->panic_write(pk_con, "panic\n", 6);
	pk_reset();
	return 0;
}

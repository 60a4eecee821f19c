/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Entropy device (Virtio 1.2 section 5.4): the kernel's generator, straight into the
 * guest's buffers.
 */
#include <asm/errno.h>

#include "hv/dev/dev_impl.h"
#include "hv/sys.h"

#define QUEUE_MAX	8u
#define BATCH		8u
#define PIECE		256u		/* bytes for a request: not interrupted (random(7)) */
#define GRND_NONBLOCK	1u

bool rng_work(struct devs *d, struct dev *v)
{
	unsigned i;

	for (i = 0; i < BATCH && dev_peek(d, v, 0); i++) {
		const struct iovec *to = &d->chain.iov[d->chain.n_out];
		long n;

		if (!d->chain.n_in) {
			dev_fail(d, v, "request without room");
			return false;
		}
		n = sys_getrandom(to->iov_base, to->iov_len < PIECE ? to->iov_len : PIECE,
				  GRND_NONBLOCK);
		if (n <= 0)
			break;
		vq_take(&v->vq[0]);
		vq_push(&v->vq[0], d->chain.head, (uint32_t)n);
	}
	dev_publish(d, v, 0);
	v->again = dev_more(d, v, 0) && i == BATCH;
	return i > 0;
}

int devs_add_rng(struct devs *d, const char *name)
{
	struct dev *v = dev_new(d, name, VIRTIO_ID_RNG, 1, QUEUE_MAX, 0);

	return v ? v->index : -ENOSPC;
}

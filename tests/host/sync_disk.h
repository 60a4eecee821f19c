/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A disk in memory behind the real kernel/blkdev.c: every request is done when
 * submit returns. For host programs over tools/host_kernel.c.
 */
#pragma once

#include "kernel/blkdev.h"

struct sync_disk {
	struct blkdev bd;
	uint8_t *data;
	uint64_t len;
	unsigned requests, writes, flushes;
	unsigned longest;		/* segments in a request */
	uint64_t bad_from, bad_to;	/* bytes that cannot be read or written */
	bool bad_flush;
	void (*on_request)(struct sync_disk *d);	/* or NULL */
};

/* `data` is the caller's, `len` bytes. Not registered. */
void sync_disk_init(struct sync_disk *d, void *data, uint64_t len,
		    uint32_t block_size, const char *serial);

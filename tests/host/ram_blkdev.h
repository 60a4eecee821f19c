/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A disk in memory for tests: counts requests and fails on demand. It is the
 * blocking half of kernel/blkdev.h.
 */
#pragma once

#include "kernel/blkdev.h"

struct ram_disk {
	struct blkdev bd;
	uint8_t *data;
	long requests;			/* reads, writes, flushes so far */
	long fail_at;			/* this request fails; -1: none */
	bool fail_for_ever;		/* and all after it */
	bool fail_reads_only, fail_writes_only;
};

void ram_disk_init(struct ram_disk *d, const char *name, uint64_t bytes);
void ram_disk_fini(struct ram_disk *d);

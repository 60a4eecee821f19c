/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A disk in memory for tests: counts requests and fails on demand. It is the
 * blocking half of kernel/blkdev.h. Requests that were submitted finish when
 * somebody waits, now the first, now the last.
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
	unsigned in_flight, most_in_flight;
	size_t largest;			/* request so far, bytes */
};

void ram_disk_init(struct ram_disk *d, const char *name, uint64_t bytes);
void ram_disk_fini(struct ram_disk *d);

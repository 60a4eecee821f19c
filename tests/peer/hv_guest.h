/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A guest's side of hv/dev for tests: memory from malloc (so that the sanitizers see
 * every step outside), a start block, and a plain driver for split virtqueues. The
 * system calls that the devices make can be made to fail.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "drivers/virtio/abi.h"
#include "hv/dev/dev.h"

struct hvg {
	struct devs *d;
	uint8_t *mem;			/* of HV_MEM_BASE */
	uint64_t size, rw_size, next;	/* next: of hvg_alloc() */
	struct hv_start *start;
};

struct hvg_seg {
	uint64_t addr;
	uint32_t len;
};

struct hvg_queue {
	struct hvg *g;
	unsigned dev, q;
	uint16_t num, prod, cons, n_free, free_head;
	bool event_idx;
	bool quiet;			/* adds without a kick */
	struct virtq_desc *desc;
	struct virtq_avail *avail;
	struct virtq_used *used;
	struct hv_queue where;
	uint16_t length[1024];		/* descriptors of the chain, by head */
};

void hvg_begin(struct hvg *g, uint64_t size, uint64_t rw_size);
void hvg_end(struct hvg *g);
/* Guest addresses, zeroed; and where they are. */
uint64_t hvg_alloc(struct hvg *g, uint64_t len, uint64_t align);
void *hvg_ptr(struct hvg *g, uint64_t addr);

/* Acknowledge, features, queues of `num` entries each (q[0..n_queues)), DRIVER_OK. The
 * status at the end. */
int64_t hvg_start(struct hvg *g, unsigned dev, uint64_t features, struct hvg_queue *q,
		  unsigned num);
/* A chain; its head, or -1: no room. `table`: through an indirect table. */
int hvg_add(struct hvg_queue *q, const struct hvg_seg *seg, unsigned n_out, unsigned n_in,
	    bool table);
/* Makes it visible, and kicks as the device wishes; HV_KICK's result, -1: no kick. */
int64_t hvg_kick(struct hvg_queue *q);
/* A used chain. */
bool hvg_get(struct hvg_queue *q, uint16_t *head, uint32_t *len);
/* Wants an event at the next used chain. */
void hvg_arm(struct hvg_queue *q);
/* The loop of dev.h: sweeps and sleeps until an event; its bits, 0 after `ms`. */
uint64_t hvg_wait(struct hvg *g, int ms);

/* The next `times` calls of system call `nr` on `fd` (-1: any) return `ret`. One rule. */
struct peer_sys_rule {
	long nr, ret;
	int fd, times, after;		/* the first `after` go through */
};
extern struct peer_sys_rule peer_sys_rule;
extern bool peer_sys_slow;		/* nothing is in the page cache: RWF_NOWAIT fails */
extern unsigned peer_sys_delay_us;	/* of reads that may sleep, and of fdatasync */
extern unsigned peer_sys_inside;	/* in these now */
extern unsigned long peer_sys_calls;
extern long peer_sys_last_flags;	/* the last of pwritev2 */

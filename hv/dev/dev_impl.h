/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Private to hv/dev: what the devices have in common, and the state of each kind. A
 * device is a set of functions called by dev.c's switches: tables of pointers would
 * need relocation.
 */
#pragma once

#include <linux/poll.h>

#include "hv/dev/dev.h"
#include "hv/dev/gso.h"
#include "hv/dev/virtq.h"

struct dev {
	uint32_t id;			/* virtio device number */
	uint8_t index, n_queues;
	bool running;			/* DRIVER_OK, not failed */
	bool again;			/* work was left over for the next sweep */
	uint8_t errors_told;		/* lines of log, bounded */
	uint64_t offered, accepted;
	struct vq vq[HV_QUEUES_MAX];
};

/* ---- network: net.c ---- */
#define NET_RX_CHAINS	64u
#define NET_RX_IOV	256u
#define NET_HDR		((uint32_t)sizeof(struct virtio_net_hdr))
#define NET_FRAME_MAX	(GSO_FRAME_MAX + 4u)	/* with a VLAN tag */
#define NET_STREAM_BUF	(2u * NET_FRAME_MAX)

struct net {
	int fd, pcap_fd;
	uint8_t kind;			/* enum dev_net_kind */
	bool vnet_hdr;
	bool direct;			/* received frames need no work: read into buffers */
	bool mergeable;
	bool rx_long;			/* the last frame needed more than a buffer */
	bool rx_starved;		/* the next frame would not fit */
	bool tx_blocked;		/* until ppoll says POLLOUT */
	bool gone;			/* the other end, or the interface */
	unsigned may;			/* GSO_MAY_*: what the driver takes */
	uint32_t rx_need;		/* bytes of buffers for the longest frame */
	/* chains taken from the receive queue, not filled yet */
	uint32_t rx_n, rx_first, iov_n, iov_first, rx_room;
	struct { uint16_t head, n_iov; uint32_t len; } rx[NET_RX_CHAINS];
	struct iovec iov[NET_RX_IOV];
	/* frames that need work; a piece that found no room waits here */
	bool rx_cutting, tx_cutting;
	struct gso rx_gso, tx_gso;
	uint32_t tx_sent;		/* of a piece, on a stream */
	uint32_t in_at, in_len;		/* stream: bytes of `in` not parsed yet */
	uint8_t out[NET_FRAME_MAX], in[NET_STREAM_BUF];
};

/* ---- disk: blk.c, jobs done by pool.c ---- */
#define BLK_QUEUE	64u
#define BLK_RANGES	16u		/* DISCARD, WRITE_ZEROES: segments in a command */

enum job_state { JOB_FREE, JOB_BUSY };

struct job {
	uint32_t next;			/* of the done list: index + 1 */
	uint8_t state;			/* enum job_state; the server's */
	uint8_t dev, type;		/* VIRTIO_BLK_T_* */
	uint16_t head;
	uint16_t n_iov;			/* of data */
	uint16_t n_ranges;
	bool direct, stable;		/* by direct_fd; durable before it ends */
	bool ok;			/* the result */
	uint8_t *status_at;		/* where the status byte goes */
	uint64_t offset, len;		/* still to do */
	uint64_t written;		/* to the guest's memory, if it ends well */
	struct virtio_blk_discard range[BLK_RANGES];
	struct iovec iov[VQ_CHAIN_MAX];
};

struct blk {
	struct dev_blk_param p;
	uint32_t busy;			/* jobs under way */
	bool full;			/* a request waits for a job to become free */
	bool wait_writes;		/* RWF_NOWAIT is not for writes here */
};

/* ---- console, rng ---- */
struct con {
	int in_fd, out_fd;
	bool in_ready, in_end;		/* ppoll said so; no more will come */
	bool out_blocked, out_stalled, out_end;
	unsigned sweeps;
	uint64_t out_done;		/* bytes written of the chain in front */
};

/* ---- worker threads ---- */
#define POOL_RING	(BLK_QUEUE * 4)	/* jobs under way, all disks together */
#define POOL_STACK	16384u

struct pool {
	uint32_t n;			/* workers */
	uint32_t stop;
	uint32_t bell;			/* futex of the sleepers */
	uint32_t posted, taken;		/* jobs put into `ring`, taken out; run free */
	uint32_t sleepers;
	uint32_t done;			/* list of finished jobs: index + 1, 0: end */
	uint32_t armed;			/* the server sleeps: write to event_fd */
	uint16_t ring[POOL_RING];
	struct job job[POOL_RING];
};

struct devs {
	struct vq_mem mem;
	struct hv_start *start;
	uint64_t *pending;		/* HV_EV_* bits not handed out */
	int log_fd, event_fd;
	bool threaded;			/* kicks are asked for before a sleep only */
	unsigned n;
	struct vq_chain chain;		/* for the one thread that serves */
	uint8_t poll_dev[DEVS_POLLFDS];	/* whose each pollfd is */
	unsigned n_polled;
	struct dev dev[HV_DEVICES_MAX];
	union {
		struct net net;
		struct blk blk;
		struct con con;
	} u[HV_DEVICES_MAX];
	struct pool pool;
	uint8_t stack[DEVS_WORKERS_MAX][POOL_STACK] __attribute__((aligned(64)));
};

/* ---- dev.c ---- */
/* The next device; NULL: too many. */
struct dev *dev_new(struct devs *d, const char *name, uint32_t id, unsigned n_queues,
		    unsigned queue_max, uint64_t features);
void dev_config(struct devs *d, struct dev *v, unsigned off, const void *value, unsigned len);
/* The configuration was changed: a new generation, and the guest hears of it. */
void dev_config_changed(struct devs *d, struct dev *v);
/* The guest broke the rules, or the host's side cannot go on: NEEDS_RESET, a line of
 * log. */
void dev_fail(struct devs *d, struct dev *v, const char *why);
void dev_log(struct devs *d, struct dev *v, const char *text);
void dev_raise(struct devs *d, const struct dev *v);
/* The next chain, as vq_peek(); a violation fails the device. In d->chain. */
bool dev_peek(struct devs *d, struct dev *v, unsigned q);
void dev_publish(struct devs *d, struct dev *v, unsigned q);
/* After work on a queue: whether more has come, and kicks as they are wanted. */
bool dev_more(struct devs *d, struct dev *v, unsigned q);

static inline bool dev_has(const struct dev *v, uint64_t feature)
{
	return (v->accepted & feature) != 0;
}

/* ---- each kind: `work` for queue q < n_queues on a kick, or all of it. Returns
 * whether it did anything; `prepare` fills in what to wait for (0: nothing), true:
 * there is work instead; `ready` what ppoll said. ---- */
void net_start(struct devs *d, struct dev *v);
void net_reset(struct devs *d, struct dev *v);
bool net_work(struct devs *d, struct dev *v);
bool net_kick(struct devs *d, struct dev *v, unsigned q);
bool net_prepare(struct devs *d, struct dev *v, struct pollfd *p);
void net_ready(struct devs *d, struct dev *v, unsigned events);

bool blk_work(struct devs *d, struct dev *v);
void blk_reset(struct devs *d, struct dev *v);
void blk_finish(struct devs *d, struct job *j);		/* by the server's thread */
void blk_run_job(struct devs *d, struct job *j);	/* by a worker, may block */

void con_reset(struct devs *d, struct dev *v);
bool con_work(struct devs *d, struct dev *v);
unsigned con_prepare(struct devs *d, struct dev *v, struct pollfd *p, bool *busy);
void con_ready(struct devs *d, struct dev *v, unsigned events);
bool rng_work(struct devs *d, struct dev *v);

/* ---- pool.c ---- */
/* A free job, NULL: all are under way. */
struct job *pool_get(struct devs *d);
void pool_put(struct devs *d, struct job *j);
void pool_post(struct devs *d, struct job *j);	/* runs it here if there are no workers */
bool pool_collect(struct devs *d);		/* finishes what is done */
bool pool_prepare(struct devs *d);		/* before a sleep; true: something is done */

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The device side of a guest: what the monitor, process mode and kvm mode use of
 * it. One struct devs holds everything; it has no pointer into itself but `mem`
 * and `start`, so it may lie anywhere and be moved while no guest runs. The code is
 * position independent, without libc, TLS or global data. It needs memcpy, memmove,
 * memset and memcmp from whoever links it.
 *
 *	devs_init, devs_add_*			the monitor, before the guest
 *	devs_start_workers			in the process that serves the devices,
 *						before the seccomp filter (TSYNC)
 *	loop, one thread (process mode: inside HV_WAIT; kvm mode: the I/O thread):
 *		devs_sweep(d)
 *		ev = devs_take_events(d);	process mode: return ev to the guest if != 0
 *						kvm mode: wake the vcpu if start->pending != 0
 *		n = devs_prepare(d, pfd, max)
 *		if n < 0: again			work came in between, or is left over
 *		ppoll(pfd, n, ...)
 *		devs_ready(d, pfd, n)		then again
 *
 * Everything but devs_take_events() and devs_raise() is called by one thread at a
 * time. In kvm mode the guest runs meanwhile in another; its calls of status,
 * features and queue come through the thread that serves the devices.
 *
 * SIGPIPE must be ignored. System calls made, for the seccomp filter, by struct:
 *	net	readv writev on fd; ioctl(fd, TUNSETOFFLOAD) for taps; writev on
 *		pcap_fd, clock_gettime
 *	blk	preadv2 pwritev2 fdatasync fallocate on fd and direct_fd; futex WAIT and
 *		WAKE (private); read and write on d->event_fd
 *	console	read on in_fd, write on out_fd, ppoll on both
 *	rng	getrandom
 *	all	write on d->log_fd, ppoll; workers block all signals
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pv/hv/abi.h"

struct devs;
struct pollfd;

/* Most pollfds that devs_prepare() fills. */
#define DEVS_POLLFDS	(2 * HV_DEVICES_MAX + 1)
#define DEVS_WORKERS_MAX 32u

/* Bytes of a struct devs; pages that were zero and are not used stay untouched. */
size_t devs_size(void);

/* The memory must be zero. `mem`: where HV_MEM_BASE is mapped here. `rw_size` bytes
 * of it may be written by devices (not the modules and the start block), `size` be
 * read. `start`: the writable view of the start block, n_devices 0. */
void devs_init(struct devs *d, uint8_t *mem, uint64_t size, uint64_t rw_size,
	       struct hv_start *start);
/* The same things are now mapped elsewhere (another process, after a fork). */
void devs_move(struct devs *d, uint8_t *mem, struct hv_start *start);

/* ---- devices: each returns the device's number or -errno; they fill the next
 * struct hv_device of the start block. Descriptors stay the caller's. ---- */

enum dev_net_kind {
	DEV_NET_TAP,		/* IFF_TAP | IFF_NO_PI, O_NONBLOCK; with vnet_hdr: IFF_VNET_HDR,
				 * TUNSETVNETHDRSZ 12, TUNSETVNETLE 1 */
	DEV_NET_SEQPACKET,	/* O_NONBLOCK socket, a message per frame; with vnet_hdr:
				 * behind a struct virtio_net_hdr (net-user, and between guests) */
	DEV_NET_STREAM,		/* O_NONBLOCK socket, frames behind 4 bytes of length, big
				 * endian, as QEMU's -netdev stream has it */
};

struct dev_net_param {
	int fd;
	enum dev_net_kind kind;
	bool vnet_hdr;		/* not for DEV_NET_STREAM */
	uint8_t mac[6];
	uint16_t mtu;		/* 0: 1500 */
	int pcap_fd;		/* -1, or an empty file that gets the frames */
};
int devs_add_net(struct devs *d, const char *name, const struct dev_net_param *p);

struct dev_blk_param {
	int fd;			/* file or block device, without O_DIRECT */
	int direct_fd;		/* the same with O_DIRECT, or -1 */
	uint32_t direct_align;	/* of memory, offset and length for direct_fd: 512..4096 */
	uint64_t size;		/* bytes, a multiple of 512 */
	bool read_only;
	bool discard;		/* offer DISCARD and WRITE_ZEROES (fallocate works) */
	char serial[20];	/* NUL-padded */
};
int devs_add_blk(struct devs *d, const char *name, const struct dev_blk_param *p);

struct dev_console_param {
	int in_fd;		/* -1: no input */
	int out_fd;		/* blocking or not: only written when ppoll says so */
};
int devs_add_console(struct devs *d, const char *name, const struct dev_console_param *p);
int devs_add_rng(struct devs *d, const char *name);

/* Where the HV_EV_* bits are, if not in the start block: kvm mode. */
void devs_set_pending(struct devs *d, uint64_t *pending);

/* The guest runs beside the thread that serves (kvm mode), where a kick costs it much:
 * they are asked for only by devs_prepare(). Otherwise a kick does the work at once. */
void devs_set_threaded(struct devs *d, bool threaded);

/* Text for the user ("net0: ...", one line each) goes to this descriptor; -1: nowhere. */
void devs_set_log(struct devs *d, int fd);

/* ---- worker threads, for disks ---- */

/* How many would serve these devices well: 0 without a disk. */
unsigned devs_workers_wanted(const struct devs *d);
/* A non-blocking eventfd that wakes the sleeper in ppoll: workers use it, and so may
 * others. Needed as soon as there is a worker. */
void devs_set_event_fd(struct devs *d, int fd);
/* Starts `n` threads by clone() (same memory, descriptors, signal handlers; all
 * signals blocked) on stacks inside struct devs. Without them, disks work too, but a
 * guest waits for each request. 0 or -errno. */
int devs_start_workers(struct devs *d, unsigned n);
/* One more such thread, for the caller: fn(arg) on that stack, for ever. 0 or more, or -errno. */
long devs_thread(void *stack_top, void (*fn)(void *arg), void *arg);
/* What each thread runs, for those who start `n` threads in their own way. Ends after
 * devs_stop_workers(). */
void devs_count_workers(struct devs *d, unsigned n);
void devs_worker(struct devs *d);
void devs_stop_workers(struct devs *d);

/* ---- hypercalls: arguments as the guest gave them, results for it ---- */

int64_t devs_status(struct devs *d, uint64_t dev, uint64_t status);	/* HV_DEVICE_STATUS */
int64_t devs_features(struct devs *d, uint64_t dev, uint64_t features);	/* HV_DEVICE_FEATURES */
int64_t devs_queue(struct devs *d, uint64_t dev_queue, uint64_t addr);	/* HV_QUEUE */
int64_t devs_kick(struct devs *d, uint64_t dev_queue);			/* HV_KICK */

/* ---- work ---- */

/* What can be done without blocking, a bounded piece of it for each device. What
 * there is to tell the guest is added to start->pending. Returns whether there was
 * anything to do: for those who spin a little before they sleep. */
bool devs_sweep(struct devs *d);

/* The HV_EV_* bits not handed out yet; hands them out. Any thread. */
uint64_t devs_take_events(struct devs *d);
/* Adds bits: HV_EV_SHUTDOWN. Any thread of a process that has `start` mapped. */
void devs_raise(struct devs *d, uint64_t bits);

/* Before a sleep: fills pfd (room for DEVS_POLLFDS) and returns how many; -1: do not
 * sleep, sweep again. */
int devs_prepare(struct devs *d, struct pollfd *pfd, unsigned max);
/* After it, with the array as ppoll left it. */
void devs_ready(struct devs *d, const struct pollfd *pfd, unsigned n);

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Readiness: makers of files call file_notify() when it may have grown;
 * poll(), select() and epoll wait for it. Constant time per event whatever
 * the number of descriptors.
 */
#pragma once

#include "kernel/file.h"
#include "pv/pv.h"

/* Callable from event context. `events`: FILE_* bits that are now true. */
void file_notify(struct file *f, unsigned events);

/* Given to a watch, alone, when its file's last reference went: the watch is
 * unlinked by then. */
#define FILE_GONE	(1u << 29)

struct poll_watch {
	struct list link;		/* in file->watches */
	struct file *file;		/* NULL: not added */
	unsigned events;		/* wanted; ERR and HUP always */
	void (*fn)(struct poll_watch *w, unsigned events); /* event context */
};
void poll_watch_add(struct poll_watch *w, struct file *f);
void poll_watch_del(struct poll_watch *w);

unsigned file_poll(struct file *f);	/* bits that hold now */

/* Hears the devices without sleeping (lines become pending only inside
 * pv->wait) and lets other threads run. For calls that may return without ever
 * blocking: a program that always finds work must not starve devices, timers
 * and the rest. May switch. */
void poll_service_devices(void);

struct poll_entry {
	struct file *file;		/* NULL: skipped */
	unsigned events, revents;
};
/* poll(2): number of entries with revents, 0 on time-out, -errno. May switch. */
int poll_files(struct poll_entry *e, size_t n, nsec_t deadline);

/* epoll(7). `data` is handed back untouched. */
#define EPOLL_ET	(1u << 31)
#define EPOLL_ONESHOT	(1u << 30)
struct epoll_ready {
	uint32_t events;
	uint64_t data;
};
int epoll_file_create(struct file **out);
/* `fd` tells two registrations of the same file apart (dup). -EEXIST, -ENOENT,
 * -EINVAL (not an epoll file; itself), -ELOOP, -EPERM (file cannot be polled). */
int epoll_file_add(struct file *ep, int fd, struct file *f, uint32_t events,
		   uint64_t data);
int epoll_file_mod(struct file *ep, int fd, struct file *f, uint32_t events,
		   uint64_t data);
int epoll_file_del(struct file *ep, int fd, struct file *f);
int epoll_file_wait(struct file *ep, struct epoll_ready *out, int max,
		    nsec_t deadline);	/* may switch */

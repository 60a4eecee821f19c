/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Cooperative threads on one virtual CPU. A switch happens only in the calls
 * marked "may switch". A thread that blocks when nothing else is runnable
 * polls events on its own stack until something is. Stacks have an unmapped
 * guard page below them.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "kernel/lib/list.h"
#include "kernel/timer.h"
#include "pv/pv.h"

#define THREAD_STACK_DEFAULT	(64u << 10)	/* bytes, without the guard */

struct wait_queue {
	struct list waiters;
};
#define WAIT_QUEUE_INIT(q) { LIST_INIT((q).waiters) }
void wait_queue_init(struct wait_queue *q);

struct thread {
	void *sp;			/* arch switch: first field */
	uintptr_t tls;			/* thread pointer */
	struct list run;		/* in the run queue or in a wait queue */
	struct list all;
	struct wait_queue *waiting_on;
	int wake_status;
	void *stack;			/* lowest usable byte */
	size_t stack_len;
	void (*fn)(void *arg);
	void *arg;
	const char *name;		/* must outlive the thread */
	unsigned id;
	bool detached, finished;
	struct wait_queue exit_wait;	/* thread_join's callers */
	struct timer sleep_timer;
	void *user;			/* libc's per-thread data */
	nsec_t running_since;		/* watchdog */
};

/* Once, at the end of kmain: the first thread, on the boot stack until then.
 * Never returns. */
void thread_start_first(const char *name, void (*fn)(void *), void *arg,
			size_t stack_len) NORETURN;

/* A new runnable thread. NULL: no memory. stack_len 0: the default; rounded up
 * to pages. Joined by thread_join() or detached. */
struct thread *thread_create(const char *name, void (*fn)(void *), void *arg,
			     size_t stack_len);
void thread_exit(void) NORETURN;	/* may switch */
void thread_join(struct thread *t);	/* may switch; frees it */
void thread_detach(struct thread *t);	/* frees itself when finished */
struct thread *thread_current(void);

/* Lets others run and services events. May switch. */
void sched_yield_cpu(void);

/* Blocks until woken or until the deadline. 0: woken, -ETIMEDOUT. May switch.
 * Not callable from event handlers, timers or deferred work (asserted). */
int wait_queue_sleep(struct wait_queue *q, nsec_t deadline);
void wait_queue_wake_one(struct wait_queue *q);
void wait_queue_wake_all(struct wait_queue *q);

void thread_sleep_until(nsec_t deadline);	/* may switch */

/* Non-recursive, owner checked. May switch in lock. */
struct mutex {
	struct thread *owner;
	struct wait_queue waiters;
};
#define MUTEX_INIT(m) { NULL, WAIT_QUEUE_INIT((m).waiters) }
void mutex_init(struct mutex *m);
void mutex_lock(struct mutex *m);
bool mutex_try_lock(struct mutex *m);
void mutex_unlock(struct mutex *m);

/* The thread whose stack holds `addr`, or NULL; for backtraces. */
struct thread *thread_of_stack(uintptr_t addr);

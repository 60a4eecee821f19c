/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Mutexes and conditions. Statically initialised objects are all zero, so the
 * waiters are a plain singly linked queue of records on the waiters' stacks;
 * each waits on a wait queue of its own. Cooperative threads: no step here
 * can be interrupted by another thread.
 */
#include "libc_impl.h"

#include <pthread.h>

#include "kernel/clock.h"
#include "kernel/thread.h"

struct waiter {
	struct waiter *next;
	struct wait_queue queue;
	bool woken;
};

static void waiter_push(void **first, void **last, struct waiter *w)
{
	wait_queue_init(&w->queue);
	w->next = NULL;
	w->woken = false;
	if (*first)
		((struct waiter *)*last)->next = w;
	else
		*first = w;
	*last = w;
}

static void waiter_remove(void **first, void **last, struct waiter *w)
{
	struct waiter *prev = NULL;

	for (struct waiter *i = *first; i; prev = i, i = i->next) {
		if (i != w)
			continue;
		if (prev)
			prev->next = w->next;
		else
			*first = w->next;
		if (*last == w)
			*last = prev;
		return;
	}
}

static struct waiter *waiter_wake_first(void **first, void **last)
{
	struct waiter *w = *first;

	if (!w)
		return NULL;
	waiter_remove(first, last, w);
	w->woken = true;
	wait_queue_wake_one(&w->queue);
	return w;
}

/* 0 when woken by waiter_wake_first, else -ETIMEDOUT. */
static int waiter_sleep(struct waiter *w, nsec_t deadline)
{
	while (!w->woken)
		if (wait_queue_sleep(&w->queue, deadline) == -ETIMEDOUT &&
		    !w->woken)
			return -ETIMEDOUT;
	return 0;
}

int pthread_mutexattr_init(pthread_mutexattr_t *a)
{
	a->type = PTHREAD_MUTEX_DEFAULT;
	return 0;
}

int pthread_mutexattr_destroy(pthread_mutexattr_t *a)
{
	(void)a;
	return 0;
}

int pthread_mutexattr_settype(pthread_mutexattr_t *a, int type)
{
	if (type < PTHREAD_MUTEX_NORMAL || type > PTHREAD_MUTEX_ERRORCHECK)
		return EINVAL;
	a->type = type;
	return 0;
}

int pthread_mutex_init(pthread_mutex_t *m, const pthread_mutexattr_t *a)
{
	*m = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
	if (a)
		m->type = a->type;
	return 0;
}

int pthread_mutex_destroy(pthread_mutex_t *m)
{
	return m->owner ? EBUSY : 0;
}

/* Own it now, without waiting; EBUSY, EDEADLK as the type says. */
static int mutex_take(pthread_mutex_t *m)
{
	struct thread *self = thread_current();

	if (!m->owner) {
		m->owner = self;
		m->depth = 1;
		return 0;
	}
	if (m->owner != self)
		return EBUSY;
	if (m->type == PTHREAD_MUTEX_RECURSIVE) {
		m->depth++;
		return 0;
	}
	return EDEADLK;
}

int pthread_mutex_trylock(pthread_mutex_t *m)
{
	return mutex_take(m) ? EBUSY : 0;
}

int pthread_mutex_lock(pthread_mutex_t *m)
{
	int err;

	while ((err = mutex_take(m)) == EBUSY) {
		struct waiter w;

		waiter_push(&m->first, &m->last, &w);
		(void)waiter_sleep(&w, NSEC_NEVER);
	}
	/* A normal mutex locked twice would stop its thread for ever; an
	 * error that can be seen is kinder, and POSIX allows it. */
	return err;
}

int pthread_mutex_unlock(pthread_mutex_t *m)
{
	if (m->owner != thread_current())
		return EPERM;
	if (--m->depth == 0) {
		m->owner = NULL;
		waiter_wake_first(&m->first, &m->last);
	}
	return 0;
}

int pthread_condattr_init(pthread_condattr_t *a)
{
	a->clock = CLOCK_REALTIME;
	return 0;
}

int pthread_condattr_destroy(pthread_condattr_t *a)
{
	(void)a;
	return 0;
}

int pthread_condattr_setclock(pthread_condattr_t *a, clockid_t clock)
{
	a->clock = clock;
	return 0;
}

int pthread_cond_init(pthread_cond_t *c, const pthread_condattr_t *a)
{
	*c = (pthread_cond_t)PTHREAD_COND_INITIALIZER;
	if (a)
		c->clock = a->clock;
	return 0;
}

int pthread_cond_destroy(pthread_cond_t *c)
{
	return c->first ? EBUSY : 0;
}

static int cond_wait(pthread_cond_t *c, pthread_mutex_t *m, nsec_t deadline)
{
	unsigned depth = m->depth;
	struct waiter w;
	int err, err2;

	if (m->owner != thread_current())
		return EPERM;
	waiter_push(&c->first, &c->last, &w);
	m->depth = 1;
	pthread_mutex_unlock(m);
	err = waiter_sleep(&w, deadline) ? ETIMEDOUT : 0;
	if (err)
		waiter_remove(&c->first, &c->last, &w);
	err2 = pthread_mutex_lock(m);
	m->depth = depth;
	return err2 ? err2 : err;
}

int pthread_cond_wait(pthread_cond_t *c, pthread_mutex_t *m)
{
	return cond_wait(c, m, NSEC_NEVER);
}

int pthread_cond_timedwait(pthread_cond_t *c, pthread_mutex_t *m,
			   const struct timespec *abstime)
{
	nsec_t base = c->clock == CLOCK_REALTIME ? clock_wall() : clock_now();
	struct timespec left = { 0 };
	nsec_t at;

	if (abstime->tv_nsec < 0 || abstime->tv_nsec >= (long)NSEC_PER_SEC)
		return EINVAL;
	at = abstime->tv_sec < 0 ? 0 : libc_timespec_ns(abstime);
	if (at > base) {
		left.tv_sec = (time_t)((at - base) / NSEC_PER_SEC);
		left.tv_nsec = (long)((at - base) % NSEC_PER_SEC);
	}
	return cond_wait(c, m, libc_deadline(&left));
}

int pthread_cond_signal(pthread_cond_t *c)
{
	waiter_wake_first(&c->first, &c->last);
	return 0;
}

int pthread_cond_broadcast(pthread_cond_t *c)
{
	while (waiter_wake_first(&c->first, &c->last))
		;
	return 0;
}

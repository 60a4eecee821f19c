/* SPDX-License-Identifier: BSD-2-Clause
 *
 * POSIX threads over kernel/thread.h: life of a thread, once, keys. Mutexes
 * and conditions are in pthread_sync.c.
 */
#include "libc_impl.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/heap.h"
#include "kernel/panic.h"
#include "kernel/thread.h"

#define STACK_MIN (16u << 10)

struct glint_pthread {
	struct thread *thread;
	void *(*fn)(void *);
	void *arg, *result;
	struct {
		void *ptr;
		unsigned era;		/* keys[].era when it was set */
	} value[PTHREAD_KEYS_MAX];
	bool detached;
};

static struct {
	bool used;
	unsigned era;			/* values of a deleted key are gone */
	void (*destructor)(void *);
} keys[PTHREAD_KEYS_MAX];

static struct glint_pthread main_thread;
static unsigned live = 1;

void libc_threads_init(void)
{
	main_thread.thread = thread_current();
	thread_current()->user = &main_thread;
}

static void pthread_free(struct glint_pthread *t)
{
	if (t != &main_thread)
		heap_free(HEAP_APP, t);
}

/* POSIX asks for a few rounds, because destructors may set values again. */
static void *key_value(const struct glint_pthread *t, unsigned k)
{
	return keys[k].used && t->value[k].era == keys[k].era ?
	       t->value[k].ptr : NULL;
}

static void run_destructors(struct glint_pthread *t)
{
	for (int round = 0; round < 4; round++)
		for (unsigned k = 0; k < PTHREAD_KEYS_MAX; k++) {
			void *v = key_value(t, k);

			t->value[k].ptr = NULL;
			if (v && keys[k].destructor)
				keys[k].destructor(v);
		}
}

void pthread_exit(void *result)
{
	struct glint_pthread *t = pthread_self();

	t->result = result;
	run_destructors(t);
	if (--live == 0)
		exit(0);		/* nobody is left to do it */
	if (t->detached)
		pthread_free(t);
	thread_exit();
}

static void thread_body(void *arg)
{
	struct glint_pthread *t = arg;

	thread_current()->user = t;
	pthread_exit(t->fn(t->arg));
}

int pthread_create(pthread_t *out, const pthread_attr_t *attr,
		   void *(*fn)(void *), void *arg)
{
	struct glint_pthread *t = heap_zalloc(HEAP_APP, sizeof(*t));

	if (!t)
		return EAGAIN;
	t->fn = fn;
	t->arg = arg;
	t->detached = attr && attr->detached;
	t->thread = thread_create("pthread", thread_body, t,
				  attr ? attr->stack_len : 0);
	if (!t->thread) {
		heap_free(HEAP_APP, t);
		return EAGAIN;
	}
	if (t->detached)
		thread_detach(t->thread);
	live++;
	*out = t;
	return 0;
}

int pthread_join(pthread_t t, void **result)
{
	if (t == pthread_self())
		return EDEADLK;
	if (t->detached)
		return EINVAL;
	thread_join(t->thread);
	if (result)
		*result = t->result;
	pthread_free(t);
	return 0;
}

int pthread_detach(pthread_t t)
{
	if (t->detached)
		return EINVAL;
	if (t->thread->finished) {
		thread_join(t->thread);
		pthread_free(t);
		return 0;
	}
	t->detached = true;
	thread_detach(t->thread);
	return 0;
}

pthread_t pthread_self(void)
{
	struct glint_pthread *t = thread_current()->user;

	ASSERT(t != NULL);	/* only threads of this file run C programs */
	return t;
}

int pthread_equal(pthread_t a, pthread_t b)
{
	return a == b;
}

int sched_yield(void)
{
	sched_yield_cpu();
	return 0;
}

int pthread_attr_init(pthread_attr_t *a)
{
	*a = (pthread_attr_t){ THREAD_STACK_DEFAULT, PTHREAD_CREATE_JOINABLE };
	return 0;
}

int pthread_attr_destroy(pthread_attr_t *a)
{
	(void)a;
	return 0;
}

int pthread_attr_setstacksize(pthread_attr_t *a, size_t len)
{
	if (len < STACK_MIN)
		return EINVAL;
	a->stack_len = len;
	return 0;
}

int pthread_attr_getstacksize(const pthread_attr_t *a, size_t *len)
{
	*len = a->stack_len;
	return 0;
}

int pthread_attr_setdetachstate(pthread_attr_t *a, int detached)
{
	if (detached != PTHREAD_CREATE_JOINABLE &&
	    detached != PTHREAD_CREATE_DETACHED)
		return EINVAL;
	a->detached = detached;
	return 0;
}

static struct wait_queue once_wait = WAIT_QUEUE_INIT(once_wait);

/* 0: not yet, 1: running, 2: done. fn may block: others wait for it. */
int pthread_once(pthread_once_t *once, void (*fn)(void))
{
	if (*once == 0) {
		*once = 1;
		fn();
		*once = 2;
		wait_queue_wake_all(&once_wait);
	}
	while (*once == 1)
		wait_queue_sleep(&once_wait, NSEC_NEVER);
	return 0;
}

int pthread_key_create(pthread_key_t *key, void (*destructor)(void *))
{
	for (unsigned k = 0; k < PTHREAD_KEYS_MAX; k++)
		if (!keys[k].used) {
			keys[k].used = true;
			keys[k].era++;
			keys[k].destructor = destructor;
			*key = k;
			return 0;
		}
	return EAGAIN;
}

int pthread_key_delete(pthread_key_t key)
{
	if (key >= PTHREAD_KEYS_MAX || !keys[key].used)
		return EINVAL;
	keys[key].used = false;
	return 0;
}

int pthread_setspecific(pthread_key_t key, const void *value)
{
	if (key >= PTHREAD_KEYS_MAX || !keys[key].used)
		return EINVAL;
	pthread_self()->value[key].ptr = (void *)(uintptr_t)value;
	pthread_self()->value[key].era = keys[key].era;
	return 0;
}

void *pthread_getspecific(pthread_key_t key)
{
	return key < PTHREAD_KEYS_MAX ? key_value(pthread_self(), key) : NULL;
}

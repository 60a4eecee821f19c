/* SPDX-License-Identifier: BSD-2-Clause
 *
 * picolibc's locks (stdio, environment, atexit). All are recursive here: the
 * depth costs nothing. They are taken only in thread context.
 */
#include <sys/lock.h>

#include "kernel/heap.h"
#include "kernel/panic.h"
#include "kernel/thread.h"

struct __lock {
	struct mutex mutex;
	unsigned depth;
};

struct __lock __lock___libc_recursive_mutex = {
	.mutex = MUTEX_INIT(__lock___libc_recursive_mutex.mutex),
};

void __retarget_lock_init(_LOCK_T *out)
{
	struct __lock *l = heap_zalloc(HEAP_APP, sizeof(*l));

	/* The interface has no way to fail; NULL is a lock not yet made. */
	if (l)
		mutex_init(&l->mutex);
	*out = l;
}

void __retarget_lock_close(_LOCK_T l)
{
	heap_free(HEAP_APP, l);
}

void __retarget_lock_acquire(_LOCK_T l)
{
	if (!l)
		return;
	if (l->mutex.owner != thread_current())
		mutex_lock(&l->mutex);
	l->depth++;
}

void __retarget_lock_release(_LOCK_T l)
{
	/* Made since by another thread: there was no memory for it when this
	 * one came to acquire it. */
	if (!l || l->mutex.owner != thread_current())
		return;
	ASSERT(l->depth > 0);
	if (--l->depth == 0)
		mutex_unlock(&l->mutex);
}

void __retarget_lock_init_recursive(_LOCK_T *out)
{
	__retarget_lock_init(out);
}

void __retarget_lock_close_recursive(_LOCK_T l)
{
	__retarget_lock_close(l);
}

void __retarget_lock_acquire_recursive(_LOCK_T l)
{
	__retarget_lock_acquire(l);
}

void __retarget_lock_release_recursive(_LOCK_T l)
{
	__retarget_lock_release(l);
}

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * See thread.h. One run queue, first in first out. A thread that blocks runs
 * the idle loop itself until somebody is runnable, possibly itself: then there
 * is no switch at all. Stacks of the default size are kept for reuse.
 */
#include "kernel/thread.h"

#include <errno.h>

#include "kernel/arch/arch.h"
#include "kernel/clock.h"
#include "kernel/event.h"
#include "kernel/heap.h"
#include "kernel/lib/string.h"
#include "kernel/page.h"
#include "kernel/panic.h"
#include "kernel/watchdog.h"

#define STACKS_KEPT 8
#define POLL_EVERY 16		/* switches between two looks at the devices */

static struct list run_queue = LIST_INIT(run_queue);
static struct list all_threads = LIST_INIT(all_threads);
static void sleep_expired(void *arg);
static struct thread boot_thread = {
	.name = "boot",
	.run = LIST_INIT(boot_thread.run),
	.exit_wait = WAIT_QUEUE_INIT(boot_thread.exit_wait),
	.sleep_timer = { .fn = sleep_expired, .arg = &boot_thread },
};
static struct thread *current = &boot_thread;
static struct thread *dead;	/* detached and finished, its stack just left */
static void *kept_stacks[STACKS_KEPT];
static unsigned n_kept, next_id = 1, since_poll;

/* ---- stacks: [guard page][stack] ---- */

static void *stack_alloc(size_t len)
{
	char *base;

	if (len == THREAD_STACK_DEFAULT && n_kept)
		return kept_stacks[--n_kept];
	base = page_alloc((len >> PAGE_SHIFT) + 1, PAGE_SIZE);
	if (!base)
		return NULL;
	if (pv->protect((uintptr_t)base, PAGE_SIZE, PV_PROT_NONE)) {
		page_free(base, (len >> PAGE_SHIFT) + 1);
		return NULL;
	}
	return base + PAGE_SIZE;
}

static void stack_release(void *stack, size_t len)
{
	char *base = (char *)stack - PAGE_SIZE;

	/* If the guard cannot go back, its page and stack are lost, not broken. */
	if (pv->protect((uintptr_t)base, PAGE_SIZE, PV_PROT_RW) == 0)
		page_free(base, (len >> PAGE_SHIFT) + 1);
}

static void stack_free(void *stack, size_t len)
{
	if (len == THREAD_STACK_DEFAULT && n_kept < STACKS_KEPT)
		kept_stacks[n_kept++] = stack;
	else
		stack_release(stack, len);
}

static size_t shrink_stacks(void *arg, size_t want)
{
	size_t freed = 0;

	(void)arg;
	while (n_kept && freed < want) {
		stack_release(kept_stacks[--n_kept], THREAD_STACK_DEFAULT);
		freed += THREAD_STACK_DEFAULT;
	}
	return freed;
}

static struct heap_shrinker stack_shrinker = { shrink_stacks, NULL, NULL };

/* ---- life of a thread ---- */

/* One block: thread-local data first, for its alignment, then the thread. */
static struct thread *descriptor_alloc(uintptr_t *tls)
{
	size_t tls_len = ALIGN_UP(arch_tls_size(), _Alignof(struct thread));
	char *block = heap_alloc_aligned(HEAP_KERNEL, arch_tls_align(),
					 tls_len + sizeof(struct thread));
	struct thread *t;

	if (!block)
		return NULL;
	*tls = arch_tls_init(block);
	t = (struct thread *)(void *)(block + tls_len);
	memset(t, 0, sizeof(*t));
	return t;
}

static void descriptor_free(struct thread *t)
{
	size_t tls_len = ALIGN_UP(arch_tls_size(), _Alignof(struct thread));

	heap_free(HEAP_KERNEL, (char *)t - tls_len);
}

static void sleep_expired(void *arg)
{
	struct thread *t = arg;

	t->wake_status = -ETIMEDOUT;
	t->waiting_on = NULL;
	list_del(&t->run);
	list_push(&run_queue, &t->run);
}

struct thread *thread_create(const char *name, void (*fn)(void *), void *arg,
			     size_t stack_len)
{
	uintptr_t tls;
	struct thread *t;

	if (stack_len >> PAGE_SHIFT >= page_total())
		return NULL;		/* and its sum with a guard cannot wrap */
	stack_len = stack_len ? ALIGN_UP(stack_len, PAGE_SIZE) :
		    THREAD_STACK_DEFAULT;
	t = descriptor_alloc(&tls);
	if (!t)
		return NULL;
	if (timer_reserve())
		goto fail_descriptor;
	t->stack = stack_alloc(stack_len);
	if (!t->stack)
		goto fail_timer;
	t->stack_len = stack_len;
	t->tls = tls;
	t->fn = fn;
	t->arg = arg;
	t->name = name;
	t->id = next_id++;
	t->sleep_timer = (struct timer){ .fn = sleep_expired, .arg = t,
					 .reserved = true };
	wait_queue_init(&t->exit_wait);
	t->sp = arch_context_init((char *)t->stack + stack_len);
	list_push(&all_threads, &t->all);
	list_push(&run_queue, &t->run);
	return t;

fail_timer:
	timer_unreserve();
fail_descriptor:
	descriptor_free(t);
	return NULL;
}

static void thread_free(struct thread *t)
{
	list_del(&t->all);
	stack_free(t->stack, t->stack_len);
	timer_unreserve();
	descriptor_free(t);
}

struct thread *thread_current(void)
{
	return current;
}

struct thread *thread_of_stack(uintptr_t addr)
{
	struct list *pos;

	list_for_each(pos, &all_threads) {
		struct thread *t = container_of(pos, struct thread, all);

		if (addr - (uintptr_t)t->stack < t->stack_len)
			return t;
	}
	return NULL;
}

/* ---- the scheduler ---- */

/* The first thing on the new stack: the old one may now go. */
static void after_switch(void)
{
	struct thread *t = dead;

	dead = NULL;
	if (t)
		thread_free(t);
}

static void switch_to(struct thread *next)
{
	struct thread *prev = current;

	next->running_since = clock_now();
	if (next == prev)
		return;
	current = next;
	pv->set_tls(next->tls);
	arch_switch(prev, next);
	after_switch();
}

/* Lines become pending inside pv->wait only; a past deadline does not sleep. */
static void poll_devices(void)
{
	since_poll = 0;
	pv->wait(0);
	event_poll();
}

/* Runs whoever is next. The caller has put `current` where it belongs. */
static void schedule(void)
{
	ASSERT(!event_running());
	watchdog_check(current);
	if (++since_poll >= POLL_EVERY)
		poll_devices();
	else if (event_pending())
		event_poll();
	while (list_empty(&run_queue)) {
		if (!event_pending())
			pv->wait(timer_next_deadline());
		event_poll();
		since_poll = 0;
	}
	switch_to(container_of(list_pop(&run_queue), struct thread, run));
}

void sched_yield_cpu(void)
{
	ASSERT(!event_running());
	watchdog_check(current);
	poll_devices();
	if (list_empty(&run_queue)) {
		current->running_since = clock_now();
		return;
	}
	list_push(&run_queue, &current->run);
	schedule();
}

void thread_entry(void)
{
	after_switch();
	current->fn(current->arg);
	thread_exit();
}

void thread_exit(void)
{
	struct thread *t = current;

	ASSERT(!event_running());
	t->finished = true;
	wait_queue_wake_all(&t->exit_wait);
	if (t->detached)
		dead = t;
	schedule();
	panic("a finished thread ran again");
}

void thread_join(struct thread *t)
{
	ASSERT(t != current && !t->detached);
	while (!t->finished)
		wait_queue_sleep(&t->exit_wait, NSEC_NEVER);
	thread_free(t);
}

void thread_detach(struct thread *t)
{
	ASSERT(!t->detached);
	if (t->finished)
		thread_free(t);
	else
		t->detached = true;
}

void thread_start_first(const char *name, void (*fn)(void *), void *arg,
			size_t stack_len)
{
	struct thread *t;

	heap_add_shrinker(&stack_shrinker);
	t = thread_create(name, fn, arg, stack_len);
	if (!t)
		panic("no memory for the stack of the first thread");
	schedule();
	panic("the boot stack ran again");
}

/* ---- wait queues ---- */

void wait_queue_init(struct wait_queue *q)
{
	list_init(&q->waiters);
}

int wait_queue_sleep(struct wait_queue *q, nsec_t deadline)
{
	struct thread *t = current;

	ASSERT(!event_running());
	t->wake_status = 0;
	t->waiting_on = q;
	list_push(&q->waiters, &t->run);
	/* Cannot fail: thread_create reserved the place. */
	if (deadline != NSEC_NEVER && timer_set(&t->sleep_timer, deadline))
		panic("no timer for a sleeping thread");
	schedule();
	timer_cancel(&t->sleep_timer);
	return t->wake_status;
}

void wait_queue_wake_one(struct wait_queue *q)
{
	struct list *e = list_pop(&q->waiters);
	struct thread *t;

	if (!e)
		return;
	t = container_of(e, struct thread, run);
	t->waiting_on = NULL;
	timer_cancel(&t->sleep_timer);
	list_push(&run_queue, &t->run);
}

void wait_queue_wake_all(struct wait_queue *q)
{
	while (!list_empty(&q->waiters))
		wait_queue_wake_one(q);
}

void thread_sleep_until(nsec_t deadline)
{
	struct wait_queue q = WAIT_QUEUE_INIT(q);

	wait_queue_sleep(&q, deadline);
}

/* ---- mutexes ---- */

void mutex_init(struct mutex *m)
{
	m->owner = NULL;
	wait_queue_init(&m->waiters);
}

void mutex_lock(struct mutex *m)
{
	ASSERT(m->owner != current);
	while (m->owner)
		wait_queue_sleep(&m->waiters, NSEC_NEVER);
	m->owner = current;
}

bool mutex_try_lock(struct mutex *m)
{
	if (m->owner)
		return false;
	m->owner = current;
	return true;
}

void mutex_unlock(struct mutex *m)
{
	ASSERT(m->owner == current);
	m->owner = NULL;
	wait_queue_wake_one(&m->waiters);
}

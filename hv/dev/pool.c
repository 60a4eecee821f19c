/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Threads that do what would block. One producer (the thread that serves the devices)
 * puts jobs into a ring; workers take them one by one, sleeping on a futex; what
 * is done goes onto a list that the producer takes whole. The ring has room for
 * all jobs there are, so it cannot overflow.
 */
#include <asm/errno.h>
#include <asm/signal.h>
#include <linux/sched.h>

#include "hv/dev/dev_impl.h"
#include "hv/sys.h"

/* ---- the server's side ---------------------------------------------------------- */

struct job *pool_get(struct devs *d)
{
	for (unsigned i = 0; i < POOL_RING; i++)
		if (d->pool.job[i].state == JOB_FREE) {
			d->pool.job[i].state = JOB_BUSY;
			return &d->pool.job[i];
		}
	return NULL;
}

void pool_put(struct devs *d, struct job *j)
{
	(void)d;
	j->state = JOB_FREE;
}

static void ring_bell(struct pool *p, unsigned n)
{
	__atomic_fetch_add(&p->bell, 1, __ATOMIC_SEQ_CST);
	sys_futex_wake(&p->bell, n);
}

void pool_post(struct devs *d, struct job *j)
{
	struct pool *p = &d->pool;
	uint32_t at = p->posted;

	if (!p->n) {
		blk_run_job(d, j);
		blk_finish(d, j);
		return;
	}
	__atomic_store_n(&p->ring[at % POOL_RING], (uint16_t)(j - p->job), __ATOMIC_RELAXED);
	/* pairs with the worker's look after it has counted itself as a sleeper: it
	 * sees the job, or we see the sleeper */
	__atomic_store_n(&p->posted, at + 1, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&p->sleepers, __ATOMIC_SEQ_CST))
		ring_bell(p, 1);
}

bool pool_collect(struct devs *d)
{
	struct pool *p = &d->pool;
	uint32_t list;

	if (!p->n || !__atomic_load_n(&p->done, __ATOMIC_RELAXED))
		return false;
	/* pairs with the worker's push: its results, and the guest's memory */
	list = __atomic_exchange_n(&p->done, 0, __ATOMIC_ACQUIRE);
	while (list) {
		struct job *j = &p->job[(list - 1) % POOL_RING];

		list = j->next;
		blk_finish(d, j);
	}
	return true;
}

bool pool_prepare(struct devs *d)
{
	/* pairs with the exchange in push(): we see its job, or it sees us asleep */
	__atomic_store_n(&d->pool.armed, 1, __ATOMIC_SEQ_CST);
	return __atomic_load_n(&d->pool.done, __ATOMIC_SEQ_CST) != 0;
}

/* ---- a worker's ------------------------------------------------------------------- */

static struct job *take(struct pool *p)
{
	uint32_t at = __atomic_load_n(&p->taken, __ATOMIC_RELAXED);

	/* acquire: pairs with the store in pool_post() */
	while (at != __atomic_load_n(&p->posted, __ATOMIC_SEQ_CST)) {
		uint16_t i = __atomic_load_n(&p->ring[at % POOL_RING], __ATOMIC_RELAXED);

		if (__atomic_compare_exchange_n(&p->taken, &at, at + 1, false, __ATOMIC_ACQ_REL,
						__ATOMIC_RELAXED))
			return &p->job[i % POOL_RING];
	}
	return NULL;
}

static struct job *wait_job(struct pool *p)
{
	for (;;) {
		uint32_t bell = __atomic_load_n(&p->bell, __ATOMIC_SEQ_CST);
		struct job *j = take(p);

		if (j || __atomic_load_n(&p->stop, __ATOMIC_SEQ_CST))
			return j;
		__atomic_fetch_add(&p->sleepers, 1, __ATOMIC_SEQ_CST);
		/* The ring is looked at again; if the bell was rung since we heard it
		 * last, the kernel does not let us sleep. */
		j = take(p);
		if (!j)
			sys_futex_wait(&p->bell, bell);
		__atomic_fetch_sub(&p->sleepers, 1, __ATOMIC_SEQ_CST);
		if (j)
			return j;
	}
}

static void push(struct devs *d, struct job *j)
{
	struct pool *p = &d->pool;
	uint32_t me = (uint32_t)(j - p->job) + 1, head;
	uint64_t one = 1;

	head = __atomic_load_n(&p->done, __ATOMIC_RELAXED);
	do
		j->next = head;
	while (!__atomic_compare_exchange_n(&p->done, &head, me, false, __ATOMIC_SEQ_CST,
					    __ATOMIC_RELAXED));
	if (__atomic_exchange_n(&p->armed, 0, __ATOMIC_SEQ_CST))
		sys_write(d->event_fd, &one, sizeof(one));
}

void devs_worker(struct devs *d)
{
	struct job *j;

	while ((j = wait_job(&d->pool))) {
		blk_run_job(d, j);
		push(d, j);
	}
}

void devs_count_workers(struct devs *d, unsigned n)
{
	d->pool.n = n;
}

void devs_stop_workers(struct devs *d)
{
	__atomic_store_n(&d->pool.stop, 1, __ATOMIC_SEQ_CST);
	ring_bell(&d->pool, DEVS_WORKERS_MAX);
}

/* ---- start ------------------------------------------------------------------------ */

unsigned devs_workers_wanted(const struct devs *d)
{
	unsigned n = 0;

	for (unsigned i = 0; i < d->n; i++)
		if (d->dev[i].id == VIRTIO_ID_BLOCK)
			n += d->u[i].blk.p.direct_fd >= 0 ? 16 : 4;
	return n < DEVS_WORKERS_MAX ? n : DEVS_WORKERS_MAX;
}

__attribute__((noreturn, used))
static void worker_main(void *arg)
{
	devs_worker(arg);
	for (;;)
		sys_raw(__NR_exit, 0, 0, 0, 0, 0, 0);
}

/* clone() returns twice, the second time on the new stack, where a compiled function
 * has nothing: so the child's part is in the assembly. */
static long start_thread(void *stack_top, void (*fn)(void *), void *arg)
{
	long flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD |
		     CLONE_SYSVSEM;
	long ret;

	__asm__ volatile("xor %%edx, %%edx\n\t"
			 "xor %%r10d, %%r10d\n\t"
			 "syscall\n\t"
			 "test %%rax, %%rax\n\t"
			 "jnz 1f\n\t"
			 "xor %%ebp, %%ebp\n\t"
			 "mov %[arg], %%rdi\n\t"
			 "call *%[fn]\n\t"
			 "1:"
			 : "=a"(ret)
			 : "a"((long)__NR_clone), "D"(flags), "S"(stack_top), [arg] "r"(arg),
			   [fn] "r"(fn)
			 : "rcx", "rdx", "r10", "r11", "memory");
	return ret;
}

long devs_thread(void *stack_top, void (*fn)(void *), void *arg)
{
	uint64_t all = ~0ull, old;
	long ret;

	sys_raw(__NR_rt_sigprocmask, SIG_SETMASK, (long)&all, (long)&old, sizeof(all), 0, 0);
	ret = start_thread(stack_top, fn, arg);
	sys_raw(__NR_rt_sigprocmask, SIG_SETMASK, (long)&old, 0, sizeof(all), 0, 0);
	return ret;
}

int devs_start_workers(struct devs *d, unsigned n)
{
	long err = 0;

	if (n > DEVS_WORKERS_MAX)
		n = DEVS_WORKERS_MAX;
	while (d->pool.n < n && err >= 0) {
		d->pool.n++;		/* counts for those that run already */
		err = devs_thread(d->stack[d->pool.n - 1] + POOL_STACK, worker_main, d);
		if (err < 0)
			d->pool.n--;
	}
	return err < 0 ? (int)err : 0;
}

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The kernel, as far as fs/ needs one, for host programs: the tools and the
 * tests. One thread; the heap counts, and can be told to fail.
 */
#include "tools/host_kernel.h"

#include <sanitizer/asan_interface.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "kernel/clock.h"
#include "kernel/file.h"
#include "kernel/heap.h"
#include "kernel/lib/fmt.h"
#include "kernel/log.h"
#include "kernel/page.h"
#include "kernel/panic.h"
#include "kernel/thread.h"

unsigned char log_threshold[LOG_AREAS] = {
	LOG_INFO, LOG_INFO, LOG_INFO, LOG_INFO, LOG_INFO, LOG_INFO, LOG_WARN,
	LOG_INFO, LOG_INFO,
};
char host_last_log[256];
const char *host_log_prefix = "";
bool host_log_quiet;
long host_heap_live, host_heap_fail_after = -1;
size_t host_memory = 256u << 20;
uint64_t host_wall;

static struct heap_shrinker *shrinkers;

static bool fails(void)
{
	if (host_heap_fail_after < 0)
		return false;
	return host_heap_fail_after-- == 0;
}

void *heap_alloc(enum heap_owner owner, size_t len)
{
	void *p = fails() ? NULL : malloc(len ? len : 1);

	(void)owner;
	host_heap_live += p != NULL;
	return p;
}

void *heap_zalloc(enum heap_owner owner, size_t len)
{
	void *p = heap_alloc(owner, len);

	return p ? memset(p, 0, len) : NULL;
}

void *heap_alloc_aligned(enum heap_owner owner, size_t align, size_t len)
{
	void *p = NULL;

	(void)owner;
	if (fails() || posix_memalign(&p, align, len))
		return NULL;
	host_heap_live++;
	return p;
}

void *heap_realloc(enum heap_owner owner, void *p, size_t len)
{
	void *q = fails() ? NULL : realloc(p, len);

	(void)owner;
	host_heap_live += q != NULL && p == NULL;
	return q;
}

void heap_free(enum heap_owner owner, void *p)
{
	(void)owner;
	host_heap_live -= p != NULL;
	free(p);
}

/* Runs of pages, which may be given back page by page. */
struct run {
	struct run *next;
	char *base;
	size_t n, left;
};

static struct run *runs;

void *page_alloc(size_t n_pages, size_t align)
{
	struct run *r = fails() ? NULL : malloc(sizeof(*r));

	if (!r || posix_memalign((void **)&r->base, align, n_pages * PAGE_SIZE)) {
		free(r);
		return NULL;
	}
	r->n = r->left = n_pages;
	r->next = runs;
	runs = r;
	host_heap_live++;
	return r->base;
}

void *page_try_alloc(size_t n_pages, size_t align)
{
	return page_alloc(n_pages, align);
}

void page_free(void *addr, size_t n_pages)
{
	struct run **p = &runs, *r;

	while (*p && ((char *)addr < (*p)->base ||
		      (char *)addr >= (*p)->base + (*p)->n * PAGE_SIZE))
		p = &(*p)->next;
	r = *p;
	ASSERT(r && n_pages <= r->left);
	r->left -= n_pages;
	ASAN_POISON_MEMORY_REGION(addr, n_pages * PAGE_SIZE);
	if (r->left)
		return;
	ASAN_UNPOISON_MEMORY_REGION(r->base, r->n * PAGE_SIZE);
	*p = r->next;
	free(r->base);
	free(r);
	host_heap_live--;
}

void heap_add_shrinker(struct heap_shrinker *s)
{
	s->next = shrinkers;
	shrinkers = s;
}

size_t host_shrink(size_t want)
{
	size_t got = 0;

	for (struct heap_shrinker *s = shrinkers; s; s = s->next)
		got += s->shrink(s->arg, want);
	return got;
}

size_t page_free_count(void)
{
	return host_memory / PAGE_SIZE;
}

nsec_t clock_wall(void)
{
	struct timespec ts;

	if (host_wall)
		return host_wall;
	clock_gettime(CLOCK_REALTIME, &ts);
	return (nsec_t)ts.tv_sec * NSEC_PER_SEC + (nsec_t)ts.tv_nsec;
}

nsec_t host_now = NSEC_PER_SEC;

nsec_t clock_now(void)
{
	return host_now;
}

static struct thread the_thread;

struct thread *thread_current(void)
{
	return &the_thread;
}

bool (*host_wait)(void);

void wait_queue_init(struct wait_queue *q)
{
	list_init(&q->waiters);
}

/* One thread: what it waits for happens meanwhile, or never. */
WEAK int wait_queue_sleep(struct wait_queue *q, nsec_t deadline)
{
	(void)q;
	(void)deadline;
	ASSERT(host_wait && host_wait());
	return 0;
}

void wait_queue_wake_all(struct wait_queue *q)
{
	(void)q;
}

void mutex_init(struct mutex *m)
{
	m->owner = NULL;
}

void mutex_lock(struct mutex *m)
{
	ASSERT(!m->owner);
	m->owner = &the_thread;
}

void mutex_unlock(struct mutex *m)
{
	ASSERT(m->owner);
	m->owner = NULL;
}

void file_init(struct file *f, const struct file_ops *ops, const void *kind)
{
	f->ops = ops;
	f->refs = 1;
	f->kind = kind;
	list_init(&f->watches);
}

struct file *file_get(struct file *f)
{
	f->refs++;
	return f;
}

void file_put(struct file *f)
{
	ASSERT(f->refs > 0);
	if (--f->refs == 0)
		f->ops->release(f);
}

void log_write(enum log_area area, enum log_level level, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(host_last_log, sizeof(host_last_log), fmt, ap);
	va_end(ap);
	if (!host_log_quiet && level <= (enum log_level)log_threshold[area])
		fprintf(stderr, "%s%s\n", host_log_prefix, host_last_log);
}

int fmt_vsnprintf(char *buf, size_t size, const char *fmt, va_list ap)
{
	return vsnprintf(buf, size, fmt, ap);
}

int fmt_snprintf(char *buf, size_t size, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(buf, size, fmt, ap);
	va_end(ap);
	return n;
}

void assert_failed(const char *expr, const char *file, int line)
{
	fprintf(stderr, "%s:%d: assertion failed: %s\n", file, line, expr);
	abort();
}

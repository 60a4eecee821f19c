/* SPDX-License-Identifier: BSD-2-Clause
 *
 * See peer_kernel.h. Not the kernel's own files on purpose: its page allocator
 * would hide overruns inside one arena from ASan.
 */
#include "tests/peer/peer_kernel.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/clock.h"
#include "kernel/entropy.h"
#include "kernel/event.h"
#include "kernel/heap.h"
#include "kernel/log.h"
#include "kernel/page.h"
#include "kernel/panic.h"
#include "kernel/timer.h"

uint64_t pk_now, pk_step = 100;
char pk_log[8192];
unsigned pk_fails;
char pk_fail_reason[128];
unsigned pk_entropy_bits;
size_t pk_pages;
struct blkdev *pk_blk;
struct netdev *pk_net;
struct console *pk_con;
char pk_input[4096];
size_t pk_input_len;
unsigned pk_bound_lines;
void (*pk_idle)(void);
unsigned pk_alloc_fail_after;
unsigned char log_threshold[LOG_AREAS];

static struct event_handler *bound[EVENT_LINES];
static bool pending[EVENT_LINES];
static struct event_deferred *deferred, **deferred_end = &deferred;
static struct timer *the_timer;
static void *blocks[8192];
static unsigned n_blocks;

/* ---- memory ---- */

static void *block(size_t align, size_t len)
{
	if (pk_alloc_fail_after && --pk_alloc_fail_after == 0)
		return NULL;
	void *p = NULL;
	if (posix_memalign(&p, align < 16 ? 16 : align, len ? len : 1))
		abort();
	memset(p, 0xa5, len);
	if (n_blocks == 8192)
		abort();
	return blocks[n_blocks++] = p;
}

static void unblock(void *p)
{
	if (!p)
		return;
	for (unsigned i = 0; i < n_blocks; i++)
		if (blocks[i] == p) {
			blocks[i] = blocks[--n_blocks];
			free(p);
			return;
		}
	abort();
}

void *page_alloc(size_t n_pages, size_t align)
{
	return block(align, n_pages << PAGE_SHIFT);
}

void page_free(void *addr, size_t n_pages)
{
	(void)n_pages;
	unblock(addr);
}

size_t page_total(void)
{
	return pk_pages;
}

paddr_t page_paddr(const volatile void *addr)
{
	return (uintptr_t)addr;
}

void *heap_alloc(enum heap_owner owner, size_t len)
{
	(void)owner;
	return block(16, len);
}

void *heap_zalloc(enum heap_owner owner, size_t len)
{
	void *p = heap_alloc(owner, len);

	if (p)
		memset(p, 0, len);
	return p;
}

void *heap_alloc_aligned(enum heap_owner owner, size_t align, size_t len)
{
	(void)owner;
	return block(align, len);
}

void heap_free(enum heap_owner owner, void *p)
{
	(void)owner;
	unblock(p);
}

/* ---- log, panic ---- */

void log_write(enum log_area area, enum log_level level, const char *fmt, ...)
{
	size_t at = strlen(pk_log);
	va_list ap;

	(void)area, (void)level;
	va_start(ap, fmt);
	vsnprintf(pk_log + at, sizeof(pk_log) - at, fmt, ap);
	va_end(ap);
	at = strlen(pk_log);
	if (at + 2 < sizeof(pk_log))
		strcpy(pk_log + at, "\n");
	if (pk_con)			/* as the real one does */
		pk_con->write(pk_con, "log\n", 4);
}

bool pk_logged(const char *text)
{
	return strstr(pk_log, text) != NULL;
}

void assert_failed(const char *expr, const char *file, int line)
{
	fprintf(stderr, "ASSERT(%s) at %s:%d\n", expr, file, line);
	abort();
}

void panic(const char *fmt, ...)
{
	fprintf(stderr, "panic: %s\n", fmt);
	abort();
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

/* ---- time ---- */

nsec_t clock_now(void)
{
	return pk_now += pk_step;
}

int timer_set(struct timer *t, nsec_t deadline)
{
	t->deadline = deadline;
	the_timer = t;
	return 0;
}

void timer_cancel(struct timer *t)
{
	if (the_timer == t)
		the_timer = NULL;
}

static void wait_for(nsec_t deadline)
{
	if (pk_idle)
		pk_idle();
	for (unsigned i = 0; i < EVENT_LINES; i++)
		if (pending[i])
			return;
	if (pk_now < deadline)
		pk_now = deadline;
}

static const struct pv_platform platform = { .name = "test", .wait = wait_for };
const struct pv_platform *pv = &platform;

/* ---- events ---- */

int event_bind(unsigned line, struct event_handler *h)
{
	if (line >= EVENT_LINES)
		return -EINVAL;
	h->line = line;
	h->next = bound[line];
	bound[line] = h;
	pk_bound_lines++;
	return 0;
}

void event_unbind(struct event_handler *h)
{
	for (struct event_handler **p = &bound[h->line]; *p; p = &(*p)->next)
		if (*p == h) {
			*p = h->next;
			pk_bound_lines--;
			return;
		}
	abort();
}

void event_set_pending(unsigned line)
{
	pending[line] = true;
}

void event_defer(struct event_deferred *d)
{
	if (d->queued)
		return;
	d->queued = true;
	d->next = NULL;
	*deferred_end = d;
	deferred_end = &d->next;
}

bool event_poll(void)
{
	struct event_deferred *d, *next;
	bool any = false;

	for (unsigned i = 0; i < EVENT_LINES; i++) {
		if (!pending[i])
			continue;
		pending[i] = false;
		any = true;
		for (struct event_handler *h = bound[i], *next; h; h = next) {
			next = h->next;
			h->fn(h->arg);
		}
	}
	if (the_timer && the_timer->deadline <= pk_now) {
		struct timer *t = the_timer;

		the_timer = NULL;
		t->fn(t->arg);
		any = true;
	}
	d = deferred;
	deferred = NULL;
	deferred_end = &deferred;
	for (; d; d = next) {
		next = d->next;
		d->queued = false;
		d->fn(d->arg);
		any = true;
	}
	return any;
}

void pk_settle(void)
{
	unsigned quiet = 0;

	for (unsigned i = 0; i < 100000 && quiet < 2; i++) {
		if (pk_idle)
			pk_idle();
		quiet = event_poll() ? 0 : quiet + 1;
	}
}

/* ---- registries ---- */

extern const struct driver __drivers_start[], __drivers_end[];

void device_announce(struct device *dev)
{
	for (const struct driver *d = __drivers_start; d < __drivers_end; d++) {
		int err;

		if (strcmp(d->bus, dev->bus))
			continue;
		dev->driver = d;	/* dev_fail() in probe() quiesces */
		err = d->probe(dev);
		if (err == 0) {
			if (dev->state == DEV_NEW)
				dev->state = DEV_LIVE;
			return;
		}
		dev->driver = NULL;
		if (err != -ENODEV) {
			dev->state = DEV_FAILED;
			return;
		}
	}
}

void dev_fail(struct device *dev, const char *reason)
{
	if (dev->state == DEV_FAILED)
		return;
	dev->state = DEV_FAILED;
	dev->fail_reason = reason;
	pk_fails++;
	snprintf(pk_fail_reason, sizeof(pk_fail_reason), "%s", reason);
	log_write(LOG_DEV, LOG_ERR, "%s: failed: %s", dev->name, reason);
	if (dev->driver && dev->driver->quiesce)
		dev->driver->quiesce(dev);
}

int blkdev_register(struct blkdev *bd)
{
	pk_blk = bd;
	return 0;
}

int netdev_register(struct netdev *nd)
{
	pk_net = nd;
	return 0;
}

void console_register(struct console *c)
{
	pk_con = c;
}

void console_unregister(struct console *c)
{
	if (pk_con == c)
		pk_con = NULL;
}

void console_input(const char *text, size_t len)
{
	if (len > sizeof(pk_input) - pk_input_len)
		len = sizeof(pk_input) - pk_input_len;
	memcpy(pk_input + pk_input_len, text, len);
	pk_input_len += len;
}

void entropy_add(const void *data, size_t len, unsigned bits)
{
	const uint8_t *p = data;
	volatile uint8_t sum = 0;

	for (size_t i = 0; i < len; i++)	/* ASan reads along */
		sum = (uint8_t)(sum + p[i]);
	pk_entropy_bits += bits;
}

bool entropy_seeded(void)
{
	return pk_entropy_bits >= 256;
}

void entropy_bytes(void *out, size_t len)
{
	memset(out, 0x77, len);
}

void pk_reset(void)
{
	while (n_blocks)
		free(blocks[--n_blocks]);
	memset(bound, 0, sizeof(bound));
	memset(pending, 0, sizeof(pending));
	deferred = NULL;
	deferred_end = &deferred;
	the_timer = NULL;
	pk_log[0] = pk_fail_reason[0] = '\0';
	pk_fails = pk_entropy_bits = pk_bound_lines = pk_alloc_fail_after = 0;
	pk_pages = 8192;		/* 32 MiB */
	pk_blk = NULL;
	pk_net = NULL;
	pk_con = NULL;
	pk_input_len = 0;
	pk_idle = NULL;
}

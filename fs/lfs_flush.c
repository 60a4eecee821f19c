/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What a program writes and does not sync is synced all the same after a while
 * (`sync-after=SECONDS`, 5; 0: never), by a thread that exists from the first
 * such write on and sleeps without a deadline while nothing is unsynced. And
 * the volumes' counters for /metrics. Not part of the host's tools.
 */
#include <errno.h>

#include "fs/lfs.h"
#include "kernel/clock.h"
#include "kernel/cmdline.h"
#include "kernel/init.h"
#include "kernel/lib/fmt.h"
#include "kernel/metrics.h"

#define AFTER_DEFAULT 5u
#define AFTER_MAX     86400u
#define STACK_LEN     (32u << 10)

static nsec_t after = AFTER_DEFAULT * NSEC_PER_SEC;
static struct wait_queue wake = WAIT_QUEUE_INIT(wake);
static bool running, idle;

static int parse_after(const char *value, unsigned index)
{
	uint64_t n;

	(void)index;
	if (fmt_parse_u64(value, 10, &n) < 0 || n > AFTER_MAX) {
		log_err(LOG_FS, "sync-after=%s: expected seconds, 0 (never) to "
			"%u, for example sync-after=%u", value, AFTER_MAX,
			AFTER_DEFAULT);
		return -EINVAL;
	}
	after = n * NSEC_PER_SEC;
	return 0;
}

static const struct cmdline_option after_option CMDLINE_OPTION = {
	.key = "sync-after",
	.help = "seconds until unsynced data is synced; 0: never",
	.parse = parse_after,
};

static void run(void *arg)
{
	(void)arg;
	for (;;) {
		nsec_t next = lfs_flush_due(clock_now(), after);

		idle = next == NSEC_NEVER;
		wait_queue_sleep(&wake, next);
	}
}

/* A volume has something unsynced. All wait equally long, so that a thread with
 * a deadline has the right one already. */
static void unsynced(void)
{
	struct thread *t;

	if (!after)
		return;
	if (running) {
		if (idle)
			wait_queue_wake_one(&wake);
		idle = false;
		return;
	}
	t = thread_create("fs-flush", run, NULL, STACK_LEN);
	if (!t)
		return;			/* the next write tries again */
	thread_detach(t);
	running = true;
}

static void collect(metrics_emit_fn emit, void *arg)
{
	struct list *l;

	list_for_each(l, &lfs_volumes) {
		struct lfs_volume *v = container_of(l, struct lfs_volume, all);
		struct bcache_stats st;
		char label[VFS_MOUNT_PATH_MAX + 16];

		bcache_get_stats(v->bd.cache, &st);
		fmt_snprintf(label, sizeof(label), "mount=\"%s\"", v->m.path);
		emit(arg, "glint_fs_cache_bytes", label, st.bytes);
		emit(arg, "glint_fs_cache_dirty_bytes", label, st.dirty);
		emit(arg, "glint_fs_cache_hits_total", label, st.hits);
		emit(arg, "glint_fs_cache_misses_total", label, st.misses);
	}
}

static struct metrics_source source = { .collect = collect };

static int flush_init(void)
{
	lfs_unsynced_hook = unsynced;
	metrics_add_source(&source);
	return 0;
}

static const struct init_hook flush_hook INIT_HOOK(INIT_STACK) = {
	"fs-flush", flush_init,
};

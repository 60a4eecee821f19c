/* SPDX-License-Identifier: BSD-2-Clause
 *
 * See metrics.h.
 */
#include "kernel/metrics.h"

#include "kernel/blkdev.h"
#include "kernel/clock.h"
#include "kernel/heap.h"
#include "kernel/lib/fmt.h"
#include "kernel/netdev.h"
#include "kernel/page.h"

static struct metrics_source *sources;

void metrics_add_source(struct metrics_source *s)
{
	s->next = sources;
	sources = s;
}

static void collect_heap(metrics_emit_fn emit, void *arg)
{
	for (int o = 0; o < HEAP_OWNERS; o++) {
		struct heap_stats st;
		char label[32];

		heap_stats((enum heap_owner)o, &st);
		fmt_snprintf(label, sizeof(label), "owner=\"%s\"",
			     heap_owner_name((enum heap_owner)o));
		emit(arg, "glint_heap_bytes", label, st.live_bytes);
		emit(arg, "glint_heap_blocks", label, st.live_blocks);
		emit(arg, "glint_heap_allocs_total", label, st.total_allocs);
		emit(arg, "glint_heap_failed_total", label, st.failed);
	}
}

static void collect_net(metrics_emit_fn emit, void *arg)
{
	for (struct netdev *n = netdev_next(NULL); n; n = netdev_next(n)) {
		char label[32];

		fmt_snprintf(label, sizeof(label), "dev=\"%s\"", n->name);
		emit(arg, "glint_net_rx_frames_total", label, n->rx_frames);
		emit(arg, "glint_net_rx_bytes_total", label, n->rx_bytes);
		emit(arg, "glint_net_rx_dropped_total", label, n->rx_dropped);
		emit(arg, "glint_net_tx_frames_total", label, n->tx_frames);
		emit(arg, "glint_net_tx_bytes_total", label, n->tx_bytes);
		emit(arg, "glint_net_tx_dropped_total", label, n->tx_dropped);
	}
}

static void collect_blk(metrics_emit_fn emit, void *arg)
{
	for (struct blkdev *b = blkdev_next(NULL); b; b = blkdev_next(b)) {
		char label[32];

		fmt_snprintf(label, sizeof(label), "dev=\"%s\"", b->name);
		emit(arg, "glint_blk_reads_total", label, b->reads);
		emit(arg, "glint_blk_writes_total", label, b->writes);
		emit(arg, "glint_blk_flushes_total", label, b->flushes);
		emit(arg, "glint_blk_errors_total", label, b->errors);
		emit(arg, "glint_blk_read_bytes_total", label, b->read_bytes);
		emit(arg, "glint_blk_write_bytes_total", label, b->write_bytes);
	}
}

void metrics_collect(metrics_emit_fn emit, void *arg)
{
	emit(arg, "glint_uptime_ms", "", clock_now() / NSEC_PER_MSEC);
	emit(arg, "glint_memory_bytes", "", page_total() * PAGE_SIZE);
	emit(arg, "glint_memory_free_bytes", "", page_free_count() * PAGE_SIZE);
	collect_heap(emit, arg);
	collect_net(emit, arg);
	collect_blk(emit, arg);
	for (struct metrics_source *s = sources; s; s = s->next)
		s->collect(emit, arg);
}

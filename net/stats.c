/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The stack's counters under Prometheus names: lwIP's by protocol (a packet
 * that is dropped is counted there by the kind of its fault), and ours.
 */
#include "net/net_impl.h"

#include "kernel/lib/compiler.h"
#include "kernel/lib/fmt.h"
#include "kernel/metrics.h"
#include "lwip/stats.h"
#include "net/pcbhash.h"

static const struct {
	const char *name;
	const struct stats_proto *p;
} protos[] = {
	{ "link", &lwip_stats.link },	  { "arp", &lwip_stats.etharp },
	{ "ip4_frag", &lwip_stats.ip_frag }, { "ip4", &lwip_stats.ip },
	{ "icmp4", &lwip_stats.icmp },	  { "udp", &lwip_stats.udp },
	{ "tcp", &lwip_stats.tcp },	  { "ip6", &lwip_stats.ip6 },
	{ "icmp6", &lwip_stats.icmp6 },	  { "ip6_frag", &lwip_stats.ip6_frag },
	{ "nd6", &lwip_stats.nd6 },
};

static const struct {
	const char *name;
	size_t off;
} fields[] = {
#define FIELD(f) { #f, offsetof(struct stats_proto, f) }
	FIELD(xmit), FIELD(recv), FIELD(drop), FIELD(chkerr), FIELD(lenerr),
	FIELD(memerr), FIELD(rterr), FIELD(proterr), FIELD(opterr), FIELD(err),
#undef FIELD
};

static const struct {
	const char *name;
	const uint64_t *value;
} own[] = {
	{ "rx_copied", &net_counters.rx_copied },
	{ "rx_nomem", &net_counters.rx_nomem },
	{ "rx_malformed", &net_counters.rx_malformed },
	{ "tx_queue_full", &net_counters.tx_queue_full },
	{ "tx_linearized", &net_counters.tx_linearized },
	{ "gso_frames", &net_counters.gso_frames },
	{ "gso_segments", &net_counters.gso_segments },
	{ "syn_dropped", &net_counters.syn_dropped },
	{ "syn_evicted", &net_counters.syn_evicted },
	{ "time_wait_cut", &net_counters.time_wait_cut },
};

static void each(void (*fn)(void *arg, const char *proto, const char *kind,
			    uint64_t value), void *arg)
{
	for (size_t i = 0; i < ARRAY_SIZE(protos); i++)
		for (size_t f = 0; f < ARRAY_SIZE(fields); f++) {
			const char *base = (const char *)protos[i].p;
			u32_t v = *(const u32_t *)(const void *)(base + fields[f].off);

			if (v)
				fn(arg, protos[i].name, fields[f].name, v);
		}
	for (size_t i = 0; i < ARRAY_SIZE(own); i++)
		fn(arg, "stack", own[i].name, *own[i].value);
	fn(arg, "tcp", "connections", pcbhash_count());
	fn(arg, "stack", "mem_bytes", net_mem_used());
	fn(arg, "stack", "mem_limit_bytes", net_mem_limit());
	fn(arg, "stack", "mem_refused", net_mem_refused());
}

struct named {
	void (*fn)(void *arg, const char *name, uint64_t value);
	void *arg;
};

static void emit_named(void *arg, const char *proto, const char *kind, uint64_t v)
{
	const struct named *n = arg;
	char name[48];

	fmt_snprintf(name, sizeof(name), "%s_%s", proto, kind);
	n->fn(n->arg, name, v);
}

void net_stats_for_each(void (*fn)(void *arg, const char *name, uint64_t value),
			void *arg)
{
	struct named n = { fn, arg };

	each(emit_named, &n);
}

struct metric {
	metrics_emit_fn emit;
	void *arg;
};

static void emit_metric(void *arg, const char *proto, const char *kind, uint64_t v)
{
	const struct metric *m = arg;
	char label[64];

	fmt_snprintf(label, sizeof(label), "proto=\"%s\",kind=\"%s\"", proto, kind);
	m->emit(m->arg, "glint_net_stack", label, v);
}

static void collect(metrics_emit_fn emit, void *arg)
{
	struct metric m = { emit, arg };

	each(emit_metric, &m);
}

void net_stats_init(void)
{
	static struct metrics_source source = { .collect = collect };

	metrics_add_source(&source);
}

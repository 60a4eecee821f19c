/* SPDX-License-Identifier: BSD-2-Clause */
/* Metrics as text, and the page that draws them. */
#include "status.h"

#include <stdlib.h>

#include "platform.h"
#include "server.h"
#include "text.h"

#define METRICS_MAX 8192

static void metric(struct text *t, const char *name, const char *type, uint64_t value)
{
	TEXT_LIT(t, "# TYPE ");
	text_str(t, name);
	text_char(t, ' ');
	text_str(t, type);
	text_char(t, '\n');
	text_str(t, name);
	text_char(t, ' ');
	text_u64(t, value);
	text_char(t, '\n');
}

static void responses(struct text *t, const struct stats *st)
{
	TEXT_LIT(t, "# TYPE httpd_responses_total counter\n");
	for (unsigned i = 2; i < 6; i++) {
		TEXT_LIT(t, "httpd_responses_total{code=\"");
		text_u64(t, i);
		TEXT_LIT(t, "xx\"} ");
		text_u64(t, st->n_responses[i]);
		text_char(t, '\n');
	}
}

char *status_metrics(struct server *s, size_t *len)
{
	char *buf = malloc(METRICS_MAX);
	const struct filecache *c = &s->files.cache;
	struct text t;

	if (!buf)
		return NULL;
	text_init(&t, buf, METRICS_MAX);
	responses(&t, &s->stats);
	metric(&t, "httpd_sent_bytes_total", "counter", s->stats.n_bytes_sent);
	metric(&t, "httpd_received_bytes_total", "counter", s->stats.n_bytes_received);
	metric(&t, "httpd_connections_accepted_total", "counter", s->stats.n_accepted);
	metric(&t, "httpd_connections", "gauge", s->stats.n_connections);
	metric(&t, "httpd_connections_sending", "gauge", s->stats.n_sending);
	metric(&t, "httpd_connections_max", "gauge", s->options.max_conns);
	metric(&t, "httpd_accept_pauses_total", "counter", s->stats.n_accept_pauses);
	metric(&t, "httpd_timeouts_total", "counter", s->stats.n_timeouts);
	metric(&t, "httpd_cache_hits_total", "counter", c->n_hits);
	metric(&t, "httpd_cache_misses_total", "counter", c->n_misses);
	metric(&t, "httpd_cache_entries", "gauge", c->n_entries);
	metric(&t, "httpd_cache_bytes", "gauge", c->used);
	metric(&t, "httpd_cache_max_bytes", "gauge", c->budget);
	metric(&t, "httpd_log_lines_dropped_total", "counter", s->log.n_dropped);
	metric(&t, "httpd_uptime_seconds", "gauge", (s->now.mono_ms - s->stats.started_ms) / 1000);
	platform_metrics(&t);
	*len = t.len;
	return buf;
}

const char status_page[] =
	"<!doctype html>\n<meta charset=\"utf-8\">\n<title>Glint httpd</title>\n"
	"<style>body{font:15px/1.5 system-ui,sans-serif;max-width:46em;margin:2em auto;padding:0 1em}"
	"table{border-collapse:collapse;width:100%}td{padding:.1em .6em;border-bottom:1px solid #8884}"
	"td+td{text-align:right;font-variant-numeric:tabular-nums}canvas{width:100%;height:7em}</style>\n"
	"<h1>Glint httpd</h1>\n<p id=\"rate\">&nbsp;</p>\n<canvas id=\"plot\" width=\"900\" height=\"140\"></canvas>\n"
	"<table id=\"all\"></table>\n<script>\n"
	"let last, when, rates = [];\n"
	"const by = id => document.getElementById(id);\n"
	"async function look() {\n"
	"  try {\n"
	"    const text = await (await fetch('/_glint/metrics')).text(), now = performance.now();\n"
	"    const rows = text.split('\\n').filter(l => l && l[0] != '#').map(l => l.split(' '));\n"
	"    const total = rows.filter(r => r[0].startsWith('httpd_responses_total')).reduce((n, r) => n + +r[1], 0);\n"
	"    if (last !== undefined) {\n"
	"      rates.push((total - last) * 1000 / (now - when));\n"
	"      if (rates.length > 120) rates.shift();\n"
	"      by('rate').textContent = rates[rates.length - 1].toFixed(1) + ' answers per second';\n"
	"      draw();\n"
	"    }\n"
	"    last = total; when = now;\n"
	"    by('all').replaceChildren(...rows.map(r => {\n"
	"      const tr = document.createElement('tr');\n"
	"      r.forEach(v => tr.insertCell().textContent = v);\n"
	"      return tr;\n"
	"    }));\n"
	"  } catch (e) { by('rate').textContent = 'no answer: ' + e; }\n"
	"}\n"
	"function draw() {\n"
	"  const c = by('plot'), g = c.getContext('2d'), top = Math.max(1, ...rates);\n"
	"  g.clearRect(0, 0, c.width, c.height);\n"
	"  g.fillStyle = '#38c';\n"
	"  rates.forEach((r, i) => g.fillRect(i * c.width / 120, c.height * (1 - r / top), c.width / 120 - 1, c.height));\n"
	"}\n"
	"look(); setInterval(look, 1000);\n</script>\n";

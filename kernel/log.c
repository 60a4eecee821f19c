/* SPDX-License-Identifier: BSD-2-Clause
 *
 * See log.h. A line is `[    0.012] net: text`; warnings and errors say so.
 */
#include "kernel/log.h"

#include <errno.h>
#include <stdbool.h>

#include "kernel/clock.h"
#include "kernel/cmdline.h"
#include "kernel/console.h"
#include "kernel/lib/fmt.h"
#include "kernel/lib/string.h"

#define LINE_MAX 256

unsigned char log_threshold[LOG_AREAS] = {
	LOG_INFO, LOG_INFO, LOG_INFO, LOG_INFO, LOG_INFO, LOG_INFO, LOG_INFO,
	LOG_INFO, LOG_INFO,
};

static const char *const area_names[LOG_AREAS] = {
	"kernel", "mem", "pv", "dev", "net", "blk", "fs", "libc", "app",
};

static const char *const level_names[] = { "err", "warn", "info", "debug" };

void log_write(enum log_area area, enum log_level level, const char *fmt, ...)
{
	static const char *const marks[] = { "error: ", "warning: ", "", "" };
	nsec_t now = clock_now();
	char line[LINE_MAX];
	va_list ap;
	int n;

	if (level > log_threshold[area])
		return;
	n = fmt_snprintf(line, sizeof(line), "[%5u.%03u] %s: %s",
			 (unsigned)(now / NSEC_PER_SEC),
			 (unsigned)(now % NSEC_PER_SEC / NSEC_PER_MSEC),
			 area_names[area], marks[level]);
	va_start(ap, fmt);
	n += fmt_vsnprintf(line + n, sizeof(line) - (size_t)n, fmt, ap);
	va_end(ap);
	if (n > LINE_MAX - 2)
		n = LINE_MAX - 2;
	line[n++] = '\n';
	console_write(line, (size_t)n);
}

static int find_name(const char *const *names, size_t n, const char *text,
		     size_t len)
{
	for (size_t i = 0; i < n; i++) {
		if (strlen(names[i]) == len && strncmp(names[i], text, len) == 0)
			return (int)i;
	}
	return -1;
}

/* log=debug, log=net:debug, log=warn,net:debug */
static int parse_one(const char *text, size_t len)
{
	const char *colon = memchr(text, ':', len);
	const char *level_text = colon ? colon + 1 : text;
	int level = find_name(level_names, ARRAY_SIZE(level_names), level_text,
			      len - (size_t)(level_text - text));
	int area = -1;

	if (colon) {
		area = find_name(area_names, LOG_AREAS, text,
				 (size_t)(colon - text));
		if (area < 0)
			return -EINVAL;
	}
	if (level < 0)
		return -EINVAL;
	for (int a = 0; a < LOG_AREAS; a++) {
		if (area < 0 || a == area)
			log_threshold[a] = (unsigned char)level;
	}
	return 0;
}

static int parse_log(const char *value, unsigned index)
{
	(void)index;
	for (;;) {
		const char *comma = strchr(value, ',');
		size_t len = comma ? (size_t)(comma - value) : strlen(value);
		int err = parse_one(value, len);

		if (err || !comma)
			return err;
		value = comma + 1;
	}
}

static const struct cmdline_option log_option CMDLINE_OPTION = {
	"log", "[AREA:]err|warn|info|debug, comma separated", parse_log,
};

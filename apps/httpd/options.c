/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Command line options, with defaults that follow the memory of the machine. Own parser: long options with
 * sizes and ranges checked in one table take less than getopt and the checks around it.
 */
#include "options.h"

#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "files.h"

static const char usage[] =
	"usage: httpd [option value]...\n"
	"Serves the files of a folder by HTTP.\n"
	"  -r, --root DIR       the folder (default /site)\n"
	"  -p, --port N         TCP port (default 80)\n"
	"      --max-conns N    connections at a time; further ones wait (default: by memory)\n"
	"      --idle SECONDS   close a connection after this time without a request (default 30)\n"
	"      --header SECONDS time for a request to arrive (default 10)\n"
	"      --send SECONDS   close when the client takes nothing for this time (default 30)\n"
	"      --cache BYTES    memory for hot files, K and M allowed (default: an eighth of memory)\n"
	"      --quiet          no line for each request\n"
	"      --no-status      no /_glint/status, /_glint/metrics and /metrics\n"
	"      --help           this text\n";

enum kind { FLAG, NUMBER, SIZE, TEXT };

static const struct option {
	char name[12];
	char letter;
	enum kind kind;
	size_t offset;
	uint64_t min, max;
} table[] = {
	{ "root", 'r', TEXT, offsetof(struct options, root), 1, FILES_ROOT_MAX - 1 },
	{ "port", 'p', NUMBER, offsetof(struct options, port), 1, 65535 },
	{ "max-conns", 0, NUMBER, offsetof(struct options, max_conns), 1, 1000000 },
	{ "idle", 0, NUMBER, offsetof(struct options, idle_s), 1, 86400 },
	{ "header", 0, NUMBER, offsetof(struct options, header_s), 1, 86400 },
	{ "send", 0, NUMBER, offsetof(struct options, send_s), 1, 86400 },
	{ "cache", 0, SIZE, offsetof(struct options, cache_bytes), 16384, (uint64_t)1 << 40 },
	{ "quiet", 0, FLAG, offsetof(struct options, quiet), 0, 0 },
	{ "no-status", 0, FLAG, offsetof(struct options, no_status), 0, 0 },
};

static void say(const char *s)
{
	if (write(STDERR_FILENO, s, strlen(s)) < 0)
		return;	/* nowhere left to complain */
}

static int wrong(const char *what, const char *arg)
{
	say("httpd: ");
	say(what);
	say(arg);
	say("\ntry: httpd --help\n");
	return 2;
}

static const struct option *find(const char *arg)
{
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		bool is_long = arg[0] == '-' && arg[1] == '-' && !strcmp(arg + 2, table[i].name);
		bool is_short = arg[0] == '-' && table[i].letter && arg[1] == table[i].letter && !arg[2];

		if (is_long || is_short)
			return &table[i];
	}
	return NULL;
}

static bool number(const char *p, bool size, uint64_t *value)
{
	uint64_t v = 0;
	unsigned shift = 0;

	if (*p < '0' || *p > '9')
		return false;
	for (; *p >= '0' && *p <= '9'; p++) {
		if (v > UINT64_MAX / 20)
			return false;
		v = v * 10 + (uint64_t)(*p - '0');
	}
	if (size && (*p == 'K' || *p == 'k' || *p == 'M' || *p == 'm'))
		shift = (*p++ | 0x20) == 'k' ? 10 : 20;
	*value = v << shift;
	return !*p && *value >> shift == v;
}

static bool set(struct options *o, const struct option *opt, const char *value)
{
	char *field = (char *)o + opt->offset;
	uint64_t v = 0;

	if (opt->kind == TEXT) {
		size_t len = strlen(value);

		memcpy(field, &value, sizeof(value));
		return len >= opt->min && len <= opt->max;
	}
	if (!number(value, opt->kind == SIZE, &v) || v < opt->min || v > opt->max)
		return false;
	if (opt->kind == SIZE) {
		size_t bytes = (size_t)v;

		memcpy(field, &bytes, sizeof(bytes));
	} else {
		unsigned n = (unsigned)v;

		memcpy(field, &n, sizeof(n));
	}
	return true;
}

#define CONN_BYTES 8192		/* half of it an answer under way: measured are 4 to 5 KiB with short pages */
#define MACHINE_BYTES ((size_t)2 << 20)
#define CONNS_MAX 16000		/* descriptors are 16,384 */

/* By memory, but for the machine itself. Too many is no harm: the stack takes no new ones before memory is short. */
static unsigned default_max_conns(size_t memory)
{
	size_t n = memory > MACHINE_BYTES ? (memory - MACHINE_BYTES) / CONN_BYTES : 0;

	return n < 64 ? 64 : n > CONNS_MAX ? CONNS_MAX : (unsigned)n;
}

int options_parse(struct options *o, int argc, char *argv[], size_t memory)
{
	*o = (struct options){
		.root = "/site",
		.port = 80,
		.max_conns = default_max_conns(memory),
		.idle_s = 30,
		.header_s = 10,
		.send_s = 30,
		.cache_bytes = memory / 8 > 65536 ? memory / 8 : 65536,
	};
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h")) {
			say(usage);
			return 0;
		}
		const struct option *opt = find(argv[i]);

		if (!opt)
			return wrong("unknown argument: ", argv[i]);
		if (opt->kind == FLAG) {
			*(bool *)((char *)o + opt->offset) = true;
			continue;
		}
		if (++i == argc)
			return wrong("a value is missing after ", argv[i - 1]);
		if (!set(o, opt, argv[i])) {
			say("httpd: option ");
			say(argv[i - 1]);
			say("\n");
			return wrong("its value is not usable: ", argv[i]);
		}
	}
	return OPTIONS_RUN;
}

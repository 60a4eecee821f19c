/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mkvol: volumes and archives from folders, and a look into both. The file
 * systems are the guest's own sources.
 */
#include "tools/mkvol.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernel/log.h"
#include "tools/host_kernel.h"

static const char usage_text[] =
"usage: mkvol volume -o IMAGE [--size SIZE] FOLDER\n"
"       mkvol archive -o FILE.tar FOLDER\n"
"       mkvol ls IMAGE [PATH]\n"
"       mkvol cat IMAGE PATH\n"
"       mkvol extract IMAGE FOLDER\n"
"\n"
"volume   makes a littlefs volume with the folder's files on a whole disk:\n"
"         a file (made new) or a block device. SIZE is bytes or 64M, 2G; without\n"
"         it, the content and a quarter more.\n"
"archive  makes a read-only archive (tar) for use as boot module or disk.\n"
"ls, cat, extract read either kind.\n"
"\n"
"Symbolic links are followed where they stay inside the folder, else skipped\n"
"with a warning. The same folder gives the same image, byte for byte.\n"
"Exit status: 0, 1 (it failed, the reason is on stderr), 2 (wrong usage).\n";

static void say(const char *fmt, va_list ap)
{
	fputs("mkvol: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
}

void warn(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(fmt, ap);
	va_end(ap);
}

static char *partial;

const char *output_begin(const char *out)
{
	struct stat st;

	if (stat(out, &st) == 0 && !S_ISREG(st.st_mode)) {
		if (!S_ISDIR(st.st_mode))
			return out;
		die("%s: is a folder", out);
	}
	if (asprintf(&partial, "%s.part", out) < 0)
		die("no memory");
	return partial;
}

void output_done(const char *out)
{
	if (partial && rename(partial, out) < 0)
		die("%s: %s", out, strerror(errno));
	free(partial);
	partial = NULL;
}

void output_drop(void)
{
	if (partial)
		unlink(partial);
}

void die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(fmt, ap);
	va_end(ap);
	output_drop();
	exit(MKVOL_FAILED);
}

const char *human(uint64_t bytes, char *buf, size_t size)
{
	static const char *const unit[] = { "bytes", "KiB", "MiB", "GiB", "TiB" };
	double v = (double)bytes;
	unsigned u = 0;

	while (v >= 1024 && u < 4) {
		v /= 1024;
		u++;
	}
	snprintf(buf, size, u ? "%.1f %s" : "%.0f %s", v, unit[u]);
	return buf;
}

bool progress_wanted(void)
{
	return isatty(2);
}

void progress(const char *what, size_t done, size_t all)
{
	if (progress_wanted())
		fprintf(stderr, "\r%s: %zu of %zu%s", what, done, all,
			done == all ? "\n" : "");
}

static int usage(const char *why, const char *what)
{
	if (why)
		warn("%s%s%s (mkvol --help)", why, what ? ": " : "",
		     what ? what : "");
	return MKVOL_USAGE;
}

#define SIZE_LEAST (16ull << 10)
#define SIZE_MOST  (8ull << 40)		/* 2^31 blocks of 4 KiB */

/* "64M" -> bytes; 0: wrong. */
static uint64_t parse_size(const char *s)
{
	char *end;
	unsigned long long v = strtoull(s, &end, 10);
	int shift = *end == 'K' ? 10 : *end == 'M' ? 20 : *end == 'G' ? 30 : 0;

	if (end == s || s[0] == '-' || v > SIZE_MOST >> shift)
		return 0;
	if (end[0] && (!shift || end[1]))
		return 0;
	return v << shift < SIZE_LEAST ? 0 : v << shift;
}

static int make(int argc, char **argv, bool volume)
{
	static const struct option options[] = {
		{ "output", required_argument, NULL, 'o' },
		{ "size", required_argument, NULL, 's' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	const char *out = NULL;
	uint64_t size = 0;
	int c;

	while ((c = getopt_long(argc, argv, "ho:s:", options, NULL)) != -1) {
		if (c == 'h') {
			fputs(usage_text, stdout);
			return MKVOL_OK;
		}
		if (c == 'o')
			out = optarg;
		else if (c == 's' && volume)
			size = parse_size(optarg);
		else
			return usage("unknown option", NULL);
		if (c == 's' && !size)
			return usage("not a size (16K to 8192G)", optarg);
	}
	if (!out)
		return usage("where to? -o IMAGE is missing", NULL);
	if (optind + 1 != argc)
		return usage("exactly one FOLDER is needed", NULL);
	return volume ? volume_make(out, argv[optind], size)
		      : archive_make(out, argv[optind]);
}

int main(int argc, char **argv)
{
	const char *verb = argc > 1 ? argv[1] : "--help";

	host_log_prefix = "mkvol: ";
	log_threshold[LOG_FS] = LOG_WARN;
	if (!strcmp(verb, "--help") || !strcmp(verb, "-h") ||
	    !strcmp(verb, "help")) {
		fputs(usage_text, argc > 1 ? stdout : stderr);
		return argc > 1 ? MKVOL_OK : MKVOL_USAGE;
	}
	if (!strcmp(verb, "volume") || !strcmp(verb, "archive"))
		return make(argc - 1, argv + 1, verb[0] == 'v');
	if (!strcmp(verb, "ls") && (argc == 3 || argc == 4))
		return look_ls(argv[2], argc == 4 ? argv[3] : "/");
	if (!strcmp(verb, "cat") && argc == 4)
		return look_cat(argv[2], argv[3]);
	if (!strcmp(verb, "extract") && argc == 4)
		return look_extract(argv[2], argv[3]);
	if (!strcmp(verb, "ls") || !strcmp(verb, "cat") ||
	    !strcmp(verb, "extract"))
		return usage("wrong number of arguments for", verb);
	return usage("unknown command", verb);
}

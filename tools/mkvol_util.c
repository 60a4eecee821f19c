/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What the verbs of mkvol share: messages, sizes, progress, the output file
 * that appears under its name only when it is whole.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tools/image_lock.h"
#include "tools/mkvol.h"

int die_status = MKVOL_FAILED;
volatile int interrupted;
static bool later;
static char *partial;
static int old_fd = -1;

static void say(const char *fmt, va_list ap)
{
	progress_end();
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

void die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(fmt, ap);
	va_end(ap);
	output_drop();
	exit(die_status);
}

int usage(const char *verb, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(fmt, ap);
	va_end(ap);
	fprintf(stderr, "mkvol: see: mkvol %s --help\n", verb);
	return MKVOL_USAGE;
}

void *must(void *p)
{
	if (!p)
		die("no memory");
	return p;
}

const char *output_begin(const char *out)
{
	struct stat st;

	if (stat(out, &st) == 0) {
		if (S_ISDIR(st.st_mode))
			die("%s: is a folder", out);
		if (!S_ISREG(st.st_mode))
			return out;
		if (image_open(out, IMAGE_WRITE, &old_fd) == -EBUSY)
			die("%s: %s", out, image_user);
	}
	if (asprintf(&partial, "%s.part", out) < 0)
		die("no memory");
	return partial;
}

/* The new name itself, on the disk. */
static void sync_folder_of(const char *path)
{
	char *copy = must(strdup(path)), *slash = strrchr(copy, '/');
	int fd;

	if (slash)
		slash[slash == copy] = '\0';
	fd = open(slash ? copy : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0) {
		(void)fsync(fd);	/* some file systems cannot */
		close(fd);
	}
	free(copy);
}

void output_done(const char *out)
{
	if (partial && rename(partial, out) < 0)
		die("%s: %s", out, strerror(errno));
	if (partial)
		sync_folder_of(out);
	free(partial);
	partial = NULL;
	if (old_fd >= 0)
		close(old_fd);
	old_fd = -1;
}

void output_drop(void)
{
	if (partial)
		unlink(partial);
}

static void on_signal(int sig)
{
	if (later && !interrupted) {
		interrupted = sig;
		return;
	}
	output_drop();
	_exit(128 + sig);
}

void catch_signals(void)
{
	static const int sigs[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction sa = { .sa_handler = on_signal,
				.sa_flags = SA_RESTART };

	for (int i = 0; i < 3; i++)
		sigaction(sigs[i], &sa, NULL);
	signal(SIGXFSZ, SIG_IGN);	/* a limit is an error like others */
	signal(SIGPIPE, SIG_IGN);
}

void interrupt_later(void)
{
	later = true;
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

bool parse_size(const char *s, uint64_t *out)
{
	char *end;
	unsigned long long v;
	int shift;

	if (s[0] < '0' || s[0] > '9')
		return false;
	errno = 0;
	v = strtoull(s, &end, 10);
	shift = *end == 'K' ? 10 : *end == 'M' ? 20 : *end == 'G' ? 30 :
		*end == 'T' ? 40 : 0;
	if (errno || (end[0] && (!shift || end[1])) ||
	    v > (uint64_t)INT64_MAX >> shift)
		return false;
	*out = (uint64_t)v << shift;
	return true;
}

static struct {
	const char *what;
	uint64_t n, n_all, bytes, shown_ms;
	bool on, dirty;
} prog;

static void show(void)
{
	char a[32];

	fprintf(stderr, "\r%s: %llu", prog.what, (unsigned long long)prog.n);
	if (prog.n_all)
		fprintf(stderr, " of %llu", (unsigned long long)prog.n_all);
	fprintf(stderr, ", %s  ", human(prog.bytes, a, sizeof(a)));
	prog.dirty = true;
}

void progress_begin(const char *what, uint64_t n_all)
{
	memset(&prog, 0, sizeof(prog));
	prog.what = what;
	prog.n_all = n_all;
	prog.on = isatty(2);
}

void progress_step(uint64_t n, uint64_t bytes)
{
	struct timespec ts;
	uint64_t ms;

	prog.n += n;
	prog.bytes += bytes;
	if (!prog.on)
		return;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	ms = (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
	if (ms - prog.shown_ms < 100)
		return;
	prog.shown_ms = ms;
	show();
}

void progress_end(void)
{
	if (prog.on && prog.dirty) {
		show();
		fputc('\n', stderr);
	}
	prog.dirty = false;
}

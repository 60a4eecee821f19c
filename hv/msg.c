/* SPDX-License-Identifier: BSD-2-Clause
 *
 * See msg.h.
 */
#include "hv/msg.h"

#include <linux/poll.h>
#include <linux/time_types.h>
#include <stdarg.h>

#include "hv/host.h"
#include "kernel/lib/fmt.h"
#include "kernel/lib/string.h"

#define LINE_MAX_LEN 1024
#define PATIENCE_NS  500000000

static char out_buf[4096];
static size_t out_len;

static void write_all(int fd, const char *p, size_t len)
{
	while (len) {
		long n = sys_write(fd, p, len);

		if (n <= 0 && n != -EINTR)
			return;
		p += n > 0 ? n : 0;
		len -= n > 0 ? (size_t)n : 0;
	}
}

/* A guest that floods a console which nobody reads must not hold us up, so a message
 * that finds no room is lost: after some patience, then at once until there is room. */
static bool has_room(int fd)
{
	static bool given_up;
	struct pollfd pfd = { .fd = fd, .events = POLLOUT };
	struct __kernel_timespec ts = { 0, given_up ? 0 : PATIENCE_NS };

	given_up = sys_ppoll(&pfd, 1, &ts) == 0;
	return !given_up;
}

static void say(const char *prefix, const char *suffix, const char *fmt, va_list ap) PRINTF_LIKE(3, 0);
static void say(const char *prefix, const char *suffix, const char *fmt, va_list ap)
{
	char line[LINE_MAX_LEN];
	size_t at = strlen(prefix), room = sizeof(line) - at - 2;
	int n;

	memcpy(line, prefix, at);
	n = fmt_vsnprintf(line + at, room, fmt, ap);
	at += n < 0 ? 0 : (size_t)n < room ? (size_t)n : room - 1;
	memcpy(line + at, suffix, strlen(suffix));
	/* Less than PIPE_BUF, so it is written whole or not at all. */
	if (has_room(2))
		write_all(2, line, at + strlen(suffix));
}

void msg(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say("glint: ", "\n", fmt, ap);
	va_end(ap);
}

void die(int status, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say("glint: ", "\n", fmt, ap);
	va_end(ap);
	sys_exit(status);
}

void report(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say("", "", fmt, ap);
	va_end(ap);
}

void out_flush(void)
{
	write_all(1, out_buf, out_len);
	out_len = 0;
}

void out_text(const char *text)
{
	size_t len = strlen(text);

	if (len > sizeof(out_buf) - out_len)
		out_flush();
	if (len > sizeof(out_buf)) {
		write_all(1, text, len);
		return;
	}
	memcpy(out_buf + out_len, text, len);
	out_len += len;
}

void out(const char *fmt, ...)
{
	char line[LINE_MAX_LEN];
	va_list ap;

	va_start(ap, fmt);
	fmt_vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	out_text(line);
}

const char *errno_text(long err)
{
	static const struct {
		int err;
		const char *text;
	} texts[] = {
		{ EPERM, "operation not permitted (EPERM)" },
		{ ENOENT, "no such file (ENOENT)" },
		{ ENXIO, "no such device (ENXIO)" },
		{ ENODEV, "no such device (ENODEV)" },
		{ EACCES, "permission denied (EACCES)" },
		{ EAGAIN, "resource busy or limit reached (EAGAIN)" },
		{ ENOMEM, "not enough memory (ENOMEM)" },
		{ EBUSY, "busy (EBUSY)" },
		{ EEXIST, "already there (EEXIST)" },
		{ ENOTDIR, "a part of the path is no directory (ENOTDIR)" },
		{ EISDIR, "is a directory (EISDIR)" },
		{ EINVAL, "invalid argument (EINVAL)" },
		{ EMFILE, "too many open files (EMFILE)" },
		{ ENOSPC, "no space left (ENOSPC)" },
		{ EROFS, "read-only file system (EROFS)" },
		{ ENOSYS, "this kernel does not have it (ENOSYS)" },
		{ ELOOP, "too many symbolic links (ELOOP)" },
		{ ETXTBSY, "file is being executed (ETXTBSY)" },
		{ EADDRINUSE, "address in use (EADDRINUSE)" },
		{ ECONNREFUSED, "nobody listens there (ECONNREFUSED)" },
		{ EOPNOTSUPP, "not supported (EOPNOTSUPP)" },
		{ EIO, "input/output error (EIO)" },
	};
	static char other[24];

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		if (texts[i].err == err || texts[i].err == -err)
			return texts[i].text;
	}
	fmt_snprintf(other, sizeof(other), "error %ld", err < 0 ? -err : err);
	return other;
}

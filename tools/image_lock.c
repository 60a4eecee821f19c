/* SPDX-License-Identifier: BSD-2-Clause
 *
 * See image_lock.h. Whoever opens first sets its bytes and then looks for the
 * other's: of two at once at least one sees the other.
 */
#include "tools/image_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define DOES	100
#define FORBIDS 200
#define READS	1u		/* bit n: byte n */
#define WRITES	2u
#define RESIZES 8u

const char *image_user = "in use";

static int lock_byte(int fd, int cmd, short type, off_t at, bool *taken)
{
	struct flock l = { .l_type = type, .l_whence = SEEK_SET, .l_start = at,
			   .l_len = 1 };

	if (fcntl(fd, cmd, &l) < 0)
		return errno == EAGAIN || errno == EACCES ? -EBUSY : 0;
	if (taken)
		*taken = l.l_type != F_UNLCK;
	return 0;
}

static int set_bytes(int fd, off_t base, unsigned bits)
{
	int r = 0;

	for (int i = 0; r == 0 && i < 8; i++)
		if (bits & 1u << i)
			r = lock_byte(fd, F_OFD_SETLK, F_RDLCK, base + i, NULL);
	return r;
}

static bool any_byte(int fd, off_t base, unsigned bits)
{
	for (int i = 0; i < 8; i++) {
		bool taken = false;

		if ((bits & 1u << i) &&
		    lock_byte(fd, F_OFD_GETLK, F_WRLCK, base + i, &taken) == 0 &&
		    taken)
			return true;
	}
	return false;
}

/* Is the file what some /dev/loopN shows? */
static bool behind_loop(const char *path)
{
	char real[PATH_MAX], line[PATH_MAX + 16];
	glob_t g = { 0 };
	bool found = false;

	if (realpath(path, real) &&
	    glob("/sys/block/loop*/loop/backing_file", 0, NULL, &g) == 0) {
		for (size_t i = 0; !found && i < g.gl_pathc; i++) {
			FILE *f = fopen(g.gl_pathv[i], "r");

			if (f && fgets(line, sizeof(line), f)) {
				line[strcspn(line, "\n")] = '\0';
				found = strcmp(line, real) == 0;
			}
			if (f)
				fclose(f);
		}
	}
	globfree(&g);
	return found;
}

static int busy(const char *who)
{
	image_user = who;
	return -EBUSY;
}

static int lock_writer(int fd, const char *path)
{
	int r;

	if (flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK)
		return busy("in use by another program (it holds a lock on it)");
	if (behind_loop(path))
		return busy("in use: a loop device shows it (losetup -j)");
	r = set_bytes(fd, DOES, READS | WRITES | RESIZES);
	if (r == 0)
		r = set_bytes(fd, FORBIDS, WRITES | RESIZES);
	if (r < 0 || any_byte(fd, DOES, WRITES | RESIZES) ||
	    any_byte(fd, FORBIDS, READS | WRITES | RESIZES))
		return busy("in use by a running machine (QEMU) or another "
			    "mkvol: stop it first");
	return 0;
}

bool image_busy(int fd)
{
	bool held = flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK;

	if (!held)
		(void)flock(fd, LOCK_UN);
	return held || any_byte(fd, DOES, WRITES | RESIZES);
}

static int lock_reader(int fd, enum image_use use)
{
	if (use == IMAGE_STEADY &&
	    (set_bytes(fd, DOES, READS) < 0 ||
	     set_bytes(fd, FORBIDS, WRITES | RESIZES) < 0 || image_busy(fd)))
		return busy("in use: somebody may be writing to it (a running "
			    "machine, another mkvol)");
	return 0;
}

int image_open(const char *path, enum image_use use, int *out)
{
	bool write = use >= IMAGE_WRITE;
	int flags = (write ? O_RDWR : O_RDONLY) | O_CLOEXEC, fd, r;
	struct stat st;
	bool there = stat(path, &st) == 0;

	if (there && !S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
		return -ENOTBLK;
	if (there && S_ISBLK(st.st_mode))
		flags |= write ? O_EXCL : 0;
	else if (use == IMAGE_NEW)
		flags |= O_CREAT;
	fd = open(path, flags, 0666);
	if (fd < 0)
		return errno == EBUSY ? busy("in use (mounted, or claimed by "
					     "another program)") : -errno;
	r = write ? lock_writer(fd, path) : lock_reader(fd, use);
	/* Not before it is ours. */
	if (r == 0 && use == IMAGE_NEW && fstat(fd, &st) == 0 &&
	    S_ISREG(st.st_mode) && ftruncate(fd, 0) < 0)
		r = -errno;
	if (r < 0) {
		close(fd);
		return r;
	}
	*out = fd;
	return 0;
}

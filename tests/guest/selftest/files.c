/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Files on a writable volume, as a POSIX program sees them.
 */
#include "selftest.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

static int list(const char *dir, const char *want)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	int seen = 0;

	while (d && (e = readdir(d)))
		seen += !strcmp(e->d_name, want);
	if (d)
		closedir(d);
	return d ? seen : -1;
}

static void test_stdio(void)
{
	FILE *f = fopen("a.txt", "w");
	char line[64] = "";

	ok(f && fprintf(f, "line %d\nsecond\n", 1) > 0 && fclose(f) == 0,
	   "a file is written by stdio");
	f = fopen("a.txt", "r");
	ok(f && fgets(line, sizeof(line), f) && !strcmp(line, "line 1\n"),
	   "and read by stdio");
	if (f)
		fclose(f);
}

static void test_sharing(void)
{
	int a = open("s.bin", O_RDWR | O_CREAT | O_TRUNC, 0644);
	int b = open("s.bin", O_RDONLY), c;
	char buf[8] = "";
	struct stat st;

	ok(write(a, "abcdef", 6) == 6 && read(b, buf, 8) == 6 &&
	   !memcmp(buf, "abcdef", 6), "a write is seen by another descriptor");
	ok(pread(b, buf, 2, 4) == 2 && !memcmp(buf, "ef", 2), "pread");
	ok(pwrite(a, "ZZ", 2, 10) == 2 && fstat(b, &st) == 0 && st.st_size == 12,
	   "a hole is made and counted");
	ok(pread(b, buf, 4, 6) == 4 && !memcmp(buf, "\0\0\0\0", 4),
	   "and reads as zeros");
	ok(unlink("s.bin") == 0 && stat("s.bin", &st) == -1 && errno == ENOENT &&
	   pread(b, buf, 1, 0) == 1, "an unlinked file lives while it is open");
	ok(ftruncate(a, 3) == 0 && fstat(a, &st) == 0 && st.st_size == 3,
	   "ftruncate");
	close(a);
	close(b);
	c = open("ap", O_WRONLY | O_CREAT | O_APPEND, 0600);
	a = open("ap", O_WRONLY);
	ok(write(c, "1", 1) == 1 && write(a, "2", 1) == 1 && write(c, "3", 1) == 1 &&
	   fstat(c, &st) == 0 && st.st_size == 2, "O_APPEND writes at the end");
	ok(fsync(c) == 0, "fsync");
	close(a);
	close(c);
}

static void test_names(void)
{
	char longer[300];
	struct statvfs vfs;

	ok(mkdir("d", 0755) == 0 && mkdir("d", 0755) == -1 && errno == EEXIST,
	   "mkdir");
	ok(rename("a.txt", "d/b.txt") == 0 && list("d", "b.txt") == 1 &&
	   list(".", "a.txt") == 0, "rename moves a file");
	ok(rmdir("d") == -1 && errno == ENOTEMPTY, "a full folder stays");
	ok(chdir("d") == 0 && access("b.txt", R_OK) == 0 && chdir("..") == 0,
	   "chdir and relative paths");
	ok(unlink("d/b.txt") == 0 && rmdir("d") == 0, "unlink, rmdir");
	memset(longer, 'n', sizeof(longer));
	longer[sizeof(longer) - 1] = '\0';
	ok(open(longer, O_WRONLY | O_CREAT, 0644) == -1 && errno == ENAMETOOLONG,
	   "a name too long is ENAMETOOLONG");
	ok(open("no/such", O_RDONLY) == -1 && errno == ENOENT, "ENOENT");
	ok(open(".", O_WRONLY) == -1 && errno == EISDIR, "EISDIR");
	ok(statvfs(".", &vfs) == 0 && vfs.f_blocks > 0 && vfs.f_bfree > 0,
	   "statvfs counts blocks");
}

/* Until nothing fits: the answer must be ENOSPC, and room must come back. */
static void test_full(void)
{
	static char block[4096];
	int fd = open("big", O_WRONLY | O_CREAT, 0644), err = 0;
	long wrote = 0;

	memset(block, 'f', sizeof(block));
	while (wrote < 64 << 20) {
		ssize_t n = write(fd, block, sizeof(block));

		if (n <= 0) {		/* the last one may be short */
			err = errno;
			break;
		}
		wrote += n;
	}
	close(fd);
	ok(err == ENOSPC, "a full volume is ENOSPC after %ld KiB", wrote / 1024);
	ok(unlink("big") == 0, "the big file goes");
	fd = open("small", O_WRONLY | O_CREAT, 0644);
	ok(fd >= 0 && write(fd, block, 4096) == 4096 && fsync(fd) == 0,
	   "and there is room again");
	close(fd);
	unlink("small");
}

void test_files(const char *dir)
{
	if (chdir(dir)) {
		ok(false, "chdir %s: %s", dir, strerror(errno));
		return;
	}
	test_stdio();
	test_sharing();
	test_names();
	test_full();
}

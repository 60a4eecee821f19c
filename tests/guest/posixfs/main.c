/* SPDX-License-Identifier: BSD-2-Clause
 *
 * posixfs first [MANY] | second | readonly | nothing: see posixfs.h. TAP on the
 * console, the exit status is the number of failures.
 */
#include "posixfs.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/time.h>
#include <unistd.h>

static int count, failed;
static struct stat st;
static char buf[8192];

void ok(int good, const char *fmt, ...)
{
	va_list ap;

	printf("%s %d - ", good ? "ok" : "not ok", ++count);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("%s\n", good ? "" : strerror(errno));
	failed += !good;
}

static int make(const char *path, const char *text)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0644);

	if (fd >= 0 && write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		perror(path);
	return fd;
}

static int holds(int fd, const char *text)
{
	ssize_t n = pread(fd, buf, sizeof(buf), 0);

	return n == (ssize_t)strlen(text) && memcmp(buf, text, (size_t)n) == 0;
}

static int file_holds(const char *path, const char *text)
{
	int fd = open(path, O_RDONLY), good = fd >= 0 && holds(fd, text);

	close(fd);
	return good;
}

static void test_lives(void)
{
	int a = make("lives", "one"), b = open("lives", O_RDONLY), c;

	ok(pwrite(a, "O", 1, 0) == 1 && holds(b, "One"), "a write is seen at once");
	ok(unlink("lives") == 0 && stat("lives", &st) == -1 &&
	   fstat(b, &st) == 0 && st.st_nlink == 0 && holds(b, "One"),
	   "an unlinked file lives until its last close");
	c = make("lives", "two");
	ok(pwrite(a, "0", 1, 0) == 1 && holds(b, "0ne") && holds(c, "two"),
	   "beside a new one of its name");
	close(a);
	close(b);
	close(make("over", "three"));
	ok(rename("over", "lives") == 0 && holds(c, "two") &&
	   file_holds("lives", "three"), "so does one that was renamed over");
	close(c);
	unlink("lives");
}

static void test_rename(void)
{
	mkdir("d", 0755);
	mkdir("e", 0755);
	mkdir("full", 0755);
	close(make("full/x", "x"));
	close(make("f", "f"));
	ok(FAILS(rename("d", "full"), ENOTEMPTY) && FAILS(rename("d", "f"), ENOTDIR) &&
	   FAILS(rename("f", "d"), EISDIR) && FAILS(rename("d", "d/sub"), EINVAL) &&
	   FAILS(rename("f", "/dev/f"), EXDEV) && FAILS(rename("none", "g"), ENOENT),
	   "what rename refuses");
	ok(rename("full", "e") == 0 && file_holds("e/x", "x") &&
	   rename("f", "e/x") == 0 && file_holds("e/x", "f") &&
	   FAILS(rmdir("e"), ENOTEMPTY) && unlink("e/x") == 0 && rmdir("e") == 0 &&
	   rmdir("d") == 0, "over an empty directory, over a file");
}

static void test_flags(void)
{
	int a = open("flags", O_RDWR | O_CREAT | O_EXCL, 0600), b, c;

	ok(a >= 0 && FAILS(open("flags", O_WRONLY | O_CREAT | O_EXCL, 0600), EEXIST) &&
	   FAILS(open("flags", O_RDONLY | O_DIRECTORY), ENOTDIR) &&
	   FAILS(open(".", O_RDWR), EISDIR) && FAILS(open("flags/x", O_RDONLY), ENOTDIR),
	   "O_EXCL, O_DIRECTORY, EISDIR, ENOTDIR");
	b = open("flags", O_WRONLY | O_APPEND);
	c = open("flags", O_WRONLY | O_APPEND);
	ok(write(b, "1", 1) == 1 && write(c, "2", 1) == 1 && lseek(b, 0, SEEK_SET) == 0 &&
	   write(b, "3", 1) == 1 && holds(a, "123"), "O_APPEND of two descriptors");
	close(open("flags", O_WRONLY | O_TRUNC));
	ok(fstat(a, &st) == 0 && st.st_size == 0 && write(c, "4", 1) == 1 &&
	   holds(a, "4"), "O_TRUNC, seen by both");
	ok(pwrite(a, "end", 3, 5000) == 3 && pread(a, buf, 10, 4990) == 10 &&
	   !memcmp(buf, "\0\0\0\0\0\0\0\0\0\0", 10) && lseek(a, 9000, SEEK_SET) == 9000 &&
	   read(a, buf, 1) == 0 && fstat(a, &st) == 0 && st.st_size == 5003,
	   "holes are zeros, lseek alone changes nothing");
	ok(ftruncate(a, 2) == 0 && ftruncate(a, 6000) == 0 &&
	   pread(a, buf, 10, 5000) == 10 && !memcmp(buf, "\0\0\0", 3) &&
	   FAILS(ftruncate(a, 0x80000000LL), EFBIG) &&
	   FAILS(pwrite(a, "x", 1, 0x7fffffff), EFBIG), "ftruncate down, up, EFBIG");
	close(a);
	close(b);
	close(c);
	a = open("synced", O_WRONLY | O_CREAT | O_SYNC, 0644);
	ok(a >= 0 && fcntl(a, F_GETFL) & O_SYNC && write(a, "synced", 6) == 6 &&
	   fdatasync(a) == 0, "O_SYNC, fdatasync");
	close(a);
	unlink("flags");
}

static void test_attributes(void)
{
	struct timespec ts[2] = { { 1, 2 }, { 1000000000, 123456789 } };
	struct timeval tv[2] = { { 1, 2 }, { 1100000000, 250000 } };
	struct stat parent;
	int fd = make("attr", "a");

	ok(fchmod(fd, 0640) == 0 && futimens(fd, ts) == 0 && fstat(fd, &st) == 0 &&
	   (st.st_mode & 07777) == 0640 && st.st_mtim.tv_sec == 1000000000 &&
	   st.st_mtim.tv_nsec == 123456789, "fchmod, futimens");
	close(fd);
	ok(utimes("attr", tv) == 0 && stat("attr", &st) == 0 &&
	   st.st_mtim.tv_sec == 1100000000 && st.st_mtim.tv_nsec == 250000000, "utimes");
	ts[1].tv_nsec = UTIME_OMIT;
	ok(utimensat(AT_FDCWD, "attr", ts, 0) == 0 && chmod("attr", 0604) == 0 &&
	   stat("attr", &st) == 0 && st.st_mtim.tv_sec == 1100000000, "UTIME_OMIT");
	ts[1].tv_nsec = -5;
	ok(FAILS(utimensat(AT_FDCWD, "attr", ts, 0), EINVAL) &&
	   FAILS(utimes("none", NULL), ENOENT), "EINVAL, ENOENT");
	mkdir("times", 0700);
	ts[1].tv_nsec = 0;
	utimensat(AT_FDCWD, "times", ts, 0);
	close(make("times/x", "x"));
	ok(stat("times", &parent) == 0 && stat("times/x", &st) == 0 &&
	   parent.st_mtim.tv_sec > 1000000000, "a new name is its directory's time");
	ts[1].tv_sec = 1200000000;
	utimensat(AT_FDCWD, "times", ts, 0);
}

static void test_limits(void)
{
	static int fds[20000];
	char name[1100];
	int n = 0;

	memset(name, 'n', sizeof(name));
	name[256] = '\0';
	ok(FAILS(open(name, O_WRONLY | O_CREAT, 0644), ENAMETOOLONG) &&
	   FAILS(mkdir(name, 0755), ENAMETOOLONG), "a name of 256 bytes");
	name[255] = '\0';
	ok(close(make(name, "long")) == 0 && unlink(name) == 0, "255 are fine");
	for (size_t i = 0; i < sizeof(name) - 2; i += 2)
		memcpy(name + i, "./", 3);
	ok(FAILS(stat(name, &st), ENAMETOOLONG), "a path of 1,100 bytes");
	while (n < 20000 && (fds[n] = open("attr", O_RDONLY)) >= 0)
		n++;
	ok(n > 16000 && errno == EMFILE, "EMFILE after %d ", n);
	while (n)
		close(fds[--n]);
}

static void test_full(void)
{
	struct statvfs a, b;
	int fd = open("big", O_WRONLY | O_CREAT, 0644);
	ssize_t n;

	statvfs(".", &a);
	memset(buf, 'b', sizeof(buf));
	while ((n = write(fd, buf, sizeof(buf))) > 0)
		;
	ok(n == -1 && errno == ENOSPC, "ENOSPC ");
	ok(FAILS(mkdir("no-room", 0755), ENOSPC) && file_holds("synced", "synced"),
	   "for a directory too; reading goes on");
	close(fd);
	ok(unlink("big") == 0 && statvfs(".", &b) == 0 &&
	   b.f_bfree + 8 >= a.f_bfree, "removing gives the space back");
	ok(close(make("after", "after")) == 0 && file_holds("after", "after"),
	   "and it is used");
}

static void second_boot(void)
{
	ok(file_holds("synced", "synced") && file_holds("after", "after"),
	   "files are there after a boot");
	ok(stat("attr", &st) == 0 && (st.st_mode & 07777) == 0604 &&
	   st.st_mtim.tv_sec == 1100000000 && st.st_mtim.tv_nsec == 250000000,
	   "with mode and time");
	ok(stat("times", &st) == 0 && S_ISDIR(st.st_mode) &&
	   (st.st_mode & 07777) == 0700 && st.st_mtim.tv_sec == 1200000000,
	   "directories too");
	ok(FAILS(stat("lives", &st), ENOENT) && FAILS(stat("many", &st), ENOENT),
	   "and what was removed is not");
}

static void read_only(void)
{
	int fd = open("synced", O_RDONLY);

	ok(FAILS(open("synced", O_RDWR), EROFS) && FAILS(unlink("synced"), EROFS) &&
	   FAILS(open("new", O_WRONLY | O_CREAT, 0644), EROFS) &&
	   FAILS(mkdir("new", 0755), EROFS) && FAILS(rename("synced", "new"), EROFS) &&
	   FAILS(chmod("synced", 0), EROFS) && FAILS(utimes("synced", NULL), EROFS) &&
	   FAILS(fchmod(fd, 0), EROFS) && FAILS(futimens(fd, NULL), EROFS) &&
	   FAILS(access("synced", W_OK), EROFS) && FAILS(rmdir("times"), EROFS),
	   "EROFS");
	ok(fd >= 0 && holds(fd, "synced") && FAILS(unlink("none"), ENOENT), "reading works");
	close(fd);
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "first";

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (!strcmp(what, "nothing")) {
		ok(FAILS(chdir("/data"), ENOENT), "nothing is mounted");
	} else if (chdir("/data") != 0) {
		ok(0, "chdir /data: ");
	} else if (!strcmp(what, "second")) {
		second_boot();
	} else if (!strcmp(what, "readonly")) {
		read_only();
	} else {
		test_lives();
		test_rename();
		test_flags();
		test_attributes();
		test_limits();
		test_names(argc > 2 ? atoi(argv[2]) : 1000);
		test_full();
	}
	printf("1..%d\n", count);
	return failed;
}

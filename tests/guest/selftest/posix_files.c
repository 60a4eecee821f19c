/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Files, corner by corner: flags of open, stdio's modes, seeking, names that
 * POSIX treats specially, two threads on one volume. In the folder that
 * test_files made current.
 */
#include "selftest.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FAILS(expr, want) (errno = 0, (expr) == -1 && errno == (want))

static void test_open(void)
{
	int a = open("o", O_RDWR | O_CREAT | O_EXCL, 0640), b;
	struct stat st;
	char c;

	ok(a >= 0 && FAILS(open("o", O_RDWR | O_CREAT | O_EXCL, 0640), EEXIST) &&
	   fstat(a, &st) == 0 && (st.st_mode & 0777) == 0640, "O_EXCL, mode");
	b = open("o", O_RDONLY);
	ok(FAILS(write(b, "x", 1), EBADF) && FAILS(pwrite(b, "x", 1, 0), EBADF) &&
	   FAILS(ftruncate(b, 0), EINVAL), "a descriptor to read does not write");
	close(b);
	b = open("o", O_WRONLY);
	ok(FAILS(read(b, &c, 1), EBADF) && FAILS(pread(b, &c, 1, 0), EBADF),
	   "and one to write does not read");
	ok(write(a, "abc", 3) == 3 && FAILS(lseek(a, -4, SEEK_END), EINVAL) &&
	   FAILS(lseek(a, 0, 77), EINVAL) && FAILS(lseek(a, INT64_MAX, SEEK_CUR), EOVERFLOW) &&
	   lseek(a, 0, SEEK_CUR) == 3, "lseek's errors leave the position");
	ok(lseek(a, 100, SEEK_SET) == 100 && read(a, &c, 1) == 0 &&
	   fstat(a, &st) == 0 && st.st_size == 3, "reading past the end is the end");
	ok(FAILS(pread(a, &c, 1, -1), EINVAL) && FAILS(pwrite(a, &c, 1, -1), EINVAL) &&
	   FAILS(pwrite(a, &c, 1, (off_t)1 << 40), EFBIG) &&
	   FAILS(ftruncate(a, (off_t)1 << 40), EFBIG), "offsets out of range");
	ok(pwrite(a, "d", 1, 5) == 1 && pread(a, &c, 1, 4) == 1 && c == 0,
	   "a hole is zeros");
	close(b);
	b = open("o", O_RDWR | O_TRUNC);
	ok(b >= 0 && fstat(a, &st) == 0 && st.st_size == 0,
	   "O_TRUNC is seen by who has the file open");
	ok(FAILS(open("o/x", O_RDONLY), ENOTDIR) && FAILS(open("o/", O_RDONLY), ENOTDIR) &&
	   FAILS(open("o", O_RDONLY | O_DIRECTORY), ENOTDIR) &&
	   FAILS(open("", O_RDONLY), ENOENT) &&
	   FAILS(open("none/", O_WRONLY | O_CREAT, 0644), EISDIR), "paths that are none");
	close(a);
	close(b);
	ok(access("o", F_OK) == 0 && FAILS(access("o", X_OK), EACCES) &&
	   FAILS(access("o", 99), EINVAL) && FAILS(access("none", R_OK), ENOENT), "access");
	unlink("o");
}

static void test_stdio_modes(void)
{
	FILE *f = fopen("m", "w+");
	char buf[3000], line[16] = "";
	long at = -1;

	memset(buf, 'q', sizeof(buf));
	ok(f && fwrite(buf, 1, sizeof(buf), f) == sizeof(buf) && fputs("end\n", f) >= 0 &&
	   fseek(f, 3000, SEEK_SET) == 0 && fgets(line, sizeof(line), f) &&
	   !strcmp(line, "end\n") && ftell(f) == 3004 && fgetc(f) == EOF && feof(f),
	   "w+: written, sought, read");
	rewind(f);
	ok(fgetc(f) == 'q' && ungetc('Z', f) == 'Z' && fgetc(f) == 'Z' &&
	   fgetc(f) == 'q' && (at = ftell(f)) == 2, "ungetc");
	fclose(f);
	f = fopen("m", "r+");
	ok(f && fseek(f, 10, SEEK_SET) == 0 && fputs("XY", f) >= 0 &&
	   fseek(f, 9, SEEK_SET) == 0 && fread(line, 1, 4, f) == 4 &&
	   !memcmp(line, "qXYq", 4), "r+: writes in the middle");
	fclose(f);
	f = fopen("m", "a");
	ok(f && fputs("more", f) >= 0 && fclose(f) == 0 && (f = fopen("m", "r")) &&
	   fseek(f, -4, SEEK_END) == 0 && fgets(line, sizeof(line), f) &&
	   !strcmp(line, "more"), "a: appends");
	ok(fputc('x', f) == EOF && fclose(f) == 0, "a stream to read does not write");
	ok(!fopen("none", "r") && errno == ENOENT, "fopen of nothing");
	f = fopen("m", "w");
	ok(setvbuf(f, NULL, _IOFBF, 8192) == 0 && fputs("held", f) >= 0 &&
	   fflush(NULL) == 0, "fflush(NULL)");
	ok(access("m", F_OK) == 0 && (at = open("m", O_RDONLY)) >= 0 &&
	   read((int)at, line, 8) == 4, "writes every stream");
	close((int)at);
	fclose(f);
	unlink("m");
}

static void test_special(void)
{
	struct dirent *e;
	char cwd[64], name[8], *own;
	int n = 0, again = 0;
	struct stat st;
	DIR *d;

	mkdir("dir", 0700);
	ok(FAILS(rmdir("dir/."), EINVAL) && FAILS(rmdir(".."), EBUSY) &&
	   FAILS(unlink("dir"), EISDIR) && FAILS(rename("dir", "dir/sub"), EINVAL) &&
	   FAILS(mkdir("a/b/c", 0755), ENOENT), "removals that cannot be");
	for (int i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "dir/%d", i);
		close(open(name, O_WRONLY | O_CREAT, 0644));
	}
	d = opendir("dir");
	while ((e = readdir(d)))
		n += e->d_name[0] != '.';
	rewinddir(d);
	while ((e = readdir(d))) {
		again++;
		if (e->d_name[0] != '.') {	/* while it is read */
			snprintf(name, sizeof(name), "dir/%.3s", e->d_name);
			unlink(name);
		}
	}
	closedir(d);
	ok(n == 20 && again >= 12, "a folder read twice, emptied the second time");
	d = opendir("dir");
	for (n = 0; (e = readdir(d)); n++)
		if (e->d_name[0] != '.') {
			snprintf(name, sizeof(name), "dir/%.3s", e->d_name);
			unlink(name);
		}
	ok(rmdir("dir") == 0 && !(errno = 0) && (rewinddir(d), !readdir(d) || true) &&
	   errno == 0, "an open folder can go");
	closedir(d);
	ok(!opendir("dir") && errno == ENOENT && !opendir("/dev/null") && errno == ENOTDIR,
	   "opendir's errors");
	own = getcwd(NULL, 0);
	ok(own && getcwd(cwd, sizeof(cwd)) && !strcmp(cwd, own) && !getcwd(cwd, 1) &&
	   errno == ERANGE && !getcwd(cwd, 0) && errno == EINVAL, "getcwd");
	free(own);
	close(open("r1", O_WRONLY | O_CREAT, 0644));
	n = open("r2", O_RDWR | O_CREAT, 0644);
	ok(write(n, "2", 1) == 1 && rename("r1", "r2") == 0 && stat("r2", &st) == 0 &&
	   st.st_size == 0 && pread(n, name, 1, 0) == 1 && name[0] == '2' &&
	   rename("r2", "r2") == 0 && FAILS(rename("r1", "r2"), ENOENT),
	   "rename replaces a file that somebody has open");
	close(n);
	ok(FAILS(rename("r2", "/dev/r2"), EXDEV), "rename between volumes is EXDEV");
	unlink("r2");
}

static void *churn(void *arg)
{
	char name[24], other[24], buf[700];
	intptr_t me = (intptr_t)arg;
	int fd;

	for (int i = 0; i < 40; i++) {
		snprintf(name, sizeof(name), "t%d-%d", (int)me, i % 5);
		snprintf(other, sizeof(other), "t%d-x", (int)me);
		fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0644);
		memset(buf, (int)('a' + me), sizeof(buf));
		if (fd < 0 || write(fd, buf, sizeof(buf)) != sizeof(buf) ||
		    (i % 4 == 0 && fsync(fd)) || rename(name, other) ||
		    pread(fd, buf, 10, 600) != 10 || buf[9] != 'a' + me)
			return (void *)1;
		close(fd);
		if (unlink(other))
			return (void *)2;
	}
	return NULL;
}

static void test_together(void)
{
	pthread_t t[6];
	void *r;
	bool fine = true;

	for (intptr_t i = 0; i < 6; i++)
		fine &= pthread_create(&t[i], NULL, churn, (void *)i) == 0;
	for (int i = 0; i < 6; i++) {
		pthread_join(t[i], &r);
		fine &= r == NULL;
	}
	ok(fine, "six threads write, rename and remove on one volume");
}

void test_posix_files(void)
{
	test_open();
	test_stdio_modes();
	test_special();
	test_together();
}
